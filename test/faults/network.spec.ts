/** The network takes connections away, or keeps them open and silent: the next query is served, and rotation goes on. */
import { describeEngines } from "../support/describe-engines.js";
import { fillPool } from "../support/held-connections.js";
import { startWatchedScene } from "../support/invariants.js";
import { createMovablePort } from "../support/movable-port.js";
import { type TcpProxy, startTcpProxy } from "../support/tcp-proxy.js";
import { waitUntil } from "../support/wait-until.js";

describeEngines("The network", {}, ({ getServers, version }) => {
	let proxy: TcpProxy;

	beforeEach(async () => {
		proxy = await startTcpProxy({ target: getServers().server });
	});

	it("may cut what is idle, before a rotation and after it", async () => {
		const scene = await startWatchedScene(getServers(), { endpoint: proxy, version, workerCount: 0 });
		const cutIdle = async () => {
			await fillPool(scene.dataSource, 3);
			proxy.reset();
			await waitUntil("the pools have noticed", () => scene.pools.every(({ totalCount }) => totalCount === 0));
		};

		await cutIdle();
		const before = await scene.findUser();
		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await cutIdle();

		expect([before, outcome]).toEqual([scene.users[0], "rotated"]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may cut what is drained", async () => {
		const scene = await startWatchedScene(getServers(), { endpoint: proxy, version, workerCount: 0 });
		const runner = scene.dataSource.createQueryRunner();
		await runner.startTransaction();
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();

		proxy.reset();
		const failure: unknown = await runner.query("SELECT 1").catch((error: unknown) => error);
		await runner.release();
		await waitUntil("the old pool is drained", () => scene.events.some(({ type }) => type === "drain.finished"));

		expect(failure).toBeInstanceOf(Error);
		expect(scene.events.filter(({ type }) => type === "drain.forced")).toEqual([]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may leave the live side half-open: its health is reported, and the rotation leads away from it", async () => {
		const { move, parameterSource } = createMovablePort(getServers().aws, proxy.port);
		const deadlines = { drainMs: 200, healthMs: 100 };
		const scene = await startWatchedScene(getServers(), { parameterSource, rotatorOptions: { deadlines }, version, workerCount: 0 });
		await fillPool(scene.dataSource, 3);
		proxy.freeze();
		move(getServers().server.port);
		await scene.alternate();

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const user = await scene.findUser();
		await waitUntil("the half-open connections are given up", () => proxy.openCount === 0);
		await proxy.thaw();

		expect([outcome, user]).toEqual(["rotated", scene.users[1]]);
		expect(scene.events).toContainEqual(expect.objectContaining({ isHealthy: false, side: "current", type: "health.checked" }));
		expect(await scene.findViolations()).toEqual([]);
	});
});
