/** Data directories: one is initialised per machine, and each server starts from a copy of it. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { installOnce } from "../server/cache-folder.js";
import type { Engine } from "./engine.js";

/** The files of one server. */
export interface Cluster {
	readonly data: string;
	/** Holds everything of this server; goes when it stops. */
	readonly folder: string;
	readonly log: string;
	/** Password of the superuser `postgres`. */
	readonly password: string;
}

/**
 * Nothing here has to survive a crash, and a start should be quick. The prefix of the log carries the SQLSTATE. A replica may join at any time:
 * it starts from the same template, so the primary keeps what it wrote since.
 */
const SETTINGS: Readonly<Record<string, string>> = {
	fsync: "off",
	full_page_writes: "off",
	listen_addresses: "127.0.0.1",
	log_line_prefix: "%m [%p] %e user=%u ",
	shared_buffers: "16MB",
	synchronous_commit: "off",
	unix_socket_directories: "",
	wal_keep_size: "64MB",
	wal_level: "replica",
	wal_writer_delay: "10ms",
};

/** The environment of every program of the server: nothing of ours, above all no PG… variable. */
export const SERVER_ENVIRONMENT: NodeJS.ProcessEnv = { LC_ALL: "C", PATH: process.env["PATH"], TZ: "UTC" };

/** Makes a fresh data directory with a superuser `postgres` and SCRAM authentication. `settings` go on top of our own. */
export async function createCluster(engine: Engine, settings: Readonly<Record<string, string>>): Promise<Cluster> {
	const template = await findTemplate(engine);
	const parent = join(engine.cacheFolder, `servers-${nameOf(engine)}`);
	await mkdir(parent, { mode: 0o700, recursive: true });
	await give(parent, engine);
	const folder = await mkdtemp(join(parent, "server-"));
	const data = join(folder, "data");
	try {
		await give(folder, engine);
		// By the server's user, so that the files are its own.
		await runAsServer(engine, "cp", ["-Rp", join(template, "data"), data]);
		const lines = Object.entries({ ...SETTINGS, ...settings }).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
		await appendFile(join(data, "postgresql.conf"), lines.join(""));
		return { data, folder, log: join(folder, "server.log"), password: await readFile(join(template, "password"), "utf8") };
	} catch (error) {
		await rm(folder, { force: true, recursive: true });
		throw error;
	}
}

/** Removes the files of a server that has stopped. */
export async function removeCluster({ folder }: Cluster): Promise<void> {
	await rm(folder, { force: true, recursive: true });
}

function findTemplate(engine: Engine): Promise<string> {
	return installOnce(join(engine.cacheFolder, `template-${nameOf(engine)}`), async (draft) => {
		const password = randomBytes(24).toString("base64url");
		const passwordFile = join(draft, "password");
		await give(draft, engine);
		await writeFile(passwordFile, password, { flag: "wx", mode: 0o600 });
		await give(passwordFile, engine);
		await runAsServer(engine, engine.initdb, [
			...["--pgdata", join(draft, "data")],
			...["--username", "postgres", "--pwfile", passwordFile, "--auth", "scram-sha-256"],
			...["--encoding", "UTF8", "--locale", "C"],
			// A small write-ahead log makes a small copy.
			...["--wal-segsize", "1", "--no-data-checksums", "--no-sync", "--no-instructions"],
		]);
	});
}

/** Files that belong to another user of the server cannot be used, so each has its own. */
function nameOf({ user }: Engine): string {
	return String(user?.uid ?? process.getuid?.());
}

async function give(path: string, { user }: Engine): Promise<void> {
	if (user !== undefined) await chown(path, user.uid, user.gid);
}

async function runAsServer({ cacheFolder, user }: Engine, program: string, parameters: readonly string[]): Promise<void> {
	// Not in our own working directory, which the server's user may not be allowed to enter.
	await promisify(execFile)(program, parameters, { cwd: cacheFolder, env: SERVER_ENVIRONMENT, ...user });
}
