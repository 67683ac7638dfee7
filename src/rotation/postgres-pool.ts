/** Everything we know of pg's pools: what is busy, how to ask without opening a connection, how to end one and how to force it. */
import { type Clock, startOfTurn } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";

/** The part of a pg client that is used here. */
export interface PostgresClient {
	readonly connection?: { readonly stream?: { destroy(): unknown } };
	end(): unknown;
	off(event: string, listener: () => void): unknown;
	on(event: string, listener: () => void): unknown;
	once(event: string, listener: () => void): unknown;
	query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
}

/** The callback form of `pool.connect`, as TypeORM uses it. */
export type PostgresConnectCallback = (error: Error | undefined, client: PostgresClient, release: (error?: Error) => void) => void;

/** What listens to a pool. Added with `once`, it is wrapped, and the wrapper names it as its `listener`. */
export type PoolListener = ((...eventArguments: never[]) => void) & { readonly listener?: PoolListener };

/** The part of a pg pool that is used here. Names with an underscore are private to pg-pool; they are touched only to force an end. */
export interface PostgresPool {
	readonly _clients?: readonly PostgresClient[];
	readonly _idle?: readonly { readonly client: PostgresClient }[];
	readonly _pendingQueue?: { callback: (error: Error) => void }[];
	connect(callback: PostgresConnectCallback): unknown;
	end(): Promise<unknown>;
	readonly ending?: boolean;
	readonly idleCount: number;
	off(event: string, listener: PoolListener): unknown;
	on(event: string, listener: PoolListener): unknown;
	once(event: string, listener: PoolListener): unknown;
	readonly options: { readonly connectionTimeoutMillis?: number; readonly max: number };
	rawListeners(event: string): PoolListener[];
	readonly totalCount: number;
	readonly waitingCount: number;
}

/** Events of a pool to which applications listen. */
const APPLICATION_EVENTS = ["acquire", "connect", "error", "release", "remove"] as const;

/** A peer that does not answer the end of a connection is not waited for any longer. */
const CLOSE_PATIENCE_MS = 1_000;

/** Our own listeners belong to one pool and do not move. */
const ownListeners = new WeakSet<object>();

/** Listens for one of our own purposes. */
export function watchPool(
	pool: PostgresPool,
	event: (typeof APPLICATION_EVENTS)[number],
	listener: (client: PostgresClient) => void,
): void {
	ownListeners.add(listener);
	pool.on(event, listener);
}

/**
 * Lets an application's listeners follow to the replacement; one that was added with `once` moves, so that it is called once.
 *
 * What the replacement has already stays behind: TypeORM adds a listener to each pool it makes, and so may an instrumentation. Those of two pools are
 * different functions; it is their source that tells.
 */
export function copyListeners(from: PostgresPool, to: PostgresPool): void {
	for (const event of APPLICATION_EVENTS) {
		const present = to.rawListeners(event).map(readSource);
		for (const raw of from.rawListeners(event)) {
			if (ownListeners.has(raw)) continue;
			const presentAt = present.indexOf(readSource(raw));
			if (presentAt >= 0) {
				present.splice(presentAt, 1);
			} else if (raw.listener === undefined) {
				to.on(event, raw);
			} else {
				from.off(event, raw);
				to.once(event, raw.listener);
			}
		}
	}
}

function readSource(raw: PoolListener): string {
	return String(raw.listener ?? raw);
}

/** Connections in use or being opened. */
export function countBusy(pool: PostgresPool): number {
	return pool.totalCount - pool.idleCount;
}

/** What a probe found out about the server behind a pool. */
export interface ProbeAnswer {
	/** Whether new transactions are read-only: a standby, a reader endpoint. `undefined` where the server does not say. */
	readonly isReadOnly: boolean | undefined;
}

/**
 * Asks `SELECT 1` over a connection that is idle at this moment; resolves to `undefined` when there is none. Never opens a connection.
 *
 * A connection that does not answer in time is destroyed: left alone it would occupy its place in the pool for ever.
 */
export async function probeIdle(pool: PostgresPool, clock: Clock, deadlineMs: number): Promise<ProbeAnswer | undefined> {
	// pg-pool hands out its idle connection on the next tick. At the start of a turn of the event loop nobody can take it first and make the pool
	// open another one for us.
	await startOfTurn();
	if (pool.ending === true || pool.idleCount === 0 || pool.waitingCount > 0) return undefined;
	return new Promise((resolve, reject) => {
		pool.connect((connectError, client, release) => {
			if (connectError instanceof Error) reject(connectError);
			else resolve(probeAndGiveBack(client, release, clock, deadlineMs));
		});
	});
}

/** Closes one connection that is idle at this moment and waits until the server knows; `false` when there is none. */
export async function closeIdle(pool: PostgresPool, clock: Clock): Promise<boolean> {
	await startOfTurn();
	if (pool.ending === true || pool.idleCount === 0 || pool.waitingCount > 0) return false;
	return new Promise((resolve) => {
		pool.connect((connectError, client, release) => {
			if (connectError instanceof Error) {
				resolve(false);
				return;
			}
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
	});
}

async function probeAndGiveBack(
	client: PostgresClient,
	release: (error?: Error) => void,
	clock: Clock,
	deadlineMs: number,
): Promise<ProbeAnswer> {
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

async function probe(client: PostgresClient): Promise<ProbeAnswer> {
	await client.query("SELECT 1");
	try {
		const { rows } = await client.query("SHOW transaction_read_only");
		return { isReadOnly: rows[0]?.["transaction_read_only"] === "on" };
	} catch {
		// Poolers and PostgreSQL-like servers may not know the setting; SELECT 1 has answered.
		return { isReadOnly: undefined };
	}
}

/** A pool that is being ended: how far it is, and a way to cut the rest. */
export interface PoolEnd {
	/** Destroys the sockets that were idle when the end began: nobody's work is on them, and a dead peer never lets go of them by itself. */
	cutIdle(): void;
	/** Destroys the sockets that are left: a statement on one of them fails. */
	force(): void;
	/** Whether every connection that the pool had is closed. */
	readonly isDone: boolean;
}

/**
 * Ends a pool: idle connections at once, lent ones when they come back. Only for a pool with an empty queue, since pg-pool neither serves nor rejects
 * whoever waits in a pool that is ending.
 */
export function beginEnd(pool: PostgresPool): PoolEnd {
	const clients = new Set(pool._clients ?? []);
	const idleClients = (pool._idle ?? []).map(({ client }) => client);
	let isEnded = false;
	for (const client of clients) client.once("end", () => clients.delete(client));
	pool.end().then(
		() => (isEnded = true),
		() => (isEnded = true),
	);
	const cut = (client: PostgresClient): void => {
		// A lent client whose borrower does not listen would end the process with its error event.
		client.on("error", () => undefined);
		client.connection?.stream?.destroy();
	};
	return {
		cutIdle: () => {
			for (const client of idleClients) if (clients.has(client)) cut(client);
		},
		force: () => {
			for (const client of clients) cut(client);
		},
		get isDone() {
			return isEnded && clients.size === 0;
		},
	};
}

/** Rejects the callers that wait in the queue of a pool. */
export function rejectWaiting(pool: PostgresPool, reason: Error): void {
	for (const { callback } of pool._pendingQueue?.splice(0) ?? []) callback(reason);
}
