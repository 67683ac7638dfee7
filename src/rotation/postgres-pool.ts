/** Everything we know of pg's pools: what is busy, how to ask without opening a connection, how to end one and how to force it. */
import { type Clock, startOfTurn } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";
import { CLOSE_PATIENCE_MS, type ConnectionPool, type PoolEnd, type ProbeAnswer } from "./connection-pool.js";
import { OpenSockets } from "./open-sockets.js";
import { copyListeners, type PoolEmitter, watchPool } from "./pool-listeners.js";

/** The part of a client of pg that is used here. */
export interface PgClient {
	readonly connection?: { readonly stream?: { destroy(): unknown } };
	end(): unknown;
	off(event: string, listener: () => void): unknown;
	on(event: string, listener: () => void): unknown;
	once(event: string, listener: () => void): unknown;
	query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
}

/** The callback form of `pool.connect`, as TypeORM uses it. */
export type PgConnectCallback = (error: Error | null | undefined, client: PgClient, release: (error?: Error) => void) => void;

/** The part of a pool of pg that is used here. Names with an underscore are private to pg-pool; they are read to count sockets and to force an end. */
export interface PgPool extends PoolEmitter {
	readonly _clients?: readonly PgClient[];
	readonly _idle?: readonly { readonly client: PgClient }[];
	readonly _pendingQueue?: { callback: (error: Error) => void }[];
	connect(callback: PgConnectCallback): unknown;
	end(): Promise<unknown>;
	readonly ending?: boolean;
	readonly idleCount: number;
	readonly options: { readonly connectionTimeoutMillis?: number; readonly max: number };
	readonly totalCount: number;
	readonly waitingCount: number;
}

/** Events of a pool to which applications listen. */
const APPLICATION_EVENTS = ["acquire", "connect", "error", "release", "remove"];

/** A pool of node-postgres. */
export class PostgresPool implements ConnectionPool {
	/** Idle connections that are asked for and not handed out yet. */
	private claimCount = 0;
	private readonly closedListeners: (() => void)[] = [];
	private readonly sockets = new OpenSockets<PgClient>(
		(client, callback) => client.once("end", callback),
		(hasLoggedIn) => {
			if (hasLoggedIn) this.closedListeners.forEach((listener) => listener());
		},
	);

	/** @param pool Pool of pg, whose private parts are touched here and nowhere else. */
	constructor(readonly pool: PgPool) {}

	get closingCount(): number {
		return this.listClosing().length;
	}

	get idleCount(): number {
		return this.pool.idleCount - this.claimCount;
	}

	get isEnding(): boolean {
		return this.pool.ending === true;
	}

	get leavingCount(): number {
		return this.listClosing().filter((client) => this.sockets.hasLoggedIn(client)).length;
	}

	get openCount(): number {
		return this.sockets.count;
	}

	get size(): number {
		return this.pool.options.max;
	}

	get timeoutMs(): number {
		return this.pool.options.connectionTimeoutMillis ?? 0;
	}

	get totalCount(): number {
		return this.pool.totalCount;
	}

	get waitingCount(): number {
		return this.pool.waitingCount;
	}

	/** pg-pool neither serves nor rejects whoever waits in a pool that is ending. */
	beginEnd(): PoolEnd {
		const { pool } = this;
		const closing = this.listClosing();
		const clients = new Set([...(pool._clients ?? []), ...closing]);
		const unusedClients = [...(pool._idle ?? []).map(({ client }) => client), ...closing];
		let isEnded = false;
		for (const client of clients) client.once("end", () => clients.delete(client));
		pool.end().then(
			() => (isEnded = true),
			() => (isEnded = true),
		);
		return {
			cutIdle: () => {
				for (const client of unusedClients) if (clients.has(client)) cut(client);
			},
			force: () => {
				for (const client of clients) cut(client);
			},
			get isDone() {
				return isEnded && clients.size === 0;
			},
		};
	}

	async closeIdle(clock: Clock): Promise<boolean> {
		const lent = await this.borrowIdle().catch(() => undefined);
		if (lent === undefined) return false;
		const { client, release } = lent;
		return new Promise((resolve) => {
			const timer = clock.schedule(() => {
				client.connection?.stream?.destroy();
				resolve(true);
			}, CLOSE_PATIENCE_MS);
			client.once("end", () => {
				timer.cancel();
				resolve(true);
			});
			release(new Error("The connection makes room for a replacement"));
		});
	}

	connect(): Promise<void> {
		return new Promise((resolve, reject) => {
			this.pool.connect((connectError, _client, release) => {
				if (connectError) {
					reject(connectError);
					return;
				}
				release();
				resolve();
			});
		});
	}

	copyListenersTo(successor: PostgresPool): void {
		copyListeners(this.pool, successor.pool, APPLICATION_EVENTS);
	}

	cutClosing(): void {
		for (const client of this.listClosing()) cut(client);
	}

	noteOpening(): void {
		const follow = (): void => this.sockets.follow(this.pool._clients ?? []);
		follow();
		// While an idle connection is on its way to somebody else, pg-pool opens the next one in the next tick.
		process.nextTick(follow);
	}

	onClosed(listener: () => void): void {
		this.noteOpening();
		this.closedListeners.push(listener);
	}

	onLogin(listener: () => void): void {
		this.sockets.noteLogins(this.pool._clients ?? []);
		watchPool(this.pool, "connect", (client: PgClient) => {
			// The server's last word may come in one packet with the end of the login, before the borrower listens; unheard, it ends the process.
			client.on("error", () => undefined);
			this.sockets.noteLogins([client]);
			listener();
		});
	}

	async probeIdle(clock: Clock, deadlineMs: number): Promise<ProbeAnswer | undefined> {
		const lent = await this.borrowIdle();
		if (lent === undefined) return undefined;
		const { client, release } = lent;
		// Without a listener the error event of a lent client ends the process.
		const ignore = (): undefined => undefined;
		client.on("error", ignore);
		try {
			const answer = await withDeadline(async () => probe(client), { clock, deadlineMs, subject: "SELECT 1" });
			client.off("error", ignore);
			release();
			return answer;
		} catch (error) {
			release(error as Error);
			client.connection?.stream?.destroy();
			throw error;
		}
	}

	rejectWaiting(reason: Error): void {
		for (const { callback } of this.pool._pendingQueue?.splice(0) ?? []) callback(reason);
	}

	async waitForClose(clock: Clock, patienceMs: number): Promise<void> {
		return this.sockets.waitForClose(clock, patienceMs);
	}

	private listClosing(): PgClient[] {
		return this.sockets.listBeyond(this.pool._clients ?? []);
	}

	/** @throws What the pool says when the connection is lost meanwhile. */
	private async borrowIdle(): Promise<{ client: PgClient; release: (error?: Error) => void } | undefined> {
		const { pool } = this;
		// pg-pool hands out its idle connection on the next tick. At the start of a turn of the event loop nobody can take it first and make the pool
		// open another one for us.
		await startOfTurn();
		if (this.isEnding || this.idleCount <= 0 || pool.waitingCount > 0) return undefined;
		// Until then it is idle to pg-pool, and not to anybody who wants one.
		this.claimCount += 1;
		return new Promise((resolve, reject) => {
			pool.connect((connectError, client, release) => {
				this.claimCount -= 1;
				if (connectError) reject(connectError);
				else resolve({ client, release });
			});
		});
	}
}

async function probe(client: PgClient): Promise<ProbeAnswer> {
	await client.query("SELECT 1");
	try {
		const { rows } = await client.query("SHOW transaction_read_only");
		return { isReadOnly: rows[0]?.["transaction_read_only"] === "on" };
	} catch {
		// Poolers and PostgreSQL-like servers may not know the setting; SELECT 1 has answered.
		return { isReadOnly: undefined };
	}
}

function cut(client: PgClient): void {
	// A lent client whose borrower does not listen would end the process with its error event.
	client.on("error", () => undefined);
	client.connection?.stream?.destroy();
}
