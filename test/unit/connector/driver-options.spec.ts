/** What TypeORM's own drivers make of a connector's options reaches pg and mysql2 under names they know. */
import mysql from "mysql2";

import { EDatabaseType, ERelationLoadStrategy } from "../../../src/configuration/connector.enums.js";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { createDataSourceOptions } from "../../../src/connector/data-source-options.js";
import { GivenLogin } from "../../../src/configuration/given-login.js";
import { Credentials } from "../../../src/credentials/credentials-provider.js";
import type { ResolvedSettings } from "../../../src/resolution/resolve-settings.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

const NO_LOGIN = new GivenLogin();
const SETTINGS: ResolvedSettings = {
	connectionTimeoutMs: 4_000,
	databaseName: "orders",
	host: "db.example.com",
	idleTimeoutMs: 5_000,
	isVerbose: false,
	login: NO_LOGIN,
	poolSize: 7,
	port: 5_433,
	relationLoadStrategy: ERelationLoadStrategy.JOIN,
	replicas: [],
	rotationIntervalMs: 60_000,
	rotationIsEnabled: true,
	secretId: "app/database",
	shouldSynchronize: false,
	type: EDatabaseType.POSTGRES,
	warnings: [],
};
const REPLICA = { host: "reader", login: NO_LOGIN, port: 6_433, secretId: undefined };

interface MysqlDriver {
	createConnectionOptions(options: object, credentials: object): mysql.PoolOptions;
	readonly options: { readonly replication?: { readonly slaves: readonly [object] } };
}

interface Cluster {
	readonly _canRetry: boolean;
	readonly _removeNodeErrorCount: number;
}

describe.each(TYPEORM_VERSIONS)("The drivers of TypeORM $label", (version) => {
	function createDriver(settings: Partial<ResolvedSettings>, config: Partial<ITypeOrmAwsConnectorConfig> = {}): unknown {
		const options = createDataSourceOptions({
			config: { entities: [], ...config },
			connector: { connectorId: "id", name: "orders" },
			credentials: new Credentials({ password: "one", username: "app" }),
			settings: { ...SETTINGS, ...settings },
		});
		return new (version.load().DataSource)(options).driver;
	}

	describe.each([EDatabaseType.MYSQL, EDatabaseType.MARIADB])("give mysql2, for %s,", (type) => {
		let complaints: jest.SpyInstance;

		beforeEach(() => {
			complaints = jest.spyOn(console, "error").mockImplementation();
		});

		it("the size of the pool and both timeouts, and nothing that it warns of", () => {
			const driver = createDriver({ type }) as MysqlDriver;

			const pool = mysql.createPool(driver.createConnectionOptions(driver.options, driver.options));
			pool.end();

			expect((pool as unknown as { config: object }).config).toMatchObject({
				connectionConfig: { connectTimeout: 4_000, database: "orders", host: "db.example.com", port: 5_433, user: "app" },
				connectionLimit: 7,
				idleTimeout: 5_000,
				maxIdle: 6,
			});
			expect(complaints).not.toHaveBeenCalled();
		});

		it("the same for a replica, in a cluster that drops no server", () => {
			const driver = createDriver({ replicas: [REPLICA], type }) as MysqlDriver;
			const { replication } = driver.options;

			const cluster = mysql.createPoolCluster(replication as object) as unknown as Cluster;
			const pool = mysql.createPool(driver.createConnectionOptions(driver.options, replication?.slaves[0] as object));
			pool.end();

			expect(cluster).toMatchObject({ _canRetry: false, _removeNodeErrorCount: 1_000_000_000 });
			expect((pool as unknown as { config: object }).config).toMatchObject({
				connectionConfig: { connectTimeout: 4_000, database: "orders", host: "reader", password: "one", port: 6_433, user: "app" },
				connectionLimit: 7,
				idleTimeout: 5_000,
			});
			expect(complaints).not.toHaveBeenCalled();
		});

		it("no limit of time where both timeouts are 0", () => {
			const driver = createDriver({ connectionTimeoutMs: 0, idleTimeoutMs: 0, type }) as MysqlDriver;

			const pool = mysql.createPool(driver.createConnectionOptions(driver.options, driver.options));
			pool.end();

			// mysql2 looks for idle connections only where maxIdle is below the limit.
			expect((pool as unknown as { config: object }).config).toMatchObject({
				connectionConfig: { connectTimeout: 0 },
				connectionLimit: 7,
				maxIdle: 7,
			});
		});
	});

	describe.each([EDatabaseType.POSTGRES, EDatabaseType.COCKROACHDB])("give pg, for %s,", (type) => {
		/** Collects what pools are made with; none of them connects. */
		function createCollectingDriver(settings: Partial<ResolvedSettings> = {}): { connect: () => Promise<void>; made: object[] } {
			const made: object[] = [];
			class Pool {
				constructor(options: object) {
					made.push(options);
				}

				connect(callback: (error: undefined, client: object, release: () => void) => void): void {
					callback(undefined, { on: () => this, query: () => undefined, release: () => undefined }, () => undefined);
				}

				on(): this {
					return this;
				}
			}
			const typeOrmOptions = { applicationName: "shop", driver: { Pool }, ssl: { ca: "authority" } };
			const driver = createDriver({ ...settings, type }, { typeOrmOptions }) as {
				createPool: (options: object, credentials: object) => Promise<unknown>;
				options: { replication?: { master: object; slaves: object[] } };
			};
			const { options } = driver;
			const nodes = options.replication === undefined ? [options] : [options.replication.master, ...options.replication.slaves];
			return { connect: async () => void (await Promise.all(nodes.map(async (node) => driver.createPool(options, node)))), made };
		}
		const expected = {
			application_name: "shop",
			connectionTimeoutMillis: 4_000,
			database: "orders",
			host: "db.example.com",
			idleTimeoutMillis: 5_000,
			max: 7,
			password: "one",
			port: 5_433,
			ssl: { ca: "authority" },
			user: "app",
		};

		it("the size of the pool, both timeouts and ssl", async () => {
			const { connect, made } = createCollectingDriver();

			await connect();

			expect(made).toEqual([expect.objectContaining(expected)]);
		});

		it("the same for a replica", async () => {
			const { connect, made } = createCollectingDriver({ replicas: [REPLICA] });

			await connect();

			expect(made).toEqual([
				expect.objectContaining(expected),
				expect.objectContaining({ ...expected, host: "reader", port: 6_433 }),
			]);
		});
	});
});
