/**
 * Connections of one pool that come back: who waits for one of them, and which were in use when other credentials were
 * promoted.
 */
import type { Clock } from "../support/clock.js";

/** Connections that were in use when other credentials were promoted. */
export interface HeldConnections {
	/** Connections that have neither come back nor closed since. */
	readonly count: number;
	/**
	 * Destroys their sockets. The error reaches the owner of each connection, and the stream or statement that runs on it.
	 */
	cut(error: Error): void;
	/** Resolves when all of them have come back or are closed. */
	readonly done: Promise<void>;
}

/** @typeParam Connection what the driver calls a connection. */
export class ReturningConnections<Connection extends object> {
	/** Private to the language: a connection knows its password, and printing this object must not show it. */
	readonly #held = new Map<Set<Connection>, () => void>();
	readonly #listeners = new Set<(connection: Connection | undefined) => boolean>();
	readonly #watchers = new Set<() => void>();

	constructor(private readonly clock: Clock) {}

	/** Whether a connection that comes back is of interest. */
	get isWanted(): boolean {
		return this.#held.size > 0 || this.#listeners.size > 0 || this.#watchers.size > 0;
	}

	/** Follows connections until they come back or are closed. */
	hold(connections: readonly Connection[], cut: (connection: Connection, error: Error) => void): HeldConnections {
		const held = new Set(connections);
		const done = new Promise<void>((resolve) => {
			if (held.size === 0) resolve();
			else this.#held.set(held, resolve);
		});
		return {
			get count() {
				return held.size;
			},
			cut: (error) => held.forEach((connection) => cut(connection, error)),
			done,
		};
	}

	/**
	 * Waits for the next connection that comes back.
	 * @param shouldClaim whether the pool does not get the connection again.
	 * @returns `undefined` when the patience is over, `signal` aborts, or {@link interrupt} is called.
	 */
	next(shouldClaim: boolean, signal: AbortSignal, patienceMs?: number): Promise<Connection | undefined> {
		return new Promise((resolve) => {
			const finish = (connection: Connection | undefined): boolean => {
				this.#listeners.delete(finish);
				signal.removeEventListener("abort", stop);
				timer?.cancel();
				resolve(connection);
				return shouldClaim && connection !== undefined;
			};
			const stop = (): void => void finish(undefined);
			const timer = patienceMs === undefined ? undefined : this.clock.schedule(stop, patienceMs);
			this.#listeners.add(finish);
			signal.addEventListener("abort", stop, { once: true });
			if (signal.aborted) stop();
		});
	}

	/** Ends the waits: newer credentials were promoted, or there are fewer connections. */
	interrupt(): void {
		for (const listener of [...this.#listeners]) listener(undefined);
	}

	/** A connection of an older generation came back. @returns Whether it is claimed. */
	noteReturn(connection: Connection): boolean {
		return [...this.#listeners].some((listener) => listener(connection));
	}

	/** Waits for any connection that comes back. @returns Whether one came back within `patienceMs`. */
	nextAny(patienceMs: number): Promise<boolean> {
		return new Promise((resolve) => {
			const finish = (hasReturned: boolean): void => {
				this.#watchers.delete(noteReturn);
				timer.cancel();
				resolve(hasReturned);
			};
			const noteReturn = (): void => finish(true);
			const timer = this.clock.schedule(() => finish(false), patienceMs, false);
			this.#watchers.add(noteReturn);
		});
	}

	/** A connection of any generation came back. */
	noteAny(): void {
		for (const watcher of [...this.#watchers]) watcher();
	}

	/** A connection came back or is closed. */
	release(connection: Connection): void {
		for (const [held, resolve] of this.#held) {
			if (!held.delete(connection) || held.size > 0) continue;
			this.#held.delete(held);
			resolve();
		}
	}
}
