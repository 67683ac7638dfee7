/** One side of the gate, the master or a replica: its pool, who holds a connection of which generation, and when there is room for another. */
import type { Clock } from "../support/clock.js";
import type { ConnectionPool } from "./connection-pool.js";
import type { LoginWatch } from "./login-watch.js";
import type { Permits } from "./permits.js";

/** How long a caller waits for the socket of another connection to close. */
const SOCKET_PATIENCE_MS = 250;

/** The counts of one generation on one side. */
export interface Ledger {
	/** Connections that are being obtained and may take an idle one. */
	claimCount: number;
	/** Permits held by callers that have a connection or are obtaining one. */
	heldCount: number;
	/** Permits that a retired generation has still to give back; `undefined` while it serves. */
	owedCount: number | undefined;
	/** Gives back permits of a retired generation for which there is neither a socket nor a caller any more: nobody tells a close a second time. */
	payBackSurplus: () => void;
}

/** One side (the master or a replica) of the gate. */
export interface Side {
	ledger: Ledger;
	readonly logins: LoginWatch;
	readonly permits: Permits;
	pool: ConnectionPool;
	/** Connections of retired generations that are not closed yet. */
	retiredCount: number;
	readonly timeoutMs: number;
}

/** Counts of a generation that begins. */
export function openLedger(): Ledger {
	return { claimCount: 0, heldCount: 0, owedCount: undefined, payBackSurplus: () => undefined };
}

/**
 * Waits for a permit.
 * @throws AcquireTimeoutError, or the server's refusal where that is why nobody gives one back.
 */
export async function waitForPermit({ logins, permits, timeoutMs }: Side): Promise<void> {
	try {
		await permits.take(timeoutMs);
	} catch (error) {
		const isRefusalTheReason = logins.refusal !== undefined && logins.waitingCount > 0;
		throw isRefusalTheReason ? logins.refusal : error;
	}
}

/** Gives the permit of a caller back when he gets no connection. */
export async function keepPermit<Connection>({ permits }: Side, obtain: () => Promise<Connection>): Promise<Connection> {
	try {
		return await obtain();
	} catch (error) {
		permits.give();
		throw error;
	}
}

/**
 * Begins to obtain a connection. It claims an idle one, where there is one for it that counts as idle a little longer: pg-pool takes it in the next tick,
 * mysql2 at once.
 */
export function beginClaim<Obtaining>({ ledger, pool }: Side, begin: () => Obtaining): { claimCount: number; obtaining: Obtaining } {
	const { idleCount } = pool;
	const obtaining = begin();
	const isClaiming = idleCount > ledger.claimCount && pool.idleCount === idleCount;
	const claimCount = isClaiming ? 1 : 0;
	ledger.claimCount += claimCount;
	return { claimCount, obtaining };
}

/** Sockets that are open on one side, those of retired generations included. */
function countOpen({ pool, retiredCount }: Side): number {
	return pool.totalCount + pool.closingCount + retiredCount;
}

/** Whether a caller gets a connection without a login. */
export function hasIdle({ ledger, pool }: Side): boolean {
	return pool.idleCount > ledger.claimCount;
}

/**
 * Whether a login would be one socket too many: beside one that is closing, an idle connection that its pool has given up, or beside those of a retired
 * generation that got their permits when there were none left.
 */
export function lacksRoom(side: Side): boolean {
	return isOvercommitted(side) || (side.pool.closingCount > 0 && countOpen(side) >= side.permits.total);
}

/** Waits until that may have changed. Somebody who waits for the same socket may be quicker. */
export async function waitForRoom(side: Side, clock: Clock, remainingMs: number): Promise<void> {
	if (isOvercommitted(side)) await side.logins.sleep(remainingMs);
	else await waitForClosing(side.pool, clock, () => lacksRoom(side));
}

function isOvercommitted({ permits }: Side): boolean {
	return permits.freeCount < 0;
}

/** Closes idle connections for which there is no permit, and waits until there is no socket too many. */
export async function closeSurplus(side: Side, clock: Clock): Promise<void> {
	const { permits, pool } = side;
	const surplusCount = Math.max(0, pool.idleCount - Math.max(0, permits.freeCount));
	await Promise.all(Array.from({ length: Math.min(surplusCount, pool.idleCount) }, async () => pool.closeIdle(clock)));
	await waitForClosing(pool, clock, () => countOpen(side) > permits.total);
}

/** Waits for sockets that are closing. One whose peer does not answer is cut. */
export async function waitForClosing(pool: ConnectionPool, clock: Clock, isFull = (): boolean => true): Promise<void> {
	const startedAtMs = clock.nowMs();
	while (pool.closingCount > 0 && isFull()) {
		const patienceMs = SOCKET_PATIENCE_MS - (clock.nowMs() - startedAtMs);
		if (patienceMs <= 0) {
			pool.cutClosing();
			return;
		}
		await pool.waitForClose(clock, patienceMs);
	}
}

/**
 * Puts `next` in the place of the pool of a side. Each connection of the old one keeps a permit until it is closed.
 * @returns To be called when nothing of the old pool is left: gives back the permits of callers for whom no close was told.
 */
export function retirePool(side: Side, next: ConnectionPool): () => void {
	const { ledger, permits, pool } = side;
	const countConnections = (): number => pool.totalCount + pool.leavingCount;
	const connectionCount = countConnections();
	permits.reserve(Math.max(0, connectionCount - ledger.heldCount));
	// More callers than connections: some have one that was lost, or wait in the pool's own queue for one that is being asked how it is.
	ledger.owedCount = Math.max(connectionCount, ledger.heldCount);
	side.retiredCount += ledger.owedCount;
	const payBack = (): void => {
		if (ledger.owedCount === undefined || ledger.owedCount <= 0) return;
		ledger.owedCount -= 1;
		side.retiredCount -= 1;
		permits.give();
		// Whoever has a permit and waits for room looks again.
		side.logins.wakeAll();
	};
	pool.onClosed(payBack);
	ledger.payBackSurplus = () => {
		while ((ledger.owedCount ?? 0) > Math.max(countConnections(), ledger.heldCount)) payBack();
	};
	side.ledger = openLedger();
	side.pool = next;
	return () => {
		while ((ledger.owedCount ?? 0) > 0) payBack();
	};
}
