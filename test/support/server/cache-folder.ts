/** A folder below the temporary one that several processes share, where things are made once and found complete by everyone. */
import { chmod, lstat, mkdir, mkdtemp, readFile, readdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const MARKER = "complete";

/**
 * Creates or finds a folder that only this user can write to. Throws when the name is taken by another user, who could otherwise
 * plant programs there.
 * @param isForOthers Whether another user, who runs the server, has to read it.
 */
export async function openCacheFolder(name: string, isForOthers: boolean): Promise<string> {
	const folder = join(await chooseTemporaryFolder(isForOthers), name);
	await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== "EEXIST") throw error;
	});
	const { mode, uid } = await lstat(folder).then((stats) => (stats.isDirectory() ? stats : { mode: 0o777, uid: -1 }));
	if (uid !== process.getuid?.() || (mode & 0o022) !== 0)
		throw new Error(`"${folder}" is not a folder of this user alone. Remove it, or set TMPDIR to another place.`);
	if (isForOthers) await chmod(folder, 0o755);
	return folder;
}

/**
 * Returns `folder`, which `build` has filled, now or in the past. It appears under its name only when it is complete, so processes that
 * build at the same time do not disturb each other: the first one wins. One that has lost files since (temporary folders are swept) is
 * built again.
 */
export async function installOnce(folder: string, build: (draft: string) => Promise<void>): Promise<string> {
	if (await isComplete(folder)) return folder;
	const draft = await mkdtemp(`${folder}-draft-`);
	try {
		await build(draft);
		await writeFile(join(draft, MARKER), String(await countEntries(draft)), { flag: "wx" });
		await replaceUnlessComplete(folder, draft);
	} finally {
		await rm(draft, { force: true, recursive: true });
	}
	return folder;
}

async function chooseTemporaryFolder(isForOthers: boolean): Promise<string> {
	const candidates = await Promise.all([tmpdir(), "/tmp"].map((path) => realpath(path)));
	if (!isForOthers) return candidates[0] as string;
	for (const candidate of candidates) if (await isOpenToOthers(candidate)) return candidate;
	throw new Error(
		`The user who runs the server cannot enter "${candidates.join('" or "')}". Set TMPDIR to a folder everybody can enter.`,
	);
}

async function isOpenToOthers(path: string): Promise<boolean> {
	const { mode } = await stat(path);
	if ((mode & 0o001) === 0) return false;
	return path === dirname(path) || isOpenToOthers(dirname(path));
}

async function isComplete(folder: string): Promise<boolean> {
	const expectedCount = await readFile(join(folder, MARKER), "utf8").catch(() => undefined);
	// The marker itself was not there when the others were counted.
	return expectedCount !== undefined && Number(expectedCount) === (await countEntries(folder)) - 1;
}

async function countEntries(folder: string): Promise<number> {
	return (await readdir(folder, { recursive: true })).length;
}

async function replaceUnlessComplete(folder: string, draft: string): Promise<void> {
	try {
		await rename(draft, folder);
	} catch (error) {
		if (!["EEXIST", "ENOTEMPTY"].includes(String((error as NodeJS.ErrnoException).code))) throw error;
		if (await isComplete(folder)) return;
		const damaged = await mkdtemp(`${folder}-damaged-`);
		await rename(folder, join(damaged, "folder"));
		await rename(draft, folder);
		await rm(damaged, { force: true, recursive: true });
	}
}
