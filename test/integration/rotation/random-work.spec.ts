/**
 * Whatever an application does with its connections, right or wrong, under rotations: afterwards no place in the pool is lost. What every
 * caller does is drawn from a seed; RANDOM_WORK_SEED in the environment repeats one.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";

import { describeEngines } from "../../support/describe-engines.js";
import { createLedger, readLedger } from "../../support/ledger-workload.js";
import { type LoginProxy, startLoginProxy } from "../../support/login-proxy.js";
import { runRandomWork } from "../../support/random-work.js";
import { createSceneDatabase } from "../../support/rotating-database.js";
import { findDialect } from "../../support/sql-dialects.js";
import { waitUntil } from "../../support/wait-until.js";

const ACQUIRE_LIMIT_MS = 20_000;
const POOL_SIZE = 5;
const WORKER_COUNT = 12;
const STEP_COUNT = 60;
const LONGEST_PAUSE_MS = 50;
/** From time to time the server cuts all connections. */
const ROTATIONS_PER_DISCONNECT = 4;
const SEEDS = process.env["RANDOM_WORK_SEED"] === undefined ? [1, 2] : [Number(process.env["RANDOM_WORK_SEED"])];
const WORK = { poolSize: POOL_SIZE, stepCount: STEP_COUNT, workerCount: WORKER_COUNT };

describeEngines("Random work", {}, ({ getServers, start, version }) => {
	const onUnhandled = jest.fn();
	let proxy: LoginProxy;

	beforeEach(async () => {
		onUnhandled.mockClear();
		process.on("unhandledRejection", onUnhandled);
		proxy = await startLoginProxy({ target: getServers().server });
	});

	afterEach(async () => {
		process.off("unhandledRejection", onUnhandled);
		await proxy.stop();
	});

	it("is work that plain TypeORM survives, too", async () => {
		const { current, database, server } = await createSceneDatabase(getServers());
		const { DataSource: VersionDataSource } = version.load();
		const dataSource = await new VersionDataSource({
			...current(),
			database,
			host: proxy.host,
			poolSize: POOL_SIZE,
			port: proxy.port,
			type: server.engine,
		}).initialize();
		await createLedger(dataSource);
		const report = await runRandomWork(dataSource, server, { ...WORK, seed: SEEDS[0] ?? 1 });
		const pids = await occupyPool(dataSource, proxy);
		const stored = new Set(await readLedger(dataSource));
		await dataSource.destroy();

		expect(report.failures).toEqual([]);
		expect(report.acknowledged.filter((id) => !stored.has(id))).toEqual([]);
		expect(report.rolledBack.filter((id) => stored.has(id))).toEqual([]);
		expect(pids).toHaveLength(POOL_SIZE);
		expect(onUnhandled.mock.calls).toEqual([]);
	}, 60_000);

	it.each(SEEDS)(
		"costs no place in the pool while credentials rotate, seed %i",
		async (seed) => {
			const scene = await start({
				config: { poolSize: POOL_SIZE, rotation: { intervalMs: 3_600_000, isEnabled: true } },
				endpoint: proxy,
			});
			const { dataSource, rotator, server } = scene;
			let isDone = false;
			const outcomes: string[] = [];
			const rotate = async (): Promise<void> => {
				while (!isDone) {
					await scene.alternate();
					outcomes.push((await rotator.rotateDatabaseConnection()).outcome);
					if (outcomes.length % ROTATIONS_PER_DISCONNECT === 0) await server.terminate(scene.current().username);
					await delay(Math.random() * LONGEST_PAUSE_MS);
				}
			};
			const rotating = rotate();
			const report = await runRandomWork(dataSource, server, { ...WORK, seed }).finally(() => (isDone = true));
			await rotating;

			const pids = await occupyPool(dataSource, proxy);
			const [former] = scene.users.filter((user) => user !== scene.current().username);
			await waitUntil("the former user is gone", async () => (await server.connections(former)).length === 0);
			const user = await scene.findUser();
			const stored = new Set(await readLedger(dataSource));
			await scene.stop();
			await waitUntil("every socket is closed", () => proxy.openCount === 0);

			expect(report.failures).toEqual([]);
			expect(report.lossCount).toBeGreaterThan(0);
			expect(Object.values(report.steps).every((count) => count > 0)).toBe(true);
			expect(report.acknowledged.filter((id) => !stored.has(id))).toEqual([]);
			expect(report.rolledBack.filter((id) => stored.has(id))).toEqual([]);
			expect(outcomes.length).toBeGreaterThan(1);
			expect(new Set(outcomes)).toEqual(new Set(["rotated"]));
			expect(new Set(pids).size).toBe(POOL_SIZE);
			expect(user).toBe(scene.current().username);
			expect(onUnhandled.mock.calls).toEqual([]);
		},
		60_000,
	);
});

/** Holds as many connections as the pool may have, all at once, and returns their numbers at the server. Throws where one cannot be had. */
async function occupyPool(dataSource: DataSource, proxy: LoginProxy): Promise<number[]> {
	const runners = Array.from({ length: POOL_SIZE }, () => dataSource.createQueryRunner());
	const acquired = new Set<number>();
	const acquiring = runners.map(async (runner, index) => {
		await runner.connect();
		acquired.add(index);
	});
	void Promise.allSettled(acquiring);
	try {
		await waitUntil(`${POOL_SIZE} callers have a connection at once`, () => acquired.size === POOL_SIZE, ACQUIRE_LIMIT_MS);
		const { selectPid } = findDialect(dataSource);
		const pids = await Promise.all(
			runners.map(async (runner) => Number(((await runner.query(selectPid)) as [{ pid: number | string }])[0].pid)),
		);
		await waitUntil("there are as many sockets as connections", () => proxy.openCount === POOL_SIZE, ACQUIRE_LIMIT_MS);
		return pids;
	} finally {
		await Promise.allSettled(runners.map(async (runner) => runner.release()));
	}
}
