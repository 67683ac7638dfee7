/** Size and timeouts of the pool, which mysql2 knows by other names than pg: they have effect, also after rotations, and it complains of nothing. */
import { setTimeout as delay } from "node:timers/promises";

import { countPoolsOf } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { holdConnections } from "../../support/held-connections.js";
import { recordOutput } from "../../support/output-recorder.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

const POOL_SIZE = 3;
const TIMEOUT_MS = 600;

async function rotate(scene: Scene<DatabaseServer>): Promise<void> {
	await scene.alternate();
	await scene.rotator.rotateDatabaseConnection();
	await scene.waitForUser(scene.current().username);
	await scene.rotator.waitForExchange();
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

	it("gives up a connection to a silent server after connectionTimeoutMs, and lets callers wait longer for one in use", async () => {
		const proxy = await startTcpProxy({ target: getServers().server });
		const { driver, pools } = countPoolsOf(engine);
		const scene = await start({
			config: { connectionTimeoutMs: TIMEOUT_MS, poolSize: 1 },
			endpoint: proxy,
			override: (options) => ({ ...options, driver }),
		});
		await rotate(scene);
		const runner = scene.dataSource.createQueryRunner();
		await runner.connect();

		const whileFull = scene.dataSource.query<unknown>("SELECT 1 AS one");
		const outcome = await Promise.race([whileFull.catch(() => "failed"), delay(2 * TIMEOUT_MS, "waits")]);
		await runner.release();
		const served: unknown = await whileFull;
		proxy.reset();
		proxy.hold();
		await waitUntil("the pools have noticed", () => pools.every(({ totalCount }) => totalCount === 0));
		const whileSilent: unknown = await scene.dataSource.query("SELECT 1").catch((error: unknown) => error);
		await proxy.thaw();
		const afterwards: unknown = await scene.dataSource.query("SELECT 1 AS one");
		await scene.stop();
		await proxy.stop();

		expect([outcome, served]).toEqual(["waits", [{ one: 1 }]]);
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
