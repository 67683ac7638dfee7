/**
 * THE file that touches TypeORM's internals: the pool fields, the pool factories, the obtain methods, the options. The same names serve
 * TypeORM 0.3.20 to 1.x, since the pools are exchanged inside the live driver and no driver, DataSource or metadata is ever rebuilt.
 */
import type { DataSource, DataSourceOptions } from "typeorm";

import { RotationUnsupportedError } from "../errors/errors.js";
import { shareInProcess } from "../support/process-wide.js";
import type { ConnectionPool } from "./connection-pool.js";
import { type Mysql2Pool, type MysqlConnection, MysqlPool } from "./mysql-pool.js";
import { type CredentialPlan, type LooseOptions, type NodeCredentials, toLooseOptions } from "./plan-credentials.js";
import { type PgPool, PostgresPool } from "./postgres-pool.js";

/** What a driver hands out: with pg the connection and the way to give it back, with mysql2 a connection that has that way itself. */
export type ObtainedConnection = [client: unknown, release: (error?: Error) => void] | Pick<MysqlConnection, "release">;

/** A driver method that hands out a connection. */
export type Obtain = () => Promise<ObtainedConnection>;

/** The pools of one generation. */
export interface PoolSet {
	readonly master: ConnectionPool;
	readonly slaves: readonly ConnectionPool[];
}

/** Pools on the way: each function opens the first connection of one, the master's first. */
export type PoolOpening = () => Promise<ConnectionPool>;

/** What a pool that is on the way is announced with, before it connects: a connect that hangs can be cut then. */
export type PoolObserver = (pool: ConnectionPool, index: number) => void;

interface AbandonableRunner {
	readonly isReleased: boolean;
	releaseCallback?: (error?: Error) => void;
}

interface LiveDriver {
	connectedQueryRunners?: AbandonableRunner[];
	obtainMasterConnection: Obtain;
	obtainSlaveConnection: Obtain;
	options: unknown;
}

interface PostgresDriver extends LiveDriver {
	createPool(options: LooseOptions, credentials: NodeCredentials): Promise<PgPool>;
	master: PgPool | undefined;
	postgres: { Pool: new (options: unknown) => PgPool };
	slaves: PgPool[];
}

interface PoolCluster {
	readonly _nodes: Readonly<Record<string, { readonly pool: Mysql2Pool } | undefined>>;
	add(id: string, options: unknown): void;
}

interface MysqlDriver extends LiveDriver {
	createConnectionOptions(options: LooseOptions, credentials: NodeCredentials): unknown;
	createPool(options: unknown): Promise<Mysql2Pool>;
	mysql: { createPool(options: unknown): Mysql2Pool; createPoolCluster(options: unknown): PoolCluster };
	pool: Mysql2Pool | undefined;
	poolCluster: PoolCluster | undefined;
}

/** How the drivers of one family keep their pools. */
interface DriverFamily {
	/** Whether there are replicas. */
	readonly hasSlaves: boolean;
	/** The object that holds the pools: another one after an exchange, `undefined` while the driver is not connected. */
	readonly identity: object | undefined;
	readonly pools: PoolSet | undefined;
	exchange(next: PoolSet, options: LooseOptions): void;
	open(plan: CredentialPlan, onCreated: PoolObserver): PoolOpening[];
}

/** Our view of each pool. There is one for each, since it remembers what it has seen. */
const views = new WeakMap<object, ConnectionPool>();

/** Drivers that have a rotator. */
const guardedDrivers = shareInProcess("guarded-drivers", () => new WeakSet());

/** Options that win over the credentials a rotation brings, so that it would seem to work and change nothing. */
const STRONGER_EXTRA_KEYS = ["connectionString", "host", "password", "port", "socketPath", "uri", "user"];

/** All pools of a generation in one list, the master first. */
export function listPools({ master, slaves }: PoolSet): ConnectionPool[] {
	return [master, ...slaves];
}

/** Calls `onReleased` when the connection is given back, once; what it is given back with goes through. */
export function interceptRelease(obtained: ObtainedConnection, onReleased: () => void): ObtainedConnection {
	if (Array.isArray(obtained)) {
		const [client, release] = obtained;
		return [
			client,
			(error) => {
				release(error);
				onReleased();
			},
		];
	}
	const prototype = Object.getPrototypeOf(obtained) as typeof obtained;
	let isLent = true;
	// The connection is the same object each time it is lent, so each loan replaces what the last one left.
	obtained.release = () => {
		prototype.release.call(obtained);
		if (isLent) onReleased();
		isLent = false;
	};
	return obtained;
}

/** One initialized DataSource, seen as pools that can be exchanged. */
export class LiveDataSource {
	private readonly driver: LiveDriver;
	private readonly family: DriverFamily;

	/** @throws RotationUnsupportedError when this DataSource offers no safe way to exchange its pools. */
	constructor(private readonly dataSource: DataSource) {
		const options = toLooseOptions(dataSource.options);
		const { extra, replication, type } = options;
		this.driver = dataSource.driver as unknown as LiveDriver;
		this.family = selectFamily(type, this.driver);
		const nodes = [options, ...(replication === undefined ? [] : [replication.master, ...replication.slaves])];
		if (nodes.some(({ url }) => url !== undefined))
			throw new RotationUnsupportedError('its options have a "url", which would win over fresh credentials; remove it');
		const stronger = STRONGER_EXTRA_KEYS.filter((key) => extra?.[key] !== undefined);
		if (stronger.length > 0) {
			throw new RotationUnsupportedError(
				`its options have extra.${stronger.join(", extra.")}, which would win over fresh credentials; remove it`,
			);
		}
	}

	/** Whether the DataSource can be used at this moment and still has the driver that was looked at first. */
	get isUsable(): boolean {
		return this.dataSource.isInitialized && (this.dataSource.driver as unknown) === this.driver && this.identity !== undefined;
	}

	/** Another object after each exchange of pools, whoever made it; `undefined` while the DataSource is not connected. Costs nothing to ask. */
	get identity(): object | undefined {
		return this.family.identity;
	}

	/** The options as they are now, credentials included. */
	get options(): DataSourceOptions {
		return this.dataSource.options;
	}

	/** The pools that serve now. */
	readPools(): PoolSet {
		const { pools } = this.family;
		if (pools === undefined) throw new RotationUnsupportedError("it is not connected");
		return pools;
	}

	/**
	 * Makes one pool for each server of the plan with the driver's own factory. Nothing connects before the functions are called.
	 * @param onCreated called with each pool before it connects: the factory keeps the pool to itself until then.
	 */
	openPools(plan: CredentialPlan, onCreated: PoolObserver): PoolOpening[] {
		return this.family.open(plan, onCreated);
	}

	/**
	 * Makes `next` the pools that serve. Synchronous on purpose: nothing may run between the fields. The options object is replaced, not changed: it is
	 * the user's own and may be frozen or shared. `destroy()` + `initialize()` read the new one.
	 */
	exchangePools(next: PoolSet, options: LooseOptions): void {
		this.family.exchange(next, options);
		(this.dataSource as { options: unknown }).options = options;
	}

	/**
	 * Puts `wrap` around the two methods through which every query runner gets its connection. Returns the way back, after which TypeORM's own methods
	 * serve, also where somebody else has wrapped ours meanwhile.
	 * @throws RotationUnsupportedError when another rotator has this DataSource already: each would count the connections of the other as its own.
	 */
	wrapObtain(wrap: (obtain: Obtain, role: "master" | "slave") => Obtain): () => void {
		const { driver, family } = this;
		if (guardedDrivers.has(driver)) throw new RotationUnsupportedError("another rotator has it already; register one connector for it");
		guardedDrivers.add(driver);
		const { obtainMasterConnection, obtainSlaveConnection } = driver;
		const ownMaster: Obtain = () => obtainMasterConnection.call(driver);
		const ownSlave: Obtain = () => obtainSlaveConnection.call(driver);
		const wrappedMaster = wrap(ownMaster, "master");
		const wrappedSlave = wrap(ownSlave, "slave");
		let isGuarded = true;
		const restoreMaster = replaceMethod(driver, "obtainMasterConnection", () => (isGuarded ? wrappedMaster() : ownMaster()));
		const restoreSlave = replaceMethod(driver, "obtainSlaveConnection", () => {
			if (!isGuarded) return ownSlave();
			// Without replicas TypeORM's own slave method ends in the master one, which must not take two permits.
			return family.hasSlaves ? wrappedSlave() : driver.obtainMasterConnection();
		});
		return () => {
			if (!isGuarded) return;
			isGuarded = false;
			guardedDrivers.delete(driver);
			restoreMaster();
			restoreSlave();
		};
	}

	/**
	 * Gives back the connections of runners that were released while they were still connecting. TypeORM never does, and its `destroy()` spins for
	 * ever on such a runner. Only the pg family keeps a list of them.
	 */
	releaseAbandonedRunners(): void {
		const runners = this.driver.connectedQueryRunners ?? [];
		const abandoned = runners.filter(({ isReleased }) => isReleased);
		for (const runner of abandoned) runners.splice(runners.indexOf(runner), 1);
		for (const runner of abandoned) {
			try {
				runner.releaseCallback?.();
			} catch {
				// pg-pool throws when the connection was given back already.
			}
		}
	}
}

/** Checked before the first rotation, so that another TypeORM fails with a sentence and not in the middle. */
function selectFamily(type: string, driver: LiveDriver): DriverFamily {
	switch (type) {
		case "cockroachdb":
		case "postgres":
			requireMethods(driver, ["createPool", "obtainMasterConnection", "obtainSlaveConnection"]);
			return createPostgresFamily(driver as PostgresDriver);
		case "mariadb":
		case "mysql":
			requireMethods(driver, ["createConnectionOptions", "createPool", "obtainMasterConnection", "obtainSlaveConnection"]);
			return createMysqlFamily(driver as MysqlDriver);
		default:
			throw new RotationUnsupportedError(`type "${type}" has no rotation`);
	}
}

function requireMethods(driver: LiveDriver, methods: readonly string[]): void {
	for (const method of methods) {
		if (typeof (driver as unknown as Record<string, unknown>)[method] !== "function")
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
			return master === undefined ? undefined : { master: viewPostgres(master), slaves: slaves.map(viewPostgres) };
		},
		exchange: (next, options) => {
			driver.master = (next.master as PostgresPool).pool;
			driver.slaves = next.slaves.map((slave) => (slave as PostgresPool).pool);
			driver.options = options;
		},
		open: (plan, onCreated) =>
			[plan.master, ...plan.slaves].map((node, index) => async () => {
				const OriginalPool = driver.postgres.Pool;
				const CapturedPool = function (poolOptions: unknown): PgPool {
					const pool = new OriginalPool(poolOptions);
					onCreated(viewPostgres(pool), index);
					return pool;
				};
				const postgres = Object.create(driver.postgres, { Pool: { value: CapturedPool } }) as unknown;
				const factory = Object.create(driver, { postgres: { value: postgres } }) as PostgresDriver;
				return viewPostgres(await factory.createPool(plan.options, node));
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
			return driver.poolCluster !== undefined;
		},
		get identity() {
			return driver.poolCluster ?? driver.pool;
		},
		get pools() {
			const { pool, poolCluster } = driver;
			if (poolCluster !== undefined) return viewCluster(poolCluster);
			return pool === undefined ? undefined : { master: viewMysql(pool), slaves: [] };
		},
		exchange: (next, options) => {
			const cluster = clusters.get(next.master);
			if (cluster === undefined) driver.pool = (next.master as MysqlPool).pool;
			else driver.poolCluster = cluster;
			// TypeORM's driver keeps a copy with defaults of its own.
			driver.options = { ...(driver.options as object), ...options };
		},
		open: (plan, onCreated) => {
			if (plan.options.replication === undefined) {
				const open: PoolOpening = async () => {
					const createPool = (poolOptions: unknown): Mysql2Pool => {
						const pool = driver.mysql.createPool(poolOptions);
						onCreated(viewMysql(pool), 0);
						return pool;
					};
					const mysql = Object.create(driver.mysql, { createPool: { value: createPool } }) as unknown;
					const factory = Object.create(driver, { mysql: { value: mysql } }) as MysqlDriver;
					return viewMysql(await factory.createPool(driver.createConnectionOptions(plan.options, plan.master)));
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
			return pools.map((pool) => async () => connectOnce(pool as MysqlPool));
		},
	};
}

function connectOnce(pool: MysqlPool): Promise<ConnectionPool> {
	return new Promise((resolve, reject) => {
		pool.pool.getConnection((error, connection) => {
			connection?.release();
			if (error) reject(error);
			else resolve(pool);
		});
	});
}

function viewPostgres(pool: PgPool): ConnectionPool {
	return view(pool, () => new PostgresPool(pool));
}

function viewMysql(pool: Mysql2Pool): ConnectionPool {
	return view(pool, () => new MysqlPool(pool));
}

/** The nodes as TypeORM names them. One that mysql2 has removed after too many errors is not among them any more. */
function viewCluster({ _nodes: nodes }: PoolCluster): PoolSet {
	const { MASTER: master, ...others } = nodes;
	if (master === undefined) throw new RotationUnsupportedError("mysql2 has removed its master; set replication.removeNodeErrorCount");
	const slaves = Object.values(others).flatMap((node) => (node === undefined ? [] : [viewMysql(node.pool)]));
	return { master: viewMysql(master.pool), slaves };
}

function view(pool: object, create: () => ConnectionPool): ConnectionPool {
	const known = views.get(pool) ?? create();
	views.set(pool, known);
	return known;
}

/** Returns the way back, which leaves alone what somebody else has put there since. */
function replaceMethod(driver: LiveDriver, method: "obtainMasterConnection" | "obtainSlaveConnection", replacement: Obtain): () => void {
	const own = Object.getOwnPropertyDescriptor(driver, method);
	driver[method] = replacement;
	return () => {
		if (driver[method] !== replacement) return;
		if (own === undefined) Reflect.deleteProperty(driver, method);
		else Object.defineProperty(driver, method, own);
	};
}
