/** The connections of one pool that have a socket. A pool itself forgets a refused login and an idle connection before their sockets are closed. */
import type { Clock } from "../support/clock.js";

/** Follows connections until their sockets are closed. */
export class OpenSockets<Connection extends object> {
	// Private to the language: a connection knows its password, and whoever prints us must not show it.
	readonly #known = new WeakSet<Connection>();
	readonly #loggedIn = new WeakSet<Connection>();
	readonly #open = new Set<Connection>();
	private readonly waiting = new Set<() => void>();

	/**
	 * @param whenClosed calls back once, when the socket of a connection is closed.
	 * @param onClosed is told of each, and whether its login had succeeded.
	 */
	constructor(
		private readonly whenClosed: (connection: Connection, callback: () => void) => void,
		private readonly onClosed: (hasLoggedIn: boolean) => void = () => undefined,
	) {}

	/** Sockets that are open. */
	get count(): number {
		return this.#open.size;
	}

	/** Follows those that are new. */
	follow(connections: Iterable<Connection>): void {
		for (const connection of connections) {
			if (this.#known.has(connection)) continue;
			this.#known.add(connection);
			this.#open.add(connection);
			this.whenClosed(connection, () => this.forget(connection));
		}
	}

	/** Follows those whose login has succeeded. */
	noteLogins(connections: Iterable<Connection>): void {
		const all = [...connections];
		for (const connection of all) this.#loggedIn.add(connection);
		this.follow(all);
	}

	/** Whether its login has succeeded. */
	hasLoggedIn(connection: Connection): boolean {
		return this.#loggedIn.has(connection);
	}

	/** Those that are open although `members`, which is what the pool counts, lacks them. */
	listBeyond(members: Iterable<Connection>): Connection[] {
		const counted = new Set(members);
		return [...this.#open].filter((connection) => !counted.has(connection));
	}

	/** Waits until the next one is closed, at most `patienceMs`. */
	waitForClose(clock: Clock, patienceMs: number): Promise<void> {
		return new Promise((resolve) => {
			const finish = (): void => {
				timer.cancel();
				this.waiting.delete(finish);
				resolve();
			};
			const timer = clock.schedule(finish, patienceMs, false);
			this.waiting.add(finish);
		});
	}

	private forget(connection: Connection): void {
		this.#open.delete(connection);
		for (const finish of [...this.waiting]) finish();
		this.onClosed(this.#loggedIn.has(connection));
	}
}
