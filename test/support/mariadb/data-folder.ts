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

/** The folder of a template while it is made. */
export interface TemplateDraft {
	/** Empty, and the server's own. */
	readonly data: string;
	readonly folder: string;
	/** What the superuser is to have. */
	readonly password: string;
}

/** Makes the system tables, with a superuser `root` who logs in from 127.0.0.1 and with a password only. */
export type Initialise = (engine: Engine, draft: TemplateDraft) => Promise<void>;

/** Makes a fresh data directory; the first one on a machine is made by `initialise`. */
export async function createDataFolder(engine: Engine, initialise: Initialise): Promise<DataFolder> {
	const template = await findTemplate(engine, initialise);
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

/** Runs the server with a script until it has ended by itself. Throws with what it wrote when it did not end well. */
export async function runToEnd(
	{ command: [path, ...leading], environment, user }: Engine,
	{ data, folder }: TemplateDraft,
	{ parameters, script }: { readonly parameters: readonly string[]; readonly script: string },
): Promise<void> {
	const [input, output] = [await open(script), await open(join(folder, "log"), "a")];
	const child = spawn(path, [...leading, "--no-defaults", `--datadir=${data}`, ...parameters], {
		cwd: data,
		env: environment,
		stdio: [input.fd, output.fd, output.fd],
		...user,
	});
	const [code] = (await once(child, "close")) as [number | null];
	await Promise.all([input.close(), output.close()]);
	if (code !== 0) throw new Error(`System tables could not be made:\n${(await readFile(join(folder, "log"), "utf8")).slice(-2_000)}`);
}

function findTemplate(engine: Engine, initialise: Initialise): Promise<string> {
	return installOnce(join(engine.cacheFolder, `template-${nameOf(engine)}`), async (draft) => {
		const password = randomBytes(24).toString("base64url");
		const data = join(draft, "data");
		await give(draft, engine);
		await mkdir(data);
		await give(data, engine);
		await writeFile(join(draft, "password"), password, { flag: "wx", mode: 0o600 });
		await initialise(engine, { data, folder: draft, password });
	});
}

/** Files that belong to another user of the server cannot be used, so each has its own. */
function nameOf({ user }: Engine): string {
	return String(user?.uid ?? process.getuid?.());
}

async function give(path: string, { user }: Engine): Promise<void> {
	if (user !== undefined) await chown(path, user.uid, user.gid);
}
