/** A real PgBouncer in front of a PostgreSQL of the tests, with SCRAM on both of its sides. */
import { chmod, chown, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, type QueryResultRow } from "pg";
import type { PostgresServer } from "../postgres/postgres-server.js";
import { installOnce, openCacheFolder } from "../server/cache-folder.js";
import { findLibraries, unpackDebianPackages } from "../server/debian-packages.js";
import { HOST, type ServerProcess, type ServerProgram, startProcess, watchOver } from "../server/server-process.js";
import { type ServerUser, findServerUser } from "../server/server-user.js";

/** How to start a pooler. */
export interface PgbouncerOptions {
	/** For how long a client keeps a connection of the server. Default `transaction`. */
	readonly poolMode?: "session" | "transaction";
	/** Lines for pgbouncer.ini, on top of our own: `{ default_pool_size: "2" }`. */
	readonly settings?: Readonly<Record<string, string>>;
	/**
	 * Passwords by user, which the pooler then knows for itself, as RDS Proxy does: it does not notice that the server has others by now.
	 * Default: it asks the server at each login.
	 */
	readonly users?: Readonly<Record<string, string>>;
}

interface Engine {
	readonly cacheFolder: string;
	readonly environment: NodeJS.ProcessEnv;
	readonly path: string;
	readonly user: ServerUser | undefined;
}

interface PoolerFiles {
	readonly folder: string;
	readonly ini: string;
	readonly log: string;
	readonly pidFile: string;
	readonly userList: string;
}

const CONSOLE = "pgbouncer";
const FIRST_WRITE_AT = Date.UTC(2001, 0, 1);
let writeCount = 0;

/** Installs the program below the temporary folder, once for each user. Throws `ServerUnavailableError` where it cannot be had. */
export async function installPgbouncer(): Promise<Engine> {
	const user = await findServerUser();
	const cacheFolder = await openCacheFolder(`nestjs-typeorm-aws-connector-pgbouncer-${String(process.getuid?.())}`, user !== undefined);
	const folder = await installOnce(join(cacheFolder, "engine"), async (draft) => {
		await chmod(draft, 0o755);
		await unpackDebianPackages(draft, { packages: ["pgbouncer"] });
	});
	return { cacheFolder, environment: await findLibraries(folder), path: join(folder, "usr", "sbin", "pgbouncer"), user };
}

/**
 * Starts a pooler for every database of `server` on a free port of 127.0.0.1. It goes with this process, however that ends. Stop it before
 * the server. Throws `ServerUnavailableError` where there is no PgBouncer.
 * @example
 * const pooler = await startPgbouncer(server, { poolMode: "session" });
 * // connect to pooler.host, pooler.port as to the server
 * await pooler.stop();
 */
export async function startPgbouncer(
	server: PostgresServer,
	{ poolMode = "transaction", settings = {}, users }: PgbouncerOptions = {},
): Promise<Pgbouncer> {
	const engine = await installPgbouncer();
	const files = await createFiles(engine);
	const lines = {
		admin_users: server.superuser.user,
		auth_file: files.userList,
		auth_type: "scram-sha-256",
		listen_addr: HOST,
		pidfile: files.pidFile,
		pool_mode: poolMode,
		// A refused login is tried again after a second, not after fifteen.
		server_login_retry: "1",
		unix_socket_dir: "",
		...(users === undefined ? { auth_user: server.superuser.user } : {}),
		...settings,
	};
	const program: ServerProgram = {
		...files,
		environment: engine.environment,
		formatArguments: async (port) => {
			const entries = Object.entries({ ...lines, listen_port: String(port) }).map(([name, value]) => `${name} = ${value}\n`);
			const target = `* = host=${server.host} port=${String(server.port)}\n`;
			await writeFile(files.ini, `[databases]\n${target}[pgbouncer]\n${entries.join("")}`);
			return [files.ini];
		},
		isReady: (output) => output.includes("process up"),
		name: "PgBouncer",
		path: engine.path,
		stopSignals: { fast: "SIGTERM", immediate: "SIGKILL" },
		user: engine.user,
		watchSignal: "TERM",
	};
	const endWatch = watchOver(program);
	try {
		await writeUsers(files, server, users);
		return new Pgbouncer(server, files, users, await startProcess(program), endWatch);
	} catch (error) {
		await rm(files.folder, { force: true, recursive: true });
		endWatch();
		throw error;
	}
}

/** A running pooler. Made by {@link startPgbouncer}. */
export class Pgbouncer {
	readonly host = HOST;

	constructor(
		private readonly server: PostgresServer,
		private readonly files: PoolerFiles,
		private users: Readonly<Record<string, string>> | undefined,
		private readonly running: ServerProcess,
		private readonly endWatch: () => void,
	) {}

	get port(): number {
		return this.running.port;
	}

	/** Runs a command of its console: `SHOW POOLS`, `PAUSE`, `RECONNECT`. */
	async command<Row extends QueryResultRow = Record<string, unknown>>(text: string): Promise<Row[]> {
		const client = new Client({ ...this.server.superuser, database: CONSOLE, host: this.host, port: this.port });
		client.on("error", () => undefined);
		await client.connect();
		try {
			return (await client.query<Row>(text)).rows;
		} finally {
			await client.end();
		}
	}

	/** Tells a pooler that has passwords of its own another one, as the rotation of its secret does. */
	async setPassword(user: string, password: string): Promise<void> {
		this.users = { ...this.users, [user]: password };
		await writeUsers(this.files, this.server, this.users);
		await this.command("RELOAD");
	}

	/** Everything it has logged. */
	async readLog(): Promise<string> {
		return readFile(this.files.log, "utf8");
	}

	/** Ends it at once and removes its files. May be called again. */
	async stop(): Promise<void> {
		await this.running.stop("immediate");
		await rm(this.files.folder, { force: true, recursive: true });
		this.endWatch();
	}
}

async function createFiles({ cacheFolder, user }: Engine): Promise<PoolerFiles> {
	const parent = join(cacheFolder, `servers-${String(user?.uid ?? process.getuid?.())}`);
	await mkdir(parent, { mode: 0o700, recursive: true });
	if (user !== undefined) await chown(parent, user.uid, user.gid);
	const folder = await mkdtemp(join(parent, "server-"));
	const files = {
		folder,
		ini: join(folder, "pgbouncer.ini"),
		log: join(folder, "server.log"),
		pidFile: join(folder, "pid"),
		userList: join(folder, "users.txt"),
	};
	await writeFile(files.userList, "", { mode: 0o600 });
	if (user !== undefined) for (const path of [folder, files.userList]) await chown(path, user.uid, user.gid);
	return files;
}

/** The superuser is always among them: as the administrator, and to ask the server about the others. */
async function writeUsers(
	{ userList }: PoolerFiles,
	{ superuser }: PostgresServer,
	users: Readonly<Record<string, string>> = {},
): Promise<void> {
	const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
	const lines = Object.entries({ ...users, [superuser.user]: superuser.password }).map(
		([name, password]) => `${quote(name)} ${quote(password)}\n`,
	);
	await writeFile(userList, lines.join(""));
	// The pooler reads a file again when its time has changed, by whole seconds.
	writeCount += 1;
	await utimes(userList, new Date(), new Date(FIRST_WRITE_AT + writeCount * 1_000));
}
