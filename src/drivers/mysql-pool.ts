/**
 * The gate and the exchange inside a pool of mysql2, alone or as a node of a cluster. Two methods of the pool are
 * replaced, and its config at a promotion.
 */
import { startOfTurn } from "../support/clock.js";
import { putOwnProperty } from "../support/own-property.js";
import { LivePool, type LivePoolOptions, type OpenedConnection } from "./live-pool.js";
import { borrowMysqlConnection, list, type Mysql2Pool, type MysqlCallback, type MysqlConnection } from "./mysql-parts.js";
import { probe, type ServerAnswer } from "./probe.js";

/** A live pool of mysql2. */
export class MysqlPool extends LivePool<MysqlConnection, MysqlCallback> {
	readonly #pool: Mysql2Pool;
	private readonly plainGet: (callback: MysqlCallback) => void;
	private readonly restoreGet: () => void;
	private restoreRelease: (() => void) | undefined;

	constructor(pool: Mysql2Pool, options: LivePoolOptions) {
		super(options);
		this.#pool = pool;
		for (const connection of list(pool._allConnections)) {
			this.noteLogin(connection);
			this.trackConnection(connection);
		}
		for (const callback of list(pool._connectionQueue)) this.callers.note(callback);
		this.plainGet = pool.getConnection.bind(pool);
		this.restoreGet = putOwnProperty(pool, "getConnection", (callback) => this.getConnection(callback));
	}

	get isEnding(): boolean {
		return this.#pool._closed === true;
	}

	get idleLimit(): number {
		return Math.min(this.#pool.config.maxIdle ?? this.limit, this.limit);
	}

	get limit(): number {
		// mysql2 takes 0 for "no limit".
		return this.#pool.config.connectionLimit || Number.POSITIVE_INFINITY;
	}

	detach(): void {
		this.beginDetach();
		this.restoreGet();
		this.restoreRelease?.();
		this.restoreRelease = undefined;
		this.serveQueue(() => this.isBelowLimit());
	}

	async probeAny(deadlineMs: number): Promise<ServerAnswer> {
		return probe(async () => borrowMysqlConnection(this.#pool), { clock: this.clock, deadlineMs });
	}

	async probeIdle(deadlineMs: number): Promise<ServerAnswer | undefined> {
		await startOfTurn();
		if (this.isEnding || this.#pool._freeConnections.length === 0) return undefined;
		return probe(async () => borrowMysqlConnection({ getConnection: this.plainGet }), { clock: this.clock, deadlineMs });
	}

	/**
	 * mysql2 has no limit of time in the queue. While credentials are refused, a caller has the time that a connection may
	 * take.
	 */
	protected get driverBudgetMs(): number | undefined {
		return this.#pool.config.connectionConfig.connectTimeout || undefined;
	}

	protected override get budgetStartMs(): number {
		return this.gate.failureSinceMs;
	}

	protected applyFields(fields: object): void {
		const { config } = this.#pool;
		const { connectionConfig: before } = config;
		// Another object, not a changed one: before mysql2 3.23 live connections share it and read it during their handshake.
		const copy = Object.create(Object.getPrototypeOf(before) as object, Object.getOwnPropertyDescriptors(before)) as typeof before;
		config.connectionConfig = Object.assign(copy, fields);
	}

	/** mysql2's own `destroy()` waits for the statement that runs. */
	protected destroySocket(connection: MysqlConnection, error?: Error): void {
		connection.stream.destroy(error);
	}

	protected failActiveWork({ _command: command }: MysqlConnection, error: Error): void {
		const { emit, listenerCount, onResult } = (command ?? {}) as {
			emit?: (event: string, error: Error) => unknown;
			listenerCount?: (event: string) => number;
			onResult?: unknown;
		};
		// mysql2 tells a command with a callback, and forgets one whose rows are streamed.
		if (onResult === undefined && typeof emit === "function" && (listenerCount?.call(command, "error") ?? 0) > 0) {
			emit.call(command, "error", error);
		}
	}

	protected listConnections(): readonly MysqlConnection[] {
		return list(this.#pool._allConnections);
	}

	protected listIdle(): readonly MysqlConnection[] {
		return list(this.#pool._freeConnections);
	}

	protected listWaiting(): readonly MysqlCallback[] {
		return list(this.#pool._connectionQueue);
	}

	open(): Promise<OpenedConnection<MysqlConnection>> {
		return new Promise((resolve, reject) => {
			const callback: MysqlCallback = (error, connection) => {
				if (error || connection === undefined) reject(error ?? new Error("mysql2 returned no connection"));
				else resolve({ connection, release: () => connection.release() });
			};
			const pool = this.#pool;
			const { _freeConnections: free } = pool;
			const { connectionLimit } = pool.config;
			// For this one synchronous call no connection is idle and there is no limit: mysql2 then opens another one.
			pool._freeConnections = new free.constructor();
			pool.config.connectionLimit = 0;
			try {
				this.logIn(callback, true);
			} finally {
				pool._freeConnections = free;
				pool.config.connectionLimit = connectionLimit;
			}
		});
	}

	protected rejectWaiter(callback: MysqlCallback, error: Error): void {
		callback(error);
	}

	protected removeWaiter(callback: MysqlCallback): void {
		const { _connectionQueue: queue } = this.#pool;
		for (let count = queue.length; count > 0; count -= 1) {
			const item = queue.shift() as MysqlCallback;
			if (item !== callback) queue.push(item);
		}
	}

	protected retireConnection(connection: MysqlConnection): void {
		const pool = this.#pool;
		const { _connectionQueue: queue } = pool;
		// mysql2 would hand the head of the queue on, and the caller would lose its place or log in.
		pool._connectionQueue = new queue.constructor();
		try {
			connection._removeFromPool();
		} finally {
			pool._connectionQueue = queue;
		}
		// Without a callback: mysql2 calls it before the packet is written, and the server would count an aborted client.
		connection._realEnd();
	}

	protected serveQueue(canOpen = (): boolean => this.canOpen()): void {
		const pool = this.#pool;
		const { _connectionQueue: queue } = pool;
		while (pool._closed !== true && queue.length > 0 && (pool._freeConnections.length > 0 || canOpen())) {
			pool.getConnection(queue.shift() as MysqlCallback);
		}
	}

	/** {@link getConnection} sees the callers anyway. */
	protected watchCallers(): void {
		return undefined;
	}

	protected watchReturns(): void {
		if (this.restoreRelease !== undefined) return;
		const pool = this.#pool;
		const plainRelease = pool.releaseConnection.bind(pool);
		this.restoreRelease = putOwnProperty(pool, "releaseConnection", (connection) => {
			const shouldClose = connection._pool && this.handleReturn(connection);
			if (shouldClose) void this.retire(connection);
			else plainRelease(connection);
			this.unwatchReturns();
		});
	}

	protected whenClosed(connection: MysqlConnection, callback: () => void): void {
		connection.stream.once("close", callback);
	}

	private unwatchReturns(): void {
		if (this.isReturnWanted) return;
		this.restoreRelease?.();
		this.restoreRelease = undefined;
	}

	private getConnection(asked: MysqlCallback): void {
		const pool = this.#pool;
		const given = this.follow(asked);
		if (pool._closed === true || pool._freeConnections.length > 0) {
			this.plainGet(given);
			return;
		}
		// An application may give the same function several times.
		const callback: MysqlCallback = this.callers.isKnown(given) ? given : (error, connection) => given(error, connection);
		if (this.canOpen()) {
			this.logIn(callback, false);
			return;
		}
		const { _connectionQueue: queue, config } = pool;
		const isBelowLimit = this.isBelowLimit();
		if (isBelowLimit && !config.waitForConnections) {
			this.answerAtOnce(callback);
			return;
		}
		if (this.callers.isKnown(callback)) {
			this.requeue(callback);
			return;
		}
		const { length } = queue;
		if (isBelowLimit) {
			// Held back by the gate and not by the limit; `queueLimit` is about a pool that is full.
			pool.emit("enqueue");
			queue.push(callback);
		} else this.plainGet(callback);
		// What is in the queue now may be a wrapper around the callback: of a tracing channel, of an APM.
		if (queue.length > length) this.callers.note(queue.get(queue.length - 1) as MysqlCallback);
		if (isBelowLimit) this.gate.callerHeld();
		this.callers.watch();
	}

	/** Tells the observer, where there is one, how a caller fares. */
	private follow(callback: MysqlCallback): MysqlCallback {
		// A caller that is served from the queue asks once more.
		const finish = this.callers.isKnown(callback) ? undefined : this.observer?.acquiring();
		if (finish === undefined) return callback;
		return (error, connection) => {
			finish(connection, error);
			callback(error, connection);
		};
	}

	/** In the old place: mysql2 would send the caller to the end of the queue, or refuse it because of `queueLimit`. */
	private requeue(callback: MysqlCallback): void {
		const { _connectionQueue: queue } = this.#pool;
		const earlier = Array.from({ length: this.callers.findPlace(callback) }, () => queue.shift() as MysqlCallback);
		queue.unshift(callback);
		for (const item of earlier.reverse()) queue.unshift(item);
	}

	/**
	 * With `waitForConnections: false` a caller is never held back: it gets the refusal that is known, or tries for
	 * itself.
	 */
	private answerAtOnce(callback: MysqlCallback): void {
		const { failure } = this.gate;
		if (failure === undefined) this.logIn(callback, false);
		else process.nextTick(callback, failure);
	}

	private canOpen(): boolean {
		return this.isBelowLimit() && !this.isFullOfClosing() && this.gate.mayLogin();
	}

	private isBelowLimit(): boolean {
		return this.#pool._allConnections.length < this.limit;
	}

	private logIn(callback: MysqlCallback, isExchange: boolean): void {
		const pool = this.#pool;
		const { generation } = this;
		if (!isExchange) this.callers.beginAttempt(callback);
		this.gate.loginStarted(isExchange);
		const finish: MysqlCallback = (error, connection) => {
			const isCurrent = generation === this.generation;
			const isWaiting = isExchange || this.callers.endAttempt(callback);
			if (!error) {
				if (connection !== undefined) this.noteLogin(connection);
				this.gate.loginSucceeded(isCurrent);
				if (isWaiting) callback(null, connection);
				else connection?.release();
				return;
			}
			const shouldWait = this.gate.loginFailed(error, isCurrent);
			if (!isWaiting) return;
			if (isExchange || !shouldWait || !this.canPark || !pool.config.waitForConnections) {
				callback(error);
				return;
			}
			this.requeue(callback);
			this.callers.watch();
			if (!isCurrent) this.wake();
		};
		const { length } = pool._allConnections;
		try {
			this.plainGet(finish);
		} catch (error) {
			this.callers.endAttempt(callback);
			this.gate.loginFailed(error, true);
			throw error;
		}
		const { _allConnections: all } = pool;
		if (all.length > length) this.trackConnection(all.get(all.length - 1) as MysqlConnection, generation);
	}

	private trackConnection(connection: MysqlConnection, generation?: number): void {
		// The queues of mysql2 may keep a connection for long after its end, and with it a retired password.
		connection.stream.once("close", () => (connection.config = hideCredentials(connection.config)));
		this.track(connection, generation);
		// mysql2 listens once. A second error of the same connection, without a listener, would end the process.
		connection.on("error", () => this.noteLoss(connection));
	}
}

/** A copy, since connections of older versions of mysql2 share the object. */
function hideCredentials(config: object): object {
	const copy = Object.create(Object.getPrototypeOf(config) as object, Object.getOwnPropertyDescriptors(config)) as object;
	return Object.assign(copy, { password: undefined, password1: undefined, passwordSha1: undefined });
}
