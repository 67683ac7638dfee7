/** What a rotation needs of a pool, whichever driver made it. postgres-pool.ts and mysql-pool.ts say how each driver does it. */
import type { Clock } from "../support/clock.js";

/** What a probe found out about the server behind a pool. */
export interface ProbeAnswer {
	/** Whether new transactions are read-only: a standby, a reader endpoint. `undefined` where the server does not say. */
	readonly isReadOnly: boolean | undefined;
}

/** A pool that is being ended: how far it is, and a way to cut the rest. */
export interface PoolEnd {
	/** Destroys the sockets that were idle or closing when the end began: nobody's work is on them, and a dead peer never lets go of them by itself. */
	cutIdle(): void;
	/** Destroys the sockets that are left: a statement on one of them fails. */
	force(): void;
	/** Whether every connection that the pool had is closed. */
	readonly isDone: boolean;
}

/** One pool of a driver. A connection counts from the moment in which its socket is asked for. */
export interface ConnectionPool {
	/** Sockets that the pool does not count any more and that are not closed yet: of refused logins, and of connections that were idle for too long. */
	readonly closingCount: number;
	readonly idleCount: number;
	readonly isEnding: boolean;
	/** Sockets that are open. */
	readonly openCount: number;
	/** Those of the sockets that are closing whose login had succeeded. */
	readonly leavingCount: number;
	/** Largest number of connections. */
	readonly size: number;
	/** How long a caller waits for a connection. 0: for ever. */
	readonly timeoutMs: number;
	/** Connections that are idle, lent or being opened. */
	readonly totalCount: number;
	/** Callers in the pool's own queue. */
	readonly waitingCount: number;
	/** Ends the pool: idle connections at once, lent ones when they come back. Only for a pool with an empty queue. */
	beginEnd(): PoolEnd;
	/** Closes one connection that is idle at this moment and waits until the server knows; `false` when there is none. */
	closeIdle(clock: Clock): Promise<boolean>;
	/** Opens a connection, unless one is idle, and leaves it idle. */
	connect(): Promise<void>;
	/** Lets an application's listeners follow to the replacement. */
	copyListenersTo(successor: ConnectionPool): void;
	/** Destroys the sockets that are closing; a peer that does not answer is not waited for any longer. */
	cutClosing(): void;
	/** To be called when a login may have begun: its socket is followed from now on, also when the login is refused. */
	noteOpening(): void;
	/** Calls `listener` for each connection that the pool gives up, once its socket is closed: of those that `onLogin` has seen, not of failed logins. */
	onClosed(listener: () => void): void;
	/** Calls `listener` for each login that succeeds from now on. Connections that are there already are taken for logged in. */
	onLogin(listener: () => void): void;
	/**
	 * Asks `SELECT 1` over a connection that is idle at this moment; resolves to `undefined` when there is none. Never opens a connection. One that does
	 * not answer in time is destroyed: left alone it would occupy its place in the pool for ever.
	 */
	probeIdle(clock: Clock, deadlineMs: number): Promise<ProbeAnswer | undefined>;
	/** Rejects the callers that wait in the pool's own queue. */
	rejectWaiting(reason: Error): void;
	/** Waits until one of the sockets is closed, at most `patienceMs`. */
	waitForClose(clock: Clock, patienceMs: number): Promise<void>;
}

/** A peer that does not answer the end of a connection is not waited for any longer. */
export const CLOSE_PATIENCE_MS = 1_000;

/** Connections in use or being opened. */
export function countBusy(pool: ConnectionPool): number {
	return pool.totalCount - pool.idleCount;
}
