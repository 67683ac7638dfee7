/** Size and timeouts of the pool, which mysql2 knows by other names than pg: they have effect, also on replacements, and it complains of nothing. */
import { countPoolsOf } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { holdConnections } from "../../support/held-connections.js";
import { recordOutput } from "../../support/output-recorder.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

const POOL_SIZE = 3;

async function rotate(scene: Scene<DatabaseServer>): Promise<void> {
	await scene.alternate();
	await scene.rotator.rotateDatabaseConnection();
	await scene.waitForUser(scene.current().username);
	await waitUntil("the retired pool is closed", () => scene.rotator.describe().includes("draining=0"));
}

/** Fills the pool with as many callers as there are, then tells how many connections the server has. */
async function countConnections(scene: Scene<DatabaseServer>, callerCount: number): Promise<number> {
	const held = await holdConnections(scene.dataSource, POOL_SIZE);
	const waiting = Array.from({ length: callerCount - POOL_SIZE }, async () => scene.dataSource.query("SELECT 1"));
	const connections = await scene.server.connections(scene.current().username);
	await held.release();
	await Promise.all(waiting);
	return connections.length;
}

describeEngines("A pool of mysql2", { engines: ["mariadb"] }, ({ engine, getServers, start }) => {
	it("has poolSize connections at most, before and after a rotation, and prints nothing", async () => {
		const recorder = recordOutput();
		const scene = await start({ config: { connectionTimeoutMs: 5_000, idleTimeoutMs: 60_000, poolSize: POOL_SIZE } });

		const before = await countConnections(scene, 10);
		await rotate(scene);
		const after = await countConnections(scene, 10);
		await scene.stop();
		recorder.stop();

		expect([before, after]).toEqual([POOL_SIZE, POOL_SIZE]);
		expect(recorder.lines.filter((line) => /console|std|invalid/i.test(line))).toEqual([]);
	});

	it("gives up after connectionTimeoutMs, with all connections in use and with a server that is silent", async () => {
		const proxy = await startTcpProxy({ target: getServers().server });
		const { driver, pools } = countPoolsOf(engine);
		const scene = await start({
			config: { connectionTimeoutMs: 600, poolSize: 1 },
			endpoint: proxy,
			override: (options) => ({ ...options, driver }),
		});
		await rotate(scene);
		const runner = scene.dataSource.createQueryRunner();
		await runner.connect();

		const whileFull: unknown = await scene.dataSource.query("SELECT 1").catch((error: unknown) => error);
		await runner.release();
		proxy.reset();
		proxy.hold();
		await waitUntil("the pools have noticed", () => pools.every(({ totalCount }) => totalCount === 0));
		const whileSilent: unknown = await scene.dataSource.query("SELECT 1").catch((error: unknown) => error);
		await proxy.thaw();
		const afterwards: unknown = await scene.dataSource.query("SELECT 1 AS one");
		await scene.stop();
		await proxy.stop();

		expect(whileFull).toMatchObject({ code: "ERR_CONNECTOR_ACQUIRE_TIMEOUT" });
		expect(whileSilent).toMatchObject({ code: "ETIMEDOUT" });
		expect(afterwards).toEqual([{ one: 1 }]);
	});

	it("closes what is idle for longer than idleTimeoutMs", async () => {
		const scene = await start({ config: { idleTimeoutMs: 200, poolSize: POOL_SIZE } });
		await rotate(scene);
		const { username } = scene.current();
		const fullCount = await countConnections(scene, POOL_SIZE);

		await waitUntil("what is idle is closed", async () => (await scene.server.connections(username)).length === 0);
		const afterwards: unknown = await scene.dataSource.query("SELECT 1 AS one");
		await scene.stop();

		expect(fullCount).toBe(POOL_SIZE);
		expect(afterwards).toEqual([{ one: 1 }]);
	});
});
