/** A PostgreSQL server in memory and pg's Client for it: logins, faults and sockets, seen from both ends. Time passes on a FakeClock. */
import { EventEmitter } from "node:events";
import type { Clock, ScheduledCall } from "../../src/support/clock.js";

/** What a client logs in with. */
export interface FakeLogin {
	readonly host?: string | undefined;
	readonly password?: string | undefined;
	readonly user?: string | undefined;
}

/** What a statement comes back with. */
interface Answer {
	readonly rows: Record<string, unknown>[];
}

type Callback = (error?: Error | null) => void;

/** Delay of something that never happens: a black hole. */
export const NEVER_MS = Number.POSITIVE_INFINITY;

/**
 * The server. Everything it does takes one turn of the event loop, plus the delays given below on the clock; change any field at any time.
 * @example
 * const server = new FakePostgresServer(clock, { app: "one" });
 * server.passwords.set("app", "two"); // as ALTER ROLE: connections that are open stay open
 */
export class FakePostgresServer {
	/** Logins that succeeded. */
	acceptedCount = 0;
	/** How long a statement takes. */
	answerMs = 0;
	/** How long a socket stays open after the client said goodbye. */
	closeMs = 0;
	/** Sockets that may be open; one more is turned away with 53300. */
	connectionLimit = Number.POSITIVE_INFINITY;
	/** What every statement ends in. */
	fault: Error | undefined;
	/** `false`: the port has no listener, ECONNREFUSED. */
	isReachable = true;
	/** A standby, a reader endpoint. */
	isReadOnly = false;
	/** How long a login takes. The password is checked at the end of it. */
	loginMs = 0;
	/** The `search_path` with which each session begins. */
	searchPath = '"$user", public';
	/** Most sockets that were ever open at the same time, those that log in included. */
	openMaximum = 0;
	/** The password of each role. */
	readonly passwords: Map<string, string>;
	/** How long the socket of a refused login stays open after the refusal. */
	refusedCloseMs = 0;
	/** Logins that were refused because of user or password. */
	refusedCount = 0;
	/** Statements that were executed, in order. */
	readonly statements: string[] = [];
	private readonly sockets = new Set<FakePostgresClient>();

	constructor(
		readonly clock: Clock,
		passwords: Readonly<Record<string, string>>,
	) {
		this.passwords = new Map(Object.entries(passwords));
	}

	/** Sockets that are open, those that log in included. */
	get openCount(): number {
		return this.sockets.size;
	}

	/** Users of the connections that are open. */
	get openUsers(): (string | undefined)[] {
		return [...this.sockets].map(({ login }) => login.user);
	}

	/** Accepts a socket, or says why not. */
	accept(client: FakePostgresClient): Error | undefined {
		if (!this.isReachable) return Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
		if (this.sockets.size >= this.connectionLimit) return fatal("53300", "sorry, too many clients already");
		this.sockets.add(client);
		this.openMaximum = Math.max(this.openMaximum, this.sockets.size);
		return undefined;
	}

	/** Checks the password, as at the end of SCRAM. The second argument is for observers. */
	// eslint-disable-next-line @typescript-eslint/no-unused-vars
	authenticate({ password, user = "" }: FakeLogin, _client?: FakePostgresClient): Error | undefined {
		if (this.passwords.has(user) && this.passwords.get(user) === password) {
			this.acceptedCount += 1;
			return undefined;
		}
		this.refusedCount += 1;
		return fatal("28P01", `password authentication failed for user "${user}"`);
	}

	/** Executes a statement. The second argument is for observers. */
	// eslint-disable-next-line @typescript-eslint/no-unused-vars
	execute(text: string, _client?: FakePostgresClient): Record<string, unknown>[] {
		this.statements.push(text);
		if (text === "SHOW transaction_read_only") return [{ transaction_read_only: this.isReadOnly ? "on" : "off" }];
		if (text.includes("search_path")) return [{ reset_val: this.searchPath }];
		if (text.toLowerCase().includes("version()")) return [{ version: "PostgreSQL 16.4 on fake" }];
		return [{ current_database: "shop", current_schema: "public" }];
	}

	/** The socket is closed on both ends. */
	forget(client: FakePostgresClient): void {
		this.sockets.delete(client);
	}

	/** Cuts every socket, as a crash or a failover does. */
	cutConnections(): void {
		for (const client of [...this.sockets]) client.connection.stream.destroy();
	}
}

/**
 * pg's Client as pg-pool, TypeORM and this library use it, written after pg 8.23: a refused login ends in the callback of `connect`; a lost socket ends
 * there, too, or in an `error` event that stops the process without a listener; `end` follows whenever a socket is closed.
 */
export class FakePostgresClient extends EventEmitter {
	/** pg-pool looks at these two when a client comes back. */
	_ending = false;
	_queryable = true;

	/** The socket: its end, and the way to cut it without a goodbye. */
	readonly connection = Object.assign(new EventEmitter(), {
		stream: { destroy: (error?: Error): void => this.after(0, () => this.close(error)) },
	});

	private connectCallback: Callback | undefined;
	private readonly delays = new Set<ScheduledCall>();
	private readonly endCallbacks: (() => void)[] = [];
	private isClosed = false;
	private isRefused = false;
	private readonly statements = new Set<(error: Error) => void>();

	/** What the client was made with. A pool may make its next client with something else. */
	readonly login: FakeLogin;

	constructor(
		{ host, password, user }: FakeLogin,
		private readonly server: FakePostgresServer | undefined,
	) {
		super();
		this.login = { host, password, user };
	}

	connect(callback: Callback): void {
		this.connectCallback = callback;
		this.after(0, () => {
			const fault =
				this.server === undefined
					? Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" })
					: this.server.accept(this);
			if (fault !== undefined) this.refuse(fault);
			else this.after(this.server?.loginMs ?? 0, () => this.finishLogin());
		});
	}

	/** Says goodbye; a statement that runs is cut. */
	end(callback?: () => void): Promise<void> {
		this._ending = true;
		return new Promise((resolve) => {
			const finish = (): void => {
				callback?.();
				resolve();
			};
			if (this.isClosed) {
				finish();
				return;
			}
			this.endCallbacks.push(finish);
			const isGoodbye = this._queryable && this.statements.size === 0;
			this.after(isGoodbye ? (this.server?.closeMs ?? 0) : 0, () => this.close());
		});
	}

	/** Only TypeORM 0.3.20 passes a callback. */
	query(text: string, callback?: (error: Error | null, answer?: Answer) => void): Promise<Answer> {
		const answer = this.ask(text);
		if (typeof callback === "function") {
			answer.then(
				(value) => callback(null, value),
				(error: Error) => callback(error),
			);
		}
		return answer;
	}

	ref(): void {
		// pg-pool calls it; there is no handle.
	}

	unref(): void {
		// As above.
	}

	private finishLogin(): void {
		if (this.isClosed) return;
		const refusal = this.server?.authenticate(this.login, this);
		if (refusal === undefined) {
			this.settleConnect(null);
			// After the callback, as pg does.
			this.emit("connect");
		} else this.refuse(refusal, this.server?.refusedCloseMs);
	}

	/** The server said no. It closes its end, at once or later; ours follows after the callback. */
	private refuse(fault: Error, closeMs = 0): void {
		if (this.isClosed) return;
		this.isRefused = true;
		if (closeMs === 0) this.closeSocket();
		this.settleConnect(fault);
		if (closeMs === 0) this.emitEnd();
		else this.after(closeMs, () => this.close());
	}

	/** @param fault what the socket was destroyed with. pg reports it, and the end of the socket as a second error. */
	private close(fault?: Error): void {
		if (this.isClosed) return;
		this.closeSocket();
		if (fault !== undefined) this.fail(fault);
		this.emitEnd(() => {
			const error = new Error(this._ending ? "Connection terminated" : "Connection terminated unexpectedly");
			if (this._ending || this.isRefused) this.failStatements(error);
			else this.fail(error);
		});
	}

	private fail(error: Error): void {
		const wasConnecting = this.connectCallback !== undefined;
		this._queryable = false;
		this.failStatements(error);
		if (wasConnecting) {
			this.isRefused = true;
			this.settleConnect(error);
		} else this.emit("error", error);
	}

	private failStatements(error: Error): void {
		for (const reject of this.statements) reject(error);
		this.statements.clear();
	}

	private ask(text: string): Promise<Answer> {
		if (!this._queryable) return Promise.reject(new Error("Client has encountered a connection error and is not queryable"));
		if (this._ending) return Promise.reject(new Error("Client was closed and is not queryable"));
		return new Promise((resolve, reject) => {
			this.statements.add(reject);
			this.after(this.server?.answerMs ?? 0, () => {
				if (!this.statements.delete(reject)) return;
				const fault = this.server?.fault;
				if (fault === undefined) resolve({ rows: this.server?.execute(text, this) ?? [] });
				else reject(fault);
			});
		});
	}

	private closeSocket(): void {
		this.isClosed = true;
		this.server?.forget(this);
		for (const delay of this.delays) delay.cancel();
	}

	private settleConnect(error: Error | null): void {
		const callback = this.connectCallback;
		this.connectCallback = undefined;
		callback?.(error);
	}

	private emitEnd(handle?: () => void): void {
		this.connection.emit("end");
		handle?.();
		for (const finish of this.endCallbacks.splice(0)) finish();
		process.nextTick(() => this.emit("end"));
	}

	/** One turn of the event loop for the wire, then the delay. */
	private after(delayMs: number, callback: () => void): void {
		if (delayMs === NEVER_MS) return;
		setImmediate(() => {
			if (delayMs === 0 || this.server === undefined) callback();
			else if (!this.isClosed) this.delays.add(this.server.clock.schedule(callback, delayMs));
		});
	}
}

function fatal(code: string, message: string): Error {
	return Object.assign(new Error(message), { code, severity: "FATAL" });
}
