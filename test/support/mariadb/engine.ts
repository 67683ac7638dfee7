/** The MariaDB programs: Debian's, unpacked where the server's user can run them. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { installOnce, openCacheFolder } from "../server/cache-folder.js";
import { findLibraries, unpackDebianPackages } from "../server/debian-packages.js";
import { type ServerUser, findServerUser } from "../server/server-user.js";

/** Programs that can be run. */
export interface Engine {
	/** Where this and other starts keep their files. */
	readonly cacheFolder: string;
	/** The server, and what its arguments begin with. */
	readonly command: readonly [path: string, ...parameters: string[]];
	/** The environment of every program of the server: nothing of ours. */
	readonly environment: NodeJS.ProcessEnv;
	readonly plugins: string;
	/** Texts of messages; of MariaDB also the scripts that make the system tables. */
	readonly share: string;
	/** The user to run them as; `undefined` for the user of this process. */
	readonly user: ServerUser | undefined;
}

/**
 * Installs the programs below the temporary folder, once for each user, and says where they are. Throws `ServerUnavailableError` where
 * they cannot be had.
 */
export async function installEngine(): Promise<Engine> {
	const user = await findServerUser();
	const cacheFolder = await openCacheFolder(`nestjs-typeorm-aws-connector-mariadb-${String(process.getuid?.())}`, user !== undefined);
	const folder = await installOnce(join(cacheFolder, "engine"), async (draft) => {
		await chmod(draft, 0o755);
		// The plugins are in the package of the whole server, which wants a service, a client and Perl.
		await unpackDebianPackages(draft, { alone: ["mariadb-server"], packages: ["mariadb-server-core"] });
	});
	return {
		cacheFolder,
		command: [join(folder, "usr", "sbin", "mariadbd")],
		environment: await findLibraries(folder),
		plugins: join(folder, "usr", "lib", "mysql", "plugin"),
		share: join(folder, "usr", "share", "mysql"),
		user,
	};
}
