/** A readiness probe says what callers meet: up while requests are served or a recovery may still serve them, down after. */
import { setTimeout as delay } from "node:timers/promises";

import type { IReadiness } from "../../../src/rotation/statistics.options.js";
import { describeEngines } from "../../support/describe-engines.js";
import { fillPool, holdConnections } from "../../support/held-connections.js";
import { primaryPool, readPool } from "../../support/live-pools.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 2;
const ROTATION = { intervalMs: MONTH_MS, isEnabled: true };
const PROBE_PAUSE_MS = 100;
const WINDOW_MS = 2_000;
const UP = { isDegraded: false, status: "up" };

/** The database takes another password, AWS does not know it, and every connection is cut. */
async function changePassword(scene: Scene<DatabaseServer>): Promise<void> {
	const { username } = scene.current();
	await scene.server.setPassword(username, "changed");
	await scene.server.terminate(username);
	await waitUntil("the pool has noticed", () => readPool(primaryPool(scene.dataSource)).total === 0);
}

describeEngines("A readiness check", {}, ({ engine, getServers, start }) => {
	const refusalCode = engine === "postgres" ? "28P01" : "ER_ACCESS_DENIED_ERROR";

	afterEach(() => getServers().aws.faults.clear());

	it("is up where an idle connection answers, and logs in where there is none", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: ROTATION } });
		await scene.server.terminate(scene.current().username);
		await waitUntil("the pool has noticed", () => readPool(primaryPool(scene.dataSource)).total === 0);

		const first = await scene.rotator.checkReadiness({ timeoutMs: 10_000 });
		const second = await scene.rotator.checkReadiness();

		expect([first, second]).toEqual([UP, UP].map((up) => ({ ...up, servers: { primary: UP } })));
		expect(readPool(primaryPool(scene.dataSource))).toMatchObject({ idle: 1, total: 1 });
	});

	it("is up where every connection is in use and one comes back, and down where none does; it is in no queue", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: ROTATION } });
		const held = await holdConnections(scene.dataSource, POOL_SIZE);

		const checks = scene.rotator.checkReadiness({ timeoutMs: 200 });
		const { waiting } = readPool(primaryPool(scene.dataSource));
		const exhausted = await checks;
		const check = scene.rotator.checkReadiness({ timeoutMs: 60_000 });
		await delay(50);
		await held.release();

		expect(waiting).toBe(0);
		expect(exhausted).toMatchObject({ isDegraded: false, reason: "exhausted", status: "down" });
		expect(await check).toMatchObject(UP);
	});

	it("never is down in the window of a single-user rotation that ends within the budget", async () => {
		const scene = await start({ config: { connectionTimeoutMs: 60_000, poolSize: POOL_SIZE, rotation: ROTATION } });
		await fillPool(scene.dataSource, POOL_SIZE);
		await changePassword(scene);
		const callers = Array.from({ length: 10 }, async (): Promise<unknown> => scene.dataSource.query("SELECT 1"));
		const answers: IReadiness[] = [];

		const endMs = performance.now() + WINDOW_MS;
		while (performance.now() < endMs) {
			answers.push(await scene.rotator.checkReadiness());
			await delay(PROBE_PAUSE_MS);
		}
		scene.aws.secrets.put(scene.secretId, { password: "changed", username: scene.current().username });
		await Promise.all(callers);

		expect(answers.filter(({ status }) => status === "down")).toEqual([]);
		expect(answers.at(-1)).toMatchObject({ isDegraded: true, reason: refusalCode, status: "up" });
		expect(await scene.rotator.checkReadiness()).toMatchObject(UP);
	});

	it("is down when the credentials are refused for longer than the budget, and makes no login meanwhile", async () => {
		const budgetMs = 1_500;
		const scene = await start({ config: { connectionTimeoutMs: budgetMs, poolSize: POOL_SIZE, rotation: ROTATION } });
		await changePassword(scene);
		const refusedFor: { readonly ms: number | undefined; readonly status: string }[] = [];

		await waitUntil("the check is down", async () => {
			const { status } = await scene.rotator.checkReadiness({ timeoutMs: 100 });
			refusedFor.push({ ms: scene.rotator.getStatistics().servers[0]?.refusedForMs, status });
			return status === "down";
		});

		const down = refusedFor.at(-1);
		expect(down?.ms).toBeGreaterThan(budgetMs);
		expect(await scene.rotator.checkReadiness()).toMatchObject({ reason: refusalCode, status: "down" });
		// The first login showed the refusal; those of the recovery follow their own pace.
		expect(await scene.server.refusedLogins(scene.current().username)).toBeLessThanOrEqual(4);
	});

	it.each(["secret", "database"] as const)("is up again without a caller when the %s is corrected after the budget", async (place) => {
		const scene = await start({ config: { connectionTimeoutMs: 1_000, poolSize: POOL_SIZE, rotation: ROTATION } });
		const former = scene.current();
		await changePassword(scene);
		await waitUntil("the check is down", async () => (await scene.rotator.checkReadiness({ timeoutMs: 100 })).status === "down");

		if (place === "secret") scene.aws.secrets.put(scene.secretId, { ...former, password: "changed" });
		else await scene.server.setPassword(former.username, former.password);

		await waitUntil("the check is up", async () => {
			const { isDegraded, status } = await scene.rotator.checkReadiness({ timeoutMs: 100 });
			await delay(PROBE_PAUSE_MS);
			return status === "up" && !isDegraded;
		});
		expect(await scene.dataSource.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
	});

	it("is up beside an outage of AWS", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: ROTATION } });
		scene.aws.faults.inject({ kind: "server-error" });
		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("failed");
		expect(await scene.rotator.checkReadiness()).toMatchObject(UP);
	});

	it("asks a DataSource without rotation and recovery as TypeORM does, and a refused login is not repeated at once", async () => {
		const scene = await start({
			config: { poolSize: POOL_SIZE, rotation: { isEnabled: false, shouldRotateOnAuthFailure: false } },
		});
		const before = await scene.rotator.checkReadiness();
		await changePassword(scene);

		const after = [await scene.rotator.checkReadiness(), await scene.rotator.checkReadiness(), await scene.rotator.checkReadiness()];

		expect(before).toMatchObject(UP);
		expect(after.map(({ reason, status }) => [reason, status])).toEqual(after.map(() => [refusalCode, "down"]));
		expect(await scene.server.refusedLogins(scene.current().username)).toBe(1);
	});

	it("is down before the DataSource is initialized and after the end", async () => {
		const scene = await start({ config: { rotation: ROTATION } });
		await scene.dataSource.destroy();
		const destroyed = await scene.rotator.checkReadiness();
		await scene.stop();

		expect(destroyed).toEqual({ isDegraded: false, reason: "not-initialized", servers: {}, status: "down" });
		expect(await scene.rotator.checkReadiness()).toEqual({ isDegraded: false, reason: "closed", servers: {}, status: "down" });
	});
});

describeEngines("A readiness check of a DataSource with a replica", { hasReplica: true }, ({ start }) => {
	it("names each server, and is degraded while only the replica is down", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: ROTATION } });
		const whole = await scene.rotator.checkReadiness({ timeoutMs: 10_000 });
		const held = await holdConnections(scene.dataSource, POOL_SIZE, "slave");
		const troubled = await scene.rotator.checkReadiness({ timeoutMs: 100 });
		await held.release();

		expect(whole).toEqual({ ...UP, servers: { primary: UP, replica0: UP } });
		expect(troubled).toMatchObject({
			isDegraded: true,
			reason: "replica0",
			servers: { primary: UP, replica0: { reason: "exhausted", status: "down" } },
			status: "up",
		});
	});
});
