/** Which user of the operating system runs a server: database servers refuse to run as root. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The user a server is run as. */
export interface ServerUser {
	readonly gid: number;
	readonly uid: number;
}

/** Unprivileged accounts, the usual one first. PostgreSQL needs one with a name, a bare number is not enough. */
const UNPRIVILEGED_NAMES = ["postgres", "nobody"];

/** The user to switch to; `undefined` when this process is unprivileged itself. Throws when root finds no user to switch to. */
export async function findServerUser(): Promise<ServerUser | undefined> {
	if (process.getuid?.() !== 0) return undefined;
	for (const name of UNPRIVILEGED_NAMES) {
		const [uid, gid] = await Promise.all([readId("-u", name), readId("-g", name)]);
		if (uid !== undefined && gid !== undefined) return { gid, uid };
	}
	throw new Error(`A database server refuses to run as root, and there is no user "${UNPRIVILEGED_NAMES.join('" or "')}" to run it as.`);
}

async function readId(flag: "-g" | "-u", name: string): Promise<number | undefined> {
	try {
		const { stdout } = await promisify(execFile)("id", [flag, name]);
		return Number(stdout);
	} catch {
		return undefined;
	}
}
