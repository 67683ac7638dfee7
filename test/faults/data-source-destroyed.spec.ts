/** The application destroys the DataSource itself, at the worst moment or twice: nothing stays open, and a new start is a good start. */
import { RotatorClosedError } from "../../src/errors/errors.js";
import { endWatchedScenes, startWatchedScene, type WatchedScene } from "../support/invariants.js";
import { createMovablePort } from "../support/movable-port.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { type TcpProxy, startTcpProxy } from "../support/tcp-proxy.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../support/typeorm-versions.js";
import { waitUntil } from "../support/wait-until.js";

let proxy: TcpProxy;
let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
}, 60_000);

beforeEach(async () => {
	proxy = await startTcpProxy({ target: servers.server });
});

afterEach(async () => {
	await endWatchedScenes();
	await proxy.stop();
});

afterAll(async () => servers.stop());

/** A scene whose next rotation gets stuck at `state` until `letGo` is called. */
async function startStuck(version: TypeOrmVersion, state: string): Promise<WatchedScene & { letGo(): Promise<void> }> {
	const { move, parameterSource } = createMovablePort(servers.aws, servers.server.port);
	const onPoolCreated: Parameters<typeof startWatchedScene>[1]["onPoolCreated"] = (counted, index) => {
		if (state === "verifying" && index === 1) counted.onceConnected(() => proxy.freeze());
	};
	const scene = await startWatchedScene(servers, { onPoolCreated, parameterSource, version, workerCount: 0 });
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

describe.each(TYPEORM_VERSIONS)("destroy() on TypeORM $label", (version) => {
	it.each(["fetching", "staging", "verifying"])(
		"may come while a rotation is %s",
		async (state) => {
			const scene = await startStuck(version, state);
			const rotation = scene.rotator.rotateDatabaseConnection();
			rotation.catch(() => undefined);
			await waitUntil(`the rotation is ${state}`, () => scene.rotator.describe().includes(`state=${state}`));

			await scene.dataSource.destroy();
			await scene.letGo();
			await expect(rotation).rejects.toThrow(RotatorClosedError);
			await waitUntil("nothing is connected", async () => (await scene.server.connections(scene.users[0])).length === 0);
			await scene.dataSource.initialize();
			await scene.alternate();
			const { outcome } = await scene.rotator.rotateDatabaseConnection();

			expect([outcome, await scene.findUser()]).toEqual(["rotated", scene.users[1]]);
			expect(await scene.findViolations()).toEqual([]);
		},
		60_000,
	);

	it("may come while a retired pool drains", async () => {
		const scene = await startWatchedScene(servers, { version, workerCount: 0 });
		await scene.dataSource.createQueryRunner().startTransaction();
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();

		await scene.dataSource.destroy();
		await waitUntil("nothing drains any more", () => scene.rotator.describe().includes("draining=0"));
		const forced = scene.events.filter(({ type }) => type === "drain.forced");
		await scene.dataSource.initialize();

		// TypeORM takes back every connection that it has lent, also those of a retired pool: there is nothing to cut.
		expect(forced).toEqual([]);
		expect(await scene.findUser()).toBe(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	}, 60_000);

	it("may be called twice, and the rotator may be closed twice", async () => {
		const scene = await startWatchedScene(servers, { version, workerCount: 0 });
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.dataSource.destroy();

		await expect(scene.dataSource.destroy()).rejects.toThrow(/not established|not connected|connection/i);
		await scene.dataSource.initialize();
		const violations = await scene.findViolations();
		await scene.rotator.onModuleDestroy();
		scene.rotator.beforeApplicationShutdown();
		await scene.rotator.onApplicationShutdown();

		await expect(scene.rotator.rotateDatabaseConnection()).rejects.toThrow(RotatorClosedError);
		expect(violations).toEqual([]);
	}, 60_000);

	it("may come while nothing rotates: a rotation is then skipped until there is something to rotate", async () => {
		const scene = await startWatchedScene(servers, { version, workerCount: 0 });
		await scene.dataSource.destroy();

		const skipped = await scene.rotator.rotateDatabaseConnection();
		await scene.dataSource.initialize();
		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(skipped).toEqual({ outcome: "skipped" });
		expect(outcome).toBe("rotated");
		expect(await scene.findViolations()).toEqual([]);
	}, 60_000);
});
