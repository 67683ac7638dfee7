/** How long a caller waits, and what it gets when its time is over: the server's refusal where there is one, never a time-out that hides it. */
import { setTimeout as delay } from "node:timers/promises";

import { describeEngines } from "../../support/describe-engines.js";
import { holdConnections } from "../../support/held-connections.js";
import { primaryPool, readPool } from "../../support/live-pools.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

const CALLER_COUNT = 10;
const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 2;
const TIME_MS = 2_000;

describeEngines("A caller whose time is over", {}, ({ dialect, start }) => {
	it("gets the server's refusal, also when it was in the queue before the server refused anything", async () => {
		const scene = await start({
			config: { connectionTimeoutMs: TIME_MS, poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } },
		});
		const { username } = scene.current();
		const call = async (): Promise<unknown> =>
			scene.dataSource.query("SELECT 1").catch((error: unknown) => (error as { code?: unknown }).code ?? error);
		const held = await holdConnections(scene.dataSource, POOL_SIZE);
		const early = Array.from({ length: CALLER_COUNT }, call);
		await waitUntil("the callers are in the queue", () => readPool(primaryPool(scene.dataSource)).waiting === CALLER_COUNT);
		await delay(TIME_MS / 4);
		await scene.server.setPassword(username, "not in any secret");

		await scene.server.terminate(username);
		const late = Array.from({ length: CALLER_COUNT }, call);
		const answers = await Promise.all([...early, ...late]);
		await held.release();

		expect(answers).toEqual(answers.map(() => dialect.refusalCode));
	});

	it("gets an error of its own", async () => {
		const scene = await start({
			config: { connectionTimeoutMs: 500, poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } },
		});
		const { username } = scene.current();
		await scene.server.setPassword(username, "not in any secret");
		await scene.server.terminate(username);
		await waitUntil("the pool has noticed", () => readPool(primaryPool(scene.dataSource)).total === 0);

		const call = async (): Promise<unknown> => scene.dataSource.query("SELECT 1").catch((error: unknown) => error);
		const errors = await Promise.all(Array.from({ length: CALLER_COUNT }, call));

		expect(new Set(errors).size).toBe(CALLER_COUNT);
		expect(errors).toEqual(errors.map(() => expect.objectContaining({ code: dialect.refusalCode })));
	});
});

// mysql2 has no limit of time in its queue.
describeEngines("A caller that waits for a connection in use and then for a login", { engines: ["postgres"] }, ({ getServers, start }) => {
	it("waits no longer than connectionTimeoutMs in all", async () => {
		const limitMs = 4_000;
		const proxy = await startTcpProxy({ target: getServers().server });
		const scene = await start({
			config: { connectionTimeoutMs: limitMs, poolSize: 1, rotation: { intervalMs: MONTH_MS, isEnabled: true } },
			endpoint: proxy,
		});
		const held = await holdConnections(scene.dataSource, 1);
		const beganAtMs = performance.now();
		const call = scene.dataSource.query("SELECT 1").then(
			() => "served",
			(error: unknown) => (error as Error).message,
		);
		await delay(0.75 * limitMs);

		proxy.hold();
		for (const runner of held.runners) (await (runner.connect() as Promise<{ release(isBroken: boolean): void }>)).release(true);
		const answer = await call;
		const durationMs = performance.now() - beganAtMs;
		await proxy.thaw();
		(scene.dataSource.driver as { connectedQueryRunners?: unknown[] }).connectedQueryRunners?.splice(0);

		expect(answer).toContain("timeout");
		// With a time of its own for the login it would be 1.75 times the limit.
		expect(durationMs).toBeLessThan(1.5 * limitMs);
	});
});
