/** What metrics want to know of single connections and callers. A pool without an observer measures nothing. */

/** What can be observed of a pool. */
export interface ObservablePool {
	/** From now on logins and callers are reported. */
	observe(observer: PoolObserver): void;
}

/** The observer of one pool. */
export interface PoolObserver {
	/**
	 * A caller asks for a connection.
	 * @returns To be called with the connection that the caller gets, or with its error.
	 */
	acquiring(): (connection: object | undefined, error?: unknown) => void;
	/** A login has succeeded. */
	opened(connection: object): void;
	/** A login begins. */
	opening(connection: object): void;
	/** A connection that was opened or acquired has come back. */
	returned(connection: object): void;
}

/** The pools of one DataSource, and who observes them. Each may come first. */
export class PoolObservers {
	private createObserver: ((server: string) => PoolObserver) | undefined;
	/** Weak: a pool that its DataSource has given up must not stay in memory, nor its former passwords with it. */
	private readonly pools = new Map<string, WeakRef<ObservablePool>>();

	/** @param server `primary`, `replica0` … A pool that `initialize()` makes takes the place of the former one. */
	add(server: string, pool: ObservablePool): void {
		this.pools.set(server, new WeakRef(pool));
		if (this.createObserver !== undefined) pool.observe(this.createObserver(server));
	}

	/** From now on each pool has an observer. */
	start(createObserver: (server: string) => PoolObserver): void {
		this.createObserver = createObserver;
		for (const [server, pool] of this.pools) pool.deref()?.observe(createObserver(server));
	}
}
