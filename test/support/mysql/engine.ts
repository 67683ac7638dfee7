/** The MySQL programs: those of Debian's development suite, since no released one has them, run with that suite's own C library. */
import { execFile } from "node:child_process";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Engine } from "../mariadb/engine.js";
import { installOnce, openCacheFolder } from "../server/cache-folder.js";
import { listLibraryFolders, ServerUnavailableError, unpackDebianPackages } from "../server/debian-packages.js";
import { findServerUser } from "../server/server-user.js";

/** Installs the programs below the temporary folder, once for each user. Throws `ServerUnavailableError` where they cannot be had. */
export async function installEngine(): Promise<Engine> {
	const user = await findServerUser();
	const cacheFolder = await openCacheFolder(`nestjs-typeorm-aws-connector-mysql-${String(process.getuid?.())}`, user !== undefined);
	const folder = await installOnce(join(cacheFolder, "engine"), async (draft) => {
		await chmod(draft, 0o755);
		await unpackDebianPackages(draft, { packages: ["mysql-server-core"], suite: "sid" });
		await tryOut(await findCommand(draft));
	});
	return {
		cacheFolder,
		command: await findCommand(folder),
		environment: { LC_ALL: "C", PATH: process.env["PATH"], TZ: "UTC" },
		plugins: join(folder, "usr", "lib", "mysql", "plugin"),
		share: join(folder, "usr", "share", "mysql"),
		user,
	};
}

async function findCommand(folder: string): Promise<Engine["command"]> {
	const libraries = await listLibraryFolders(folder);
	return [await findLoader(libraries), "--library-path", libraries.join(":"), join(folder, "usr", "sbin", "mysqld")];
}

async function findLoader(libraries: readonly string[]): Promise<string> {
	for (const folder of libraries) {
		const loader = (await readdir(folder)).find((name) => name.startsWith("ld-linux"));
		if (loader !== undefined) return join(folder, loader);
	}
	throw new ServerUnavailableError("The packages of MySQL came without a C library");
}

/** What is in development today may not run on the kernel of this machine. */
async function tryOut([path, ...parameters]: Engine["command"]): Promise<void> {
	await promisify(execFile)(path, [...parameters, "--no-defaults", "--version"]).catch((error: unknown) => {
		throw new ServerUnavailableError(`MySQL does not run on this machine: ${String(error)}`, { cause: error });
	});
}
