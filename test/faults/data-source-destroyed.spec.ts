/** The application destroys the DataSource itself, at the worst moment or twice: nothing stays open, and a new start is a good start. */
import { ConnectorClosedError } from "../../src/errors/errors.js";
import { describeEngines } from "../support/describe-engines.js";
import { startWatchedScene, type WatchedScene, type WatchOptions } from "../support/invariants.js";
import { createMovablePort } from "../support/movable-port.js";
import type { DatabaseReplica } from "../support/server/database-server.js";
import { type TcpProxy, startTcpProxy } from "../support/tcp-proxy.js";
import { waitUntil } from "../support/wait-until.js";

/** The connections are counted from the start, not from the first rotation. */
const GUARDED = { intervalMs: 2_592_000_000, isEnabled: true };

describeEngines("destroy()", {}, ({ getServers, version }) => {
	let proxy: TcpProxy;

	beforeEach(async () => {
		proxy = await startTcpProxy({ target: getServers().server });
	});

	/** A scene whose next rotation gets stuck at `state` until `letGo` is called. */
	async function startStuck(state: string): Promise<WatchedScene & { letGo(): Promise<void> }> {
		const { move, parameterSource } = createMovablePort(getServers().aws, getServers().server.port);
		const onPoolCreated: WatchOptions["onPoolCreated"] = (counted, index) => {
			if (state === "verifying" && index === 1) counted.onceConnected(() => proxy.freeze());
		};
		const scene = await startWatchedScene(getServers(), { onPoolCreated, parameterSource, version, workerCount: 0 });
		const fault =
			state === "fetching" ? scene.aws.faults.inject({ kind: "latency", latencyMs: 500, service: "secretsmanager" }) : undefined;
		if (state === "staging") proxy.hold();
		move(proxy.port);
		return {
			...scene,
			letGo: async () => {
				fault?.clear();
				await proxy.thaw();
			},
		};
	}

	it.each(["fetching", "staging", "verifying"])("may come while a rotation is %s", async (state) => {
		const scene = await startStuck(state);
		const rotation = scene.rotator.rotateDatabaseConnection();
		rotation.catch(() => undefined);
		await waitUntil(`the rotation is ${state}`, () => scene.rotator.describe().includes(`state=${state}`));

		await scene.dataSource.destroy();
		await scene.letGo();
		await expect(rotation).rejects.toThrow(ConnectorClosedError);
		await waitUntil("nothing is connected", async () => (await scene.server.connections(scene.users[0])).length === 0);
		await scene.dataSource.initialize();
		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may come with another start while a rotation is staging: the new pool gets the credentials", async () => {
		const scene = await startStuck("staging");
		const rotation = scene.rotator.rotateDatabaseConnection();
		await waitUntil("the rotation is staging", () => scene.rotator.describe().includes("state=staging"));

		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		await scene.letGo();
		const { outcome } = await rotation;
		await scene.rotator.waitForExchange();
		const ports = scene.pools.flatMap(({ endCount, port }) => (endCount === 0 ? port : []));

		expect(outcome).toBe("rotated");
		expect(ports).toEqual([proxy.port]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may come while runners hold every connection, and the next start has all places again", async () => {
		const scene = await startWatchedScene(getServers(), { config: { poolSize: 2, rotation: GUARDED }, version, workerCount: 0 });
		for (const runner of [scene.dataSource.createQueryRunner(), scene.dataSource.createQueryRunner()]) await runner.startTransaction();

		await scene.dataSource.destroy();
		await waitUntil("nothing is connected", async () => (await scene.server.connections(scene.users[0])).length === 0);
		await scene.dataSource.initialize();
		const runners = [scene.dataSource.createQueryRunner(), scene.dataSource.createQueryRunner()];
		await Promise.all(runners.map(async (runner) => runner.connect()));
		await Promise.all(runners.map(async (runner) => runner.release()));

		expect(await scene.findViolations()).toEqual([]);
	});

	it("may be called twice, and the rotator may be closed twice", async () => {
		const scene = await startWatchedScene(getServers(), { version, workerCount: 0 });
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.dataSource.destroy();

		await expect(scene.dataSource.destroy()).rejects.toThrow(/not established|not connected|connection/i);
		await scene.dataSource.initialize();
		const violations = await scene.findViolations();
		await scene.rotator.onModuleDestroy();
		scene.rotator.beforeApplicationShutdown();
		await scene.rotator.onApplicationShutdown();

		await expect(scene.rotator.rotateDatabaseConnection()).rejects.toThrow(ConnectorClosedError);
		expect(violations).toEqual([]);
	});

	it("may come while nothing rotates: a rotation is then skipped until there is something to rotate", async () => {
		const scene = await startWatchedScene(getServers(), { version, workerCount: 0 });
		await scene.dataSource.destroy();

		const skipped = await scene.rotator.rotateDatabaseConnection();
		await scene.dataSource.initialize();
		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(skipped).toEqual({ outcome: "skipped" });
		expect(outcome).toBe("rotated");
		expect(await scene.findViolations()).toEqual([]);
	});
});

describeEngines("destroy() while a connection with retired credentials is in use", {}, ({ getServers, version }) => {
	it("closes the connection with the others: there is nothing to cut", async () => {
		const scene = await startWatchedScene(getServers(), { version, workerCount: 0 });
		await scene.dataSource.createQueryRunner().startTransaction();
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();

		await scene.dataSource.destroy();
		await waitUntil("nothing drains any more", () => scene.rotator.describe().includes("draining=0"));
		const forced = scene.events.filter(({ type }) => type === "drain.forced");
		await scene.dataSource.initialize();

		expect(forced).toEqual([]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});

describeEngines("destroy() with a replica", { hasReplica: true }, ({ getServers, version }) => {
	let replicaProxy: TcpProxy;

	beforeEach(async () => {
		replicaProxy = await startTcpProxy({ target: getServers().replica as DatabaseReplica });
	});

	async function start(options: Partial<WatchOptions>): Promise<WatchedScene> {
		const scene = await startWatchedScene(getServers(), { ...options, replicaEndpoint: replicaProxy, version, workerCount: 0 });
		await scene.replica?.catchUp();
		return scene;
	}

	it("may come while the replica is asked", async () => {
		const scene = await start({ rotatorOptions: { deadlines: { connectMs: 2_000 } } });
		replicaProxy.hold();
		await scene.alternate();
		await scene.replica?.catchUp();
		const result = await scene.rotator.rotateDatabaseConnection();

		await scene.dataSource.destroy();
		await replicaProxy.thaw();
		await waitUntil("the primary has nothing of it", async () => (await scene.server.connections(scene.users[1])).length === 0);
		await waitUntil("the replica has nothing of it", () => replicaProxy.openCount === 0);
		await scene.dataSource.initialize();

		expect(result).toMatchObject({ outcome: "rotated", waitingServers: ["replica0"] });
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[1], mode);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may come with another start while the replica waits for credentials: its new pool gets them", async () => {
		const scene = await start({});
		await scene.replica?.pauseReplay();
		await scene.alternate();
		const result = await scene.rotator.rotateDatabaseConnection();
		await waitUntil("the replica has refused them", () => scene.events.some(({ type }) => type === "replica.unverified"));

		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		await scene.replica?.resumeReplay();

		expect(result).toMatchObject({ outcome: "rotated", waitingServers: ["replica0"] });
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[1], mode);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may come while runners hold every connection to both, and the next start has all places again", async () => {
		const scene = await start({ config: { poolSize: 1, rotation: GUARDED } });
		const modes = ["master", "slave"] as const;
		for (const mode of modes) await scene.dataSource.createQueryRunner(mode).connect();

		await scene.dataSource.destroy();
		await waitUntil("the replica is disconnected", () => replicaProxy.openCount === 0);
		await scene.dataSource.initialize();
		await scene.alternate();
		await scene.replica?.catchUp();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const runners = modes.map((mode) => scene.dataSource.createQueryRunner(mode));
		await Promise.all(runners.map(async (runner) => runner.connect()));
		await Promise.all(runners.map(async (runner) => runner.release()));

		expect(outcome).toBe("rotated");
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[1], mode);
		expect(await scene.findViolations()).toEqual([]);
	});
});
