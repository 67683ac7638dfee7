/** Size and timeouts of the pool, which mysql2 knows by other names than pg: they have effect, also on replacements, and it complains of nothing. */
import { setTimeout as delay } from "node:timers/promises";

import { describeEngines } from "../../support/describe-engines.js";
import { recordOutput } from "../../support/output-recorder.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

const POOL_SIZE = 3;

async function rotate(scene: Scene<DatabaseServer>): Promise<void> {
	await scene.alternate();
	await scene.rotator.rotateDatabaseConnection();
	await waitUntil("the retired pool is closed", () => scene.rotator.describe().includes("draining=0"));
}

describeEngines("A pool of mysql2", { engines: ["mariadb"] }, ({ dialect, getServers, start }) => {
	it("has poolSize connections at most, before and after a rotation, and prints nothing", async () => {
		const recorder = recordOutput();
		const scene = await start({ config: { connectionTimeoutMs: 5_000, idleTimeoutMs: 60_000, poolSize: POOL_SIZE } });
		const fill = async (): Promise<number> => {
			const { username } = scene.current();
			await Promise.all(Array.from({ length: 10 }, async () => scene.dataSource.query(dialect.sleepSeconds(0.02))));
			return (await scene.server.connections(username)).length;
		};

		const before = await fill();
		await rotate(scene);
		const after = await fill();
		await scene.stop();
		recorder.stop();

		expect([before, after]).toEqual([POOL_SIZE, POOL_SIZE]);
		expect(recorder.lines.filter((line) => /console|std|invalid/i.test(line))).toEqual([]);
	});

	it("gives up after connectionTimeoutMs, with all connections in use and with a server that is silent", async () => {
		const proxy = await startTcpProxy({ target: getServers().server });
		const scene = await start({ config: { connectionTimeoutMs: 600, poolSize: 1 }, endpoint: proxy });
		await rotate(scene);
		const runner = scene.dataSource.createQueryRunner();
		await runner.connect();

		const whileFull: unknown = await scene.dataSource.query("SELECT 1").catch((error: unknown) => error);
		await runner.release();
		proxy.reset();
		proxy.hold();
		await delay(20);
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
		await Promise.all(Array.from({ length: POOL_SIZE }, async () => scene.dataSource.query(dialect.sleepSeconds(0.02))));
		const fullCount = (await scene.server.connections(username)).length;

		await waitUntil("what is idle is closed", async () => (await scene.server.connections(username)).length === 0, 10_000);
		const afterwards: unknown = await scene.dataSource.query("SELECT 1 AS one");
		await scene.stop();

		expect(fullCount).toBe(POOL_SIZE);
		expect(afterwards).toEqual([{ one: 1 }]);
	});
});
