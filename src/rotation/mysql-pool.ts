/** Everything we know of mysql2's pools, alone or as a node of a cluster: what is busy, how to ask without opening a connection, how to end and to force. */
import { type Clock, startOfTurn } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";
import { CLOSE_PATIENCE_MS, type ConnectionPool, type PoolEnd, type ProbeAnswer } from "./connection-pool.js";
import { OpenSockets } from "./open-sockets.js";
import { copyListeners, type PoolEmitter, watchPool } from "./pool-listeners.js";

/** The part of a connection of mysql2 that is used here. */
export interface MysqlConnection {
	_realEnd?(): unknown;
	_removeFromPool?(): void;
	on(event: string, listener: () => void): unknown;
	query(text: string, callback: (error: Error | null, rows?: unknown) => void): unknown;
	release(): void;
	readonly stream: { destroy(): unknown; readonly destroyed?: boolean; once(event: string, listener: () => void): unknown };
}

type GetCallback = (error: Error | null, connection?: MysqlConnection) => void;

/** A queue of mysql2: of its own in 3.x, of another package before. */
interface RingQueue<Item> {
	get(index: number): Item | undefined;
	readonly length: number;
	shift(): Item | undefined;
}

/** The part of a pool of mysql2 that is used here. It has no public way to count its connections; these names are the same from 2.2.5 on. */
export interface Mysql2Pool extends PoolEmitter {
	readonly _allConnections: RingQueue<MysqlConnection>;
	readonly _closed?: boolean;
	readonly _connectionQueue: RingQueue<GetCallback>;
	readonly _freeConnections: RingQueue<MysqlConnection>;
	readonly config: { readonly connectionConfig: { readonly connectTimeout?: number }; readonly connectionLimit: number };
	end(callback: (error?: Error) => void): void;
	getConnection(callback: GetCallback): void;
}

/** Events of a pool to which applications listen. */
const APPLICATION_EVENTS = ["acquire", "connection", "enqueue", "release"];

/** Aurora's readers say so in the second one. Both are known to MySQL and MariaDB. */
const READ_ONLY_QUERY = "SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly";

/** A pool of mysql2. */
export class MysqlPool implements ConnectionPool {
	private readonly closedListeners: ((hasLoggedIn: boolean) => void)[] = [];
	private readonly sockets = new OpenSockets<MysqlConnection>(
		({ stream }, callback) => stream.once("close", callback),
		(hasLoggedIn) => this.closedListeners.forEach((listener) => listener(hasLoggedIn)),
	);

	/** @param pool Pool of mysql2, whose private parts are touched here and nowhere else. */
	constructor(readonly pool: Mysql2Pool) {}

	get closingCount(): number {
		return this.listClosing().length;
	}

	get idleCount(): number {
		return this.pool._freeConnections.length;
	}

	get isEnding(): boolean {
		return this.pool._closed === true;
	}

	get leavingCount(): number {
		return this.listClosing().filter((connection) => this.sockets.hasLoggedIn(connection)).length;
	}

	get openCount(): number {
		return this.sockets.count;
	}

	get size(): number {
		// mysql2 takes 0 for "no limit".
		return this.pool.config.connectionLimit || Number.POSITIVE_INFINITY;
	}

	get timeoutMs(): number {
		return this.pool.config.connectionConfig.connectTimeout ?? 0;
	}

	get totalCount(): number {
		return this.pool._allConnections.length;
	}

	get waitingCount(): number {
		return this.pool._connectionQueue.length;
	}

	/**
	 * The pool's own `end()` says goodbye on lent connections, too, and their transactions are lost. So each connection is closed when it is free, and
	 * `end()` comes last.
	 */
	beginEnd(): PoolEnd {
		const { pool } = this;
		this.noteOpening();
		const unused = [...list(pool._freeConnections), ...this.listClosing()];
		for (const connection of list(pool._freeConnections)) sayGoodbye(connection);
		watchPool(pool, "release", sayGoodbye);
		const { sockets } = this;
		let isEnded = false;
		const end = (): void => {
			if (isEnded) return;
			isEnded = true;
			pool.end(() => undefined);
		};
		const endIfEmpty = (): void => {
			// A pool that somebody else has ended forgets nobody any more.
			if (sockets.count === 0 && (this.isEnding || this.totalCount === 0)) end();
		};
		this.closedListeners.push(endIfEmpty);
		endIfEmpty();
		return {
			cutIdle: () => unused.forEach(cut),
			force: () => {
				for (const connection of [...list(pool._allConnections), ...this.listClosing()]) cut(connection);
				end();
			},
			get isDone() {
				return isEnded && sockets.count === 0;
			},
		};
	}

	async closeIdle(clock: Clock): Promise<boolean> {
		const connection = await this.borrowIdle().catch(() => undefined);
		if (connection === undefined) return false;
		return new Promise((resolve) => {
			const timer = clock.schedule(() => {
				cut(connection);
				resolve(true);
			}, CLOSE_PATIENCE_MS);
			connection.stream.once("close", () => {
				timer.cancel();
				resolve(true);
			});
			sayGoodbye(connection);
		});
	}

	connect(): Promise<void> {
		return new Promise((resolve, reject) => {
			this.pool.getConnection((error, connection) => {
				connection?.release();
				if (error) reject(error);
				else resolve();
			});
		});
	}

	copyListenersTo(successor: MysqlPool): void {
		copyListeners(this.pool, successor.pool, APPLICATION_EVENTS);
	}

	cutClosing(): void {
		for (const connection of this.listClosing()) cut(connection);
	}

	noteOpening(): void {
		this.sockets.follow(list(this.pool._allConnections));
	}

	onClosed(listener: () => void): void {
		this.noteOpening();
		this.closedListeners.push((hasLoggedIn) => {
			if (hasLoggedIn) listener();
		});
	}

	onLogin(listener: () => void): void {
		this.sockets.noteLogins(list(this.pool._allConnections));
		watchPool(this.pool, "connection", (connection: MysqlConnection) => {
			// mysql2 listens once. A second error of the same connection, unheard, would end the process.
			connection.on("error", () => undefined);
			this.sockets.noteLogins([connection]);
			listener();
		});
	}

	async probeIdle(clock: Clock, deadlineMs: number): Promise<ProbeAnswer | undefined> {
		const connection = await this.borrowIdle();
		if (connection === undefined) return undefined;
		try {
			const answer = await withDeadline(async () => probe(connection), { clock, deadlineMs, subject: "SELECT 1" });
			connection.release();
			return answer;
		} catch (error) {
			cut(connection);
			throw error;
		}
	}

	rejectWaiting(reason: Error): void {
		const { _connectionQueue: queue } = this.pool;
		while (queue.length > 0) queue.shift()?.(reason);
	}

	async waitForClose(clock: Clock, patienceMs: number): Promise<void> {
		return this.sockets.waitForClose(clock, patienceMs);
	}

	private listClosing(): MysqlConnection[] {
		return this.sockets.listBeyond(list(this.pool._allConnections));
	}

	/** @throws What the pool says when it has been ended meanwhile. */
	private async borrowIdle(): Promise<MysqlConnection | undefined> {
		await startOfTurn();
		if (this.isEnding || this.idleCount === 0) return undefined;
		return new Promise((resolve, reject) => {
			this.pool.getConnection((error, connection) => {
				if (error) reject(error);
				else resolve(connection);
			});
		});
	}
}

function list<Item>(queue: RingQueue<Item>): Item[] {
	return Array.from({ length: queue.length }, (_, index) => queue.get(index) as Item);
}

async function probe(connection: MysqlConnection): Promise<ProbeAnswer> {
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

/** Takes a connection out of its pool and closes it in order. */
function sayGoodbye(connection: MysqlConnection): void {
	connection._removeFromPool?.();
	connection._realEnd?.();
}

/** mysql2's own `destroy()` waits for the statement that runs. */
function cut(connection: MysqlConnection): void {
	connection.on("error", () => undefined);
	connection.stream.destroy();
}
