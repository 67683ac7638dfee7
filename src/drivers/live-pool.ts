/**
 * One pool of the application that stays while its credentials and connections are exchanged inside it. Each connection has the generation with which it
 * was made. postgres-pool.ts and mysql-pool.ts say how each driver does it.
 */
import type { Clock, ScheduledCall } from "../support/clock.js";
import { copyError } from "../support/copy-error.js";
import { runInRootContext } from "../support/root-context.js";
import type { LoginGate } from "./login-gate.js";

/** How long a caller waits for credentials where the driver would wait for a connection without a limit. */
const DEFAULT_BUDGET_MS = 30_000;

/** A socket that is told to end and does not close is destroyed after this; a lost event must not keep a place in the pool. */
export const CLOSE_PATIENCE_MS = 250;

/** Timers of the driver must not answer a caller before the server's own refusal does. */
const BUDGET_MARGIN_MS = 10;

/** Where the connections of a pool are. */
export interface PoolCounts {
	readonly idle: number;
	readonly inUse: number;
	/** Largest number of connections; Infinity where the driver has no limit. */
	readonly limit: number;
	/** Connections of older generations, idle or in use. */
	readonly older: number;
	readonly total: number;
	/** Callers in the pool's queue. */
	readonly waiting: number;
}

/** What a check found out about a server. */
export interface ServerAnswer {
	/** Whether new transactions are read-only: a standby, a reader endpoint. `undefined` where the server does not say. */
	readonly isReadOnly: boolean | undefined;
	/** PostgreSQL's `search_path`, which belongs to the role. `undefined` where there is none. */
	readonly searchPath?: string | undefined;
}

/** How long a check may take, and what calls it off. */
export interface ProbeRequest {
	readonly clock: Clock;
	readonly deadlineMs: number;
	readonly signal?: AbortSignal | undefined;
}

/** A connection that was opened for an exchange. */
export interface OpenedConnection<Connection> {
	readonly connection: Connection;
	/** Makes it an ordinary idle connection of the pool. */
	release(): void;
}

/** Connections that were in use when other credentials were promoted. */
export interface HeldConnections {
	/** Connections that have neither come back nor closed since. */
	readonly count: number;
	/** Destroys their sockets. The error reaches the owner of each connection, and the stream or statement that runs on it. */
	cut(error: Error): void;
	/** Resolves when all of them have come back or are closed. */
	readonly done: Promise<void>;
}

/** Parts that every pool is given. */
export interface LivePoolOptions {
	readonly clock: Clock;
	readonly gate: LoginGate;
}

/**
 * @typeParam Connection what the driver calls a connection.
 * @typeParam Waiter what stands in the driver's queue for a caller.
 */
export abstract class LivePool<Connection extends object = object, Waiter extends object = object> {
	/** Private to the language: connections know their password, and printing a pool must not show it. */
	readonly #attempts = new Set<Waiter>();
	readonly #closeListeners = new Set<() => void>();
	readonly #closingSinceMs = new WeakMap<Connection, number>();
	readonly #generations = new WeakMap<Connection, number>();
	readonly #held = new Map<Set<Connection>, () => void>();
	readonly #open = new Set<Connection>();
	readonly #retiring = new WeakSet<Connection>();
	readonly #returnListeners = new Set<(connection: Connection | undefined) => boolean>();
	readonly #waitingSinceMs = new WeakMap<Waiter, number>();
	private closingTimer: ScheduledCall | undefined;
	private currentGeneration = 1;
	private overdueTimer: ScheduledCall | undefined;
	private shouldRetireReturns = false;

	protected readonly clock: Clock;
	protected readonly gate: LoginGate;

	constructor({ clock, gate }: LivePoolOptions) {
		this.clock = clock;
		this.gate = gate;
	}

	/** Number of the credentials that serve, starting with 1. */
	get generation(): number {
		return this.currentGeneration;
	}

	/** Where the connections are. */
	get counts(): PoolCounts {
		const [total, idle] = [this.listConnections().length, this.listIdle().length];
		return { idle, inUse: total - idle, limit: this.limit, older: this.olderCount, total, waiting: this.listWaiting().length };
	}

	/** Connections of older generations that are in the pool. */
	get olderCount(): number {
		return this.listConnections().filter((connection) => this.isOlder(connection)).length;
	}

	/** Sockets that are open: those of the pool, and those that are closing. */
	get socketCount(): number {
		return this.listConnections().length + this.countClosing();
	}

	/** Whether the application has ended the pool. */
	abstract get isEnding(): boolean;
	/** Largest number of connections. */
	abstract get limit(): number;
	/** Gives the pool back as it was. Callers that the gate held back are served by the pool's own rules. */
	abstract detach(): void;
	/** Asks `SELECT 1` over a connection that is idle at this moment; `undefined` when there is none. Opens no connection. */
	abstract probeIdle(deadlineMs: number): Promise<ServerAnswer | undefined>;
	/** Serves waiting callers as far as the pool's rules and the gate allow. */
	protected abstract serveQueue(): void;
	/** Sets the fields from which the pool makes its next connections. */
	protected abstract applyFields(fields: object): void;
	protected abstract destroySocket(connection: Connection, error?: Error): void;
	/** Lets what runs on the connection end with the error; drivers forget a stream whose consumer is slow. */
	protected abstract failActiveWork(connection: Connection, error: Error): void;
	protected abstract get driverBudgetMs(): number | undefined;
	protected abstract listConnections(): readonly Connection[];
	protected abstract listIdle(): readonly Connection[];
	protected abstract listWaiting(): readonly Waiter[];
	/** Logs in once more than the pool's limit allows, without touching the limit. */
	protected abstract openBeyondLimit(): Promise<OpenedConnection<Connection>>;
	/** Answers a caller with an error. */
	protected abstract rejectWaiter(waiter: Waiter, error: Error): void;
	/** Takes a caller out of the driver's queue. */
	protected abstract removeWaiter(waiter: Waiter): void;
	/** Takes the connection out of the pool and says goodbye to the server. */
	protected abstract retireConnection(connection: Connection): void;
	protected abstract whenClosed(connection: Connection, callback: () => void): void;

	/** Makes other credentials serve. Synchronous: a login begins either before all of it or after all of it. */
	promote(fields: object): HeldConnections {
		this.currentGeneration += 1;
		this.shouldRetireReturns = false;
		this.applyFields(fields);
		this.notifyReturn(undefined);
		const idle = new Set(this.listIdle());
		return this.hold(this.listConnections().filter((connection) => !idle.has(connection)));
	}

	/** An idle connection of an older generation. */
	findIdleOlder(): Connection | undefined {
		return this.listIdle().find((connection) => this.isOlder(connection));
	}

	/** Opens one connection beside those of the pool, for an exchange. */
	async open(): Promise<OpenedConnection<Connection>> {
		return this.openBeyondLimit();
	}

	/** Closes a connection and resolves when its socket is closed. */
	async retire(connection: Connection): Promise<void> {
		if (!this.#open.has(connection)) return;
		if (!this.#retiring.has(connection)) {
			this.#retiring.add(connection);
			this.retireConnection(connection);
			this.clock.schedule(() => this.forget(connection), CLOSE_PATIENCE_MS, false);
		}
		while (this.#open.has(connection)) await this.nextClose(CLOSE_PATIENCE_MS);
	}

	/** Closes a connection that no caller has at the moment. */
	async retireIfIdle(connection: Connection): Promise<void> {
		if (this.listIdle().includes(connection)) await this.retire(connection);
	}

	/** From now on no older connection is lent again: idle ones are closed now, the others when they come back. */
	retireOlder(): void {
		this.shouldRetireReturns = true;
		for (const connection of this.listIdle()) if (this.isOlder(connection)) void this.retire(connection);
		this.watchReturns(true);
	}

	/**
	 * Waits for the next connection of an older generation that comes back.
	 * @param shouldClaim whether it is not lent again but handed to the caller of this method.
	 * @returns `undefined` when other credentials were promoted, the patience is over, or `signal` aborts.
	 */
	nextReturn(shouldClaim: boolean, signal: AbortSignal, patienceMs?: number): Promise<Connection | undefined> {
		if (signal.aborted) return Promise.resolve(undefined);
		this.watchReturns(true);
		return new Promise((resolve) => {
			const finish = (connection: Connection | undefined): boolean => {
				if (connection !== undefined && !this.isOlder(connection)) return false;
				this.#returnListeners.delete(finish);
				signal.removeEventListener("abort", abort);
				timer?.cancel();
				resolve(connection);
				return shouldClaim && connection !== undefined;
			};
			const abort = (): void => void finish(undefined);
			const timer = patienceMs === undefined ? undefined : this.clock.schedule(abort, patienceMs);
			signal.addEventListener("abort", abort, { once: true });
			this.#returnListeners.add(finish);
		});
	}

	/** Waits until a socket closes, at most `patienceMs`. */
	nextClose(patienceMs: number): Promise<void> {
		return new Promise((resolve) => {
			const finish = (): void => {
				timer.cancel();
				this.#closeListeners.delete(finish);
				resolve();
			};
			const timer = this.clock.schedule(finish, patienceMs);
			this.#closeListeners.add(finish);
		});
	}

	/** Serves waiting callers, outside of the context of any request. */
	wake(): void {
		if (this.isEnding) this.rejectHeld(new Error("The pool was ended while the caller waited for credentials"));
		else runInRootContext(() => this.serveQueue());
		if (this.gate.failure === undefined) this.stopOverdueTimer();
		else this.watchOverdue();
	}

	/** Answers every caller whose login was refused or held back. */
	rejectHeld(error: Error): void {
		for (const waiter of this.listWaiting()) {
			this.removeWaiter(waiter);
			this.rejectWaiter(waiter, copyError(this.gate.failure ?? error));
		}
	}

	/** Keeps the process alive while callers wait for credentials, and answers each when its time is over. */
	watchOverdue(): void {
		if (this.overdueTimer !== undefined || this.gate.failure === undefined) return;
		const dueAtMs = Math.min(...[...this.listWaiting(), ...this.#attempts].map((waiter) => this.dueAtMs(waiter)));
		if (!Number.isFinite(dueAtMs)) return;
		const check = (): void => {
			this.overdueTimer = undefined;
			this.rejectOverdue();
			this.watchOverdue();
		};
		this.overdueTimer = runInRootContext(() => this.clock.schedule(check, Math.max(0, dueAtMs - this.clock.nowMs()), false));
	}

	/** Stops the timers of this pool. */
	protected stopTimers(): void {
		this.stopOverdueTimer();
		this.closingTimer?.cancel();
	}

	protected isOlder(connection: Connection): boolean {
		return this.#generations.get(connection) !== this.currentGeneration;
	}

	/** Connections of each generation, for statistics. */
	countByGeneration(): ReadonlyMap<number, number> {
		const counts = new Map<number, number>();
		for (const connection of this.listConnections()) {
			const generation = this.#generations.get(connection) ?? this.currentGeneration;
			counts.set(generation, (counts.get(generation) ?? 0) + 1);
		}
		return counts;
	}

	/** Labels a connection in the moment in which it is made: its login may end after a promotion. */
	protected track(connection: Connection, generation = this.currentGeneration): void {
		this.#generations.set(connection, generation);
		this.#open.add(connection);
		this.whenClosed(connection, () => this.forget(connection));
	}

	/** Remembers since when a caller waits. */
	protected noteWaiting(waiter: Waiter): void {
		if (!this.#waitingSinceMs.has(waiter)) this.#waitingSinceMs.set(waiter, this.clock.nowMs());
	}

	protected hasWaited(waiter: Waiter): boolean {
		return this.#waitingSinceMs.has(waiter);
	}

	/** A caller was held back by the gate and not by the pool's own rules. */
	protected noteHeld(): void {
		this.gate.callerHeld();
		if (this.gate.failure !== undefined) this.watchOverdue();
	}

	protected beginAttempt(waiter: Waiter, isExchange: boolean): void {
		this.noteWaiting(waiter);
		this.#attempts.add(waiter);
		this.gate.loginStarted(isExchange);
	}

	/** @returns Whether the caller is still there: `false` when its time was over first. */
	protected endAttempt(waiter: Waiter): boolean {
		return this.#attempts.delete(waiter);
	}

	/** Whether the pool has no room because of sockets that are closing. Costs nothing while there are none. */
	protected isFullOfClosing(): boolean {
		const total = this.listConnections().length;
		if (this.#open.size <= total) return false;
		const closing = this.countClosing();
		if (closing === 0 || total + closing < this.limit) return false;
		this.closingTimer ??= this.clock.schedule(() => {
			this.closingTimer = undefined;
			this.wake();
		}, CLOSE_PATIENCE_MS);
		return true;
	}

	/** To be called for each connection that comes back. @returns Whether the connection has to be closed instead of lent again. */
	protected handleReturn(connection: Connection): boolean {
		this.releaseHeld(connection);
		if (!this.isOlder(connection)) return false;
		const isClaimed = this.notifyReturn(connection);
		return isClaimed || this.shouldRetireReturns;
	}

	/** Tells the driver's pool whether returning connections are of interest. */
	protected watchReturns(_isWanted: boolean): void {
		// pg-pool reports each return by an event; only mysql2 needs a hook.
	}

	/** Whether an older connection is left that {@link handleReturn} has to see. */
	protected get isReturnWanted(): boolean {
		return this.#held.size > 0 || this.#returnListeners.size > 0 || (this.shouldRetireReturns && this.olderCount > 0);
	}

	private hold(connections: readonly Connection[]): HeldConnections {
		const held = new Set(connections);
		let resolveDone: () => void = () => undefined;
		const done = new Promise<void>((resolve) => (resolveDone = resolve));
		if (held.size === 0) resolveDone();
		else this.#held.set(held, resolveDone);
		this.watchReturns(held.size > 0);
		return {
			get count() {
				return held.size;
			},
			cut: (error) => {
				for (const connection of held) {
					this.failActiveWork(connection, error);
					this.destroySocket(connection, error);
				}
			},
			done,
		};
	}

	private releaseHeld(connection: Connection): void {
		for (const [held, resolve] of this.#held) {
			if (!held.delete(connection) || held.size > 0) continue;
			this.#held.delete(held);
			resolve();
		}
	}

	private notifyReturn(connection: Connection | undefined): boolean {
		if (connection === undefined) {
			for (const listener of [...this.#returnListeners]) listener(undefined);
			return false;
		}
		return [...this.#returnListeners].some((listener) => listener(connection));
	}

	private countClosing(): number {
		if (this.#open.size === 0) return 0;
		const members = new Set(this.listConnections());
		const nowMs = this.clock.nowMs();
		let count = 0;
		for (const connection of this.#open) {
			if (members.has(connection)) continue;
			const sinceMs = this.#closingSinceMs.get(connection);
			if (sinceMs === undefined) this.#closingSinceMs.set(connection, nowMs);
			if (sinceMs !== undefined && nowMs - sinceMs >= CLOSE_PATIENCE_MS) this.forget(connection);
			else count += 1;
		}
		return count;
	}

	/** The socket is closed, or is given up. */
	private forget(connection: Connection): void {
		if (!this.#open.delete(connection)) return;
		this.destroySocket(connection);
		this.releaseHeld(connection);
		if (this.isOlder(connection)) this.notifyClosedOlder();
		for (const finish of [...this.#closeListeners]) finish();
		this.wake();
	}

	/** An exchange that waits for an older connection to come back looks again when there are fewer of them. */
	private notifyClosedOlder(): void {
		if (this.olderCount === 0) this.notifyReturn(undefined);
	}

	private dueAtMs(waiter: Waiter): number {
		const budgetMs = this.driverBudgetMs ?? DEFAULT_BUDGET_MS;
		const sinceMs = Math.max(this.#waitingSinceMs.get(waiter) ?? this.clock.nowMs(), this.budgetStartMs);
		return sinceMs + budgetMs - Math.min(BUDGET_MARGIN_MS, budgetMs / 2);
	}

	/** The time of a caller does not begin before this. */
	protected get budgetStartMs(): number {
		return 0;
	}

	private rejectOverdue(): void {
		const { failure } = this.gate;
		if (failure === undefined) return;
		const nowMs = this.clock.nowMs();
		const isOverdue = (waiter: Waiter): boolean => this.dueAtMs(waiter) <= nowMs;
		for (const waiter of this.listWaiting().filter(isOverdue)) {
			this.removeWaiter(waiter);
			this.rejectWaiter(waiter, copyError(failure));
		}
		for (const waiter of [...this.#attempts].filter(isOverdue)) {
			this.#attempts.delete(waiter);
			this.rejectWaiter(waiter, copyError(failure));
		}
	}

	private stopOverdueTimer(): void {
		this.overdueTimer?.cancel();
		this.overdueTimer = undefined;
	}
}
