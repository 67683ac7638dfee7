/** Who logs in to RDS with IAM brings a fresh token for each physical connection; nothing of it expires, and nothing has to be rotated. */
import { Signer } from "@aws-sdk/rds-signer";
import { Client } from "pg";

import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { createRdsTokenProvider } from "../../../src/credentials/rds-token.js";
import { ConfigurationError, SecretUnavailableError, OptionInvalidError } from "../../../src/errors/errors.js";
import { failureOf } from "../../support/failure-of.js";
import { fillPool } from "../../support/held-connections.js";
import {
	APPLICATION_KEY,
	type IamApplication,
	type IamScene,
	POOL_SIZE,
	RDS_HOST,
	RDS_PORT,
	startIamApplication,
	startIamScene,
} from "../../support/iam-gateway/iam-scene.js";
import { createLedger, readLedger, startLedgerWorkload } from "../../support/ledger-workload.js";
import { moveDate } from "../../support/moved-date.js";
import { LATEST_TYPEORM, typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const QUARTER_OF_AN_HOUR_MS = 900_000;

let scene: IamScene;

beforeAll(async () => {
	scene = await startIamScene("rds-db");
});

afterAll(async () => scene.stop());

afterEach(() => void jest.useRealTimers());

/** Every connection is lost, and the pool knows it. */
async function cutAll({ dataSource }: IamApplication): Promise<void> {
	const { driver } = dataSource as unknown as { driver: { master: { totalCount: number } } };
	scene.gateway.cut();
	await waitUntil("the pool has noticed", () => driver.master.totalCount === 0);
}

async function findUser(application: IamApplication): Promise<unknown> {
	const [row] = await application.dataSource.query<[{ user: string }]>("SELECT current_user AS user");
	return row.user;
}

describe.each(typeOrmVersionsFor("postgres"))("rds-iam on TypeORM $label", (version) => {
	it("brings a token for each physical connection, and none where an idle one is used again", async () => {
		const { desk } = scene.gateway;
		const formerCount = desk.logins.length;
		const application = await startIamApplication(scene, version);

		const atStartCount = desk.logins.length - formerCount;
		await fillPool(application.dataSource, POOL_SIZE);
		for (let query = 0; query < 20; query += 1) await findUser(application);
		const afterwardsCount = desk.logins.length - formerCount;
		await application.stop();

		expect(atStartCount).toBe(1);
		expect(afterwardsCount).toBe(POOL_SIZE);
		expect(new Set(desk.logins.map(({ action, user }) => `${user} ${action}`))).toEqual(new Set(["app connect"]));
	});

	it("goes on logging in after every earlier token has expired", async () => {
		const application = await startIamApplication(scene, version);
		const { desk } = scene.gateway;
		const refusedCount = desk.refusals.length;
		const { password: earlierToken } = await application.connector.getCredentials();
		moveDate(QUARTER_OF_AN_HOUR_MS);

		await cutAll(application);
		const user = await findUser(application);
		const client = new Client({ ...scene.tunnel, database: "shop", password: earlierToken, ssl: scene.ssl, user: "app" });
		const failure = await failureOf(client.connect());

		expect(user).toBe("app");
		expect(failure).toMatchObject({ code: "28000" });
		expect(desk.refusals.length - refusedCount).toBe(1);
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
		const result = await application.rotator.rotateDatabaseConnection();
		await application.stop();

		expect(users).toEqual(Array.from({ length: 20 }, () => "app"));
		expect(refusals.length - refusedCount).toBeLessThanOrEqual(3);
		expect(application.events.map(({ type }) => type)).toContain("recovery.finished");
		expect(result).toEqual({ outcome: "unchanged" });
	});

	it("has nothing to rotate", async () => {
		const application = await startIamApplication(scene, version);
		const { driver } = application.dataSource as unknown as { driver: { master: unknown } };
		const pool = driver.master;

		const results = [await application.rotator.rotateDatabaseConnection(), await application.rotator.rotateDatabaseConnection()];
		const isSamePool = driver.master === pool;
		await application.stop();

		expect(results).toEqual([{ outcome: "unchanged" }, { outcome: "unchanged" }]);
		expect(isSamePool).toBe(true);
	});

	it("serves loads without a failure while connections retire, and after every earlier token has expired", async () => {
		const application = await startIamApplication(scene, version, { typeOrmOptions: { extra: { maxLifetimeSeconds: 0.3 } } });
		const refusedCount = scene.gateway.desk.refusals.length;
		scene.gateway.peakOpenCount = 0;

		for (let round = 0; round < 2; round += 1) {
			await application.dataSource.query("DROP TABLE IF EXISTS ledger");
			await createLedger(application.dataSource);
			const formerCount = scene.gateway.desk.logins.length;
			const load = startLedgerWorkload(application.dataSource, { workerCount: 8 });
			await waitUntil("connections have retired twice", () => scene.gateway.desk.logins.length - formerCount >= 2 * POOL_SIZE);
			await waitUntil("they were worked with", () => load.report().operationCount > 100);
			const report = await load.stop();
			const stored = await readLedger(application.dataSource);

			expect(report.failures).toEqual([]);
			expect(report.acknowledgedCount).toBeGreaterThan(0);
			expect(stored.sort()).toEqual([...report.acknowledged].sort());
			moveDate(QUARTER_OF_AN_HOUR_MS);
		}
		// Nothing is rotated, and a connection that retires is closed before the next one takes its place.
		expect(scene.gateway.peakOpenCount).toBe(POOL_SIZE);
		expect(scene.gateway.desk.refusals.length).toBe(refusedCount);
	});

	it("says that the AWS identity has expired instead of signing with it, and leaves no connection behind", async () => {
		// Less than five minutes: the SDK asks for it each time.
		const identity = { ...APPLICATION_KEY, expiration: new Date(Date.now() + 120_000) };
		const calls: unknown[] = [];
		const credentials = async (properties?: unknown): Promise<typeof identity> => {
			calls.push(properties);
			return { ...identity };
		};
		const application = await startIamApplication(scene, version, { aws: { credentials }, connectionTimeoutMs: 1_000 });
		const loginCount = scene.gateway.desk.logins.length + scene.gateway.desk.refusals.length;
		await cutAll(application);

		identity.expiration = new Date(Date.now() - 1_000);
		const failure = await failureOf(application.dataSource.query("SELECT 1"));
		await waitUntil("the connection is closed", () => scene.gateway.openCount === 0);
		const presentedCount = scene.gateway.desk.logins.length + scene.gateway.desk.refusals.length;
		identity.expiration = new Date(Date.now() + 120_000);
		const user = await findUser(application);
		await application.stop();

		expect(failure).toBeInstanceOf(SecretUnavailableError);
		expect(failure).toMatchObject({
			isTransient: true,
			message: expect.stringMatching(/^No login token could be signed: the AWS identity expired at .* and was not renewed\.$/),
		});
		expect(presentedCount).toBe(loginCount);
		expect(calls).toContainEqual(expect.objectContaining({ forceRefresh: true }));
		expect(user).toBe("app");
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

		expect(users).toEqual(Array.from({ length: 20 }, () => "app"));
		expect(application.events).toContainEqual(
			expect.objectContaining({ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", type: "login.refused" }),
		);
	});

	it("does not send a token over a connection that is not encrypted", async () => {
		const failure = await failureOf(
			startIamApplication(scene, version, {}, { host: scene.server.host, port: scene.server.port, ssl: false }),
		);

		expect(failure).toBeInstanceOf(OptionInvalidError);
		expect(failure).toMatchObject({ option: "tls" });
	});
});

it("refuses a constant token as soon as that has expired", async () => {
	const token = await new Signer({
		credentials: APPLICATION_KEY,
		hostname: RDS_HOST,
		port: RDS_PORT,
		region: "eu-west-1",
		username: "app",
	}).getAuthToken();
	const own = { connectionTimeoutMs: 1_500, credentials: { source: "static" as const }, password: token };
	const application = await startIamApplication(scene, LATEST_TYPEORM, own);
	scene.gateway.desk.clock.advance(QUARTER_OF_AN_HOUR_MS);
	await cutAll(application);

	const failure = await failureOf(application.dataSource.query("SELECT 1"));
	scene.gateway.desk.clock.advance(-QUARTER_OF_AN_HOUR_MS);
	await application.stop();

	expect(failure).toMatchObject({ code: "28000" });
});

it("gives a client of one's own a token, too", async () => {
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, scene.config);
	const { password: token, username } = await connector.getCredentials();
	const password = createRdsTokenProvider({ credentials: APPLICATION_KEY, host: RDS_HOST, username });

	const users = await Promise.all(
		[token, password].map(async (given) => {
			const client = new Client({ ...scene.tunnel, database: "shop", password: given, ssl: scene.ssl, user: username });
			await client.connect();
			const { rows } = await client.query<{ user: string }>("SELECT current_user AS user");
			await client.end();
			return rows[0]?.user;
		}),
	);

	expect(users).toEqual(["app", "app"]);
});

it("says which region is missing where the host names none", async () => {
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...scene.config, host: "database.internal" });

	const failure = await failureOf(connector.getTypeOrmOptions());

	expect(failure).toBeInstanceOf(ConfigurationError);
	expect(failure).toMatchObject({ message: expect.stringContaining('"credentials.region" is needed') });
});
