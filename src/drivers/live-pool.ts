/**
 * One pool of the application that stays while its credentials and connections are exchanged inside it. Each connection
 * has the generation with which it was made. postgres-pool.ts and mysql-pool.ts say how each driver does it.
 */
import type { Clock, ScheduledCall } from "../support/clock.js";
import { runInRootContext } from "../support/root-context.js";
import type { LoginGate } from "./login-gate.js";
import { CLOSE_PATIENCE_MS, OpenSockets } from "./open-sockets.js";
import type { PoolObserver } from "./pool-observer.js";
import type { ServerAnswer } from "./probe.js";
import { type HeldConnections, ReturningConnections } from "./returning-connections.js";
import { WaitingCallers } from "./waiting-callers.js";

/** How long a caller waits for credentials where the driver would wait for a connection without a limit. */
const DEFAULT_BUDGET_MS = 30_000;

/** Connections of one generation. */
export interface GenerationCounts {
	readonly idle: number;
	readonly inUse: number;
}

/** Where the connections of a pool are. */
export interface PoolCounts {
	readonly idle: number;
	/** Largest number of idle connections that stay open. */
	readonly idleLimit: number;
	readonly inUse: number;
	/** Largest number of connections; Infinity where the driver has no limit. */
	readonly limit: number;
	/** Connections of older generations, idle or in use. */
	readonly older: number;
	readonly total: number;
	/** Callers in the pool's queue. */
	readonly waiting: number;
}

/** A connection that was opened for an exchange. */
export interface OpenedConnection<Connection> {
	readonly connection: Connection;
	/** Makes it an ordinary idle connection of the pool. */
	release(): void;
}

/** Parts that every pool is given. */
export interface LivePoolOptions {
	readonly clock: Clock;
	readonly gate: LoginGate;
}

/**
 * @typeParam Connection what the driver calls a connection.
 * @typeParam Waiter what the driver queues for a caller.
 */
export abstract class LivePool<Connection extends object = object, Waiter extends object = object> {
	/** Private to the language: connections know their password, and printing a pool must not show it. */
	readonly #generations = new WeakMap<Connection, number>();
	readonly #loggedIn = new WeakSet<Connection>();
	readonly #lost = new WeakSet<Connection>();
	readonly #retiring = new WeakSet<Connection>();
	private closingTimer: ScheduledCall | undefined;
	private currentGeneration = 1;
	private shouldRetireReturns = false;

	/** Whether the pool was given back. */
	protected isDetached = false;
	protected readonly callers: WaitingCallers<Waiter>;
	protected readonly clock: Clock;
	protected readonly gate: LoginGate;
	protected observer: PoolObserver | undefined;
	protected readonly returns: ReturningConnections<Connection>;
	protected readonly sockets: OpenSockets<Connection>;

	constructor({ clock, gate }: LivePoolOptions) {
		this.clock = clock;
		this.gate = gate;
		this.callers = new WaitingCallers<Waiter>({
			budgetStartMs: () => this.budgetStartMs,
			clock,
			gate,
			getBudgetMs: () => this.budgetMs,
			listQueue: () => this.listWaiting(),
			reject: (waiter, error) => this.rejectWaiter(waiter, error),
			remove: (waiter) => this.removeWaiter(waiter),
		});
		this.returns = new ReturningConnections(clock);
		this.sockets = new OpenSockets({
			clock,
			destroy: (connection) => this.destroySocket(connection),
			listMembers: () => this.listConnections(),
			onClosed: (connection) => this.handleClosed(connection),
			whenClosed: (connection, callback) => this.whenClosed(connection, callback),
		});
	}

	/** Number of the credentials that serve, starting with 1. */
	get generation(): number {
		return this.currentGeneration;
	}

	/** Where the connections are. */
	get counts(): PoolCounts {
		const [total, idle] = [this.listConnections().length, this.listIdle().length];
		const { idleLimit, limit, olderCount: older } = this;
		return { idle, idleLimit, inUse: total - idle, limit, older, total, waiting: this.listWaiting().length };
	}

	/** Connections of older generations that are in the pool and open. A pool may keep one that was cut in use. */
	get olderCount(): number {
		return this.listConnections().filter((connection) => this.isOlder(connection) && this.sockets.has(connection)).length;
	}

	/** Sockets that are open: those of the pool, and those that are closing. */
	get socketCount(): number {
		return this.listConnections().length + this.sockets.countClosing();
	}

	/** Whether callers wait: in the queue, or for the outcome of their login. */
	get hasWaiting(): boolean {
		return !this.callers.isEmpty;
	}

	/** How long a caller waits for credentials. */
	get budgetMs(): number {
		return this.driverBudgetMs ?? DEFAULT_BUDGET_MS;
	}

	/** Whether the application has ended the pool. */
	abstract get isEnding(): boolean;
	/** Largest number of idle connections that stay open. */
	abstract get idleLimit(): number;
	/** Largest number of connections. */
	abstract get limit(): number;
	/** Gives the pool back as it was. Callers that the gate held back are served by the pool's own rules. */
	abstract detach(): void;
	/** Logs in once more than the limit allows, without touching the limit, for an exchange. */
	abstract open(): Promise<OpenedConnection<Connection>>;
	/** Asks `SELECT 1` over a connection of the pool, which may log in for it as for any caller. */
	abstract probeAny(deadlineMs: number): Promise<ServerAnswer>;
	/**
	 * Asks `SELECT 1` over a connection that is idle at this moment; `undefined` when there is none. Opens no connection.
	 */
	abstract probeIdle(deadlineMs: number): Promise<ServerAnswer | undefined>;
	/** Sets the fields from which the pool makes its next connections. */
	protected abstract applyFields(fields: object): void;
	protected abstract destroySocket(connection: Connection, error?: Error): void;
	/** How long the driver lets a caller wait for a connection; `undefined` for ever. */
	protected abstract get driverBudgetMs(): number | undefined;
	/** Ends with the error what runs on the connection; drivers forget a stream whose consumer is slow. */
	protected abstract failActiveWork(connection: Connection, error: Error): void;
	protected abstract listConnections(): readonly Connection[];
	protected abstract listIdle(): readonly Connection[];
	protected abstract listWaiting(): readonly Waiter[];
	protected abstract rejectWaiter(waiter: Waiter, error: Error): void;
	protected abstract removeWaiter(waiter: Waiter): void;
	/** Takes the connection out of the pool and ends it in order. */
	protected abstract retireConnection(connection: Connection): void;
	/** Serves waiting callers as far as the pool's rules and the gate allow. */
	protected abstract serveQueue(): void;
	/** From now on, the observer has to see each caller that asks for a connection. */
	protected abstract watchCallers(observer: PoolObserver): void;
	/** From now on, {@link handleReturn} has to see each connection that comes back. */
	protected abstract watchReturns(): void;
	protected abstract whenClosed(connection: Connection, callback: () => void): void;

	/** Makes other credentials serve. Synchronous: a login begins either before all of it or after all of it. */
	promote(fields: object): HeldConnections {
		this.currentGeneration += 1;
		this.shouldRetireReturns = false;
		this.applyFields(fields);
		this.returns.interrupt();
		this.watchReturns();
		const idle = new Set(this.listIdle());
		const inUse = this.listConnections().filter((connection) => !idle.has(connection));
		return this.returns.hold(inUse, (connection, error) => {
			this.failActiveWork(connection, error);
			this.destroySocket(connection, error);
		});
	}

	/** From now on logins and callers are reported. */
	observe(observer: PoolObserver): void {
		if (this.observer === undefined) this.watchCallers(observer);
		this.observer = observer;
		this.watchReturns();
	}

	/** An idle connection of an older generation. */
	findIdleOlder(): Connection | undefined {
		return this.listIdle().find((connection) => this.isOlder(connection));
	}

	/** Closes a connection and resolves when its socket is closed, or given up. */
	async retire(connection: Connection): Promise<void> {
		if (!this.#retiring.has(connection)) {
			this.#retiring.add(connection);
			this.retireConnection(connection);
			const patience = this.clock.schedule(() => this.sockets.forget(connection), CLOSE_PATIENCE_MS, false);
			this.whenClosed(connection, () => patience.cancel());
		}
		while (this.sockets.has(connection)) await this.sockets.nextClose(CLOSE_PATIENCE_MS);
	}

	/** Closes this connection if no caller has it, or any idle one where none is named. @returns Whether there was one. */
	async retireIdle(connection?: Connection): Promise<boolean> {
		const idle = this.listIdle();
		const chosen = connection === undefined ? idle[0] : idle.find((each) => each === connection);
		if (chosen !== undefined) await this.retire(chosen);
		return chosen !== undefined;
	}

	/** From now on no older connection serves another caller: idle ones are closed now, the others when they come back. */
	retireOlder(): void {
		this.shouldRetireReturns = true;
		this.watchReturns();
		for (const connection of this.listIdle()) if (this.isOlder(connection)) void this.retire(connection);
	}

	/**
	 * Waits for the next connection of an older generation that comes back.
	 * @param shouldClaim whether it serves no other caller but is left to the exchange.
	 * @returns `undefined` when other credentials were promoted, no older connection is left, the patience is over, or
	 * `signal` aborts.
	 */
	async nextReturn(shouldClaim: boolean, signal: AbortSignal, patienceMs?: number): Promise<Connection | undefined> {
		this.watchReturns();
		return this.returns.next(shouldClaim, signal, patienceMs);
	}

	/** Whether the server or the network has ended the connection. */
	isLost(connection: Connection): boolean {
		return this.#lost.has(connection);
	}

	/** Waits until a socket closes, at most `patienceMs`. */
	async nextClose(patienceMs: number): Promise<void> {
		await this.sockets.nextClose(patienceMs);
	}

	/** Serves waiting callers, outside of the context of any request. */
	wake(): void {
		// pg-pool neither serves nor rejects a caller that waits in a pool that is ending.
		if (this.isEnding) this.callers.rejectQueue(new Error("The pool was ended while the caller waited for a connection"));
		runInRootContext(() => this.serveQueue());
		this.callers.watch();
	}

	/** Answers every caller that waits for credentials. */
	rejectWaiting(error: Error): void {
		this.callers.rejectQueue(error);
	}

	/** Connections of each generation, the oldest first. */
	countByGeneration(): ReadonlyMap<number, GenerationCounts> {
		const idle = new Set(this.listIdle());
		const counts = new Map<number, { idle: number; inUse: number }>();
		for (const connection of this.listConnections()) {
			const generation = this.#generations.get(connection) ?? this.currentGeneration;
			const count = counts.get(generation) ?? { idle: 0, inUse: 0 };
			count[idle.has(connection) ? "idle" : "inUse"] += 1;
			counts.set(generation, count);
		}
		return new Map([...counts].sort(([one], [other]) => one - other));
	}

	/**
	 * Waits for a connection in use that comes back, whatever its generation.
	 * @returns Whether one came back within `patienceMs`.
	 */
	async waitForReturn(patienceMs: number): Promise<boolean> {
		const returned = this.returns.nextAny(patienceMs);
		this.watchReturns();
		return returned;
	}

	/** The time of a caller does not begin before this. */
	protected get budgetStartMs(): number {
		return 0;
	}

	/** Whether a caller can wait for another attempt. */
	protected get canPark(): boolean {
		return !this.isDetached && !this.isEnding;
	}

	/** Whether a connection that comes back is of interest. */
	protected get isReturnWanted(): boolean {
		return this.observer !== undefined || this.returns.isWanted || (this.shouldRetireReturns && this.olderCount > 0);
	}

	/** Labels a connection in the moment in which it is made: its login may end after a promotion. */
	protected track(connection: Connection, generation = this.currentGeneration): void {
		this.#generations.set(connection, generation);
		this.sockets.add(connection);
		this.observer?.opening(connection);
	}

	protected noteLogin(connection: Connection): void {
		this.#loggedIn.add(connection);
		this.observer?.opened(connection);
	}

	protected isLoggedIn(connection: Connection): boolean {
		return this.#loggedIn.has(connection);
	}

	/** A connection has ended unasked. One whose login has failed says so otherwise. */
	protected noteLoss(connection: Connection): void {
		if (!this.isLoggedIn(connection)) return;
		this.#lost.add(connection);
		this.gate.connectionLost();
	}

	/** Whether the pool has no room because of sockets that are closing. */
	protected isFullOfClosing(): boolean {
		const closing = this.sockets.countClosing();
		if (closing === 0 || this.listConnections().length + closing < this.limit) return false;
		this.closingTimer ??= this.clock.schedule(
			() => {
				this.closingTimer = undefined;
				this.wake();
			},
			CLOSE_PATIENCE_MS,
			false,
		);
		return true;
	}

	/**
	 * To be called for each connection that comes back. @returns Whether the connection has to be closed instead of
	 * serving another caller.
	 */
	protected handleReturn(connection: Connection): boolean {
		this.observer?.returned(connection);
		this.returns.release(connection);
		this.returns.noteAny();
		return this.isOlder(connection) && (this.returns.noteReturn(connection) || this.shouldRetireReturns);
	}

	/** Nothing of this pool happens by itself any more. */
	protected beginDetach(): void {
		this.isDetached = true;
		this.observer = undefined;
		this.callers.stop();
		this.closingTimer?.cancel();
	}

	private handleClosed(connection: Connection): void {
		this.returns.release(connection);
		// In a pool that is ending, mysql2 takes no connection back and keeps all of them in its list.
		if (this.isEnding || (this.isOlder(connection) && this.olderCount === 0)) this.returns.interrupt();
		this.wake();
	}

	protected isOlder(connection: Connection): boolean {
		return this.#generations.get(connection) !== this.currentGeneration;
	}
}
