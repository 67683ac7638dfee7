/**
 * Rotation through TypeORM's own CockroachDB driver. No such server is at hand: the driver, which speaks PostgreSQL's protocol, is connected to a PostgreSQL.
 * One thing is taken away from it, `afterConnect()`, which sets a variable that only CockroachDB has.
 */
import type * as TypeOrm from "typeorm";

import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { startWatchedScene, type WatchedScene, type WatchOptions } from "../../support/invariants.js";
import { beginTransaction } from "../../support/lasting-work.js";
import type { SceneServers } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import type { TypeOrmVersion } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const CALLER_COUNT = 40;
const MONTH_MS = 2_592_000_000;

/** The same TypeORM, whose drivers do nothing after they have connected. */
function withoutAfterConnect({ label, load }: TypeOrmVersion): TypeOrmVersion {
	const typeOrm = load();
	class DataSource extends typeOrm.DataSource {
		constructor(options: TypeOrm.DataSourceOptions) {
			super(options);
			this.driver.afterConnect = () => Promise.resolve();
		}
	}
	return { label, load: () => ({ ...typeOrm, DataSource }) };
}

function start(servers: SceneServers<DatabaseServer>, { config, ...options }: WatchOptions): Promise<WatchedScene> {
	const version = withoutAfterConnect(options.version);
	return startWatchedScene(servers, { ...options, config: { ...config, type: "cockroachdb" }, version });
}

describeEngines("The CockroachDB driver", { engines: ["postgres"] }, ({ dialect, getServers, version }) => {
	it("is TypeORM's own", async () => {
		const scene = await start(getServers(), { version });

		const { driver, options } = scene.dataSource;

		expect([driver.constructor.name, options.type]).toEqual(["CockroachDriver", "cockroachdb"]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("rotates again and again under 16 workers without a failed operation", async () => {
		const scene = await start(getServers(), { version, workerCount: 16 });

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 6; rotation += 1) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		}
		await scene.waitForUser(scene.users[0]);

		expect(outcomes).toEqual(outcomes.map(() => "rotated"));
		expect(await scene.findViolations()).toEqual([]);
	});

	it("leaves a transaction on its connection until it ends, and nothing after it", async () => {
		const scene = await start(getServers(), { version, workerCount: 0 });
		const transaction = await beginTransaction(scene.dataSource, "kept");
		await scene.alternate();

		await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		const remaining = await scene.server.connections(scene.users[0]);
		const { pids, users } = await transaction.commit();
		const rows: unknown = await scene.dataSource.query("DELETE FROM ledger WHERE id = 'kept' RETURNING id");

		expect(remaining.map(({ pid }) => pid)).toContain(transaction.pid);
		expect([pids, users]).toEqual([[transaction.pid], [scene.users[0]]]);
		expect(rows).toEqual([[{ id: "kept" }], 1]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("recovers from a password changed without notice, at the cost of two refused logins at most", async () => {
		const scene = await start(getServers(), {
			config: { rotation: { intervalMs: MONTH_MS, isEnabled: true } },
			version,
			workerCount: 0,
		});
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		await waitUntil("the pool has noticed", () => scene.pools[0]?.idleCount === 0);
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });

		const answers = await Promise.all(
			Array.from({ length: CALLER_COUNT }, async (): Promise<unknown> => scene.dataSource.query("SELECT 1 AS one")),
		);
		const refusedCount = await scene.server.refusedLogins(username);

		expect(answers).toEqual(answers.map(() => [{ one: 1 }]));
		expect(refusedCount).toBeGreaterThan(0);
		expect(refusedCount).toBeLessThanOrEqual(2);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("serves on when the replacement is refused", async () => {
		const scene = await start(getServers(), { version });
		await scene.alternate();
		await scene.server.admin.query(dialect.lockUser(scene.users[1]));

		const result = await scene.rotator.rotateDatabaseConnection();
		const userMeanwhile = await scene.findUser();
		await scene.server.admin.query(dialect.unlockUser(scene.users[1]));

		expect(result).toMatchObject({ error: { cause: { code: "28000" }, phase: "connect" }, outcome: "failed" });
		expect(userMeanwhile).toBe(scene.users[0]);
		await eventually(async () => expect((await scene.rotator.rotateDatabaseConnection()).outcome).toBe("rotated"));
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});

describeEngines("The CockroachDB driver with a replica", { engines: ["postgres"], hasReplica: true }, ({ getServers, version }) => {
	it("rotates both under load without a failed operation", async () => {
		const scene = await start(getServers(), { version });

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 4; rotation += 1) {
			await scene.alternate();
			await scene.replica?.catchUp();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
			for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.current().username, mode);
		}

		expect(outcomes).toEqual(outcomes.map(() => "rotated"));
		expect(await scene.findViolations()).toEqual([]);
	});
});
