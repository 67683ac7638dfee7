/** PgBouncer between the pool and PostgreSQL. What a pooler answers proves the pooler: it keeps connections of its own, which outlive a change of the password. */
import { describeWith } from "../../support/describe-with.js";
import { endLater } from "../../support/endings.js";
import { eventually } from "../../support/eventually.js";
import { beginTransaction } from "../../support/lasting-work.js";
import { readLedger, startLedgerWorkload } from "../../support/ledger-workload.js";
import { startPgbouncer } from "../../support/pgbouncer/pgbouncer.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";

const MONTH_MS = 2_592_000_000;

describeWith("pgbouncer").each(typeOrmVersionsFor("postgres"))("Behind PgBouncer on TypeORM $label", (version) => {
	let scene: Scene;
	let servers: SceneServers;

	beforeAll(async () => {
		servers = await startSceneServers();
	});

	afterAll(async () => servers.stop());

	async function start(poolMode: "session" | "transaction", isEnabled = false): Promise<void> {
		const pooler = await startPgbouncer(servers.server, { poolMode });
		endLater(async () => pooler.stop());
		const rotation = { intervalMs: MONTH_MS, isEnabled };
		scene = await startScene(servers, { config: { rotation }, endpoint: { host: pooler.host, port: pooler.port }, version });
	}

	it.each(["session", "transaction"] as const)("users alternate under load in %s mode, and a transaction lasts", async (poolMode) => {
		await start(poolMode);
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: 4 });
		const transaction = await beginTransaction(scene.dataSource, "lasting");

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 4; rotation += 1) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
			await scene.waitForUser(scene.current().username);
		}
		const seen = await transaction.commit();
		const { acknowledged, failures } = await workload.stop();

		expect(failures).toEqual([]);
		expect(outcomes).toEqual(["rotated", "rotated", "rotated", "rotated"]);
		expect(seen.pids).toEqual([transaction.pid]);
		expect(new Set(await readLedger(scene.dataSource))).toEqual(new Set(["lasting", ...acknowledged]));
	});

	it("a check passes although the server has another password by now: it does not tell", async () => {
		await start("transaction");
		await scene.server.setPassword(scene.users[0], "changed");

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const answer: unknown = await scene.dataSource.query("SELECT 1 AS one");

		expect(outcome).toBe("unchanged");
		expect(scene.events).toContainEqual(expect.objectContaining({ isHealthy: true, side: "current", type: "health.checked" }));
		expect(answer).toEqual([{ one: 1 }]);
	});

	it("a login that the pooler refuses starts a recovery as one that the server refuses", async () => {
		await start("transaction", true);
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });

		const answers = await Promise.all(
			Array.from({ length: 10 }, async (): Promise<unknown> =>
				scene.dataSource.query("SELECT 1 AS one, pg_sleep(0.05)::text AS nap"),
			),
		);

		expect(answers).toEqual(answers.map(() => [{ nap: "", one: 1 }]));
		expect(scene.events.filter(({ type }) => type === "login.refused")).toEqual([expect.objectContaining({ code: "08P01" })]);
	});
});

describeWith("pgbouncer").each(typeOrmVersionsFor("postgres"))(
	"Behind a PgBouncer with passwords of its own on TypeORM $label",
	(version) => {
		it("a login that it does not know yet is not promoted, and is as soon as it does", async () => {
			const servers = await startSceneServers();
			const users = { app_blue: "one", app_green: "zero" };
			const pooler = await startPgbouncer(servers.server, { users });
			endLater(async () => pooler.stop());
			await servers.server.createDatabase("pooled");
			for (const [user, password] of Object.entries(users))
				await servers.server.createRole(user, password, { databases: ["pooled"] });
			servers.aws.secrets.put("pooled", { password: "one", username: "app_blue" });
			const scene = await startScene(servers, {
				config: { databaseName: "pooled", secretId: "pooled" },
				endpoint: { host: pooler.host, port: pooler.port },
				version,
			});
			await servers.server.setPassword("app_green", "two");
			servers.aws.secrets.put("pooled", { password: "two", username: "app_green" });

			const result = await scene.rotator.rotateDatabaseConnection();
			const userMeanwhile = await scene.findUser();
			await pooler.setPassword("app_green", "two");

			expect(result).toMatchObject({ error: { cause: { code: "08P01" } }, outcome: "failed" });
			expect(userMeanwhile).toBe("app_blue");
			await eventually(async () => expect((await scene.rotator.rotateDatabaseConnection()).outcome).toBe("rotated"));
			await scene.waitForUser("app_green");
		});
	},
);
