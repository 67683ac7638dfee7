/** A replica is logged in to as the master is, unless it has a secret or a login of its own. */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type AwsClientStub, mockClient } from "aws-sdk-client-mock";
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ConnectorClosedError, SecretNotFoundError } from "../../../src/errors/errors.js";
import { StubParameterSource } from "../../support/stub-parameter-source.js";

const MASTER = { password: "one", username: "app" };
const READER = { password: "r1", username: "reader" };
const GONE = Object.assign(new Error("gone"), { name: "ResourceNotFoundException" });

let aws: AwsClientStub<SecretsManagerClient>;

beforeEach(() => {
	aws = mockClient(SecretsManagerClient);
	aws.on(GetSecretValueCommand).rejects(GONE);
	put("app/database", MASTER, "v1");
	put("app/reader", READER, "r1");
});

afterEach(() => {
	aws.restore();
});

function put(secretId: string, secret: object, versionId: string, stage = "AWSCURRENT"): void {
	aws.on(GetSecretValueCommand, { SecretId: secretId, VersionStage: stage }).resolves({
		SecretString: JSON.stringify(secret),
		VersionId: versionId,
	});
}

function create(
	replicas: NonNullable<ITypeOrmAwsConnectorConfig["replicas"]>,
	config: Partial<ITypeOrmAwsConnectorConfig> = {},
	source = new StubParameterSource(),
): TypeOrmAwsConnectorService {
	return new TypeOrmAwsConnectorService({ get: () => "eu-west-1" }, source, { entities: [], replicas, ...config }, "orders");
}

/** User and password of the master, then of each replica. */
function listLogins(options: DataSourceOptions | undefined): unknown[] {
	const { replication } = options as unknown as { replication: { master: typeof MASTER; slaves: (typeof MASTER)[] } };
	return [replication.master, ...replication.slaves].map(({ password, username }) => `${username}:${password}`);
}

function listFetches(): string[] {
	return aws
		.commandCalls(GetSecretValueCommand)
		.map(({ args: [{ input }] }) => `${String(input.SecretId)} ${String(input.VersionStage)}`);
}

describe("The login of a replica", () => {
	it("is the master's, without a request of its own", async () => {
		const { options, versionId } = await create([{ host: "reader-1" }, { host: "reader-2" }]).resolveConnection();

		expect(listLogins(options)).toEqual(["app:one", "app:one", "app:one"]);
		expect(listFetches()).toEqual(["app/database AWSCURRENT"]);
		expect(versionId).toBe("v1");
	});

	it("comes from a secret of its own", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/reader" }, { host: "reader-2" }]);

		const { options, versionId } = await connector.resolveConnection();

		expect(listLogins(options)).toEqual(["app:one", "reader:r1", "app:one"]);
		expect(versionId).toBe("v1+r1");
	});

	it("comes from a secret that a parameter names, which is read again by a rotation", async () => {
		const path = "/shop/test/aws-secrets-manager/database/reader";
		const source = new StubParameterSource();
		source.values.set(path, "app/reader");
		const connector = create([{ host: "reader-1", ssmLookups: { secretId: { path: ["reader"] } } }], {}, source);
		await connector.resolveConnection();
		source.values.set(path, "app/other");
		put("app/other", { password: "o1", username: "other" }, "o1");

		const { options } = await connector.resolveConnection({ shouldRefresh: true });

		expect(listLogins(options)).toEqual(["app:one", "other:o1"]);
		expect(source.reads.at(-1)?.paths).toContain(path);
	});

	it("is fetched once for all replicas with the same secret", async () => {
		const connector = create([
			{ host: "reader-1", secretId: "app/reader" },
			{ host: "reader-2", secretId: "app/reader" },
			{ host: "reader-3", secretId: "app/database" },
		]);

		const { options } = await connector.resolveConnection();

		expect(listLogins(options)).toEqual(["app:one", "reader:r1", "reader:r1", "app:one"]);
		expect(listFetches()).toEqual(["app/database AWSCURRENT", "app/reader AWSCURRENT"]);
	});

	it.each([
		[{ password: "given", username: "me" }, "me:given", []],
		[{ username: "me" }, "me:one", []],
		[{ password: "given" }, "app:given", []],
		[{ secretId: "app/reader", username: "me" }, "me:r1", ["app/reader AWSCURRENT"]],
		[{ password: "given", secretId: "app/reader" }, "reader:given", ["app/reader AWSCURRENT"]],
		[{ password: "given", secretId: "app/reader", username: "me" }, "me:given", []],
	])("takes what %j gives in code", async (given, expected, fetches) => {
		const { options } = await create([{ host: "reader-1", ...given }]).resolveConnection();

		expect(listLogins(options)).toEqual(["app:one", expected]);
		expect(listFetches()).toEqual(["app/database AWSCURRENT", ...fetches]);
	});

	it("leaves out what is given in code for the master", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], MASTER);

		const { options, versionId } = await connector.resolveConnection();

		expect(listLogins(options)).toEqual(["app:one", "reader:r1"]);
		expect([listFetches(), versionId]).toEqual([["app/reader AWSCURRENT"], "r1"]);
	});

	it("is under the names that the master's secret has", async () => {
		put("app/database", { pass: "one", user: "app" }, "v1");
		put("app/reader", { host: "elsewhere", pass: "r1", user: "reader" }, "r1");
		const keys = { password: "pass", username: "user" };
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], { credentials: { keys, source: "secrets-manager" } });

		const { options } = await connector.resolveConnection();

		expect(listLogins(options)).toEqual(["app:one", "reader:r1"]);
		expect(options).toMatchObject({ replication: { slaves: [{ host: "reader-1" }] } });
	});

	it("is known by the secrets that it came from", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/reader" }, { host: "reader-2" }]);
		const atStart = connector.secretIds;

		await connector.resolveConnection();

		expect([atStart, connector.secretIds]).toEqual([[], ["app/database", "app/reader"]]);
	});

	it("is what fails when its secret is missing", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/missing" }]);

		await expect(connector.getTypeOrmOptions()).rejects.toThrow(SecretNotFoundError);
		await expect(connector.getTypeOrmOptions()).rejects.toThrow('Secret "app/missing" was not found');
	});

	it("is not fetched any more when the connector is closed", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], MASTER);

		connector.close();

		await expect(connector.resolveConnection()).rejects.toThrow(ConnectorClosedError);
	});

	it("is fetched with fresh clients after they were renewed", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], MASTER);
		await connector.resolveConnection();

		connector.renewClients();
		await connector.resolveConnection();

		expect(aws.call(0).thisValue).not.toBe(aws.call(1).thisValue);
	});
});

describe("The pending version", () => {
	it("is none when no secret has one", async () => {
		const connector = create([{ host: "reader-1", secretId: "app/reader" }]);

		await expect(connector.resolvePendingConnection()).resolves.toBeUndefined();
		expect(listFetches()).toEqual(["app/database AWSPENDING", "app/reader AWSPENDING"]);
	});

	it("of a replica's secret goes with the master's current one", async () => {
		put("app/reader", { ...READER, password: "r2" }, "r2", "AWSPENDING");
		const connector = create([{ host: "reader-1", secretId: "app/reader" }, { host: "reader-2" }]);

		const pending = await connector.resolvePendingConnection();

		expect(listLogins(pending?.options)).toEqual(["app:one", "reader:r2", "app:one"]);
		expect(pending?.versionId).toBe("v1+r2");
	});

	it("of the master's secret goes with the replica's current one", async () => {
		put("app/database", { ...MASTER, password: "two" }, "v2", "AWSPENDING");
		const connector = create([{ host: "reader-1", secretId: "app/reader" }, { host: "reader-2" }]);

		const pending = await connector.resolvePendingConnection();

		expect(listLogins(pending?.options)).toEqual(["app:two", "reader:r1", "app:two"]);
		expect(pending?.versionId).toBe("v2+r1");
	});

	it("of a secret that says where the database is belongs to the place of the current one", async () => {
		put("app/database", { ...MASTER, host: "in-secret" }, "v1");
		put("app/database", { ...MASTER, host: "later", password: "two" }, "v2", "AWSPENDING");
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], {
			credentials: { shouldReadEndpointFromSecret: true, source: "secrets-manager" },
		});
		await connector.resolveConnection();

		const pending = await connector.resolvePendingConnection();

		expect(pending?.options).toMatchObject({ host: "in-secret", replication: { slaves: [{ host: "reader-1" }] } });
		expect(listLogins(pending?.options)).toEqual(["app:two", "reader:r1"]);
	});

	it("is not looked for when it is not to be used", async () => {
		const rotation = { shouldUsePendingSecret: false };
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], { rotation });

		await expect(connector.resolvePendingConnection()).resolves.toBeUndefined();
		expect(listFetches()).toEqual([]);
	});
});

describe("The version of the secret that a start uses", () => {
	/** Servers that take the logins of a list, and what they were asked. */
	function serveLogins(accepted: readonly string[]): { asked: string[]; config: Partial<ITypeOrmAwsConnectorConfig> } {
		const asked: string[] = [];
		class Pool {
			private readonly login: string;

			constructor({ host, password, user }: { host: string; password: string; user: string }) {
				this.login = `${user}:${password}@${host}`;
			}

			connect(callback: (error: Error | undefined, client?: object, release?: () => void) => void): void {
				asked.push(this.login);
				if (!accepted.includes(this.login)) return callback(Object.assign(new Error("no"), { code: "28P01" }));
				const client = {
					on: () => client,
					query: async () => Promise.resolve({ rows: [{ current_schema: "public", version: "PostgreSQL 17.0" }] }),
					removeListener: () => client,
				};
				callback(undefined, client, () => undefined);
			}

			end(callback: () => void): void {
				callback();
			}

			on(): this {
				return this;
			}
		}
		return { asked, config: { host: "db", type: "postgres", typeOrmOptions: { driver: { Pool }, schema: "public" } } };
	}

	it("is found out for each secret at its own server", async () => {
		put("app/database", { ...MASTER, password: "two" }, "v2", "AWSPENDING");
		put("app/reader", { ...READER, password: "r2" }, "r2", "AWSPENDING");
		const { asked, config } = serveLogins(["app:one@db", "reader:r2@reader-1"]);
		const connector = create([{ host: "reader-1", secretId: "app/reader" }, { host: "reader-2" }], config);

		const options = await connector.getTypeOrmOptions();

		expect(listLogins(options)).toEqual(["app:one", "reader:r2", "app:one"]);
		expect([...new Set(asked)].sort()).toEqual(["app:one@db", "reader:r1@reader-1", "reader:r2@reader-1"]);
	});

	it("is found out without a login where no secret has a pending one", async () => {
		const { asked, config } = serveLogins([]);
		const connector = create([{ host: "reader-1", secretId: "app/reader" }], config);

		const options = await connector.getTypeOrmOptions();

		expect([listLogins(options), asked]).toEqual([["app:one", "reader:r1"], []]);
	});
});
