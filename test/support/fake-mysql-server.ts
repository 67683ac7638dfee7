/** A MySQL server in memory for mysql2's own client. mysql2 speaks the protocol on both ends; only the socket between them is made up. */
import { createHash } from "node:crypto";
import { Duplex } from "node:stream";

import { type Connection, createConnection } from "mysql2";

import type { Clock } from "../../src/support/clock.js";
import { settle } from "./fake-postgres-driver.js";

/** What a client logs in with. */
export interface MysqlLogin {
	readonly host?: string | undefined;
	readonly password?: string | undefined;
	readonly user?: string | undefined;
}

/** What the server is told at a login, as far as it looks at it. */
interface Handshake {
	readonly authPluginData1: Buffer;
	readonly authPluginData2: Buffer;
	readonly authToken: Buffer;
	readonly user: string;
}

/** Errors by number, as the server writes them. */
const ACCESS_DENIED = 1_045;
const TOO_MANY_CONNECTIONS = 1_040;
const UNKNOWN_VARIABLE = 1_193;

const VERSION = "8.0.40-fake";

/** All that a client of today needs, without TLS and compression. */
const CAPABILITY_FLAGS = 0xff_ff_ff & ~0x08_00 & ~0x00_20;

/** Delay of something that never happens: a black hole. */
export const NEVER_MS = Number.POSITIVE_INFINITY;

/**
 * The server. Everything it does takes a few turns of the event loop, plus the delays given below on the clock; change any field at any time.
 * @example
 * const server = new FakeMysqlServer(clock, { app: "one" });
 * const pool = createPool({ host: "db", password: "one", stream: server.accept, user: "app" });
 */
export class FakeMysqlServer {
	/** Logins that succeeded. */
	acceptedCount = 0;
	/** How long a statement takes. */
	answerMs = 0;
	/** How long a socket stays open after the client said goodbye. */
	closeMs = 0;
	/** Sockets that may be open; one more is turned away with 1040. */
	connectionLimit = Number.POSITIVE_INFINITY;
	/** `false`: the port has no listener, ECONNREFUSED. */
	isReachable = true;
	/** A replica; Aurora's readers say so in `innodb_read_only`. */
	isReadOnly: "innodb_read_only" | "no such variable" | "read_only" | undefined;
	/** How long a login takes. The password is checked at the end of it. */
	loginMs = 0;
	/** Most sockets that were ever open at the same time, those that log in included. */
	openMaximum = 0;
	/** The password of each user. */
	readonly passwords: Map<string, string>;
	/** How long the socket of a refused login stays open after the refusal. */
	refusedCloseMs = 0;
	/** Logins that were refused because of user or password. */
	refusedCount = 0;
	/** Statements that were executed, in order. */
	readonly statements: string[] = [];
	/** Users of the connections that are open, by their sockets. */
	private readonly sockets = new Map<MemorySocket, string>();
	/** Sockets that are open and have not been greeted: mysql2 waits for random bytes. */
	private ungreetedCount = 0;

	constructor(
		readonly clock: Clock,
		passwords: Readonly<Record<string, string>>,
	) {
		this.passwords = new Map(Object.entries(passwords));
	}

	/** Sockets that are open on the client's side, those that log in included. */
	get openCount(): number {
		return this.sockets.size;
	}

	/** Users of the connections that are open. */
	get openUsers(): string[] {
		return [...this.sockets.values()];
	}

	/** What mysql2 takes for a way to open sockets. */
	readonly accept = (): Duplex => {
		const [client, server] = createSocketPair();
		if (!this.isReachable) {
			const fault = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
			setImmediate(() => client.destroy(fault));
			return client;
		}
		if (this.sockets.size >= this.connectionLimit) {
			this.turnAway(server);
			return client;
		}
		this.sockets.set(client, "");
		this.openMaximum = Math.max(this.openMaximum, this.sockets.size);
		client.once("close", () => this.sockets.delete(client));
		this.greet(client, server);
		return client;
	};

	/** Cuts every socket, as a crash or a failover does. */
	cutConnections(): void {
		for (const socket of [...this.sockets.keys()]) socket.peer?.destroy();
	}

	/** Lets sockets and promises come to rest while the clock stands still. */
	async settle(): Promise<void> {
		do await settle();
		while (this.ungreetedCount > 0);
	}

	/** Instead of a greeting. */
	private turnAway(socket: MemorySocket): void {
		const connection = createConnection({ isServer: true, stream: socket });
		connection.on("error", () => undefined);
		setImmediate(() => {
			connection.writeError({ code: TOO_MANY_CONNECTIONS, message: "Too many connections" });
			socket.end();
		});
	}

	private greet(client: MemorySocket, socket: MemorySocket): void {
		const connection = createConnection({ isServer: true, stream: socket });
		connection.on("error", () => undefined);
		const seeOff = (): void => {
			if (!socket.writableEnded) this.after(this.closeMs, () => socket.end());
		};
		socket.on("end", seeOff);
		connection.on("quit", seeOff);
		connection.on("query", (text: string) =>
			this.after(this.answerMs, () => {
				this.answer(connection, text);
				expectCommand(connection);
			}),
		);
		this.noteGreeting(socket);
		connection.serverHandshake({
			authCallback: (handshake: Handshake, grant: (fault?: unknown, refusal?: unknown) => void) => {
				this.sockets.set(client, handshake.user);
				this.after(this.loginMs, () => {
					if (this.isTaken(handshake)) grant();
					else this.refuse(connection, socket, handshake);
					expectCommand(connection);
				});
			},
			capabilityFlags: CAPABILITY_FLAGS,
			characterSet: 8,
			connectionId: 1,
			protocolVersion: 10,
			serverVersion: VERSION,
			statusFlags: 2,
		});
	}

	private noteGreeting(socket: MemorySocket): void {
		this.ungreetedCount += 1;
		let isGreeted = false;
		const note = (): void => {
			if (!isGreeted) this.ungreetedCount -= 1;
			isGreeted = true;
		};
		socket.onWrite = note;
		socket.once("close", note);
	}

	private isTaken({ authPluginData1, authPluginData2, authToken, user }: Handshake): boolean {
		const password = this.passwords.get(user);
		const stage1 = sha1(password ?? "");
		const stage3 = sha1(authPluginData1, authPluginData2, sha1(stage1));
		const isTaken = password !== undefined && stage1.every((byte, index) => authToken[index] === (byte ^ (stage3[index] ?? 0)));
		if (isTaken) this.acceptedCount += 1;
		else this.refusedCount += 1;
		return isTaken;
	}

	/** The server says no and closes its end, at once or later. */
	private refuse(connection: Connection, socket: MemorySocket, { user }: Handshake): void {
		connection.writeError({ code: ACCESS_DENIED, message: `Access denied for user '${user}'@'127.0.0.1' (using password: YES)` });
		this.after(this.refusedCloseMs, () => socket.end());
	}

	private answer(connection: Connection, text: string): void {
		this.statements.push(text);
		if (!text.toUpperCase().startsWith("SELECT")) {
			connection.writeOk({ affectedRows: 1 });
			return;
		}
		if (text.includes("@@") && this.isReadOnly === "no such variable") {
			connection.writeError({ code: UNKNOWN_VARIABLE, message: "Unknown system variable 'innodb_read_only'" });
			return;
		}
		const row = this.select(text);
		connection.writeTextResult([row], Object.keys(row).map(describeColumn));
	}

	private select(text: string): Record<string, string> {
		if (text.includes("@@")) {
			return {
				innodbReadOnly: this.isReadOnly === "innodb_read_only" ? "ON" : "OFF",
				readOnly: this.isReadOnly === "read_only" ? "1" : "0",
			};
		}
		// Each TypeORM has its own name for it.
		return { one: "1", version: VERSION, "version()": VERSION };
	}

	private after(delayMs: number, callback: () => void): void {
		if (delayMs === 0) setImmediate(callback);
		else if (delayMs !== NEVER_MS) this.clock.schedule(callback, delayMs);
	}
}

/** One end of a socket. What it writes arrives a turn of the event loop later. */
class MemorySocket extends Duplex {
	onWrite: (() => void) | undefined;
	peer: MemorySocket | undefined;

	/** Node's server may answer what came before the end; a client closes when its peer does. */
	constructor(isServer: boolean) {
		super({ allowHalfOpen: isServer });
	}

	override _read(): void {
		// Pushed by the other end.
	}

	override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
		this.onWrite?.();
		this.send(chunk);
		callback();
	}

	override _final(callback: () => void): void {
		this.send(null);
		callback();
	}

	override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
		this.send(null);
		callback(error);
	}

	private send(chunk: Buffer | null): void {
		const { peer } = this;
		setImmediate(() => {
			if (peer !== undefined && !peer.destroyed && !peer.readableEnded) peer.push(chunk);
		});
	}
}

function createSocketPair(): [client: MemorySocket, server: MemorySocket] {
	const [client, server] = [new MemorySocket(false), new MemorySocket(true)];
	client.peer = server;
	server.peer = client;
	return [client, server];
}

/** Packets of each command are counted from 0; mysql2's server leaves that to its handlers. */
function expectCommand(connection: Connection): void {
	(connection as unknown as { sequenceId: number }).sequenceId = 0;
}

function describeColumn(name: string): object {
	return {
		catalog: "def",
		characterSet: 33,
		columnLength: 384,
		columnType: 253,
		decimals: 0,
		flags: 0,
		name,
		orgName: name,
		orgTable: "",
		schema: "",
		table: "",
	};
}

function sha1(...parts: (Buffer | string)[]): Buffer {
	const hash = createHash("sha1");
	for (const part of parts) hash.update(part);
	return hash.digest();
}
