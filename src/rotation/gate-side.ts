/** One side of the gate, master or replicas: its pools, who holds a connection of which generation, and when there is room for another. */
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

/** One side (master or replicas) of the gate. */
export interface Side {
	ledger: Ledger;
	readonly logins: LoginWatch;
	readonly permits: Permits;
	pools: readonly ConnectionPool[];
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
export function beginClaim<Obtaining>({ ledger, pools }: Side, begin: () => Obtaining): { claimCount: number; obtaining: Obtaining } {
	const idleCount = countIdle(pools);
	const obtaining = begin();
	const isClaiming = idleCount > ledger.claimCount && countIdle(pools) === idleCount;
	const claimCount = isClaiming ? 1 : 0;
	ledger.claimCount += claimCount;
	return { claimCount, obtaining };
}

/** Connections that nobody uses. */
function countIdle(pools: readonly ConnectionPool[]): number {
	return pools.reduce((sum, { idleCount }) => sum + idleCount, 0);
}

/** Sockets that are open on one side, those of retired generations included. */
function countOpen({ pools, retiredCount }: Side): number {
	return pools.reduce((sum, { closingCount, totalCount }) => sum + totalCount + closingCount, retiredCount);
}

/** Whether a caller gets a connection without a login. Replicas are chosen by TypeORM at random, so each of them must have one. */
export function hasIdle({ ledger, pools }: Side): boolean {
	return pools.length > 0 && pools.every((pool) => pool.idleCount > ledger.claimCount);
}

/**
 * Whether a login would be one socket too many: beside one that is closing, an idle connection that its pool has given up, or beside those of a retired
 * generation that got their permits when there were none left.
 */
export function lacksRoom(side: Side): boolean {
	return isOvercommitted(side) || (side.pools.some(({ closingCount }) => closingCount > 0) && countOpen(side) >= side.permits.total);
}

/** Waits until that may have changed. Somebody who waits for the same socket may be quicker. */
export async function waitForRoom(side: Side, clock: Clock, remainingMs: number): Promise<void> {
	if (isOvercommitted(side)) await side.logins.sleep(remainingMs);
	else await waitForClosing(side.pools, clock, () => lacksRoom(side));
}

function isOvercommitted({ permits }: Side): boolean {
	return permits.freeCount < 0;
}

/** Closes idle connections for which there is no permit, and waits until there is no socket too many. */
export async function closeSurplus(side: Side, clock: Clock): Promise<void> {
	const { permits, pools } = side;
	const surplusCount = Math.max(0, countIdle(pools) - Math.max(0, permits.freeCount));
	const candidates = pools.flatMap((pool) => Array.from({ length: pool.idleCount }, () => pool)).slice(0, surplusCount);
	await Promise.all(candidates.map(async (pool) => pool.closeIdle(clock)));
	await waitForClosing(pools, clock, () => countOpen(side) > permits.total);
}

/** Waits for sockets that are closing. One whose peer does not answer is cut. */
export async function waitForClosing(pools: readonly ConnectionPool[], clock: Clock, isFull = (): boolean => true): Promise<void> {
	const startedAtMs = clock.nowMs();
	for (;;) {
		const closing = pools.find(({ closingCount }) => closingCount > 0);
		if (closing === undefined || !isFull()) return;
		const patienceMs = SOCKET_PATIENCE_MS - (clock.nowMs() - startedAtMs);
		if (patienceMs <= 0) {
			for (const pool of pools) pool.cutClosing();
			return;
		}
		await closing.waitForClose(clock, patienceMs);
	}
}

/**
 * Puts `next` in the place of the pools of a side. Each connection of the old ones keeps a permit until it is closed.
 * @returns To be called when nothing of the old pools is left: gives back the permits of callers for whom no close was told.
 */
export function retirePools(side: Side, next: readonly ConnectionPool[]): () => void {
	const { ledger, permits, pools } = side;
	const countConnections = (): number => pools.reduce((sum, pool) => sum + pool.totalCount + pool.leavingCount, 0);
	const connectionCount = countConnections();
	permits.reserve(Math.max(0, connectionCount - ledger.heldCount));
	// More callers than connections: some wait in the pool's own queue, as where TypeORM's random choice of replicas is uneven, or have one that was lost.
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
	for (const pool of pools) pool.onClosed(payBack);
	ledger.payBackSurplus = () => {
		while ((ledger.owedCount ?? 0) > Math.max(countConnections(), ledger.heldCount)) payBack();
	};
	side.ledger = openLedger();
	side.pools = next;
	return () => {
		while ((ledger.owedCount ?? 0) > 0) payBack();
	};
}
