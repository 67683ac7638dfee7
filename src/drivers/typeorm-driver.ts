/**
 * Where TypeORM's drivers keep their pools and how they make connections: one family around node-postgres, one around
 * mysql2. The same names serve TypeORM 0.3.20 to 1.x.
 */
import { RotationUnsupportedError } from "../errors/errors.js";
import type { LivePool, LivePoolOptions } from "./live-pool.js";
import type { LooseOptions, ServerOptions } from "./loose-options.js";
import { findMissingMysqlParts, type Mysql2Pool } from "./mysql-parts.js";
import { MysqlPool } from "./mysql-pool.js";
import { findMissingPgParts, type PgPool } from "./pg-parts.js";
import { PostgresPool } from "./postgres-pool.js";
import { stageMysql, stagePostgres, type StagedServer } from "./staged-server.js";

/** How the drivers of one family keep their pools. */
export interface DriverFamily {
	/** Puts the gate and the exchange into a pool. */
	createLivePool(pool: object, options: LivePoolOptions): LivePool;
	/** Names what one of the pools lacks; `undefined` when nothing is missing. */
	findMissing(pools: readonly (object | undefined)[]): string | undefined;
	/**
	 * The pools: the primary's, then those of the replicas. Empty while the driver is not connected; `undefined` for a
	 * node that mysql2 has removed.
	 */
	listPools(): readonly (object | undefined)[];
	/** Adds the nodes again that mysql2 has removed from a cluster after too many errors. */
	restoreNodes(): void;
	/** Makes the options those that `disconnect()` and `connect()` read again. */
	setOptions(options: LooseOptions): void;
	stage(options: LooseOptions, server: ServerOptions): StagedServer;
}

interface Logging {
	readonly logger: { log(level: "warn", message: string): void };
}

interface PostgresDriver {
	createPool(options: LooseOptions, server: ServerOptions): Promise<PgPool>;
	/** TypeORM 0.3 calls the DataSource so. */
	readonly connection?: Logging;
	readonly dataSource?: Logging;
	master?: PgPool | undefined;
	options: unknown;
	postgres: { Client?: { prototype?: object }; Pool: new (options: unknown) => PgPool };
	slaves?: PgPool[];
}

interface PoolCluster {
	readonly _nodes: Readonly<Record<string, { readonly pool: Mysql2Pool } | undefined>>;
	add(id: string, options: unknown): void;
}

interface MysqlDriver {
	createConnectionOptions(options: LooseOptions, server: ServerOptions): object;
	mysql: { createPool(options: unknown): Mysql2Pool };
	options: LooseOptions;
	pool?: Mysql2Pool | undefined;
	poolCluster?: PoolCluster | undefined;
}

/**
 * Checked before the first rotation, so that another driver fails with a sentence and not in the middle.
 * @throws RotationUnsupportedError
 */
export function selectFamily(type: string | undefined, driver: object | undefined): DriverFamily {
	switch (type) {
		case "cockroachdb":
		case "postgres":
			requireMethods(driver, ["createPool", "connect", "disconnect"]);
			return createPostgresFamily(driver as PostgresDriver);
		case "mariadb":
		case "mysql":
			requireMethods(driver, ["createConnectionOptions", "connect", "disconnect"]);
			return createMysqlFamily(driver as MysqlDriver);
		default:
			if (type === undefined) throw new RotationUnsupportedError(`its options have no type, ${FOR_DOUBLES}`);
			throw new RotationUnsupportedError(`type "${type}" has no rotation`);
	}
}

function requireMethods(driver: object | undefined, methods: readonly string[]): void {
	for (const method of methods) {
		if (typeof (driver as Record<string, unknown> | undefined)?.[method] !== "function")
			throw new RotationUnsupportedError(`its driver has no ${method}(); use TypeORM 0.3.20 to 1.x, ${FOR_DOUBLES}`);
	}
}

const FOR_DOUBLES = "or, for a test double, switch rotation off (rotation.isEnabled: false)";

function createPostgresFamily(driver: PostgresDriver): DriverFamily {
	const module = driver.postgres as Partial<PostgresDriver["postgres"]> | undefined;
	if (typeof module?.Pool !== "function") throw new RotationUnsupportedError(`its driver is not node-postgres, ${FOR_DOUBLES}`);
	// Only the client of pg-native has this method. Its errors carry no code, and its socket cannot be reached.
	if (typeof (module.Client?.prototype as { isConnected?: unknown } | undefined)?.isConnected === "function") {
		throw new RotationUnsupportedError('its driver is pg-native, which reports no code for a refused login; set driver: require("pg")');
	}
	return {
		createLivePool: (pool, options) => {
			renewErrorHandler(pool as PgPool, driver);
			return new PostgresPool(pool as PgPool, options) as unknown as LivePool;
		},
		findMissing: (pools) => find(pools, (pool) => findMissingPgParts(pool)),
		listPools: () => (driver.master === undefined ? [] : [driver.master, ...(driver.slaves ?? [])]),
		restoreNodes: () => undefined,
		setOptions: (options) => (driver.options = options),
		stage: (options, server) =>
			stagePostgres(driver.postgres.Pool, async (singlePool) => {
				const postgres = Object.create(driver.postgres, { Pool: { value: singlePool } }) as unknown;
				const factory = Object.create(driver, { postgres: { value: postgres } }) as PostgresDriver;
				return factory.createPool(options, server);
			}),
	};
}

/**
 * TypeORM's own handler keeps the options with which it made the pool, and with them a password that will be retired.
 */
function renewErrorHandler(pool: PgPool, { connection, dataSource = connection }: PostgresDriver): void {
	for (const listener of pool.listeners("error")) {
		if (!String(listener).includes("Postgres pool raised an error")) continue;
		pool.off("error", listener);
		pool.on("error", (error: Error) => dataSource?.logger.log("warn", `Postgres pool raised an error. ${String(error)}`));
	}
}

function createMysqlFamily(driver: MysqlDriver): DriverFamily {
	const module = driver.mysql as Partial<MysqlDriver["mysql"]> | undefined;
	if (typeof module?.createPool !== "function") throw new RotationUnsupportedError(`its driver is not mysql2, ${FOR_DOUBLES}`);
	return {
		createLivePool: (pool, options) => new MysqlPool(pool as Mysql2Pool, options) as unknown as LivePool,
		findMissing: (pools) => find(pools, (pool) => findMissingMysqlParts(pool)),
		listPools: () => {
			const { pool, poolCluster } = driver;
			if (poolCluster !== undefined) return listNodes(driver.options).map(([id]) => poolCluster._nodes[id]?.pool);
			return pool === undefined ? [] : [pool];
		},
		restoreNodes: () => {
			const { options, poolCluster } = driver;
			for (const [id, server] of poolCluster === undefined ? [] : listNodes(options))
				if (poolCluster?._nodes[id] === undefined) poolCluster?.add(id, driver.createConnectionOptions(options, server));
		},
		// TypeORM's driver keeps a copy with defaults of its own.
		setOptions: (options) => (driver.options = { ...driver.options, ...options }),
		stage: (options, server) =>
			stageMysql((poolOptions) => driver.mysql.createPool(poolOptions), driver.createConnectionOptions(options, server)),
	};
}

/** The nodes of a cluster as TypeORM names them. */
function listNodes({ replication }: LooseOptions): [id: string, server: ServerOptions][] {
	const slaves = (replication?.slaves ?? []).map((slave, index): [string, ServerOptions] => [`SLAVE${String(index)}`, slave]);
	return [["MASTER", replication?.master ?? {}], ...slaves];
}

function find(pools: readonly (object | undefined)[], missing: (pool: object) => string | undefined): string | undefined {
	for (const pool of pools) {
		const parts = pool === undefined ? undefined : missing(pool);
		if (parts !== undefined) return `${parts}, ${FOR_DOUBLES}`;
	}
	return undefined;
}
