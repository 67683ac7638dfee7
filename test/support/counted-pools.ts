/** Stand-ins for the packages `pg` and `mysql2` whose pools are remembered, so that a test can tell how often each was ended. */
import mysql, { type Pool as MysqlPool, type PoolCluster, type PoolClusterOptions, type PoolOptions } from "mysql2";
import pg, { type Pool, type PoolConfig } from "pg";

import type { EngineName } from "./server/database-server.js";

/** A pool and what became of it. */
export interface CountedPool<DriverPool = Pool> {
	endCount: number;
	readonly idleCount: number;
	readonly pool: DriverPool;
	/** Where it connects to. Can be changed before it does. */
	port: number;
	readonly totalCount: number;
	/** Calls `listener` at its next login. */
	onceConnected(listener: () => void): void;
}

/** The package to give TypeORM as its option `driver`, and every pool made with it, in order. */
export interface CountedPools<DriverPool = Pool> {
	readonly driver: object;
	readonly pools: readonly CountedPool<DriverPool>[];
}

/** A pool of either package. */
export type AnyPool = MysqlPool | Pool;

/**
 * Makes a `driver` for one DataSource.
 * @param onCreated Called with each pool before it connects.
 * @example
 * const { driver, pools } = countPools();
 * const dataSource = new DataSource({ ...options, driver });
 */
export function countPools(onCreated?: (counted: CountedPool, index: number) => void): CountedPools {
	const pools: CountedPool[] = [];
	class CountingPool extends pg.Pool {
		constructor(config?: PoolConfig) {
			super(config);
			const entry = new CountedPostgresPool(this);
			const end = this.end.bind(this);
			this.end = ((callback: () => void) => {
				entry.endCount += 1;
				return end(callback);
			}) as Pool["end"];
			pools.push(entry);
			onCreated?.(entry, pools.length - 1);
		}
	}
	return { driver: { ...pg, Pool: CountingPool }, pools };
}

/** The same for `mysql2`, the pools of its clusters included. */
export function countMysqlPools(onCreated?: (counted: CountedPool<MysqlPool>, index: number) => void): CountedPools<MysqlPool> {
	const pools: CountedPool<MysqlPool>[] = [];
	const count = (pool: MysqlPool): void => {
		const entry = new CountedMysqlPool(pool);
		const end = pool.end.bind(pool);
		pool.end = (callback) => {
			entry.endCount += 1;
			end(callback);
		};
		pools.push(entry);
		onCreated?.(entry, pools.length - 1);
	};
	const createPool = (options: PoolOptions): MysqlPool => {
		const pool = mysql.createPool(options);
		count(pool);
		return pool;
	};
	const createPoolCluster = (options: PoolClusterOptions): PoolCluster => {
		const cluster = mysql.createPoolCluster(options);
		const { _nodes: nodes } = cluster as unknown as ClusterInternals;
		const add = cluster.add.bind(cluster) as (id: string, config: PoolOptions) => void;
		cluster.add = ((id: string, config: PoolOptions) => {
			add(id, config);
			if (nodes[id] !== undefined) count(nodes[id].pool);
		}) as PoolCluster["add"];
		return cluster;
	};
	return { driver: { ...mysql, createPool, createPoolCluster }, pools };
}

/** That of the engine. */
export function countPoolsOf(
	engine: EngineName,
	onCreated?: (counted: CountedPool<AnyPool>, index: number) => void,
): CountedPools<AnyPool> {
	return engine === "postgres" ? countPools(onCreated) : countMysqlPools(onCreated);
}

class CountedPostgresPool implements CountedPool {
	endCount = 0;

	constructor(readonly pool: Pool) {}

	get idleCount(): number {
		return this.pool.idleCount;
	}

	get port(): number {
		return Number(this.pool.options.port);
	}

	set port(port: number) {
		this.pool.options.port = port;
	}

	get totalCount(): number {
		return this.pool.totalCount;
	}

	onceConnected(listener: () => void): void {
		this.pool.once("connect", listener);
	}
}

/** What a cluster of mysql2 keeps to itself. */
interface ClusterInternals {
	readonly _nodes: Readonly<Record<string, { readonly pool: MysqlPool } | undefined>>;
}

/** What a pool of mysql2 keeps to itself. */
interface MysqlInternals {
	readonly _allConnections: { readonly length: number };
	readonly _freeConnections: { readonly length: number };
	readonly config: { readonly connectionConfig: { port: number } };
}

class CountedMysqlPool implements CountedPool<MysqlPool> {
	endCount = 0;
	private readonly internals: MysqlInternals;

	constructor(readonly pool: MysqlPool) {
		this.internals = pool as unknown as MysqlInternals;
	}

	get idleCount(): number {
		return this.count(this.internals._freeConnections);
	}

	get port(): number {
		return this.internals.config.connectionConfig.port;
	}

	set port(port: number) {
		this.internals.config.connectionConfig.port = port;
	}

	get totalCount(): number {
		return this.count(this.internals._allConnections);
	}

	onceConnected(listener: () => void): void {
		this.pool.once("connection", listener);
	}

	/** A pool that was ended keeps its lists. */
	private count({ length }: { readonly length: number }): number {
		return this.endCount > 0 ? 0 : length;
	}
}
