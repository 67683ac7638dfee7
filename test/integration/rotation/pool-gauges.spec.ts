/** Numbers and events of a pool, as gauges and OpenTelemetry read them: they are true while callers wait, during an exchange and afterwards. */
import type { EventEmitter } from "node:events";

import type { AnyPool } from "../../support/counted-pools.js";
import { type EngineCase, describeEngines } from "../../support/describe-engines.js";
import { holdConnections } from "../../support/held-connections.js";
import { primaryPool, readPool } from "../../support/live-pools.js";
import { waitUntil } from "../../support/wait-until.js";

const CALLER_COUNT = 10;
const POOL_SIZE = 2;

/** Counts as instrumentations do: by the events of one pool, which they have met once. */
function countEvents(pool: AnyPool): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const event of ["acquire", "connect", "connection", "enqueue", "release", "remove"]) {
		(pool as EventEmitter).on(event, () => (counts[event] = (counts[event] ?? 0) + 1));
	}
	return counts;
}

/** The largest number of connections, as the pool itself says. */
function readLimit(pool: AnyPool): unknown {
	if ("totalCount" in pool) return pool.options.max;
	return (pool as unknown as { readonly config: { readonly connectionLimit: number } }).config.connectionLimit;
}

describeEngines("A gauge of the pool", {}, (engineCase) => {
	const { engine } = engineCase;

	it("sees callers who wait and connections in use, before and after rotations", async () => {
		const scene = await engineCase.start({ config: { poolSize: POOL_SIZE } });
		const pool = primaryPool(scene.dataSource);

		const before = await queue(scene, pool);
		await scene.exchange();
		await scene.exchange();
		const after = await queue(scene, pool);

		const expected = { idle: 0, limit: POOL_SIZE, total: POOL_SIZE, waiting: CALLER_COUNT };
		expect([before, after]).toEqual([expected, expected]);
		expect(readPool(pool)).toEqual({ idle: POOL_SIZE, total: POOL_SIZE, waiting: 0 });
	});

	it("sees callers who wait for credentials", async () => {
		const scene = await engineCase.start({ config: { poolSize: POOL_SIZE, rotation: { intervalMs: 2_592_000_000, isEnabled: true } } });
		const pool = primaryPool(scene.dataSource);
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		await waitUntil("the pool has noticed", () => readPool(pool).total === 0);

		const calls = Array.from({ length: CALLER_COUNT }, async () => scene.dataSource.query("SELECT 1"));
		await waitUntil("each caller is in the queue", () => readPool(pool).waiting === CALLER_COUNT);
		const description = scene.rotator.describe();
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		await Promise.all(calls);

		expect(description).toContain(`waiting=${String(CALLER_COUNT)}`);
		expect(readPool(pool).waiting).toBe(0);
	});

	it("never sees a larger pool than the limit, apart from the one connection of an exchange, and the limit stays", async () => {
		const scene = await engineCase.start({ config: { poolSize: POOL_SIZE } });
		const pool = primaryPool(scene.dataSource);
		const totals: number[] = [];
		const limits = new Set<unknown>();
		for (const event of ["acquire", "release"]) {
			(pool as EventEmitter).on(event, () => {
				totals.push(readPool(pool).total);
				limits.add(readLimit(pool));
			});
		}
		let isExchanging = true;
		const load = Array.from({ length: 2 * POOL_SIZE }, async () => {
			while (isExchanging) await scene.dataSource.query("SELECT 1");
		});

		for (let rotation = 0; rotation < 4; rotation += 1) await scene.exchange();
		isExchanging = false;
		await Promise.all(load);

		expect(Math.max(...totals)).toBeLessThanOrEqual(POOL_SIZE + 1);
		expect(limits).toEqual(new Set([POOL_SIZE]));
	});

	it("hears an event of each connection that is opened and each use", async () => {
		const scene = await engineCase.start({ config: { poolSize: POOL_SIZE } });
		const held = await holdConnections(scene.dataSource, POOL_SIZE);
		await held.release();
		const counts = countEvents(primaryPool(scene.dataSource));

		await scene.exchange();
		const afterExchange = { ...counts };
		const useCount = 5;
		for (let use = 0; use < useCount; use += 1) await scene.dataSource.query("SELECT 1");

		const opened = engine === "postgres" ? "connect" : "connection";
		expect(afterExchange[opened]).toBe(POOL_SIZE);
		if (engine === "postgres") await waitUntil("each former connection was removed", () => counts["remove"] === POOL_SIZE);
		expect((counts["acquire"] ?? 0) - (afterExchange["acquire"] ?? 0)).toBe(useCount);
		expect((counts["release"] ?? 0) - (afterExchange["release"] ?? 0)).toBe(useCount);
	});
});

type Scene = Awaited<ReturnType<EngineCase["start"]>>;

/** Reads the pool while every connection is in use and callers wait. */
async function queue({ dataSource }: Scene, pool: AnyPool): Promise<object> {
	const held = await holdConnections(dataSource, POOL_SIZE);
	const calls = Array.from({ length: CALLER_COUNT }, async () => dataSource.query("SELECT 1"));
	await waitUntil("the callers are in the queue", () => readPool(pool).waiting === CALLER_COUNT);
	const numbers = { ...readPool(pool), limit: readLimit(pool) };
	await held.release();
	await Promise.all(calls);
	return numbers;
}
