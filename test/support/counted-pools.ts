/** A stand-in for the `pg` package whose pools are remembered, so that a test can tell how often each was ended. */
import pg, { type Pool, type PoolConfig } from "pg";

/** A pool and what became of it. */
export interface CountedPool {
	endCount: number;
	readonly pool: Pool;
}

/** The package to give TypeORM as its option `driver`, and every pool made with it, in order. */
export interface CountedPools {
	readonly driver: typeof pg;
	readonly pools: readonly CountedPool[];
}

/**
 * Makes a `driver` for one DataSource.
 * @param onCreated Called with each pool before it connects.
 * @example
 * const { driver, pools } = countPools();
 * const dataSource = new DataSource({ ...options, driver });
 */
export function countPools(onCreated?: (pool: Pool, index: number) => void): CountedPools {
	const pools: CountedPool[] = [];
	class CountingPool extends pg.Pool {
		constructor(config?: PoolConfig) {
			super(config);
			const entry: CountedPool = { endCount: 0, pool: this };
			const end = this.end.bind(this);
			this.end = ((callback: () => void) => {
				entry.endCount += 1;
				return end(callback);
			}) as Pool["end"];
			pools.push(entry);
			onCreated?.(this, pools.length - 1);
		}
	}
	return { driver: { ...pg, Pool: CountingPool }, pools };
}
