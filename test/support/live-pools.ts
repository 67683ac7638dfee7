/** The pools of a DataSource, and where their connections are, alike for pg and mysql2. */
import type { DataSource } from "typeorm";

import type { AnyPool } from "./counted-pools.js";

/** Numbers of one pool. */
export interface PoolNumbers {
	readonly idle: number;
	readonly total: number;
	/** Callers in the pool's queue. */
	readonly waiting: number;
}

interface Sized {
	readonly length: number;
}

/** What a pool of mysql2 keeps to itself. */
interface MysqlInternals {
	readonly _allConnections: Sized;
	readonly _connectionQueue: Sized;
	readonly _freeConnections: Sized;
}

interface DriverPools {
	readonly master?: AnyPool;
	readonly pool?: AnyPool;
	readonly poolCluster?: { readonly _nodes: Readonly<Record<string, { readonly pool: AnyPool }>> };
	readonly slaves?: readonly AnyPool[];
}

/** The pools: the primary's, then those of the replicas. */
export function listPools({ driver }: DataSource): AnyPool[] {
	const { master, pool, poolCluster, slaves = [] } = driver as unknown as DriverPools;
	if (poolCluster !== undefined) return Object.values(poolCluster._nodes).map((node) => node.pool);
	return [master ?? pool, ...slaves].filter((each) => each !== undefined);
}

/** The pool of the primary. */
export function primaryPool(dataSource: DataSource): AnyPool {
	return listPools(dataSource)[0] as AnyPool;
}

/** Reads a pool. */
export function readPool(pool: AnyPool): PoolNumbers {
	if ("totalCount" in pool) return { idle: pool.idleCount, total: pool.totalCount, waiting: pool.waitingCount };
	const { _allConnections: all, _connectionQueue: queue, _freeConnections: free } = pool as unknown as MysqlInternals;
	return { idle: free.length, total: all.length, waiting: queue.length };
}
