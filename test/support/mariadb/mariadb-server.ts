/** A real MariaDB server for one test file: password authentication, users, counts of logins and connections. */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import mysql from "mysql2/promise";
import type { DatabaseServer } from "../server/database-server.js";
import { HOST, type ServerProcess, startProcess, watchOver } from "../server/server-process.js";
import { type DataFolder, createDataFolder, removeDataFolder } from "./data-folder.js";
import { MARIADB } from "./mariadb-kind.js";
import { type MariadbProgram, type ServerKind, describeProgram } from "./mariadb-program.js";

/** How to start a server. */
export interface MariadbOptions {
	/** Connections that users other than the superuser may open together. Default 100, and never less than 10. */
	readonly maxConnections?: number;
	/** Options of mariadbd without their dashes, on top of our own: `{ "log-bin": "binlog", "ssl-cert": path }`. */
	readonly settings?: Readonly<Record<string, string>>;
}

/** What a user may do besides logging in. */
export interface UserOptions {
	/** How many connections it may have. Default: as many as the server. */
	readonly connectionLimit?: number;
	/** Databases in which it has every right. */
	readonly databases?: readonly string[];
}

/** A connection as the server sees it. */
export interface MariadbConnection {
	readonly database: string | null;
	/** What `KILL` takes. */
	readonly pid: number;
	/** `Sleep`, `Query`, … */
	readonly state: string;
	readonly user: string;
}

/** Queries as the superuser. Each opens a connection of its own, which counts towards no limit and which `connections()` leaves out. */
export interface MariadbAdmin {
	/** Runs one statement in `database` (default: in none), or several at once where there are no parameters; the rows are the last one's. */
	query<Row = Record<string, unknown>>(
		sql: string,
		parameters?: readonly unknown[],
		database?: string,
	): Promise<{ readonly rows: Row[] }>;
}

const SUPERUSER = "root";
const DEFAULT_MAX_CONNECTIONS = 100;
const POLL_INTERVAL_MS = 5;
const SETTLE_LIMIT_MS = 10_000;
const NO_SUCH_THREAD = 1094;

/**
 * Starts a server on a free port of 127.0.0.1, with files of its own below the temporary folder and a password for every login.
 *
 * The programs are Debian's: the first start on a machine downloads and unpacks them without touching what is installed, and needs
 * `apt-get` for that, but not root. Works as root too: the server then runs as the user `postgres` or `nobody`. It goes with this
 * process, however that ends. Throws `ServerUnavailableError` where there are no programs, and with the end of the server's log when it
 * does not start.
 * @example
 * const server = await startMariadb({ maxConnections: 20 });
 * await server.createDatabase("orders");
 * await server.createRole("app", "one", { databases: ["orders"] });
 * // connect to server.host, server.port
 * await server.stop();
 */
export async function startMariadb({
	maxConnections = DEFAULT_MAX_CONNECTIONS,
	settings = {},
}: MariadbOptions = {}): Promise<MariadbServer> {
	return new MariadbServer(await startProgram(MARIADB, { "max-connections": String(maxConnections), ...settings }));
}

/** What a server consists of. */
export interface MariadbParts {
	/** Ends the watch over it. */
	readonly endWatch: () => void;
	readonly files: DataFolder;
	readonly kind: ServerKind;
	readonly program: MariadbProgram;
	readonly running: ServerProcess;
	readonly settings: Readonly<Record<string, string>>;
}

/** Starts a server with files of its own. */
export async function startProgram(kind: ServerKind, settings: Readonly<Record<string, string>>): Promise<MariadbParts> {
	const engine = await kind.install();
	const files = await createDataFolder(engine, kind.initialise);
	const program = describeProgram(kind, engine, files, settings);
	const endWatch = watchOver(program);
	try {
		return { endWatch, files, kind, program, running: await startProcess(program), settings };
	} catch (error) {
		await removeDataFolder(files);
		endWatch();
		throw error;
	}
}

/** A running server: MariaDB or, since the two differ little, MySQL. Made by {@link startMariadb} or `startMysql`. */
export class MariadbServer implements DatabaseServer {
	readonly admin: MariadbAdmin = { query: (sql, parameters, database) => this.queryAsSuperuser(sql, parameters, database) };
	readonly engine: "mariadb" | "mysql";
	readonly host = HOST;
	/** Its settings, but for those that all servers have. */
	readonly settings: Readonly<Record<string, string>>;
	readonly superuser: { readonly password: string; readonly user: string };
	private readonly endWatch: () => void;
	private readonly files: DataFolder;
	private readonly kind: ServerKind;
	private readonly program: MariadbProgram;
	private running: ServerProcess;

	constructor({ endWatch, files, kind, program, running, settings }: MariadbParts) {
		this.endWatch = endWatch;
		this.engine = kind.engine;
		this.files = files;
		this.kind = kind;
		this.program = program;
		this.running = running;
		this.settings = settings;
		this.superuser = { password: files.password, user: SUPERUSER };
	}

	/** Where administrators and replicas log in; they take no connection from anybody else. */
	get adminPort(): number {
		return this.program.adminPort();
	}

	get port(): number {
		return this.running.port;
	}

	/** Creates an empty database. */
	async createDatabase(name: string): Promise<void> {
		await this.admin.query(`CREATE DATABASE ${escapeName(name)}`);
	}

	/** Creates a user that logs in from anywhere with `password`. */
	async createRole(name: string, password: string, { connectionLimit = 0, databases = [] }: UserOptions = {}): Promise<void> {
		const account = `${mysql.escape(name)}@'%'`;
		const limit = `WITH MAX_USER_CONNECTIONS ${String(connectionLimit)}`;
		await this.admin.query(`CREATE USER ${account} IDENTIFIED BY ${mysql.escape(password)} ${limit}`);
		for (const database of databases) await this.admin.query(`GRANT ALL ON ${escapeName(database)}.* TO ${account}`);
	}

	/** Changes the password of a user. Its open connections stay. */
	async setPassword(role: string, password: string): Promise<void> {
		await this.admin.query(`ALTER USER ${mysql.escape(role)}@'%' IDENTIFIED BY ${mysql.escape(password)}`);
	}

	/** Kills the connections of a user, waits until they are gone, and returns how many there were. */
	async terminate(role: string): Promise<number> {
		const victims = await this.connections(role);
		for (const { pid } of victims) {
			await this.admin.query(`KILL ${String(pid)}`).catch((error: unknown) => {
				if ((error as { errno?: number }).errno !== NO_SUCH_THREAD) throw error;
			});
		}
		const pids = new Set(victims.map(({ pid }) => pid));
		await settle(async () => (await this.connections(role)).some(({ pid }) => pids.has(pid)));
		return victims.length;
	}

	/** The connections that are open now: of one user, or all but those of the superuser and of the server itself. */
	async connections(role?: string): Promise<MariadbConnection[]> {
		const { rows } = await this.admin.query<MariadbConnection>(
			`SELECT id AS pid, db AS \`database\`, command AS state, user FROM information_schema.processlist
			WHERE user NOT IN ('root', 'system user', 'event_scheduler', 'unauthenticated user')
			AND user = coalesce(?, user) ORDER BY id`,
			[role ?? null],
		);
		return rows;
	}

	/** How many logins the server has refused since its start because of the password or the account: of one user, or all. */
	async refusedLogins(role?: string): Promise<number> {
		await this.settleLogins();
		const users = await this.kind.findRefusedUsers(this.files);
		return role === undefined ? users.length : users.filter((user) => user === role).length;
	}

	/** Everything the server has logged. */
	async readLog(): Promise<string> {
		return readFile(this.files.log, "utf8");
	}

	/** Stops the server, which ends every connection, and starts it again on the same port with the same data. */
	async restart(): Promise<void> {
		const { port } = this;
		await this.running.stop("fast");
		this.running = await startProcess(this.program, port);
	}

	/** Ends the server at once and removes its files. May be called again. */
	async stop(): Promise<void> {
		await this.running.stop("immediate");
		await removeDataFolder(this.files);
		this.endWatch();
	}

	/** A client hears of a refusal a moment before it is written down. */
	private async settleLogins(): Promise<void> {
		const listLogins = async (): Promise<number[]> => {
			const { rows } = await this.admin.query<{ id: number }>(
				"SELECT id FROM information_schema.processlist WHERE command = 'Connect' AND user <> 'system user'",
			);
			return rows.map(({ id }) => id);
		};
		const underWay = new Set(await listLogins());
		if (underWay.size > 0) await settle(async () => (await listLogins()).some((id) => underWay.has(id)));
	}

	private async queryAsSuperuser<Row>(
		sql: string,
		parameters: readonly unknown[] = [],
		database?: string,
	): Promise<{ readonly rows: Row[] }> {
		const connection = await mysql.createConnection({
			...this.superuser,
			host: this.host,
			multipleStatements: parameters.length === 0,
			port: this.adminPort,
			...(database === undefined ? {} : { database }),
		});
		try {
			const [result] = await connection.query(sql, [...parameters]);
			const last: unknown = Array.isArray(result) && Array.isArray(result.at(-1)) ? result.at(-1) : result;
			return { rows: Array.isArray(last) ? (last as Row[]) : [] };
		} finally {
			await connection.end();
		}
	}
}

function escapeName(name: string): string {
	return mysql.escapeId(name, true);
}

async function settle(isPending: () => Promise<boolean>): Promise<void> {
	const deadlineAt = Date.now() + SETTLE_LIMIT_MS;
	while ((await isPending()) && Date.now() < deadlineAt) await delay(POLL_INTERVAL_MS);
}
