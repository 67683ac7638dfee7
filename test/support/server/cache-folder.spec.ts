/** Folders that processes share: owned by this user, and never half made. */
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { installOnce, openCacheFolder } from "./cache-folder.js";

let folder: string;

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "cache-folder-spec-"));
});

afterEach(async () => {
	await rm(folder, { force: true, recursive: true });
});

describe("openCacheFolder", () => {
	it("creates the folder for this user alone, and finds it again", async () => {
		const name = join(basename(folder), "cache");

		const paths = [await openCacheFolder(name, false), await openCacheFolder(name, false)];

		expect(new Set(paths).size).toBe(1);
		expect((await stat(paths[0] as string)).mode & 0o777).toBe(0o700);
	});

	it("lets others read where the server's user is another one", async () => {
		await chmod(folder, 0o755);

		const path = await openCacheFolder(join(basename(folder), "cache"), true);

		expect((await stat(path)).mode & 0o777).toBe(0o755);
	});

	it.each([
		["a folder others may write to", async (path: string) => mkdir(path).then(() => chmod(path, 0o777))],
		["a link to somewhere else", (path: string) => symlink(folder, path)],
		["a file", (path: string) => writeFile(path, "")],
	])("refuses %s", async (_, plant) => {
		await plant(join(folder, "cache"));

		await expect(openCacheFolder(join(basename(folder), "cache"), false)).rejects.toThrow("is not a folder of this user alone");
	});

	it("refuses a folder of another user", async () => {
		const isRoot = process.getuid?.() === 0;
		const foreign = isRoot ? join(folder, "foreign") : "/usr";
		if (isRoot) await mkdir(foreign).then(() => chown(foreign, 1, 1));

		const opening = openCacheFolder(relative(await realpath(tmpdir()), foreign), false);

		await expect(opening).rejects.toThrow("is not a folder of this user alone");
	});
});

describe("installOnce", () => {
	const build = async (draft: string): Promise<void> => {
		await mkdir(join(draft, "inner"));
		await writeFile(join(draft, "inner", "file"), "content");
		await writeFile(join(draft, "other"), "content");
	};

	it("builds once", async () => {
		const builder = jest.fn(build);

		for (let turn = 0; turn < 3; turn += 1) await installOnce(join(folder, "made"), builder);

		expect(builder).toHaveBeenCalledTimes(1);
		expect(await readFile(join(folder, "made", "inner", "file"), "utf8")).toBe("content");
	});

	it("gives all builders at the same time the same complete folder, and leaves no draft", async () => {
		const paths = await Promise.all(Array.from({ length: 5 }, () => installOnce(join(folder, "made"), build)));

		expect(new Set(paths)).toEqual(new Set([join(folder, "made")]));
		expect(await readdir(folder)).toEqual(["made"]);
		expect((await readdir(join(folder, "made"))).sort()).toEqual(["complete", "inner", "other"]);
	});

	it("builds again when a file has been swept away", async () => {
		await installOnce(join(folder, "made"), build);
		await rm(join(folder, "made", "inner", "file"));

		await installOnce(join(folder, "made"), build);

		expect(await readFile(join(folder, "made", "inner", "file"), "utf8")).toBe("content");
		expect(await readdir(folder)).toEqual(["made"]);
	});

	it("leaves nothing of a build that fails, so that the next one starts afresh", async () => {
		const failing = installOnce(join(folder, "made"), async (draft) => {
			await build(draft);
			throw new Error("the disk is full");
		});

		await expect(failing).rejects.toThrow("the disk is full");

		expect(await readdir(folder)).toEqual([]);
	});
});
