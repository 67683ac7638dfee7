/** Work that does not end: at the deadline of the drain it is cut and reported, and its owner gets an error that says why. */
import { once } from "node:events";

import type { PoolClient } from "pg";

import { describeEngines } from "../support/describe-engines.js";
import { startWatchedScene } from "../support/invariants.js";
import { beginStream } from "../support/lasting-work.js";
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
		await waitUntil("the drain is over", () => scene.events.some(({ type }) => type === "drain.finished"));
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
			await waitUntil("the drain is over", () => scene.rotator.describe().includes("draining=0"));
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

		await expect(statement).rejects.toThrow("rotation.drainTimeoutMs");
		// The server would notice when it has an answer to send.
		await scene.server.terminate(scene.users[0]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("a stream whose reader is slow ends with an error", async () => {
		const scene = await startWatchedScene(getServers(), { config: CONFIG, version });
		const stream = await beginStream(scene.dataSource);
		await scene.alternate();

		await scene.rotator.rotateDatabaseConnection();
		await waitUntil("the connection is cut", () => scene.events.some(({ type }) => type === "drain.forced"));
		stream.goOn();

		await expect(stream.result).rejects.toThrow("rotation.drainTimeoutMs");
		// The server would notice when it has an answer to send.
		await scene.server.terminate(scene.users[0]);
		expect(await scene.findViolations()).toEqual([]);
	});
});

describeEngines("At the deadline of the drain", { engines: ["postgres"] }, ({ getServers, version }) => {
	it("a client that listens hears everything until then, and gets an error", async () => {
		const scene = await startWatchedScene(getServers(), { config: CONFIG, version });
		const { master } = scene.dataSource.driver as unknown as { readonly master: { connect(): Promise<PoolClient> } };
		const client = await master.connect();
		const heard: (string | undefined)[] = [];
		client.on("notification", ({ payload }) => heard.push(payload));
		const failure = once(client, "error");
		await client.query("LISTEN news");
		const notify = async (text: string): Promise<unknown> => scene.dataSource.query(`NOTIFY news, '${text}'`);

		await notify("before");
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await notify("while it drains");
		await waitUntil("both were heard", () => heard.length === 2);
		const [error] = (await failure) as [Error];
		client.release(error);

		expect(heard).toEqual(["before", "while it drains"]);
		expect(error.message).toContain("rotation.drainTimeoutMs");
		expect(await scene.findViolations()).toEqual([]);
	});
});
