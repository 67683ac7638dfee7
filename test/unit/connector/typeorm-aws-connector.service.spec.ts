/** The facade puts settings and login together, with as few requests one after the other as they depend on each other. */
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Logger } from "@nestjs/common";
import { type AwsClientStub, mockClient } from "aws-sdk-client-mock";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { readOrigin } from "../../../src/connector/options-origin.js";
import type { ConfigReader } from "../../../src/connector/sources.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ConnectorTls } from "../../../src/tls/connector-tls.js";
import {
	ConfigurationError,
	ParameterStoreUnavailableError,
	ConnectorClosedError,
	SecretNotFoundError,
} from "../../../src/errors/errors.js";
import { StubParameterSource } from "../../support/stub-parameter-source.js";
import { waitUntil } from "../../support/wait-until.js";

const LOGIN = { password: "one", username: "app" };
const ALL_GIVEN = {
	databaseName: "orders",
	entities: [],
	host: "localhost",
	password: "given-password",
	port: 5433,
	type: "postgres",
	username: "given-user",
} as const satisfies ITypeOrmAwsConnectorConfig;

let aws: AwsClientStub<SecretsManagerClient>;
let warn: jest.SpyInstance;

beforeEach(() => {
	aws = mockClient(SecretsManagerClient);
	serve(LOGIN, "v1");
	aws.on(GetSecretValueCommand, { VersionStage: "AWSPENDING" }).rejects(
		Object.assign(new Error("gone"), { name: "ResourceNotFoundException" }),
	);
	warn = jest.spyOn(Logger.prototype, "warn").mockImplementation();
});

afterEach(() => {
	aws.restore();
});

/** What AWSCURRENT holds from now on. */
function serve(secret: object, versionId?: string): void {
	aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).resolves({ SecretString: JSON.stringify(secret), VersionId: versionId });
}

/** The versions that were asked for. */
function listFetches(): string[] {
	return aws
		.commandCalls(GetSecretValueCommand)
		.map(({ args: [{ input }] }) => `${String(input.SecretId)} ${String(input.VersionStage)}`);
}

function listWarnings(): unknown[] {
	return warn.mock.calls.map(([message]) => message as unknown);
}

function setUp(
	config: Partial<ITypeOrmAwsConnectorConfig> = {},
	configService: ConfigReader | undefined = { get: () => "eu-west-1" },
): { connector: TypeOrmAwsConnectorService; source: StubParameterSource } {
	const source = new StubParameterSource();
	return {
		connector: new TypeOrmAwsConnectorService(configService, source, { entities: [], isPlaintextAllowed: true, ...config }, "orders"),
		source,
	};
}

/** Lets everything happen that does not wait for a request. */
async function settle(): Promise<void> {
	await new Promise(setImmediate);
}

describe("TypeOrmAwsConnectorService", () => {
	it("refuses options that nothing would read", () => {
		expect(() => setUp({ hots: "x" } as never)).toThrow(ConfigurationError);
	});

	it("is called default and has an identity of its own", () => {
		const one = new TypeOrmAwsConnectorService(undefined, undefined, ALL_GIVEN);
		const other = new TypeOrmAwsConnectorService(undefined, undefined, ALL_GIVEN);

		expect(one.name).toBe("default");
		expect(one.connectorId).not.toBe(other.connectorId);
	});

	it.each([
		[undefined, { drainTimeoutMs: 60_000 }],
		[{ drainTimeoutMs: 0 }, { drainTimeoutMs: 0 }],
		[{ allowedHosts: ["db.shop.internal"] }, { allowedHosts: ["db.shop.internal"], drainTimeoutMs: 60_000 }],
		[{ shouldRotateOnAuthFailure: false }, { drainTimeoutMs: 60_000, shouldRotateOnAuthFailure: false }],
	])("tunes rotations as %j says", (rotation, expected) => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...ALL_GIVEN, ...(rotation && { rotation }) });

		expect(connector.rotationOptions).toEqual(expected);
	});

	it("encrypts a login on trial as the connections that follow, whatever the host of its own server is called", async () => {
		const { connector } = setUp({
			host: "shop.abc123.eu-west-1.rds.amazonaws.com",
			isPlaintextAllowed: false,
			replicas: [{ host: "127.0.0.1", port: 1, secretId: "app/reader" }],
		});
		serve(LOGIN, "v1");
		aws.on(GetSecretValueCommand, { SecretId: "app/reader", VersionStage: "AWSPENDING" }).resolves({
			SecretString: JSON.stringify({ password: "two", username: "reader" }),
		});
		const described = jest.spyOn(ConnectorTls.prototype, "describe");

		await connector.getTypeOrmOptions();

		const hosts = ["shop.abc123.eu-west-1.rds.amazonaws.com", "127.0.0.1"];
		expect(described.mock.calls.length).toBeGreaterThan(2);
		expect(described.mock.calls.map(([all]) => all)).toEqual(described.mock.calls.map(() => hosts));
	});

	it("shows no password and no identity when it is printed", async () => {
		const credentials = { accessKeyId: "AKIA", secretAccessKey: "canary-key" };
		const { connector } = setUp({ aws: { credentials }, password: "canary-password" });
		await connector.getTypeOrmOptions();

		expect(inspect(connector, { depth: 10, showHidden: true })).not.toContain("canary");
	});
});

describe("getTypeOrmOptions", () => {
	it("joins parameters and secret", async () => {
		const { connector } = setUp();

		const options = await connector.getTypeOrmOptions();

		expect(options).toMatchObject({
			database: "orders",
			entities: [],
			connectTimeoutMS: 4000,
			extra: { idleTimeoutMillis: 5000 },
			poolSize: 7,
			host: "db.example.com",
			logging: true,
			password: "one",
			port: 5433,
			relationLoadStrategy: "join",
			synchronize: true,
			type: "postgres",
			username: "app",
		});
		expect(readOrigin(options)).toMatchObject({ connector: "orders", connectorId: connector.connectorId });
	});

	it("asks neither Parameter Store nor Secrets Manager when everything is given in code", async () => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, ALL_GIVEN);

		const options = await connector.getTypeOrmOptions();

		expect(options).toMatchObject({ host: "localhost", password: "given-password", poolSize: 10, username: "given-user" });
		expect(aws.calls()).toHaveLength(0);
	});

	it.each([
		[{ username: "given" }, { password: "one", username: "given" }],
		[{ password: "given" }, { password: "given", username: "app" }],
	])("lets %j win over the secret", async (given, expected) => {
		const { connector } = setUp(given);

		await expect(connector.getTypeOrmOptions()).resolves.toMatchObject(expected);
		expect(listFetches()).toContain("app/database AWSCURRENT");
	});

	it("puts the name of the DataSource where it is looked for, if there is one", async () => {
		const named = new TypeOrmAwsConnectorService(undefined, undefined, ALL_GIVEN, "orders", "ordersDataSource");
		const unnamed = new TypeOrmAwsConnectorService(undefined, undefined, ALL_GIVEN, "orders");

		await expect(named.getTypeOrmOptions()).resolves.toHaveProperty("name", "ordersDataSource");
		await expect(unnamed.getTypeOrmOptions()).resolves.not.toHaveProperty("name");
	});

	it("remembers which secret it asked for", async () => {
		const { connector } = setUp();
		expect(connector.secretId).toBeUndefined();

		await connector.getTypeOrmOptions();

		expect(connector.secretId).toBe("app/database");
	});

	it("reads the secret named by the parameter, afresh each time", async () => {
		const { connector } = setUp();

		await connector.getTypeOrmOptions();
		serve({ ...LOGIN, password: "two" });
		const options = await connector.createTypeOrmOptions();

		expect(options).toMatchObject({ password: "two" });
	});

	it("finds the region in ConfigService when nothing else names one", async () => {
		const { connector } = setUp({}, { get: (key) => (key === "AWS_REGION" ? "eu-north-1" : undefined) });

		await connector.getTypeOrmOptions();

		await expect((aws.call(0).thisValue as SecretsManagerClient).config.region()).resolves.toBe("eu-north-1");
	});

	it.each([[undefined], [""], [" "], [7]])("leaves the region to the SDK when ConfigService says %p", async (region) => {
		jest.replaceProperty(process, "env", { ...process.env, AWS_REGION: "from-sdk" });
		const { connector } = setUp({}, { get: () => region });

		await connector.getTypeOrmOptions();

		await expect((aws.call(0).thisValue as SecretsManagerClient).config.region()).resolves.toBe("from-sdk");
	});

	it("reports what is missing, and not that the secret could not be read either", async () => {
		aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).rejects(
			Object.assign(new Error("gone"), { name: "ResourceNotFoundException" }),
		);
		const { connector, source } = setUp({ secretId: "app/other" });
		source.values.delete("/shop/test/aws-rds/aurora-postgres/host");

		await expect(connector.getTypeOrmOptions()).rejects.toThrow(/"host" was not found/);
	});

	it("says that the secret was not found", async () => {
		aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).rejects(
			Object.assign(new Error("gone"), { name: "ResourceNotFoundException" }),
		);

		await expect(setUp().connector.getTypeOrmOptions()).rejects.toThrow(SecretNotFoundError);
	});

	it("never shows a malformed secret", async () => {
		aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).resolves({ SecretString: "canary" });

		const error = await setUp()
			.connector.getTypeOrmOptions()
			.catch((caught: unknown) => caught as Error);

		expect(error).toMatchObject({ name: "SecretMalformedError" });
		expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)).not.toContain("canary");
	});
});

describe("AWSPENDING at the start", () => {
	it("is reported when it may not be read, and not needed", async () => {
		aws.on(GetSecretValueCommand, { VersionStage: "AWSPENDING" }).rejects(
			Object.assign(new Error("not allowed"), { $metadata: { httpStatusCode: 400 }, name: "AccessDeniedException" }),
		);

		await expect(setUp().connector.getTypeOrmOptions()).resolves.toMatchObject({ password: "one" });

		expect(listWarnings()).toEqual([expect.stringMatching(/^Connector "orders": AWSPENDING of secret "app\/database" cannot be read/)]);
	});

	it("is waited for no longer than 2 s after AWSCURRENT", async () => {
		jest.useFakeTimers({ doNotFake: ["nextTick", "setImmediate"] });
		let answer: (output: object) => void = () => undefined;
		aws.on(GetSecretValueCommand, { VersionStage: "AWSPENDING" }).callsFake(async () => new Promise(() => undefined));
		aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).callsFake(async () => new Promise((resolve) => (answer = resolve)));
		const { connector } = setUp();
		const settled = jest.fn();
		const options = connector.getTypeOrmOptions();
		options.then(settled, settled);

		await jest.advanceTimersByTimeAsync(5_000);
		answer({ SecretString: JSON.stringify(LOGIN) });
		await settle();
		await jest.advanceTimersByTimeAsync(1_999);
		await settle();
		expect(settled).not.toHaveBeenCalled();
		await jest.advanceTimersByTimeAsync(1);

		await expect(options).resolves.toMatchObject({ password: "one" });
		connector.close();
		jest.useRealTimers();
	});
});

describe("the order of requests", () => {
	it("asks for the secret after Parameter Store when the id is a parameter", async () => {
		const { connector, source } = setUp();
		let answer: () => void = () => undefined;
		const read = source.getMany.bind(source);
		jest.spyOn(source, "getMany").mockImplementation(async (...request) => {
			await new Promise<void>((resolve) => (answer = resolve));
			return read(...request);
		});

		const options = connector.getTypeOrmOptions();
		await settle();
		expect(aws.calls()).toHaveLength(0);
		answer();
		await options;

		expect(source.reads).toHaveLength(1);
		expect(listFetches()).toEqual(["app/database AWSCURRENT", "app/database AWSPENDING"]);
	});

	it("asks both at once when the id is given in code", async () => {
		const { connector, source } = setUp({ secretId: "app/other" });
		let answer: () => void = () => undefined;
		jest.spyOn(source, "getMany").mockImplementation(async (lookups) => {
			await new Promise<void>((resolve) => (answer = resolve));
			return lookups.map((lookup) => source.get(lookup));
		});

		const options = connector.getTypeOrmOptions();
		await settle();
		expect(listFetches()).toEqual(["app/other AWSCURRENT", "app/other AWSPENDING"]);
		answer();
		await options;

		expect(aws.calls()).toHaveLength(2);
	});

	it("does not ask Secrets Manager for an empty id", async () => {
		const { connector } = setUp({ secretId: "" });

		await expect(connector.getTypeOrmOptions()).rejects.toThrow('Option "secretId" must not be empty');

		expect(aws.calls()).toHaveLength(0);
	});
});

describe("getCredentials", () => {
	it("asks for the secret's id only", async () => {
		const { connector, source } = setUp();

		await expect(connector.getCredentials()).resolves.toStrictEqual(LOGIN);

		expect(listFetches()).toEqual(["app/database AWSCURRENT"]);
		expect(source.reads.map(({ paths }) => paths)).toEqual([["/shop/test/aws-secrets-manager/database/secret-id"]]);
	});

	it("asks for nothing when the login is given in code", async () => {
		const { connector, source } = setUp({ password: "p", username: "u" });

		await expect(connector.getCredentials()).resolves.toMatchObject({ password: "p", username: "u" });

		expect(source.reads).toEqual([]);
		expect(source.gets).toEqual([]);
		expect(aws.calls()).toHaveLength(0);
	});

	it("refuses an empty password given in code", async () => {
		await expect(setUp({ password: "", username: "u" }).connector.getCredentials()).rejects.toThrow(ConfigurationError);
	});

	it.each([" one", "one\n", "\u00A0one"])("uses the password %j as it is, and warns once without showing it", async (password) => {
		serve({ password, username: "app" });
		const { connector } = setUp();

		const first = await connector.getCredentials();
		await connector.getTypeOrmOptions();

		expect(first.password).toBe(password);
		expect(listWarnings()).toEqual(['Connector "orders": The password begins or ends with white space. It is used as it is.']);
	});

	it("does not warn of white space inside", async () => {
		await setUp({ password: "o n e", username: "u" }).connector.getCredentials();

		expect(listWarnings()).toEqual([]);
	});
});

describe("getRotationConfig", () => {
	it("answers at once, with nothing but the two values", () => {
		const { connector, source } = setUp();

		expect(connector.getRotationConfig()).toStrictEqual({ intervalMs: 60_000, isEnabled: true });
		expect(source.reads).toEqual([]);
	});

	it("has defaults", () => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, ALL_GIVEN);

		expect(connector.getRotationConfig()).toStrictEqual({ intervalMs: 3_600_000, isEnabled: false });
	});

	it.each([
		[{ intervalMs: 59_999, isEnabled: true }, 1],
		[{ intervalMs: 60_000, isEnabled: true }, 0],
		[{ intervalMs: 3_600, isEnabled: false }, 0],
	])("warns once of an interval that may be in seconds: %j", (rotation, expected) => {
		const { connector } = setUp({ rotation });

		connector.getRotationConfig();
		connector.getRotationConfig();

		expect(listWarnings()).toHaveLength(expected);
	});

	it("reads only its own two parameters when it is prepared", async () => {
		const { connector, source } = setUp();

		await connector.prepare();

		expect(source.reads.map(({ paths }) => paths)).toEqual([
			["/shop/test/api/main/typeorm/rotation/interval-ms", "/shop/test/api/main/typeorm/rotation/enabled"],
		]);
	});
});

describe("resolveConnection", () => {
	it("tells the version of the secret", async () => {
		await expect(setUp().connector.resolveConnection()).resolves.toMatchObject({ versionId: "v1" });
	});

	it("follows a target that moved, as one", async () => {
		const { connector, source } = setUp();
		await connector.getTypeOrmOptions();
		source.values.set("/shop/test/aws-rds/aurora-postgres/host", "other.example.com");
		source.values.set("/shop/test/aws-secrets-manager/database/secret-id", "app/other");
		source.values.set("/shop/test/api/main/typeorm/pool-size", "99");

		const { options } = await connector.resolveConnection({ shouldRefresh: true });

		expect(options).toMatchObject({ host: "other.example.com", poolSize: 7 });
		expect(listFetches().at(-1)).toBe("app/other AWSCURRENT");
	});

	it("gets new credentials although Parameter Store does not answer, and warns", async () => {
		const { connector, source } = setUp();
		await connector.getTypeOrmOptions();
		jest.spyOn(source, "getMany").mockRejectedValue(new ParameterStoreUnavailableError("names", "Rate exceeded", true));
		serve({ ...LOGIN, password: "two" }, "v2");

		const { options, versionId } = await connector.resolveConnection({ shouldRefresh: true });

		expect(options).toMatchObject({ host: "db.example.com", password: "two" });
		expect(versionId).toBe("v2");
		expect(listWarnings()).toEqual([expect.stringContaining("Rate exceeded")]);
	});

	it("hands the caller's signal to Parameter Store", async () => {
		const { connector, source } = setUp();
		const getMany = jest.spyOn(source, "getMany");
		const { signal } = new AbortController();

		await connector.resolveConnection({ signal });
		await connector.resolveConnection({ shouldRefresh: true, signal });

		expect(getMany.mock.calls.map(([, options]) => options)).toEqual([{ signal }, { shouldRefresh: true, signal }]);
	});

	it("ends when the caller's signal aborts", async () => {
		aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).callsFake(async () => new Promise(() => undefined));
		const { connector } = setUp();
		const controller = new AbortController();

		const connection = connector.resolveConnection({ signal: controller.signal });
		await settle();
		controller.abort();

		await expect(connection).rejects.toThrow(ConnectorClosedError);
		connector.close();
	});
});

describe("resolvePendingConnection", () => {
	it("tells what the pending version holds, without asking Parameter Store again", async () => {
		aws.on(GetSecretValueCommand, { VersionStage: "AWSPENDING" }).resolves({
			SecretString: JSON.stringify({ ...LOGIN, password: "next" }),
			VersionId: "v2",
		});
		const { connector, source } = setUp();
		await connector.resolveConnection();
		const getMany = jest.spyOn(source, "getMany");

		const pending = await connector.resolvePendingConnection();

		expect(pending).toMatchObject({ options: { host: "db.example.com", password: "next" }, versionId: "v2" });
		expect(getMany).not.toHaveBeenCalled();
		expect(listFetches()).toEqual(["app/database AWSCURRENT", "app/database AWSPENDING"]);
	});

	it("has nothing when there is no pending version", async () => {
		await expect(setUp().connector.resolvePendingConnection()).resolves.toBeUndefined();
	});

	it("has nothing, and asks for nothing, when it is not to be used", async () => {
		const { connector } = setUp({ rotation: { shouldUsePendingSecret: false } });

		await expect(connector.resolvePendingConnection()).resolves.toBeUndefined();
		await connector.getTypeOrmOptions();

		expect(listFetches()).toEqual(["app/database AWSCURRENT"]);
	});
});

describe("the connector's AWS clients", () => {
	it("are made once, and anew after renewClients", async () => {
		const { connector } = setUp();

		await connector.getCredentials();
		await connector.getCredentials();
		connector.renewClients();
		await connector.getCredentials();

		const clients = aws.calls().map(({ thisValue }) => thisValue as unknown);
		expect(clients[1]).toBe(clients[0]);
		expect(clients[2]).not.toBe(clients[0]);
	});

	it("are destroyed with the module", async () => {
		const destroy = jest.spyOn(SecretsManagerClient.prototype, "destroy");
		const { connector } = setUp();
		await connector.getTypeOrmOptions();

		connector.onModuleDestroy();
		await settle();

		expect(destroy.mock.contexts).toEqual([aws.call(0).thisValue]);
		await expect(connector.getTypeOrmOptions()).rejects.toThrow(ConnectorClosedError);
	});

	it("are never destroyed when they came ready-made", async () => {
		const destroy = jest.spyOn(SecretsManagerClient.prototype, "destroy");
		const secretsManagerClient = new SecretsManagerClient({ region: "eu-west-1" });
		const { connector } = setUp({ aws: { secretsManagerClient } });

		await connector.getCredentials();
		connector.renewClients();
		await connector.getCredentials();
		connector.close();
		await settle();

		expect(aws.calls().map(({ thisValue }) => thisValue as unknown)).toEqual([secretsManagerClient, secretsManagerClient]);
		expect(destroy).not.toHaveBeenCalled();
	});
});

describe("a secret that says where the database is", () => {
	const RDS = { ...LOGIN, dbname: "secret-database", engine: "postgres", host: "secret-host", port: "6543" };
	const credentials = { shouldReadEndpointFromSecret: true, source: "secrets-manager" } as const;

	it("is followed over the parameters, at the start and at each rotation", async () => {
		const { connector } = setUp({ credentials });
		serve(RDS, "v1");
		const start = await connector.getTypeOrmOptions();
		serve({ ...RDS, host: "other-host" }, "v2");

		const { options, versionId } = await connector.resolveConnection({ shouldRefresh: true });

		expect(start).toMatchObject({ database: "secret-database", host: "secret-host", port: 6543, type: "postgres", username: "app" });
		expect(options).toMatchObject({ database: "secret-database", host: "other-host", password: "one" });
		expect(versionId).toBe("v2");
	});

	it("needs nothing but its id", async () => {
		serve(RDS, "v1");
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
			aws: { region: "eu-west-1" },
			credentials,
			entities: [],
			secretId: "app/database",
		});

		await expect(connector.getTypeOrmOptions()).resolves.toMatchObject({ host: "secret-host", port: 6543 });
	});

	it("leaves the pending version where the current one is", async () => {
		const { connector } = setUp({ credentials });
		serve(RDS, "v1");
		await connector.resolveConnection();
		const pending = { SecretString: JSON.stringify({ ...RDS, host: "nowhere", password: "two" }), VersionId: "v2" };
		aws.on(GetSecretValueCommand, { VersionStage: "AWSPENDING" }).resolves(pending);

		const connection = await connector.resolvePendingConnection();

		expect(connection?.options).toMatchObject({ host: "secret-host", password: "two" });
	});

	it("is not followed by a connector that does not ask it", async () => {
		const { connector } = setUp();
		serve(RDS, "v1");

		await expect(connector.getTypeOrmOptions()).resolves.toMatchObject({ host: "db.example.com", port: 5433 });
	});

	it("fails as it would for the login alone", async () => {
		const { connector } = setUp({ credentials });
		aws.on(GetSecretValueCommand, { VersionStage: "AWSCURRENT" }).rejects(
			Object.assign(new Error("gone"), { name: "ResourceNotFoundException" }),
		);

		await expect(connector.getTypeOrmOptions()).rejects.toBeInstanceOf(SecretNotFoundError);
	});

	it("is where explain() says that the values are", async () => {
		const { connector } = setUp({ credentials, port: 1 });

		const { fields, problems } = await connector.explain();

		const sources = Object.fromEntries(fields.map(({ field, source }) => [field, source]));
		expect(sources).toMatchObject({ databaseName: "secret", host: "secret", poolSize: "parameter", port: "code", type: "secret" });
		expect(problems).toEqual([]);
	});
});

describe("TLS", () => {
	const AWS_HOST = "shop.abc.eu-west-1.rds.amazonaws.com";
	const UNTRUSTED = Object.assign(new Error("…"), { code: "SELF_SIGNED_CERT_IN_CHAIN" });

	it("is on for an AWS host at the start and in a rotation, by the same object", async () => {
		const { connector } = setUp({ ...ALL_GIVEN, host: AWS_HOST });

		const options = (await connector.getTypeOrmOptions()) as { readonly ssl?: object };
		const fresh = (await connector.resolveConnection()).options as { readonly ssl?: object };

		expect(options.ssl).toMatchObject({ rejectUnauthorized: true });
		expect(fresh.ssl).toBe(options.ssl);
	});

	it("is on for all servers when one of the replicas is of AWS", async () => {
		const { connector } = setUp({ ...ALL_GIVEN, replicas: [{ host: AWS_HOST }] });

		const options = await connector.getTypeOrmOptions();

		expect(options).toHaveProperty("replication.master.ssl.rejectUnauthorized", true);
		expect(options).toHaveProperty("replication.slaves.0.ssl.rejectUnauthorized", true);
	});

	it("is left to typeOrmOptions where they have it", async () => {
		const ssl = { ca: "authority" };
		const { connector } = setUp({ ...ALL_GIVEN, host: AWS_HOST, typeOrmOptions: { ssl } });

		await expect(connector.getTypeOrmOptions()).resolves.toHaveProperty("ssl", ssl);
	});

	it("has Nest try again as ever, with one word on what to do", async () => {
		const { connector } = setUp({ ...ALL_GIVEN, tls: true });

		const options = await connector.getTypeOrmOptions();
		const { toRetry } = options as { readonly toRetry?: (error: unknown) => boolean };

		expect([toRetry?.(UNTRUSTED), toRetry?.(UNTRUSTED), toRetry?.(new Error("another"))]).toEqual([true, true, true]);
		expect(listWarnings()).toEqual([expect.stringMatching(/^Connector "orders": The database cannot be connected to: .*tls\.ca/)]);
		expect(options).toHaveProperty("host", "localhost");
	});

	it("keeps nothing of the first options in the function that a DataSource keeps for its whole life", async () => {
		setFlagsFromString("--expose-gc");
		const collectGarbage = runInNewContext("gc") as () => void;
		const { connector } = setUp(ALL_GIVEN);
		const { firstOptions, toRetry } = await (async () => {
			const options = await connector.getTypeOrmOptions();
			return { firstOptions: new WeakRef(options), toRetry: (options as { toRetry?: (error: unknown) => boolean }).toRetry };
		})();

		await waitUntil("the options are given up", () => {
			collectGarbage();
			return firstOptions.deref() === undefined;
		});

		expect(toRetry?.(UNTRUSTED)).toBe(true);
	});

	it.each([undefined, false])("says nothing of an error that it does not know, where it is %p", async (tls) => {
		const { connector } = setUp({ ...ALL_GIVEN, ...(tls === undefined ? {} : { tls }) });

		const options = await connector.getTypeOrmOptions();
		await connector.explainFailure(new Error("another"), options);

		expect((options as { toRetry?: (error: unknown) => boolean }).toRetry?.(new Error("another"))).toBe(true);
		expect(listWarnings()).toEqual([]);
	});
});
