/** The sockets of one pool, also those that the pool has told to end and that are not closed yet. */
import type { Clock } from "../support/clock.js";

/**
 * A socket that is told to end and does not close is destroyed after this; a lost event must not keep a place in the
 * pool.
 */
export const CLOSE_PATIENCE_MS = 250;

/** What sockets are followed with. */
export interface OpenSocketsOptions<Connection> {
	readonly clock: Clock;
	readonly destroy: (connection: Connection) => void;
	readonly listMembers: () => readonly Connection[];
	/** Called when a socket is closed, or is given up. */
	readonly onClosed: (connection: Connection) => void;
	/** Calls back once, when the socket of a connection is closed. */
	readonly whenClosed: (connection: Connection, callback: () => void) => void;
}

/** Follows connections until their sockets are closed. */
export class OpenSockets<Connection extends object> {
	/** Private to the language: a connection knows its password, and printing this object must not show it. */
	readonly #closingSinceMs = new WeakMap<Connection, number>();
	readonly #open = new Set<Connection>();
	private readonly waiting = new Set<() => void>();

	constructor(private readonly options: OpenSocketsOptions<Connection>) {}

	/** Follows a connection from the moment in which it is made. */
	add(connection: Connection): void {
		this.#open.add(connection);
		this.options.whenClosed(connection, () => this.forget(connection));
	}

	has(connection: Connection): boolean {
		return this.#open.has(connection);
	}

	/** Sockets that the pool does not count any more. One that has been closing for too long is given up. */
	countClosing(): number {
		const { clock, listMembers } = this.options;
		if (this.#open.size === 0) return 0;
		const members = new Set(listMembers());
		if (this.#open.size <= members.size && [...this.#open].every((connection) => members.has(connection))) return 0;
		let count = 0;
		for (const connection of this.#open) {
			if (members.has(connection)) continue;
			const sinceMs = this.#closingSinceMs.get(connection) ?? clock.nowMs();
			this.#closingSinceMs.set(connection, sinceMs);
			if (clock.nowMs() - sinceMs < CLOSE_PATIENCE_MS) count += 1;
			// Not within a look at the pool: callers may log in now.
			else queueMicrotask(() => this.forget(connection));
		}
		return count;
	}

	/** Waits until a socket closes, at most `patienceMs`. */
	nextClose(patienceMs: number): Promise<void> {
		return new Promise((resolve) => {
			const finish = (): void => {
				timer.cancel();
				this.waiting.delete(finish);
				resolve();
			};
			const timer = this.options.clock.schedule(finish, patienceMs);
			this.waiting.add(finish);
		});
	}

	/** The socket is closed, or is given up. */
	forget(connection: Connection): void {
		if (!this.#open.delete(connection)) return;
		this.options.destroy(connection);
		for (const finish of [...this.waiting]) finish();
		this.options.onClosed(connection);
	}
}
