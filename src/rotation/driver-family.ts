/**
 * Where TypeORM's drivers keep their pools and how they make new ones: one family around node-postgres, one around mysql2. The same names serve TypeORM
 * 0.3.20 to 1.x.
 */
import { RotationUnsupportedError } from "../errors/errors.js";
import type { ConnectionPool } from "./connection-pool.js";
import { type Mysql2Pool, MysqlPool } from "./mysql-pool.js";
import type { CredentialPlan, LooseOptions, NodeCredentials } from "./plan-credentials.js";
import { type PgPool, PostgresPool } from "./postgres-pool.js";

/** The pools of one generation. */
export interface PoolSet {
	readonly master: ConnectionPool;
	readonly slaves: readonly ConnectionPool[];
}

/** Pools on the way: each function opens the first connection of one, the master's first. */
export type PoolOpening = () => Promise<ConnectionPool>;

/** What a pool that is on the way is announced with, before it connects: a connect that hangs can be cut then. */
export type PoolObserver = (pool: ConnectionPool, index: number) => void;

/** How the drivers of one family keep their pools. */
export interface DriverFamily {
	/** Whether there are replicas. */
	readonly hasSlaves: boolean;
	/** The object that holds the pools: another one after an exchange, `undefined` while the driver is not connected. */
	readonly identity: object | undefined;
	readonly pools: PoolSet | undefined;
	exchange(next: PoolSet, options: LooseOptions): void;
	/** The driver as it would be with this replica and no other, for the one call that chooses among them. */
	narrow(index: number): object;
	open(plan: CredentialPlan, onCreated: PoolObserver): PoolOpening[];
}

interface PostgresDriver {
	options: unknown;
	createPool(options: LooseOptions, credentials: NodeCredentials): Promise<PgPool>;
	master: PgPool | undefined;
	postgres: { Pool: new (options: unknown) => PgPool };
	slaves: PgPool[];
}

interface PoolCluster {
	readonly _nodes: Readonly<Record<string, { readonly pool: Mysql2Pool } | undefined>>;
	add(id: string, options: unknown): void;
	getConnection(pattern: string, callback: unknown): void;
}

interface MysqlDriver {
	options: unknown;
	createConnectionOptions(options: LooseOptions, credentials: NodeCredentials): unknown;
	mysql: { createPool(options: unknown): Mysql2Pool; createPoolCluster(options: unknown): PoolCluster };
	pool: Mysql2Pool | undefined;
	poolCluster: PoolCluster | undefined;
}

/** All pools of a generation in one list, the master first. */
export function listPools({ master, slaves }: PoolSet): ConnectionPool[] {
	return [master, ...slaves];
}

/** Checked before the first rotation, so that another TypeORM fails with a sentence and not in the middle. */
export function selectFamily(type: string, driver: object): DriverFamily {
	switch (type) {
		case "cockroachdb":
		case "postgres":
			requireMethods(driver, ["createPool", "obtainMasterConnection", "obtainSlaveConnection"]);
			return createPostgresFamily(driver as PostgresDriver);
		case "mariadb":
		case "mysql":
			requireMethods(driver, ["createConnectionOptions", "obtainMasterConnection", "obtainSlaveConnection"]);
			return createMysqlFamily(driver as MysqlDriver);
		default:
			throw new RotationUnsupportedError(`type "${type}" has no rotation`);
	}
}

function requireMethods(driver: object, methods: readonly string[]): void {
	for (const method of methods) {
		if (typeof (driver as Record<string, unknown>)[method] !== "function")
			throw new RotationUnsupportedError(`its driver has no ${method}(); use TypeORM 0.3.20 to 1.x`);
	}
}

function createPostgresFamily(driver: PostgresDriver): DriverFamily {
	const module = driver.postgres as Partial<PostgresDriver["postgres"]> | undefined;
	if (typeof module?.Pool !== "function") throw new RotationUnsupportedError("its driver is not node-postgres");
	return {
		get hasSlaves() {
			return driver.slaves.length > 0;
		},
		get identity() {
			return driver.master;
		},
		get pools() {
			const { master, slaves } = driver;
			return master === undefined ? undefined : { master: postgresPools.of(master), slaves: slaves.map(postgresPools.of) };
		},
		exchange: (next, options) => {
			driver.master = postgresPools.unwrap(next.master);
			driver.slaves = next.slaves.map(postgresPools.unwrap);
			driver.options = options;
		},
		narrow: (index) => Object.create(driver, { slaves: { value: [driver.slaves[index]] } }) as object,
		open: (plan, onCreated) =>
			[plan.master, ...plan.slaves].map((node, index) => async () => {
				const OriginalPool = driver.postgres.Pool;
				const CapturedPool = function (poolOptions: unknown): PgPool {
					const pool = new OriginalPool(poolOptions);
					onCreated(postgresPools.of(pool), index);
					return pool;
				};
				const postgres = Object.create(driver.postgres, { Pool: { value: CapturedPool } }) as unknown;
				const factory = Object.create(driver, { postgres: { value: postgres } }) as PostgresDriver;
				return postgresPools.of(await factory.createPool(plan.options, node));
			}),
	};
}

function createMysqlFamily(driver: MysqlDriver): DriverFamily {
	const module = driver.mysql as Partial<MysqlDriver["mysql"]> | undefined;
	if (typeof module?.createPoolCluster !== "function") throw new RotationUnsupportedError("its driver is not mysql2");
	/** The cluster is made with its pools and promoted with them. */
	const clusters = new WeakMap<ConnectionPool, PoolCluster>();
	return {
		get hasSlaves() {
			return Object.keys(driver.poolCluster?._nodes ?? {}).some((id) => id !== "MASTER");
		},
		get identity() {
			return driver.poolCluster ?? driver.pool;
		},
		get pools() {
			const { pool, poolCluster } = driver;
			if (poolCluster !== undefined) return viewCluster(poolCluster);
			return pool === undefined ? undefined : { master: mysqlPools.of(pool), slaves: [] };
		},
		exchange: (next, options) => {
			const cluster = clusters.get(next.master);
			if (cluster === undefined) driver.pool = mysqlPools.unwrap(next.master);
			else driver.poolCluster = cluster;
			// TypeORM's driver keeps a copy with defaults of its own.
			driver.options = { ...(driver.options as object), ...options };
		},
		narrow: (index) => {
			const getConnection = (_pattern: string, callback: unknown): void =>
				driver.poolCluster?.getConnection(`SLAVE${String(index)}`, callback);
			return Object.create(driver, { poolCluster: { value: { getConnection } } }) as object;
		},
		open: (plan, onCreated) => {
			if (plan.options.replication === undefined) {
				const open: PoolOpening = async () => {
					// Not with TypeORM's own factory: that ends a pool whose first login fails, and so does whoever staged it.
					const pool = mysqlPools.of(driver.mysql.createPool(driver.createConnectionOptions(plan.options, plan.master)));
					onCreated(pool, 0);
					await pool.connect();
					return pool;
				};
				return [open];
			}
			const cluster = driver.mysql.createPoolCluster(plan.options.replication);
			plan.slaves.forEach((slave, index) =>
				cluster.add(`SLAVE${String(index)}`, driver.createConnectionOptions(plan.options, slave)),
			);
			cluster.add("MASTER", driver.createConnectionOptions(plan.options, plan.master));
			const set = viewCluster(cluster);
			clusters.set(set.master, cluster);
			const pools = listPools(set);
			pools.forEach(onCreated);
			return pools.map((pool) => async () => {
				await pool.connect();
				return pool;
			});
		},
	};
}

/** The nodes as TypeORM names them. One that mysql2 has removed after too many errors is not among them any more. */
function viewCluster({ _nodes: nodes }: PoolCluster): PoolSet {
	const { MASTER: master, ...others } = nodes;
	if (master === undefined) throw new RotationUnsupportedError("mysql2 has removed its master; set replication.removeNodeErrorCount");
	const slaves = Object.values(others).flatMap((node) => (node === undefined ? [] : [mysqlPools.of(node.pool)]));
	return { master: mysqlPools.of(master.pool), slaves };
}

/** Our view of each pool of a driver. There is one for each, since it remembers what it has seen. */
class PoolViews<DriverPool extends object> {
	private readonly pools = new WeakMap<ConnectionPool, DriverPool>();
	private readonly views = new WeakMap<DriverPool, ConnectionPool>();

	constructor(private readonly create: (pool: DriverPool) => ConnectionPool) {}

	readonly of = (pool: DriverPool): ConnectionPool => {
		const known = this.views.get(pool);
		if (known !== undefined) return known;
		const view = this.create(pool);
		this.views.set(pool, view);
		this.pools.set(view, pool);
		return view;
	};

	readonly unwrap = (view: ConnectionPool): DriverPool => this.pools.get(view) as DriverPool;
}

const postgresPools = new PoolViews<PgPool>((pool) => new PostgresPool(pool));
const mysqlPools = new PoolViews<Mysql2Pool>((pool) => new MysqlPool(pool));
