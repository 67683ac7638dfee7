/** A connector against the unmodified AWS SDK: how many requests, which of them at once, which region, and what faults come to. */
import { inspect } from "node:util";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Logger } from "@nestjs/common";
import { Test, type TestingModule } from "@nestjs/testing";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import {
	ConfigurationError,
	ConnectorTimeoutError,
	SecretUnavailableError,
	ConnectorClosedError,
	SecretMalformedError,
	SecretNotFoundError,
} from "../../../src/errors/errors.js";
import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import { ParameterStoreConfigService } from "../../../src/parameter-store/parameter-store-config.service.js";
import { SecretFetcher } from "../../../src/secrets/secret-fetcher.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { FakeClock } from "../../support/fake-clock.js";
import { CANONICAL_PARAMETERS } from "../../support/stub-parameter-source.js";

const STORE = { application: "shop", environment: "test", instanceName: "main", namespace: "api" };
const SECRET_ID = "app/database";
const SECRET_ID_PATH = "/shop/test/aws-secrets-manager/database/secret-id";

const CURRENT = "GetSecretValue AWSCURRENT";
const PENDING = "GetSecretValue AWSPENDING";

const environment = { ...process.env };
let aws: FakeAws;
let application: TestingModule | undefined;

beforeEach(async () => {
	aws = await startFakeAws();
	Object.assign(process.env, aws.env);
	aws.parameters.putMany(CANONICAL_PARAMETERS);
	aws.secrets.put(SECRET_ID, { password: "one", username: "app" }, { versionId: "v1" });
});

afterEach(async () => {
	await application?.close();
	application = undefined;
	process.env = { ...environment };
	await aws.stop();
});

/** Boots Parameter Store and a connector, and forgets the requests of the start. */
async function start(
	config: Partial<ITypeOrmAwsConnectorConfig> = {},
	{ shouldLoadOnDemand = false }: { readonly shouldLoadOnDemand?: boolean } = {},
): Promise<TypeOrmAwsConnectorService> {
	application = await Test.createTestingModule({
		imports: [ParameterStoreConfigModule.register({ ...STORE, shouldLoadOnDemand })],
		providers: [
			{
				inject: [ParameterStoreConfigService],
				provide: TypeOrmAwsConnectorService,
				useFactory: (store: ParameterStoreConfigService) =>
					new TypeOrmAwsConnectorService(undefined, store, { entities: [], ...config }),
			},
		],
	}).compile();
	await application.init();
	aws.calls.clear();
	return application.get(TypeOrmAwsConnectorService);
}

function listOperations(): string[] {
	return aws.calls.list.map(
		({ input, operation }) => `${operation}${"VersionStage" in input ? ` ${String(input["VersionStage"])}` : ""}`,
	);
}

async function until(condition: () => boolean): Promise<void> {
	while (!condition()) await new Promise(setImmediate);
}

describe("the number of requests", () => {
	it("is one for each of two versions of the secret when the tree was read at start", async () => {
		const connector = await start();

		const options = await connector.getTypeOrmOptions();

		expect(options).toMatchObject({
			database: "orders",
			poolSize: 7,
			host: "db.example.com",
			password: "one",
			port: 5433,
			username: "app",
		});
		expect(listOperations().sort()).toEqual([CURRENT, PENDING]);
	});

	it.each([20, 5_000])(
		"is two for the parameters and the same for the secret on demand, among %d unrelated parameters",
		async (count) => {
			for (let index = 0; index < count; index += 1) aws.parameters.put(`/shop/test/api/main/unrelated/${String(index)}`, "x");
			const connector = await start({}, { shouldLoadOnDemand: true });

			await connector.getTypeOrmOptions();
			await connector.prepare();

			// Requests that are sent at once arrive in any order.
			expect(listOperations().sort()).toEqual(["GetParameters", "GetParameters", CURRENT, PENDING]);
			expect(connector.getRotationConfig()).toEqual({ intervalMs: 60_000, isEnabled: true });
		},
	);

	it.each([{ shouldLoadOnDemand: false }, { shouldLoadOnDemand: true }])("is one and one for a refresh: %j", async (loading) => {
		const connector = await start({}, loading);
		await connector.getTypeOrmOptions();
		aws.calls.clear();

		const { versionId } = await connector.resolveConnection({ shouldRefresh: true });

		expect(versionId).toBe("v1");
		expect(listOperations()).toEqual(["GetParameters", CURRENT]);
		expect(aws.calls.list[0]?.input["Names"]).toHaveLength(5);
	});

	it("is one for both rotation settings on demand when nothing was read before", async () => {
		const connector = await start({}, { shouldLoadOnDemand: true });
		expect(() => connector.getRotationConfig()).toThrow(/has not been fetched/);

		await connector.prepare();

		expect(connector.getRotationConfig()).toEqual({ intervalMs: 60_000, isEnabled: true });
		expect(listOperations()).toEqual(["GetParameters"]);
	});

	it("is none when everything is given in code", async () => {
		const login = { password: "p", username: "u" };
		const connector = await start({ ...login, databaseName: "d", host: "h", port: 1, type: "postgres" });

		await connector.resolveConnection({ shouldRefresh: true });

		expect(listOperations()).toEqual([]);
	});
});

describe("requests at once", () => {
	it("are both for the parameters, but not the one for a secret whose id is among them", async () => {
		const connector = await start({}, { shouldLoadOnDemand: true });
		const controller = new AbortController();
		aws.faults.inject({ kind: "hang", operation: "GetParameters" });

		const connection = connector.resolveConnection({ signal: controller.signal });
		await until(() => aws.calls.count("GetParameters") === 2);

		expect(listOperations()).toEqual(["GetParameters", "GetParameters"]);
		controller.abort();
		await expect(connection).rejects.toThrow(ConnectorClosedError);
	});

	it("are all of them when the id of the secret is given in code", async () => {
		const connector = await start({ secretId: SECRET_ID }, { shouldLoadOnDemand: true });
		const controller = new AbortController();
		aws.faults.inject({ kind: "hang", operation: "GetParameters" });

		const connection = connector.resolveConnection({ signal: controller.signal });
		await until(() => aws.calls.count() === 3);

		expect(listOperations().sort()).toEqual(["GetParameters", "GetParameters", CURRENT]);
		controller.abort();
		await expect(connection).rejects.toThrow(ConnectorClosedError);
	});
});

describe("a rotation's view", () => {
	it("follows parameters and secret", async () => {
		const connector = await start();
		await connector.getTypeOrmOptions();
		aws.secrets.put("app/next", { password: "two", username: "app_clone" }, { versionId: "v2" });
		aws.parameters.putMany({ "/shop/test/aws-rds/aurora-postgres/host": "next.example.com", [SECRET_ID_PATH]: "app/next" });

		const { options, versionId } = await connector.resolveConnection({ shouldRefresh: true });

		expect(options).toMatchObject({ host: "next.example.com", password: "two", username: "app_clone" });
		expect(versionId).toBe("v2");
	});

	it("has new credentials although reading parameters by name is not permitted", async () => {
		const warn = jest.spyOn(Logger.prototype, "warn").mockImplementation();
		const connector = await start();
		await connector.getTypeOrmOptions();
		aws.secrets.put(SECRET_ID, { password: "two", username: "app" }, { versionId: "v2" });
		aws.faults.inject({ kind: "denied", operation: "GetParameters" });

		const { options, versionId } = await connector.resolveConnection({ shouldRefresh: true });

		expect(options).toMatchObject({ host: "db.example.com", password: "two" });
		expect(versionId).toBe("v2");
		const denials = warn.mock.calls.flat().filter((text) => String(text).includes("not authorized to perform: ssm:GetParameters"));
		expect(denials).toHaveLength(1);
	});

	it("has the pending version beside the current one", async () => {
		const connector = await start();
		aws.secrets.put(SECRET_ID, { password: "pending", username: "app" }, { stages: ["AWSPENDING"], versionId: "v2" });

		await expect(connector.getCredentials()).resolves.toEqual({ password: "one", username: "app" });
		await expect(connector.resolvePendingConnection()).resolves.toMatchObject({ options: { password: "pending" }, versionId: "v2" });
	});

	it("has no pending version while that is without a value", async () => {
		const connector = await start();
		aws.secrets.put(SECRET_ID, undefined, { stages: ["AWSPENDING"] });

		await expect(connector.resolvePendingConnection()).resolves.toBeUndefined();
	});

	it("reports a list and a missing parameter in one error", async () => {
		const connector = await start({}, { shouldLoadOnDemand: true });
		aws.parameters.put("/shop/test/aws-rds/aurora-postgres/host", "a,b", "StringList");
		aws.parameters.delete("/shop/test/aws-rds/aurora-postgres/port");

		const error = await connector.getTypeOrmOptions().catch((caught: unknown) => caught as ConfigurationError);

		expect(error).toBeInstanceOf(ConfigurationError);
		expect((error as ConfigurationError).problems.map(({ code }) => code)).toEqual([
			"ERR_CONNECTOR_PARAMETER_INVALID",
			"ERR_CONNECTOR_PARAMETER_NOT_FOUND",
		]);
	});
});

describe("the region a request is signed for", () => {
	const ARN = "arn:aws:secretsmanager:us-east-2:123456789012:secret:app/elsewhere-AbCdEf";

	it.each([
		["the ARN", { region: "ap-south-1" }, ARN, "eu-central-1", "us-east-2"],
		["the option", { region: "ap-south-1" }, SECRET_ID, "eu-central-1", "ap-south-1"],
		["ConfigService", {}, SECRET_ID, "eu-central-1", "eu-central-1"],
		["the SDK", {}, SECRET_ID, undefined, "eu-west-1"],
	])("comes from %s", async (_, options, secretId, configured, expected) => {
		const config = { aws: options, entities: [], secretId };
		const connector = new TypeOrmAwsConnectorService({ get: () => configured }, undefined, config);

		// The secret need not be there: only the request matters.
		await connector.getCredentials().catch(() => undefined);
		connector.close();

		expect(aws.calls.list.map(({ region }) => region)).toEqual([expected]);
	});
});

describe("the AWS options", () => {
	it("reach another endpoint with another identity", async () => {
		const other = await startFakeAws();
		other.secrets.put(SECRET_ID, { password: "other", username: "app" });
		const credentials = { accessKeyId: "AKIAOTHER", secretAccessKey: "other-key" };
		const connector = await start({ aws: { credentials, endpoint: other.url } });

		await expect(connector.getCredentials()).resolves.toMatchObject({ password: "other" });

		expect(other.calls.list.map(({ accessKeyId }) => accessKeyId)).toEqual(["AKIAOTHER"]);
		await other.stop();
	});

	it("leave a ready-made client usable after the application closed", async () => {
		const secretsManagerClient = new SecretsManagerClient(aws.clientConfig);
		const connector = await start({ aws: { secretsManagerClient } });
		await connector.getCredentials();
		connector.renewClients();
		await application?.close();
		application = undefined;
		await until(() => aws.openConnectionCount === 1);

		await secretsManagerClient.send(new GetSecretValueCommand({ SecretId: SECRET_ID }));

		expect(aws.openConnectionCount).toBe(1);
		secretsManagerClient.destroy();
	});
});

describe("sockets", () => {
	it("are kept between requests and closed with the application", async () => {
		const connector = await start({}, { shouldLoadOnDemand: true });
		await connector.getCredentials();
		const openCount = aws.openConnectionCount;
		await connector.getCredentials();
		expect(aws.openConnectionCount).toBe(openCount);

		await application?.close();
		application = undefined;

		await until(() => aws.openConnectionCount === 0);
	});

	it("are new ones after renewClients", async () => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { entities: [], secretId: SECRET_ID });
		await connector.getCredentials();

		connector.renewClients();

		await until(() => aws.openConnectionCount === 0);
		await expect(connector.getCredentials()).resolves.toMatchObject({ password: "one" });
		connector.close();
	});
});

describe("faults of Secrets Manager", () => {
	it.each([
		["denied", SecretUnavailableError, false],
		["decryption-failure", SecretUnavailableError, false],
		["expired-token", SecretUnavailableError, true],
		["html-error", SecretUnavailableError, true],
		["malformed-body", SecretUnavailableError, true],
		["not-found", SecretNotFoundError, false],
		["reset", SecretUnavailableError, true],
		["server-error", SecretUnavailableError, true],
	] as const)("%s is explained without the secret, and over once the fault is", async (kind, type, isTransient) => {
		aws.secrets.put(SECRET_ID, { password: "canary", username: "app" });
		const connector = await start();
		const fault = aws.faults.inject({ kind, operation: "GetSecretValue" });

		const error = await connector.getTypeOrmOptions().catch((caught: unknown) => caught as Error);
		fault.clear();

		expect(error).toBeInstanceOf(type);
		expect(error).toMatchObject({ isTransient, message: expect.stringContaining(SECRET_ID) });
		expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error) + String((error as Error).stack)).not.toContain(
			"canary",
		);
		await expect(connector.getTypeOrmOptions()).resolves.toMatchObject({ password: "canary" });
	});

	it.each([
		["text", "canary"],
		["text that looks like JSON", '{"password":"canary"'],
		["a list", '["canary"]'],
		["an object without a user name", { password: "canary" }],
		["bytes", Buffer.from([0x63, 0x61, 0x6e, 0x61, 0x72, 0x79, 0xff])],
	])("a secret that is %s is refused without showing it", async (_, value) => {
		aws.secrets.put(SECRET_ID, value);
		const connector = await start();

		const error = await connector.getTypeOrmOptions().catch((caught: unknown) => caught as Error);

		expect(error).toBeInstanceOf(SecretMalformedError);
		expect(error).not.toHaveProperty("cause");
		expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error) + String((error as Error).stack)).not.toContain(
			"canary",
		);
	});

	it("reads a secret that is kept as bytes", async () => {
		aws.secrets.put(SECRET_ID, Buffer.from('\uFEFF{"username":"app","password":"bytes"}'));

		await expect((await start()).getCredentials()).resolves.toMatchObject({ password: "bytes" });
	});

	it.each(["hang", "stall-body"] as const)("%s ends at the deadline and leaves no socket", async (kind) => {
		const clock = new FakeClock();
		const fetcher = new SecretFetcher({ clock });
		aws.faults.inject({ kind });
		const outcome = fetcher.fetch(SECRET_ID).catch((caught: unknown) => caught);
		await until(() => aws.calls.count() === 1);

		await clock.advance(10_000);

		await expect(outcome).resolves.toBeInstanceOf(ConnectorTimeoutError);
		await until(() => aws.openConnectionCount === 0);
		fetcher.close();
	});
});
