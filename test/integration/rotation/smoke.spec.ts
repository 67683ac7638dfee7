/** The claims that are checked on every supported TypeORM at each run. The other specs run on one TypeORM for each engine by default. */
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { beginStream, beginTransaction } from "../../support/lasting-work.js";
import { readLedger, startLedgerWorkload } from "../../support/ledger-workload.js";
import { startNestApplication } from "../../support/nest-application.js";
import { createSceneDatabase, type Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

const MONTH_MS = 2_592_000_000;

async function rotate(scene: Scene<DatabaseServer>): Promise<string> {
	await scene.alternate();
	await scene.replica?.catchUp();
	const { outcome } = await scene.rotator.rotateDatabaseConnection();
	return outcome;
}

describeEngines("Every TypeORM", { versions: TYPEORM_VERSIONS }, ({ getServers, start, version }) => {
	it("rotates under load without a failed operation", async () => {
		const scene = await start();
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: 8 });

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		await scene.waitForUser(scene.users[1]);
		const { acknowledged, failures } = await workload.stop();

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(failures).toEqual([]);
		expect(new Set(await readLedger(scene.dataSource))).toEqual(new Set(acknowledged));
	});

	it("leaves a transaction and a stream on their connections until they end", async () => {
		const scene = await start();
		const transaction = await beginTransaction(scene.dataSource, "lasting");
		const stream = await beginStream(scene.dataSource);

		const outcome = await rotate(scene);
		await scene.waitForUser(scene.users[1]);
		stream.goOn();
		const seen = await transaction.commit();

		expect(outcome).toBe("rotated");
		expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(await stream.result).toBe(stream.rowCount);
		await eventually(async () => expect(await scene.server.connections(scene.users[0])).toEqual([]));
	});

	it("recovers from a password changed without notice, at two refused logins at most", async () => {
		const scene = await start({ config: { rotation: { intervalMs: MONTH_MS, isEnabled: true } } });
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		await eventually(async () => expect(await scene.server.connections(username)).toEqual([]));
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });

		const answers = await Promise.all(
			Array.from({ length: 20 }, async (): Promise<unknown> => scene.dataSource.query("SELECT 'yes' AS answer")),
		);

		expect(answers).toEqual(answers.map(() => [{ answer: "yes" }]));
		expect(await scene.server.refusedLogins(username)).toBeLessThanOrEqual(2);
	});

	it("serves on when the new login is refused, and rotates once it is not", async () => {
		const scene = await start();
		const next = { password: "of-the-secret", username: scene.users[1] };
		await scene.server.setPassword(next.username, "of-the-server");
		scene.aws.secrets.put(scene.secretId, next);

		const { outcome: refused } = await scene.rotator.rotateDatabaseConnection();
		const userMeanwhile = await scene.findUser();
		await scene.server.setPassword(next.username, next.password);

		expect([refused, userMeanwhile]).toEqual(["failed", scene.users[0]]);
		await eventually(async () => expect((await scene.rotator.rotateDatabaseConnection()).outcome).toBe("rotated"));
		await scene.waitForUser(next.username);
	});

	it("logs in with the newest credentials after destroy() and initialize()", async () => {
		const scene = await start();
		await rotate(scene);
		await scene.dataSource.destroy();
		await scene.server.setPassword(scene.users[0], "revoked");

		await scene.dataSource.initialize();

		expect(await scene.findUser()).toBe(scene.users[1]);
		expect(await rotate(scene)).toBe("rotated");
		await scene.waitForUser(scene.users[0]);
	});

	it("closes every connection with the application", async () => {
		const database = await createSceneDatabase(getServers());
		const { application, dataSource, rotator } = await startNestApplication({ config: database.config, version });
		await dataSource.query("SELECT 1");
		await database.alternate();
		await rotator.rotateDatabaseConnection();
		await dataSource.query("SELECT 1");

		await application.close();

		for (const user of database.users) await eventually(async () => expect(await database.server.connections(user)).toEqual([]));
	});
});

describeEngines("Every TypeORM with a replica", { hasReplica: true, versions: TYPEORM_VERSIONS }, ({ start }) => {
	it("rotates both under load without a failed operation", async () => {
		const scene = await start();
		await scene.replica?.catchUp();
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: 8 });

		const outcomes = [await rotate(scene), await rotate(scene)];
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[0], mode);
		const { failures } = await workload.stop();

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect(failures).toEqual([]);
	});

	it("logs in to both with the newest credentials after destroy() and initialize()", async () => {
		const scene = await start();
		await rotate(scene);
		// A replica takes the credentials in its own time.
		await scene.waitForUser(scene.users[1], "slave");

		await scene.dataSource.destroy();
		await scene.dataSource.initialize();

		expect([await scene.findUser("master"), await scene.findUser("slave")]).toEqual([scene.users[1], scene.users[1]]);
	});
});
