/** Data directories: one is initialised per machine, and each server starts from a copy of it. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { installOnce } from "../server/cache-folder.js";
import type { Engine } from "./engine.js";

/** The files of one server. */
export interface DataFolder {
	readonly data: string;
	/** Holds everything of this server; goes when it stops. */
	readonly folder: string;
	readonly log: string;
	/** Each login, each refusal with the number of its error, and the end of each connection. */
	readonly loginLog: string;
	/** Password of the superuser `root`. */
	readonly password: string;
}

/** What the system tables are made with, and what every later start has to repeat. */
export const FILE_SETTINGS = ["--innodb-data-file-path=ibdata1:10M:autoextend"];

/** In this order. Texts of help are left out. */
const SYSTEM_SCRIPTS = [
	"mysql_system_tables.sql",
	"mysql_performance_tables.sql",
	"mysql_system_tables_data.sql",
	"maria_add_gis_sp_bootstrap.sql",
	"mysql_sys_schema.sql",
];

/** Makes a fresh data directory with a superuser `root`, who logs in from 127.0.0.1 and with a password only. */
export async function createDataFolder(engine: Engine): Promise<DataFolder> {
	const template = await findTemplate(engine);
	const parent = join(engine.cacheFolder, `servers-${nameOf(engine)}`);
	await mkdir(parent, { mode: 0o700, recursive: true });
	await give(parent, engine);
	const folder = await mkdtemp(join(parent, "server-"));
	const data = join(folder, "data");
	try {
		await give(folder, engine);
		// By the server's user, so that the files are its own.
		await promisify(execFile)("cp", ["-Rp", join(template, "data"), data], { cwd: engine.cacheFolder, ...engine.user });
		const password = await readFile(join(template, "password"), "utf8");
		return { data, folder, log: join(folder, "server.log"), loginLog: join(folder, "logins.log"), password };
	} catch (error) {
		await removeDataFolder({ folder });
		throw error;
	}
}

/** Removes the files of a server that has stopped. */
export async function removeDataFolder({ folder }: Pick<DataFolder, "folder">): Promise<void> {
	await rm(folder, { force: true, recursive: true });
}

function findTemplate(engine: Engine): Promise<string> {
	return installOnce(join(engine.cacheFolder, `template-${nameOf(engine)}`), async (draft) => {
		const password = randomBytes(24).toString("base64url");
		const data = join(draft, "data");
		await give(draft, engine);
		await mkdir(data);
		await give(data, engine);
		await writeFile(join(draft, "password"), password, { flag: "wx", mode: 0o600 });
		await initialise(engine, { data, draft, password });
	});
}

/** Does what mariadb-install-db does, which wants more programs than there are here. */
async function initialise(
	{ environment, mariadbd, share, user }: Engine,
	{ data, draft, password }: { readonly data: string; readonly draft: string; readonly password: string },
): Promise<void> {
	const scripts = await Promise.all(SYSTEM_SCRIPTS.map((name) => readFile(join(share, name), "utf8")));
	const script = join(draft, "system-tables.sql");
	// One statement a line: the server reads these without a client.
	const opening = ["CREATE DATABASE mysql;", "USE mysql;"];
	const closing = [
		"DELETE FROM global_priv WHERE User = 'root' AND Host <> '127.0.0.1';",
		"DELETE FROM proxies_priv;",
		"FLUSH PRIVILEGES;",
		`ALTER USER root@127.0.0.1 IDENTIFIED BY '${password}';`,
	];
	await writeFile(script, [...opening, ...scripts, ...closing, ""].join("\n"), { flag: "wx", mode: 0o600 });
	const [input, output] = [await open(script), await open(join(draft, "log"), "a")];
	const child = spawn(
		mariadbd,
		["--no-defaults", "--bootstrap", `--datadir=${data}`, `--lc-messages-dir=${share}`, "--innodb-log-file-size=4M", ...FILE_SETTINGS],
		{ cwd: data, env: environment, stdio: [input.fd, output.fd, output.fd], ...user },
	);
	const [code] = (await once(child, "close")) as [number | null];
	await Promise.all([input.close(), output.close()]);
	if (code !== 0)
		throw new Error(`MariaDB could not make its system tables:\n${(await readFile(join(draft, "log"), "utf8")).slice(-2_000)}`);
	await rm(script);
}

/** Files that belong to another user of the server cannot be used, so each has its own. */
function nameOf({ user }: Engine): string {
	return String(user?.uid ?? process.getuid?.());
}

async function give(path: string, { user }: Engine): Promise<void> {
	if (user !== undefined) await chown(path, user.uid, user.gid);
}
