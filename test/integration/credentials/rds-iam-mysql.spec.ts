/** MySQL and MariaDB on RDS take IAM tokens, too: mysql2 brings one for each physical connection through an authentication plugin. */
import { Signer } from "@aws-sdk/rds-signer";
import mysql from "mysql2/promise";

import { SecretUnavailableError } from "../../../src/errors/errors.js";
import { describeWith } from "../../support/describe-with.js";
import { failureOf } from "../../support/failure-of.js";
import { fillPool } from "../../support/held-connections.js";
import {
	APPLICATION_KEY,
	type IamApplication,
	type IamScene,
	MYSQL_PORT,
	POOL_SIZE,
	RDS_HOST,
	startIamApplication,
	startIamScene,
} from "../../support/iam-gateway/iam-scene.js";
import { createLedger, readLedger, startLedgerWorkload } from "../../support/ledger-workload.js";
import { moveDate } from "../../support/moved-date.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const QUARTER_OF_AN_HOUR_MS = 900_000;

async function findUser({ dataSource }: IamApplication): Promise<string> {
	const [row] = await dataSource.query<[{ user: string }]>("SELECT CURRENT_USER() AS user");
	return row.user;
}

describeWith("mariadb")("rds-iam on MariaDB", () => {
	let scene: IamScene;

	beforeAll(async () => {
		scene = await startIamScene("rds-db", "mariadb");
	});

	afterAll(async () => scene.stop());

	afterEach(() => void jest.useRealTimers());

	/** Every connection is lost, and the pool knows it. */
	async function cutAll({ dataSource }: IamApplication): Promise<void> {
		const { driver } = dataSource as unknown as { driver: { pool: { _allConnections: { length: number } } } };
		scene.gateway.cut();
		await waitUntil("the pool has noticed", () => driver.pool._allConnections.length === 0);
	}

	describe.each(typeOrmVersionsFor("mariadb"))("with TypeORM $label", (version) => {
		it("brings a token for each physical connection, and none where an idle one is used again", async () => {
			const { desk } = scene.gateway;
			const formerCount = desk.logins.length;
			const application = await startIamApplication(scene, version);

			await fillPool(application.dataSource, POOL_SIZE);
			const users = [await findUser(application), await findUser(application)];
			await application.stop();

			expect(users).toEqual(["app@%", "app@%"]);
			expect(desk.logins.slice(formerCount).map(({ action, user }) => [user, action])).toEqual(
				Array.from({ length: POOL_SIZE }, () => ["app", "connect"]),
			);
		});

		it("goes on logging in after every earlier token has expired, and has nothing to rotate", async () => {
			const application = await startIamApplication(scene, version);
			const { desk } = scene.gateway;
			const refusedCount = desk.refusals.length;
			moveDate(QUARTER_OF_AN_HOUR_MS);

			await cutAll(application);
			const user = await findUser(application);
			const result = await application.rotator.rotateDatabaseConnection();

			expect(user).toBe("app@%");
			expect(result).toEqual({ outcome: "unchanged" });
			expect(desk.refusals.length).toBe(refusedCount);
		});

		it("waits for a server that refuses good tokens, with a fresh one for each try", async () => {
			const application = await startIamApplication(scene, version);
			const { clock, refusals } = scene.gateway.desk;
			const refusedCount = refusals.length;
			clock.advance(QUARTER_OF_AN_HOUR_MS);
			await cutAll(application);

			const queries = Promise.all(Array.from({ length: 20 }, async () => findUser(application)));
			await waitUntil("a login was refused", () => refusals.length > refusedCount);
			clock.advance(-QUARTER_OF_AN_HOUR_MS);
			const users = await queries;
			await application.stop();

			expect(users).toEqual(Array.from({ length: 20 }, () => "app@%"));
			expect(refusals.length - refusedCount).toBeLessThanOrEqual(3);
			expect(application.events.map(({ type }) => type)).toContain("recovery.finished");
		});

		it("serves loads without a failure while tokens expire and connections come and go", async () => {
			const formerCount = scene.gateway.desk.logins.length;
			// mysql2 has no lifetime of connections; idle ones go after 100 ms here.
			const application = await startIamApplication(scene, version, {
				idleTimeoutMs: 100,
				typeOrmOptions: { extra: { maxIdle: 1 } },
			});
			await application.dataSource.query("DROP TABLE IF EXISTS ledger");
			await createLedger(application.dataSource);
			const refusedCount = scene.gateway.desk.refusals.length;
			scene.gateway.peakOpenCount = 0;

			for (let round = 1; round <= 3; round += 1) {
				const load = startLedgerWorkload(application.dataSource, { workerCount: 8 });
				await waitUntil("connections were worked with", () => load.report().operationCount > 50);
				const report = await load.stop();
				const stored = await readLedger(application.dataSource);

				expect(report.failures).toEqual([]);
				expect(report.acknowledgedCount).toBeGreaterThan(0);
				expect(stored.sort()).toEqual([...report.acknowledged].sort());
				await application.dataSource.query("DELETE FROM ledger");
				await waitUntil("idle connections have gone", () => scene.gateway.openCount <= 1);
				expect(scene.gateway.desk.logins.length - formerCount).toBeGreaterThanOrEqual(round * (POOL_SIZE - 1));
				moveDate(QUARTER_OF_AN_HOUR_MS);
			}
			// Nothing is rotated, and a connection that retires is closed before the next one takes its place.
			expect(scene.gateway.peakOpenCount).toBe(POOL_SIZE);
			expect(scene.gateway.desk.refusals.length).toBe(refusedCount);
		});

		it("says that the AWS identity has expired instead of signing with it, and leaves no connection behind", async () => {
			const identity = { ...APPLICATION_KEY, expiration: new Date(Date.now() - 1_000) };
			const loginCount = scene.gateway.desk.logins.length + scene.gateway.desk.refusals.length;

			const failure = await failureOf(startIamApplication(scene, version, { aws: { credentials: identity } }));
			await waitUntil("the connection is closed", () => scene.gateway.openCount === 0);

			expect((failure as Error).cause).toBeInstanceOf(SecretUnavailableError);
			expect(failure).toMatchObject({
				cause: { code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", isTransient: false },
				message: expect.stringMatching(/^No login token could be signed: the AWS identity expired at /),
			});
			expect(scene.gateway.desk.logins.length + scene.gateway.desk.refusals.length).toBe(loginCount);
		});

		it("lets callers wait for an AWS identity that is renewed in time", async () => {
			const identity = { ...APPLICATION_KEY, expiration: new Date(Date.now() + 120_000) };
			const application = await startIamApplication(scene, version, { aws: { credentials: async () => ({ ...identity }) } });
			await cutAll(application);

			identity.expiration = new Date(Date.now() - 1_000);
			const queries = Promise.all(Array.from({ length: 20 }, async () => findUser(application)));
			await waitUntil("a caller has waited", () => application.events.some(({ type }) => type === "login.refused"));
			identity.expiration = new Date(Date.now() + 120_000);
			const users = await queries;
			await application.stop();

			expect(users).toEqual(Array.from({ length: 20 }, () => "app@%"));
		});

		it.each([
			["is not verified", { rejectUnauthorized: false }],
			["is not encrypted", undefined],
		])("does not send a token over a connection that %s", async (_, ssl) => {
			const loginCount = scene.gateway.desk.logins.length + scene.gateway.desk.refusals.length;

			const failure = await failureOf(startIamApplication(scene, version, {}, { ssl }));

			expect(failure).toBeInstanceOf(Error);
			expect(scene.gateway.desk.logins.length + scene.gateway.desk.refusals.length).toBe(loginCount);
		});
	});

	it("refuses a constant token as soon as that has expired", async () => {
		const { desk } = scene.gateway;
		const signer = new Signer({
			credentials: APPLICATION_KEY,
			hostname: RDS_HOST,
			port: MYSQL_PORT,
			region: "eu-west-1",
			username: "app",
		});
		const token = await signer.getAuthToken();
		const login = async (): Promise<unknown> => {
			const connection = await mysql.createConnection({
				...scene.tunnel,
				database: "shop",
				enableCleartextPlugin: true,
				password: token,
				ssl: { ca: scene.ssl.ca },
				user: "app",
			});
			await connection.end();
			return "let in";
		};

		const first = await login();
		desk.clock.advance(QUARTER_OF_AN_HOUR_MS);
		const second = await failureOf(login());
		desk.clock.advance(-QUARTER_OF_AN_HOUR_MS);

		expect(first).toBe("let in");
		expect(second).toMatchObject({ errno: 1_045, sqlState: "28000" });
		expect(desk.refusals.at(-1)).toEqual({ reason: "token: age", user: "app" });
	});
});
