/** Aurora DSQL with a host and nothing else: tokens of the right kind, connections that retire in time, nothing that DSQL does not have. */
import { Client } from "pg";
import { EntitySchema } from "typeorm";

import { parseDsqlConnectionString } from "../../../src/configuration/dsql-connection-string.js";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { createDsqlTokenProvider } from "../../../src/credentials/dsql-token.js";
import { failureOf } from "../../support/failure-of.js";
import { fillPool } from "../../support/held-connections.js";
import {
	APPLICATION_KEY,
	DSQL_CLUSTER_ID,
	DSQL_HOST,
	type IamApplication,
	type IamScene,
	POOL_SIZE,
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
	scene = await startIamScene("dsql");
});

afterEach(() => void jest.useRealTimers());

afterAll(async () => scene.stop());

async function findUser({ dataSource }: IamApplication): Promise<string> {
	const [row] = await dataSource.query<[{ user: string }]>("SELECT current_user AS user");
	return row.user;
}

async function resolveOptions(own: Partial<ITypeOrmAwsConnectorConfig>): Promise<Record<string, unknown>> {
	const { aws, entities } = scene.config;
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...(aws && { aws }), entities, ...own });
	return { ...(await connector.getTypeOrmOptions()) };
}

describe.each(typeOrmVersionsFor("postgres"))("dsql-iam on TypeORM $label", (version) => {
	it("logs the admin in with the admin's kind of token, each connection with one of its own", async () => {
		const { desk } = scene.gateway;
		const formerCount = desk.logins.length;
		const application = await startIamApplication(scene, version);

		await fillPool(application.dataSource, POOL_SIZE);
		const user = await findUser(application);
		await application.stop();

		expect(user).toBe("admin");
		expect(desk.logins.slice(formerCount).map((login) => [login.user, login.action, login.expiresSeconds])).toEqual(
			Array.from({ length: POOL_SIZE }, () => ["admin", "DbConnectAdmin", 900]),
		);
	});

	it("logs others in with the other kind, which lives as long as it is told to", async () => {
		const { desk } = scene.gateway;
		const application = await startIamApplication(scene, version, {
			credentials: { source: "dsql-iam", tokenDurationSecs: 30 },
			username: "app",
		});

		const user = await findUser(application);
		await application.stop();

		expect(user).toBe("app");
		expect(desk.logins.at(-1)).toMatchObject({ action: "DbConnect", expiresSeconds: 30, user: "app" });
	});

	it("makes UUIDs without an extension, and installs none", async () => {
		const Note = new EntitySchema<{ id: string; text: string }>({
			columns: { id: { generated: "uuid", primary: true, type: "uuid" }, text: { type: "text" } },
			name: "note",
		});
		const application = await startIamApplication(scene, version, { entities: [Note], shouldSynchronize: true });

		const { id } = await application.dataSource.getRepository(Note).save({ text: "hello" });
		const extensions = await application.dataSource.query("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'");
		await application.dataSource.query("DROP TABLE note");
		await application.stop();

		expect(id).toMatch(/^[0-9a-f-]{36}$/);
		expect(extensions).toEqual([]);
	});

	it("outlives its tokens, and recovers when good ones were refused", async () => {
		const application = await startIamApplication(scene, version);
		const { driver } = application.dataSource as unknown as { driver: { master: { totalCount: number } } };
		const { clock, refusals } = scene.gateway.desk;
		moveDate(QUARTER_OF_AN_HOUR_MS);
		const refusedCount = refusals.length;

		scene.gateway.cut();
		await waitUntil("the pool has noticed", () => driver.master.totalCount === 0);
		const user = await findUser(application);
		clock.advance(QUARTER_OF_AN_HOUR_MS);
		scene.gateway.cut();
		await waitUntil("the pool has noticed", () => driver.master.totalCount === 0);
		const query = findUser(application);
		await waitUntil("a login was refused", () => refusals.length > refusedCount);
		clock.advance(-QUARTER_OF_AN_HOUR_MS);
		const userAfterwards = await query;
		await application.stop();

		expect([user, userAfterwards]).toEqual(["admin", "admin"]);
		expect(application.events.map(({ type }) => type)).toContain("recovery.finished");
	});

	it("serves loads without a failure while connections retire, and after every earlier token has expired", async () => {
		const { desk } = scene.gateway;
		const refusedCount = desk.refusals.length;
		const application = await startIamApplication(scene, version, { typeOrmOptions: { extra: { maxLifetimeSeconds: 0.3 } } });
		scene.gateway.peakOpenCount = 0;

		for (let round = 0; round < 2; round += 1) {
			await application.dataSource.query("DROP TABLE IF EXISTS ledger");
			await createLedger(application.dataSource);
			const formerCount = desk.logins.length;
			const load = startLedgerWorkload(application.dataSource, { workerCount: 8 });
			await waitUntil("connections have retired twice", () => desk.logins.length - formerCount >= 2 * POOL_SIZE);
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
		expect(desk.refusals.length).toBe(refusedCount);
	});
});

describe("the options of dsql-iam", () => {
	it("need a host and nothing else", async () => {
		const options = await resolveOptions({ host: DSQL_HOST });

		expect(options).toMatchObject({
			database: "postgres",
			host: DSQL_HOST,
			installExtensions: false,
			password: expect.any(Function),
			port: 5_432,
			ssl: { rejectUnauthorized: true },
			type: "postgres",
			username: "admin",
			uuidExtension: "pgcrypto",
		});
	});

	it.each([
		["aws.region", { aws: { credentials: APPLICATION_KEY, region: "eu-west-1" }, credentials: { source: "dsql-iam" } }],
		["credentials.region", { credentials: { region: "eu-west-1", source: "dsql-iam" } }],
	] as const)("take the id of a cluster and %s for a host", async (_, own) => {
		const options = await resolveOptions({ ...own, host: DSQL_CLUSTER_ID });

		expect(options).toMatchObject({ host: DSQL_HOST, ssl: { rejectUnauthorized: true } });
	});

	it("take a connection string", async () => {
		const options = await resolveOptions(parseDsqlConnectionString(`postgres://app@${DSQL_HOST}/reports`));

		expect(options).toMatchObject({ database: "reports", host: DSQL_HOST, port: 5_432, username: "app" });
	});

	it("retire connections after 50 to 55 minutes, unless the application says when", async () => {
		const lifetimes = await Promise.all(
			Array.from({ length: 20 }, async () => {
				const { extra } = (await resolveOptions({ host: DSQL_HOST })) as { extra: { maxLifetimeSeconds: number } };
				return extra.maxLifetimeSeconds;
			}),
		);
		const own = await resolveOptions({ host: DSQL_HOST, typeOrmOptions: { extra: { maxLifetimeSeconds: 60 } } });

		expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(3_000);
		expect(Math.max(...lifetimes)).toBeLessThanOrEqual(3_300);
		expect(new Set(lifetimes).size).toBeGreaterThan(1);
		expect(own).toMatchObject({ extra: { maxLifetimeSeconds: 60 } });
	});

	it("pass the options of the pool and of TypeORM on", async () => {
		const options = await resolveOptions({
			host: DSQL_HOST,
			idleTimeoutMs: 600_000,
			poolSize: 20,
			typeOrmOptions: { schema: "shop", ssl: { servername: "dsql.internal" } },
		});

		expect(options).toMatchObject({
			extra: { idleTimeoutMillis: 600_000 },
			poolSize: 20,
			schema: "shop",
			ssl: { servername: "dsql.internal" },
		});
	});
});

it("gives a client of one's own a token for each connection", async () => {
	const password = createDsqlTokenProvider({ credentials: () => Promise.resolve(APPLICATION_KEY), host: DSQL_HOST });
	const connect = async (): Promise<string | undefined> => {
		const client = new Client({ ...scene.tunnel, database: "shop", password, ssl: scene.ssl, user: "admin" });
		await client.connect();
		const { rows } = await client.query<{ user: string }>("SELECT current_user AS user");
		await client.end();
		return rows[0]?.user;
	};

	const users = [await connect(), await connect()];

	expect(users).toEqual(["admin", "admin"]);
});

it("is refused with the identity of another user", async () => {
	const stranger = { accessKeyId: "AKIASTRANGER00000001", secretAccessKey: "unknown" };

	const failure = await failureOf(startIamApplication(scene, LATEST_TYPEORM, { aws: { credentials: stranger } }));

	expect(failure).toMatchObject({ code: "28000" });
	expect(scene.gateway.desk.refusals.at(-1)).toMatchObject({ reason: "token: access key" });
});
