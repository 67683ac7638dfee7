/** Settings reach each engine's driver under the names it knows. */
import { EDatabaseType, ERelationLoadStrategy } from "../../../src/configuration/connector.enums.js";
import { CONNECTOR_ORIGIN, readOrigin } from "../../../src/connector/options-origin.js";
import { createDataSourceOptions, type OptionsParts } from "../../../src/connector/data-source-options.js";
import { GivenLogin } from "../../../src/configuration/given-login.js";
import { Credentials } from "../../../src/credentials/credentials-provider.js";
import type { ResolvedSettings } from "../../../src/resolution/resolve-settings.js";

const NO_LOGIN = new GivenLogin();
const SETTINGS: ResolvedSettings = {
	connectionTimeoutMs: 4000,
	databaseName: "orders",
	host: "db.example.com",
	idleTimeoutMs: 5000,
	isVerbose: true,
	login: NO_LOGIN,
	poolSize: 7,
	port: 5433,
	relationLoadStrategy: ERelationLoadStrategy.JOIN,
	replicas: [],
	rotationIntervalMs: 60_000,
	rotationIsEnabled: true,
	secretId: "app/database",
	shouldSynchronize: false,
	type: EDatabaseType.POSTGRES,
	warnings: [],
};

class User {}

function create(
	settings: Partial<ResolvedSettings> = {},
	parts: Omit<Partial<OptionsParts>, "settings"> = {},
): ReturnType<typeof createDataSourceOptions> {
	return createDataSourceOptions({
		connector: { connectorId: "id-1", name: "orders" },
		credentials: new Credentials({ password: " p ", username: "app" }),
		settings: { ...SETTINGS, ...settings },
		...parts,
		config: { entities: [User], ...parts.config },
	});
}

const PLUGINS = {
	caching_sha2_password: expect.any(Function),
	mysql_clear_password: expect.any(Function),
	sha256_password: expect.any(Function),
};

const COMMON = {
	database: "orders",
	entities: [User],
	host: "db.example.com",
	logging: true,
	password: " p ",
	port: 5433,
	relationLoadStrategy: "join",
	synchronize: false,
	username: "app",
	[CONNECTOR_ORIGIN]: expect.anything(),
};

describe("createDataSourceOptions", () => {
	it("speaks to pg by TypeORM's own names, which lose against what is put on top", () => {
		expect(create({ type: EDatabaseType.POSTGRES })).toStrictEqual({
			...COMMON,
			connectTimeoutMS: 4000,
			extra: { idleTimeoutMillis: 5000 },
			poolSize: 7,
			type: "postgres",
		});
	});

	it("speaks to pg for CockroachDB, where TypeORM has no name for the timeout", () => {
		expect(create({ type: EDatabaseType.COCKROACHDB })).toStrictEqual({
			...COMMON,
			extra: { connectionTimeoutMillis: 4000, idleTimeoutMillis: 5000 },
			poolSize: 7,
			type: "cockroachdb",
		});
	});

	it.each([EDatabaseType.MYSQL, EDatabaseType.MARIADB])("speaks to mysql2 for %s", (type) => {
		expect(create({ type })).toStrictEqual({
			...COMMON,
			connectTimeout: 4000,
			connectorPackage: "mysql2",
			extra: { authPlugins: PLUGINS, idleTimeout: 5000, maxIdle: 6 },
			poolSize: 7,
			type,
		});
	});

	it("leaves idle connections of mysql2 alone when the timeout is 0, as pg does", () => {
		expect(create({ idleTimeoutMs: 0, type: EDatabaseType.MYSQL })).toHaveProperty("extra", { authPlugins: PLUGINS });
		expect(create({ idleTimeoutMs: 0 })).toHaveProperty("extra.idleTimeoutMillis", 0);
	});

	it.each([
		[1, 1],
		[2, 1],
		[10, 9],
	])("lets a mysql2 pool of %d keep %d idle connections", (poolSize, maxIdle) => {
		expect(create({ poolSize, type: EDatabaseType.MYSQL })).toHaveProperty("extra.maxIdle", maxIdle);
	});

	it("marks the options with the connector and what it served", () => {
		const origin = readOrigin(create());

		expect(origin).toMatchObject({ connector: "orders", connectorId: "id-1" });
		expect(origin?.isManaged("database", "orders")).toBe(true);
		expect(origin?.isManaged("host", "db.example.com")).toBe(true);
		expect(origin?.isManaged("password", " p ")).toBe(true);
		expect(origin?.isManaged("port", 5433)).toBe(true);
		expect(origin?.isManaged("username", "app")).toBe(true);
	});

	it("makes a new object each time", () => {
		expect(create()).not.toBe(create());
	});

	describe("with TypeORM's own options", () => {
		const passed = { migrations: ["migrations/*.js"], namingStrategy: {} as never, schema: "shop", ssl: { ca: "authority" } };

		it("passes them through", () => {
			expect(create({}, { config: { entities: [User], typeOrmOptions: passed } })).toMatchObject(passed);
		});

		it("does not let them take the place of what the connector fills in", () => {
			const typeOrmOptions = { database: "x", entities: [], host: "x", poolSize: 1, type: "sqlite", username: "x" } as object;

			expect(create({}, { config: { entities: [User], typeOrmOptions } })).toMatchObject({ ...COMMON, type: "postgres" });
		});

		it("adds its own extra to theirs, key by key", () => {
			const typeOrmOptions = { extra: { application_name: "shop", keepAlive: true, max: 99 } };

			expect(create({}, { config: { entities: [User], typeOrmOptions } })).toHaveProperty("extra", {
				application_name: "shop",
				idleTimeoutMillis: 5000,
				keepAlive: true,
			});
			expect(typeOrmOptions.extra).toEqual({ application_name: "shop", keepAlive: true, max: 99 });
		});

		it("lets them say how many connections of mysql2 may be idle, and not for how long", () => {
			const typeOrmOptions = { extra: { idleTimeout: 1, maxIdle: 2, queueLimit: 3 } };

			expect(create({ type: EDatabaseType.MYSQL }, { config: { entities: [User], typeOrmOptions } })).toHaveProperty("extra", {
				authPlugins: PLUGINS,
				idleTimeout: 5000,
				maxIdle: 2,
				queueLimit: 3,
			});
		});

		it("adds to their ways of logging in to MySQL the ones that they lack", () => {
			const authPlugins = { dialog: () => undefined, mysql_clear_password: () => undefined };
			const typeOrmOptions = { extra: { authPlugins } };

			expect(create({ type: EDatabaseType.MYSQL }, { config: { entities: [User], typeOrmOptions } })).toHaveProperty(
				"extra.authPlugins",
				{ ...PLUGINS, ...authPlugins },
			);
		});

		it("leaves out of their extra an ssl without a value, which would win over the connector's", () => {
			const typeOrmOptions = { extra: { ssl: undefined } };

			const { extra } = create({}, { config: { entities: [User], typeOrmOptions }, ssl: {} }) as { extra: object };

			expect("ssl" in extra).toBe(false);
			expect(create({}, { config: { entities: [User], typeOrmOptions: { extra: { ssl: null } } } })).toHaveProperty(
				"extra.ssl",
				null,
			);
		});

		it.each([
			[false, undefined, false],
			[false, ["error"] as const, ["error"]],
			[true, ["error"] as const, true],
		])("logs, isVerbose being %p and logging %p, %p", (isVerbose, logging, expected) => {
			const typeOrmOptions = logging === undefined ? {} : { logging: [...logging] };

			expect(create({ isVerbose }, { config: { entities: [User], typeOrmOptions } })).toHaveProperty("logging", expected);
		});
	});

	it.each([EDatabaseType.POSTGRES, EDatabaseType.MYSQL])("says to %s that there is no TLS, and that there is", (type) => {
		const ssl = { rejectUnauthorized: true };

		expect(create({ type }, { ssl: false })).toHaveProperty("ssl", false);
		expect(create({ type }, { ssl })).toHaveProperty("ssl", ssl);
		expect(create({ type }, { ssl: undefined })).not.toHaveProperty("ssl");
	});

	describe("with replicas", () => {
		const replicas = [
			{ host: "reader-1", login: NO_LOGIN, port: 6_432, secretId: undefined },
			{ host: "reader-2", login: NO_LOGIN, port: 7_432, secretId: "app/reader" },
		];
		const replicaCredentials = [
			new Credentials({ password: " p ", username: "app" }),
			new Credentials({ password: "r", username: "reader" }),
		];
		const master = { database: "orders", host: "db.example.com", password: " p ", port: 5433, username: "app" };
		const slaves = [
			{ ...master, host: "reader-1", port: 6_432 },
			{ database: "orders", host: "reader-2", password: "r", port: 7_432, username: "reader" },
		];

		it("gives each server the TLS of its own host", () => {
			const [ssl, ...replicaSsl] = [{ of: "master" }, { of: "reader-1" }, { of: "reader-2" }];

			const { replication } = create({ replicas }, { replicaSsl, ssl }) as unknown as { replication: { slaves: readonly object[] } };

			expect(replication).toMatchObject({ master: { ssl }, slaves: replicaSsl.map((own) => ({ ssl: own })) });
		});

		it.each([EDatabaseType.POSTGRES, EDatabaseType.COCKROACHDB])(
			"gives %s a master and slaves, beside the master's own values",
			(type) => {
				const options = create({ replicas, type }, { replicaCredentials });

				expect(options).toMatchObject(master);
				expect(options).toHaveProperty("replication", { master, slaves });
			},
		);

		it.each([EDatabaseType.MYSQL, EDatabaseType.MARIADB])("keeps each server of %s in the cluster, whatever it refuses", (type) => {
			expect(create({ replicas, type }, { replicaCredentials })).toHaveProperty("replication", {
				canRetry: false,
				master,
				removeNodeErrorCount: 1_000_000_000,
				slaves,
			});
		});

		it("says where reads go when it is told", () => {
			expect(create({ replicas }, { config: { defaultMode: "master", entities: [] }, replicaCredentials })).toHaveProperty(
				"replication.defaultMode",
				"master",
			);
		});

		it("gives each of them the ssl of the connection, where TypeORM looks for it", () => {
			const config = { entities: [], typeOrmOptions: { ssl: { ca: "authority" } } };

			expect(create({ replicas }, { config, replicaCredentials })).toHaveProperty("replication", {
				master: { ...master, ssl: { ca: "authority" } },
				slaves: slaves.map((slave) => ({ ...slave, ssl: { ca: "authority" } })),
			});
		});

		it("gives each of them the connector's own ssl, marked as its own", () => {
			const ssl = { rejectUnauthorized: true };
			const options = create({ replicas }, { replicaCredentials, ssl });
			const origin = readOrigin(options);

			expect(options).toHaveProperty("ssl", ssl);
			expect(options).toHaveProperty("replication", {
				master: { ...master, ssl },
				slaves: slaves.map((slave) => ({ ...slave, ssl })),
			});
			expect(origin?.isManaged("ssl", ssl)).toBe(true);
			expect(origin?.isManaged("ssl", ssl, 1)).toBe(true);
			expect(origin?.isManaged("ssl", { ...ssl }, 0)).toBe(false);
		});

		it("says nothing of replication where there are none", () => {
			expect(create({}, { config: { defaultMode: "slave", entities: [] } })).not.toHaveProperty("replication");
		});

		it("marks what it gave each of them", () => {
			const origin = readOrigin(create({ replicas }, { replicaCredentials }));

			expect(origin?.isManaged("host", "reader-1", 0)).toBe(true);
			expect(origin?.isManaged("password", "r", 1)).toBe(true);
			expect(origin?.isManaged("password", " p ", 1)).toBe(false);
		});
	});
});
