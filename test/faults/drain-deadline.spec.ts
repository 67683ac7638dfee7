/** Work that does not end: at the deadline of the drain it is cut and reported, and nobody else notices. */
import { describeEngines } from "../support/describe-engines.js";
import { startWatchedScene } from "../support/invariants.js";
import { waitUntil } from "../support/wait-until.js";

const DRAIN_TIMEOUT_MS = 300;
const CONFIG = { poolSize: 3, rotation: { drainTimeoutMs: DRAIN_TIMEOUT_MS, isEnabled: false } };

describeEngines("At the deadline of the drain", {}, ({ dialect, getServers, version }) => {
	it("a runner that is never released loses its connection", async () => {
		const scene = await startWatchedScene(getServers(), { config: CONFIG, version });
		const runner = scene.dataSource.createQueryRunner();
		await runner.startTransaction();
		await scene.alternate();

		await scene.rotator.rotateDatabaseConnection();
		const before: unknown = await runner.query("SELECT 1 AS one");
		await waitUntil("the old pool is drained", () => scene.events.some(({ type }) => type === "drain.finished"));
		const failure: unknown = await runner.query("SELECT 1").catch((error: unknown) => error);
		await runner.release();

		expect(before).toEqual([{ one: 1 }]);
		expect(failure).toBeInstanceOf(Error);
		expect(scene.events.filter(({ type }) => type === "drain.forced")).toEqual([
			expect.objectContaining({ busyCount: 1, deadlineMs: DRAIN_TIMEOUT_MS, generation: 1 }),
		]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("runners that are never released do not use up the pool, rotation after rotation", async () => {
		const scene = await startWatchedScene(getServers(), { config: CONFIG, version, workerCount: 1 });

		for (let rotation = 0; rotation < 6; rotation += 1) {
			await scene.dataSource.createQueryRunner().startTransaction();
			await scene.alternate();
			await scene.rotator.rotateDatabaseConnection();
			await waitUntil("the old pool is drained", () => scene.rotator.describe().includes("draining=0"));
		}

		expect(scene.events.filter(({ type }) => type === "drain.forced")).toHaveLength(6);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("a statement that does not end is cut", async () => {
		const scene = await startWatchedScene(getServers(), { config: CONFIG, version });
		const statement = scene.dataSource.query(dialect.sleepSeconds(60));
		statement.catch(() => undefined);
		await waitUntil("the statement runs", async () => {
			const connections = await scene.server.connections(scene.users[0]);
			return connections.some(({ state }) => state === dialect.busyState);
		});
		await scene.alternate();

		await scene.rotator.rotateDatabaseConnection();

		await expect(statement).rejects.toThrow(/terminated|Connection lost/);
		// The server would notice when it has an answer to send.
		await scene.server.terminate(scene.users[0]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
