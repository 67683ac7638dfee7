/** Applications whose parameters have names of their own: one line for each field, or one for the whole connection, and no ParameterStoreConfigModule. */
import type { LoggerService } from "@nestjs/common";
import { Test } from "@nestjs/testing";
import type { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import type { ConfigurationError } from "../../../src/errors/errors.js";
import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import { failureOf } from "../../support/failure-of.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { type NestApplication, startNestApplication } from "../../support/nest-application.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";
import { findSecretsInText, makeCanary } from "../../support/secret-search.js";
import { waitUntil } from "../../support/wait-until.js";

const SECRET_ID = "rds!cluster-6a1b";
const FIELDS = { databaseName: "/prod/db/name", host: "/prod/db/host", port: "/prod/db/port", type: "/prod/db/engine" };
const SEGMENTS = { application: "shop", environment: "test", instanceName: "main", namespace: "api" };

const environment = { ...process.env };
let application: NestApplication | undefined;
let aws: FakeAws;
let connectors: TypeOrmAwsConnectorService[] = [];
let server: PostgresServer;

beforeAll(async () => {
	server = await startPostgres();
	await server.createDatabase("shop");
	for (const user of ["app", "app_two"]) await server.createRole(user, `${user} password`, { databases: ["shop"] });
});

beforeEach(async () => {
	aws = await startFakeAws();
	Object.assign(process.env, aws.env);
	aws.secrets.put(SECRET_ID, { password: "app password", username: "app" });
	aws.parameters.putMany({
		"/prod/db/engine": "aurora-postgresql",
		"/prod/db/host": server.host,
		"/prod/db/name": "shop",
		"/prod/db/port": String(server.port),
		"/prod/db/secret": aws.secrets.arn(SECRET_ID),
	});
	aws.calls.clear();
});

afterEach(async () => {
	await application?.application.close();
	application = undefined;
	for (const connector of connectors) connector.close();
	connectors = [];
	process.env = { ...environment };
	await aws.stop();
});

afterAll(async () => server.stop());

function createConnector(config: ITypeOrmAwsConnectorConfig): TypeOrmAwsConnectorService {
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, config);
	connectors.push(connector);
	return connector;
}

async function start(config: ITypeOrmAwsConnectorConfig): Promise<NestApplication> {
	application = await startNestApplication({ config });
	return application;
}

async function readUser({ dataSource }: NestApplication): Promise<string> {
	const [row] = await dataSource.query<[{ user: string }]>("SELECT current_user AS user");
	return row.user;
}

describe("one line for each field", () => {
	it("connects, with the secret that RDS manages, in one request to Parameter Store", async () => {
		const running = await start({ entities: [], ssmLookups: { ...FIELDS, secretId: "/prod/db/secret" } });

		expect(await readUser(running)).toBe("app");
		expect(aws.calls.list.map(({ operation }) => operation)).toEqual(["GetParameters", "GetSecretValue", "GetSecretValue"]);
	});

	it("follows a rotation to another secret and another host", async () => {
		const running = await start({
			entities: [],
			rotation: { isEnabled: true },
			ssmLookups: { ...FIELDS, secretId: "/prod/db/secret" },
		});
		aws.secrets.put("shop/second", { password: "app_two password", username: "app_two" });
		aws.parameters.put("/prod/db/secret", "shop/second");

		const { outcome } = await running.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		await waitUntil("the connections are the new user's", async () => (await readUser(running)) === "app_two");
	});

	it("names the full name of what is missing or wrong, all of it at once", async () => {
		aws.parameters.delete("/prod/db/host");
		aws.parameters.put("/prod/db/port", "5432abc");
		aws.parameters.put("/prod/db/name", "a,b", "StringList");

		const failure = await failureOf(
			createConnector({ entities: [], ssmLookups: { ...FIELDS, secretId: "/prod/db/secret" } }).getTypeOrmOptions(),
		);

		expect((failure as ConfigurationError).problems.map(({ message }) => message)).toEqual([
			expect.stringMatching(/^"host" was not found at "\/prod\/db\/host"\. Create the parameter/),
			'"port" must be an integer from 1 to 65535, not "5432abc" at "/prod/db/port".',
			'"databaseName" is a StringList, but must be a String or a SecureString at "/prod/db/name".',
		]);
	});

	it("says of a field without a place that it may have one", async () => {
		const { host, port } = FIELDS;
		const connector = createConnector({ entities: [], secretId: SECRET_ID, ssmLookups: { host, port } });

		const failure = await failureOf(connector.getTypeOrmOptions());

		expect((failure as Error).message).toMatch(/"databaseName" is not given.* "ssmLookups\.databaseName"/);
		expect((failure as Error).message).toMatch(/"type" is not given.* "ssmLookups\.type"/);
		expect((failure as ConfigurationError).problems).toHaveLength(2);
	});

	it("is explained with full names and sources", async () => {
		const connector = createConnector({ entities: [], ssmLookups: { ...FIELDS, secretId: "/prod/db/secret" } });

		const { fields, problems } = await connector.explain();

		expect(problems).toEqual([]);
		expect(fields.find(({ field }) => field === "type")).toMatchObject({
			path: "/prod/db/engine",
			source: "parameter",
			value: "postgres",
		});
		expect(fields.find(({ field }) => field === "poolSize")).toMatchObject({ path: undefined, source: "default", value: 10 });
	});

	it("may be pinned to a version", async () => {
		aws.parameters.put("/prod/db/host", "nowhere.invalid");

		const running = await start({
			entities: [],
			secretId: SECRET_ID,
			ssmLookups: { ...FIELDS, host: "/prod/db/host:1" },
		});

		expect(await readUser(running)).toBe("app");
	});

	it("has SecureStrings decrypted, and shows none of their values", async () => {
		aws.parameters.put("/prod/db/host", server.host, "SecureString");
		const connector = createConnector({ entities: [], secretId: SECRET_ID, ssmLookups: FIELDS });

		const [options, { fields }] = [await connector.getTypeOrmOptions(), await connector.explain()];

		expect(options).toMatchObject({ host: server.host });
		expect(fields.find(({ field }) => field === "host")).toMatchObject({ source: "parameter", value: "[hidden]" });
	});

	it("reaches an endpoint that is given as aws.endpoint, with the identity that is given there", async () => {
		process.env = { ...environment };
		const connector = createConnector({ aws: { ...aws.clientConfig }, entities: [], secretId: SECRET_ID, ssmLookups: FIELDS });

		await connector.getTypeOrmOptions();

		expect(aws.calls.list.map(({ accessKeyId, region, service }) => `${service} ${String(region)} ${accessKeyId}`)).toContain(
			"ssm eu-west-1 AKIATESTACCESSKEY",
		);
	});
});

describe("beside a ParameterStoreConfigModule", () => {
	it.each([false, true])("full names and structured lookups are mixed, with shouldLoadOnDemand: %p", async (shouldLoadOnDemand) => {
		aws.parameters.putMany({
			"/shop/test/api/main/postgres/database-name": "shop",
			"/shop/test/api/main/postgres/type": "postgres",
		});
		const module = ParameterStoreConfigModule.register({ ...SEGMENTS, shouldLoadOnDemand });
		const { host, port } = FIELDS;

		application = await startNestApplication({
			config: { entities: [], ssmLookups: { host, port, secretId: "/prod/db/secret" } },
			imports: [module],
		});

		expect(await readUser(application)).toBe("app");
	});

	it("a SecureString that the module does not decrypt is named, and its ciphertext is not", async () => {
		aws.parameters.put("/shop/test/aws-rds/aurora-postgres/host", makeCanary("host"), "SecureString");
		const testing = await Test.createTestingModule({ imports: [ParameterStoreConfigModule.register(SEGMENTS)] }).compile();
		await testing.init();
		const { ParameterStoreConfigService } = await import("../../../src/parameter-store/parameter-store-config.service.js");
		const connector = new TypeOrmAwsConnectorService(undefined, testing.get(ParameterStoreConfigService, { strict: false }), {
			databaseName: "shop",
			entities: [],
			password: "p",
			port: 1,
			type: "postgres",
			username: "u",
		});

		const failure = await failureOf(connector.getTypeOrmOptions());

		await testing.close();
		expect((failure as Error).message).toMatch(
			/"host" is a SecureString that was not decrypted \(shouldDecryptParameters: true decrypts it\) at "\/shop\/test\//,
		);
		expect((failure as Error).message).not.toContain("AQICAH");
	});
});

describe("one parameter for the whole connection", () => {
	function describeConnection(changes: object = {}): string {
		return JSON.stringify({
			dbname: "shop",
			engine: "aurora-postgresql",
			host: server.host,
			password: "app password",
			port: server.port,
			username: "app",
			...changes,
		});
	}

	it("connects, and the version of the parameter is that of the login", async () => {
		aws.parameters.put("/prod/db", describeConnection({ password: "former" }), "SecureString");
		aws.parameters.put("/prod/db", describeConnection(), "SecureString");
		const running = await start({ entities: [], ssmLookups: { connection: "/prod/db" } });

		expect(await readUser(running)).toBe("app");
		expect(aws.calls.list.map(({ operation }) => operation)).toEqual(["GetParameters"]);
	});

	it("is followed by a rotation", async () => {
		aws.parameters.put("/prod/db", describeConnection(), "SecureString");
		const running = await start({ entities: [], rotation: { isEnabled: true }, ssmLookups: { connection: "/prod/db" } });
		aws.parameters.put("/prod/db", describeConnection({ password: "app_two password", username: "app_two" }), "SecureString");

		const { outcome } = await running.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		await waitUntil("the connections are the new user's", async () => (await readUser(running)) === "app_two");
		expect(running.events).toContainEqual(expect.objectContaining({ type: "rotation.succeeded", versionIdPrefix: "2" }));
	});

	it("is the ARN of a secret as well", async () => {
		const secretId = "shop/rds";
		aws.secrets.put(secretId, JSON.parse(describeConnection()) as object);

		const running = await start({ entities: [], ssmLookups: { connection: aws.secrets.arn(secretId) } });

		expect(await readUser(running)).toBe("app");
		expect(aws.calls.count("GetParameters")).toBe(0);
	});

	it("may have other keys, and gives way to what is given elsewhere", async () => {
		const text = { db: "nowhere", hostname: server.host, kind: "postgres", pass: "app password", port: "1", user: "app" };
		aws.parameters.put("/prod/db", JSON.stringify(text), "SecureString");

		const connector = createConnector({
			credentials: {
				keys: { databaseName: "db", host: "hostname", password: "pass", type: "kind", username: "user" },
				source: "parameter-store",
			},
			databaseName: "shop",
			entities: [],
			ssmLookups: { connection: "/prod/db", port: "/prod/db/port" },
		});

		expect(await connector.getTypeOrmOptions()).toMatchObject({
			database: "shop",
			host: server.host,
			password: "app password",
			port: server.port,
			type: "postgres",
			username: "app",
		});
	});

	it("holds the place alone where a secret is named", async () => {
		aws.parameters.put("/prod/db", describeConnection({ password: undefined, username: undefined }));

		const running = await start({ entities: [], secretId: SECRET_ID, ssmLookups: { connection: "/prod/db" } });

		expect(await readUser(running)).toBe("app");
	});

	it("warns of a password outside of a SecureString, and never without the name of the parameter", async () => {
		aws.parameters.put("/prod/db", describeConnection());
		const warnings: string[] = [];
		const logger: LoggerService = { error: () => undefined, log: () => undefined, warn: (message: string) => warnings.push(message) };
		const testing = await Test.createTestingModule({}).setLogger(logger).compile();
		testing.useLogger(logger);
		const connector = createConnector({ entities: [], ssmLookups: { connection: "/prod/db" } });

		await connector.getTypeOrmOptions();
		await connector.getTypeOrmOptions();

		await testing.close();
		expect(warnings).toEqual([expect.stringMatching(/The parameter "\/prod\/db" holds a password in clear text\. .* SecureString/)]);
	});

	it.each<[string, string | undefined, RegExp]>([
		["is missing", undefined, /"connection" was not found at "\/prod\/db"/],
		["is no JSON", makeCanary("text"), /"connection" must be a JSON object/],
		["is a list", JSON.stringify([makeCanary("list")]), /"connection" must be a JSON object/],
		[
			"lacks a password",
			JSON.stringify({ host: "h", port: 1, username: makeCanary("user") }),
			/"connection" must have a text .* "password"/,
		],
		[
			"has a nested host",
			JSON.stringify({ host: { name: makeCanary("nested") } }),
			/"connection" must have a text or a number as its "host"/,
		],
		[
			"has no port",
			JSON.stringify({ host: "h", password: makeCanary("pw"), username: "u" }),
			/"port" must be in the connection as "port"/,
		],
		[
			"has an engine that is none",
			JSON.stringify({ engine: makeCanary("engine"), host: "h", password: "p", port: 1, username: "u" }),
			/"type" must be in the connection as "engine", which is one of/,
		],
	])("that %s is refused, by its name and its key, and not quoted", async (_, text, sentence) => {
		if (text !== undefined) aws.parameters.put("/prod/db", text, "SecureString");
		const connector = createConnector({ entities: [], ssmLookups: { connection: "/prod/db" } });

		const failure = await failureOf(connector.getTypeOrmOptions());
		const { problems } = await connector.explain();

		expect((failure as Error).message).toMatch(sentence);
		expect(problems[0]?.path).toBe("/prod/db");
		expect(problems[0]?.remedy).toMatch(/^aws ssm put-parameter --name \/prod\/db /);
		expect(findSecretsInText("failure", `${(failure as Error).message}${JSON.stringify(problems)}`)).toEqual([]);
	});
});

describe("a login in parameters of its own", () => {
	const LOGIN = { password: "/prod/db/password", username: "/prod/db/user" };

	it("connects, and is followed by a rotation", async () => {
		aws.parameters.put("/prod/db/user", "app");
		aws.parameters.put("/prod/db/password", "app password", "SecureString");
		const running = await start({ entities: [], rotation: { isEnabled: true }, ssmLookups: { ...FIELDS, ...LOGIN } });
		aws.parameters.put("/prod/db/user", "app_two");
		aws.parameters.put("/prod/db/password", "app_two password", "SecureString");

		const { outcome } = await running.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		await waitUntil("the connections are the new user's", async () => (await readUser(running)) === "app_two");
	});

	it("has the version of its parameter", async () => {
		for (const password of ["first", "second", "app password"]) aws.parameters.put("/prod/db/password", password, "SecureString");
		const running = await start({
			entities: [],
			rotation: { isEnabled: true },
			ssmLookups: { ...FIELDS, password: "/prod/db/password" },
			username: "app",
		});
		aws.parameters.put("/prod/db/password", "app password ", "SecureString");
		await server.setPassword("app", "app password ");

		const { outcome } = await running.rotator.rotateDatabaseConnection();

		await server.setPassword("app", "app password");
		expect(outcome).toBe("rotated");
		expect(running.events).toContainEqual(expect.objectContaining({ type: "rotation.succeeded", versionIdPrefix: "4" }));
	});

	it("has its user in a parameter and its password in a secret", async () => {
		aws.parameters.put("/prod/db/user", "app\n");
		aws.secrets.put("shop/password", { password: "app password" });

		const running = await start({ entities: [], secretId: "shop/password", ssmLookups: { ...FIELDS, username: "/prod/db/user" } });

		expect(await readUser(running)).toBe("app");
	});

	it.each<[string, () => void, RegExp]>([
		[
			"in a String",
			() => aws.parameters.put("/prod/db/password", makeCanary("plain")),
			/"password" is a String, but a password must be in a SecureString at "\/prod\/db\/password"/,
		],
		["in a StringList", () => aws.parameters.put("/prod/db/password", makeCanary("list"), "StringList"), /"password" is a StringList/],
		["nowhere", () => undefined, /"password" was not found at "\/prod\/db\/password"/],
	])("is refused with a password %s", async (_, spoil, sentence) => {
		aws.parameters.put("/prod/db/user", "app");
		spoil();
		const connector = createConnector({ entities: [], ssmLookups: { ...FIELDS, ...LOGIN } });

		const failure = await failureOf(connector.getTypeOrmOptions());
		const explanation = await connector.explain();

		expect((failure as Error).message).toMatch(sentence);
		expect(explanation.problems).toEqual([expect.objectContaining({ label: "password", path: "/prod/db/password" })]);
		expect(explanation.problems[0]?.remedy).toMatch(
			/aws ssm put-parameter --name \/prod\/db\/password --type SecureString --value file:/,
		);
		expect(findSecretsInText("failure", `${(failure as Error).message}${JSON.stringify(explanation)}`)).toEqual([]);
	});

	it("is shown by its places, and its password never", async () => {
		aws.parameters.put("/prod/db/user", "app");
		aws.parameters.put("/prod/db/password", makeCanary("password"), "SecureString");
		const connector = createConnector({ entities: [], ssmLookups: { ...FIELDS, ...LOGIN } });

		const explanation = await connector.explain();

		expect(explanation.fields.slice(-2)).toMatchObject([
			{ field: "username", path: "/prod/db/user", source: "parameter", value: "app" },
			{ field: "password", path: "/prod/db/password", source: "parameter", value: "[hidden]" },
		]);
		expect(findSecretsInText("explanation", JSON.stringify(explanation))).toEqual([]);
	});

	it("of a replica is the replica's own", async () => {
		aws.parameters.put("/prod/reader/host", server.host);
		aws.parameters.put("/prod/reader/password", "app_two password", "SecureString");
		const running = await start({
			entities: [],
			replicas: [{ ssmLookups: { host: "/prod/reader/host", password: "/prod/reader/password" }, username: "app_two" }],
			secretId: SECRET_ID,
			ssmLookups: FIELDS,
		});

		const runner = running.dataSource.createQueryRunner("slave");
		const [row] = (await runner.query("SELECT current_user AS user")) as [{ user: string }];
		await runner.release();

		expect(row.user).toBe("app_two");
		expect(await readMaster(running.dataSource)).toBe("app");
	});
});

async function readMaster(dataSource: DataSource): Promise<string> {
	const runner = dataSource.createQueryRunner("master");
	const [row] = (await runner.query("SELECT current_user AS user")) as [{ user: string }];
	await runner.release();
	return row.user;
}
