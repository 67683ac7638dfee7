/**
 * Everything known of the inside of mysql2's pools 3.9 to 3.24, alone or as a node of a cluster: the gate in front of their logins, and the exchange of
 * their connections.
 */
import { startOfTurn } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";
import { LivePool, type LivePoolOptions, type OpenedConnection, type ProbeRequest, type ServerAnswer } from "./live-pool.js";
import { putOwnProperty } from "./own-property.js";

type Listener = (...eventArguments: never[]) => void;
type GetCallback = (error: Error | null, connection?: MysqlConnection) => void;

/** A queue of mysql2. */
interface RingQueue<Item> {
	readonly constructor: new () => RingQueue<Item>;
	get(index: number): Item | undefined;
	readonly length: number;
	push(item: Item): unknown;
	shift(): Item | undefined;
	unshift(item: Item): unknown;
}

/** The part of a connection of mysql2 that is used. Names with an underscore are private to mysql2. */
export interface MysqlConnection {
	readonly _command?: unknown;
	readonly _pool?: object | null;
	_realEnd(): unknown;
	_removeFromPool(): void;
	on(event: string, listener: Listener): unknown;
	query(text: string, callback: (error: Error | null, rows?: unknown) => void): unknown;
	release(): void;
	readonly stream: { destroy(error?: Error): unknown; once(event: string, listener: Listener): unknown };
}

/** The part of a pool of mysql2 that is used. */
export interface Mysql2Pool {
	readonly _allConnections: RingQueue<MysqlConnection>;
	readonly _closed?: boolean;
	_connectionQueue: RingQueue<GetCallback>;
	_freeConnections: RingQueue<MysqlConnection>;
	readonly config: {
		connectionConfig: object & { readonly connectTimeout?: number };
		connectionLimit: number;
		readonly waitForConnections: boolean;
	};
	emit(event: string): unknown;
	end(callback: (error?: Error) => void): void;
	getConnection(callback: GetCallback): void;
	releaseConnection(connection: MysqlConnection): void;
}

/** The fields with which a pool makes its next connections, and that a promotion replaces. */
const FIELDS = ["authPlugins", "host", "password", "password1", "passwordSha1", "port", "socketPath", "ssl", "user"] as const;

/** Aurora's readers say so in the second one. Both are known to MySQL and MariaDB. */
const READ_ONLY_QUERY = "SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly";

/** Names what a pool lacks for an exchange; `undefined` when nothing is missing. */
export function findMissingMysqlParts(pool: Partial<Mysql2Pool>): string | undefined {
	const isQueue = (queue: unknown): boolean =>
		["get", "push", "shift", "unshift"].every((name) => typeof (queue as Record<string, unknown> | undefined)?.[name] === "function");
	const lists = ["_allConnections", "_connectionQueue", "_freeConnections"] as const;
	const methods = ["getConnection", "releaseConnection"] as const;
	const missing: string[] = [
		...methods.filter((name) => typeof pool[name] !== "function"),
		...lists.filter((name) => !isQueue(pool[name])),
		...(typeof pool.config?.connectionConfig === "object" && typeof pool.config.connectionLimit === "number" ? [] : ["config"]),
	];
	const [connection] = missing.length === 0 ? list(pool._allConnections as Mysql2Pool["_allConnections"]) : [];
	for (const name of ["_realEnd", "_removeFromPool"] as const)
		if (connection !== undefined && typeof connection[name] !== "function") missing.push(name);
	return missing.length === 0 ? undefined : `its pool has no ${missing.join(", ")}; use mysql2 3.9 or later`;
}

/** The fields of a pool that another one is to log in with. */
export function readMysqlFields(pool: Pick<Mysql2Pool, "config">): object {
	const config = pool.config.connectionConfig as Record<string, unknown>;
	return Object.fromEntries(FIELDS.filter((key) => key in config).map((key) => [key, config[key]]));
}

/** A live pool of mysql2. */
export class MysqlPool extends LivePool<MysqlConnection, GetCallback> {
	readonly #pool: Mysql2Pool;
	private readonly plainGet: (callback: GetCallback) => void;
	private readonly restoreGet: () => void;
	private restoreRelease: (() => void) | undefined;

	constructor(pool: Mysql2Pool, options: LivePoolOptions) {
		super(options);
		this.#pool = pool;
		for (const connection of list(pool._allConnections)) this.trackConnection(connection);
		this.plainGet = pool.getConnection.bind(pool);
		this.restoreGet = putOwnProperty(pool, "getConnection", (callback) => this.getConnection(callback));
	}

	get isEnding(): boolean {
		return this.#pool._closed === true;
	}

	get limit(): number {
		// mysql2 takes 0 for "no limit".
		return this.#pool.config.connectionLimit || Number.POSITIVE_INFINITY;
	}

	detach(): void {
		this.stopTimers();
		this.restoreGet();
		this.restoreRelease?.();
		this.restoreRelease = undefined;
		this.serveQueue();
	}

	async probeIdle(deadlineMs: number): Promise<ServerAnswer | undefined> {
		await startOfTurn();
		if (this.isEnding || this.#pool._freeConnections.length === 0) return undefined;
		return probeMysqlPool({ getConnection: this.plainGet }, { clock: this.clock, deadlineMs });
	}

	/** mysql2 has no limit of time in the queue. While credentials are refused, a caller has the time that a connection may take. */
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

	protected listWaiting(): readonly GetCallback[] {
		return list(this.#pool._connectionQueue);
	}

	protected openBeyondLimit(): Promise<OpenedConnection<MysqlConnection>> {
		return new Promise((resolve, reject) => {
			const callback: GetCallback = (error, connection) => {
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

	protected rejectWaiter(callback: GetCallback, error: Error): void {
		callback(error);
	}

	protected removeWaiter(callback: GetCallback): void {
		const { _connectionQueue: queue } = this.#pool;
		for (let count = queue.length; count > 0; count -= 1) {
			const item = queue.shift() as GetCallback;
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

	protected serveQueue(): void {
		const pool = this.#pool;
		const { _connectionQueue: queue } = pool;
		while (pool._closed !== true && queue.length > 0 && (pool._freeConnections.length > 0 || this.canOpen())) {
			pool.getConnection(queue.shift() as GetCallback);
		}
	}

	protected override watchReturns(isWanted: boolean): void {
		if (!isWanted || this.restoreRelease !== undefined) return;
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

	private getConnection(callback: GetCallback): void {
		const pool = this.#pool;
		if (pool._closed === true || pool._freeConnections.length > 0) {
			this.plainGet(callback);
			return;
		}
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
		if (this.hasWaited(callback)) {
			// In its old place: mysql2 would send it to the end of the queue, or refuse it because of `queueLimit`.
			queue.unshift(callback);
			return;
		}
		const { length } = queue;
		if (isBelowLimit) {
			// Held back by the gate and not by the limit; `queueLimit` is about a pool that is full.
			pool.emit("enqueue");
			queue.push(callback);
		} else this.plainGet(callback);
		// What is in the queue now may be a wrapper around the callback: of a tracing channel, of an APM.
		if (queue.length > length) this.noteWaiting(queue.get(queue.length - 1) as GetCallback);
		if (isBelowLimit) this.noteHeld();
	}

	/** With `waitForConnections: false` a caller is never held back: it gets the refusal that is known, or tries for itself. */
	private answerAtOnce(callback: GetCallback): void {
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

	private logIn(callback: GetCallback, isExchange: boolean): void {
		const pool = this.#pool;
		const { generation } = this;
		this.beginAttempt(callback, isExchange);
		const finish: GetCallback = (error, connection) => {
			const isCurrent = generation === this.generation;
			const isWaiting = this.endAttempt(callback);
			if (!error) {
				this.gate.loginSucceeded(isCurrent);
				if (isWaiting) callback(null, connection);
				else connection?.release();
				return;
			}
			const shouldWait = this.gate.loginFailed(error, isCurrent);
			if (!isWaiting) return;
			if (isExchange || !shouldWait || pool._closed === true || !pool.config.waitForConnections) {
				callback(error);
				return;
			}
			pool._connectionQueue.unshift(callback);
			this.watchOverdue();
			if (!isCurrent) this.wake();
		};
		const { length } = pool._allConnections;
		try {
			this.plainGet(finish);
		} catch (error) {
			this.endAttempt(callback);
			this.gate.loginFailed(error, true);
			throw error;
		}
		const { _allConnections: all } = pool;
		if (all.length > length) this.trackConnection(all.get(all.length - 1) as MysqlConnection, generation);
	}

	private trackConnection(connection: MysqlConnection, generation?: number): void {
		this.track(connection, generation);
		// mysql2 listens once. A second error of the same connection, without a listener, would end the process.
		connection.on("error", () => this.gate.connectionLost());
	}
}

/** Asks `SELECT 1`, and whether the server is read-only, over one connection of the pool. */
export async function probeMysqlPool(pool: Pick<Mysql2Pool, "getConnection">, request: ProbeRequest): Promise<ServerAnswer> {
	let borrowed: MysqlConnection | undefined;
	const ask = async (signal: AbortSignal): Promise<ServerAnswer> => {
		borrowed = await new Promise<MysqlConnection>((resolve, reject) => {
			pool.getConnection((error, connection) => {
				if (error || connection === undefined) reject(error ?? new Error("mysql2 returned no connection"));
				// The deadline was over before the connection came.
				else if (signal.aborted) connection.release();
				else resolve(connection);
			});
		});
		return readAnswer(borrowed);
	};
	try {
		const answer = await withDeadline(ask, { ...request, subject: "SELECT 1" });
		borrowed?.release();
		return answer;
	} catch (error) {
		borrowed?.stream.destroy();
		throw error;
	}
}

async function readAnswer(connection: MysqlConnection): Promise<ServerAnswer> {
	await ask(connection, "SELECT 1");
	try {
		const rows = (await ask(connection, READ_ONLY_QUERY)) as Record<string, unknown>[];
		return { isReadOnly: Object.values(rows[0] ?? {}).some((value) => !["0", "OFF"].includes(String(value).toUpperCase())) };
	} catch {
		// Poolers and MySQL-like servers may not know the variables; SELECT 1 has answered.
		return { isReadOnly: undefined };
	}
}

function ask(connection: MysqlConnection, text: string): Promise<unknown> {
	return new Promise((resolve, reject) => {
		connection.query(text, (error, rows) => {
			if (error) reject(error);
			else resolve(rows);
		});
	});
}

function list<Item>(queue: RingQueue<Item>): Item[] {
	return Array.from({ length: queue.length }, (_, index) => queue.get(index) as Item);
}
