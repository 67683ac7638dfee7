/** `npm run demo` as its reader meets it: it ends by itself with nothing failed, or at once on Ctrl-C, and leaves nothing behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Demo {
	readonly child: ChildProcess;
	/** Resolves with the exit code, or with the signal that ended it. */
	readonly ended: Promise<number | string>;
	readonly output: () => string;
	/** Resolves when `pattern` has been printed; rejects when the demo ends before. */
	printed(pattern: RegExp): Promise<void>;
}

let temporaryFolder: string;

beforeAll(async () => {
	temporaryFolder = await mkdtemp(join(tmpdir(), "demo-spec-"));
	// When this runs as root, the server runs as another user.
	await chmod(temporaryFolder, 0o755);
});

afterAll(async () => {
	await rm(temporaryFolder, { recursive: true });
});

it("goes through both strategies without a failed query and ends by itself", async () => {
	const demo = startDemo();

	const end = await demo.ended;

	const [, queryCount] = /^queries ([\d,]+), failed 0$/m.exec(demo.output()) ?? [];
	expect(end).toBe(0);
	expect(readNumber(queryCount)).toBeGreaterThan(0);
	for (const chapter of ["before", "alternating users", "single user", "after"]) {
		const [, chapterCount] = new RegExp(`^${chapter} +([\\d,]+) +[\\d,]+ +0 `, "m").exec(demo.output()) ?? [];
		expect(readNumber(chapterCount)).toBeGreaterThan(0);
	}
	expect(demo.output()).toMatch(/^pool generations +9$/m);
	expect(demo.output()).toMatch(/^No query of the application on nestjs-typeorm-aws-connector has failed/m);
	// The same load without the library: it fails once the password that it started with is no more.
	const [, plainFailed] =
		/^plain TypeORM: queries [\d,]+, failed ([\d,]+), first with "password authentication failed/m.exec(demo.output()) ?? [];
	expect(readNumber(plainFailed)).toBeGreaterThan(0);
	expect(await findServerFolders()).toEqual([]);
});

it("stops on Ctrl-C in the middle of the load, and leaves neither a server nor its files", async () => {
	const demo = startDemo();
	await demo.printed(/the secret names/);
	const [folder] = await findServerFolders();
	const serverPid = Number.parseInt(await readFile(join(String(folder), "data", "postmaster.pid"), "utf8"), 10);
	const wasRunning = isRunning(serverPid);

	demo.child.kill("SIGINT");
	const end = await demo.ended;

	expect(end).toBe(130);
	expect(demo.output()).toMatch(/Stopped, and nothing is left\.\n$/);
	expect(wasRunning).toBe(true);
	expect(isRunning(serverPid)).toBe(false);
	expect(await findServerFolders()).toEqual([]);
});

it("stops on Ctrl-C while it is starting", async () => {
	const demo = startDemo();
	await demo.printed(/Starting/);

	demo.child.kill("SIGINT");
	const end = await demo.ended;

	expect(end).toBe(130);
	expect(await findServerFolders()).toEqual([]);
});

function startDemo(): Demo {
	const child = spawn(process.execPath, ["scripts/run-ts.cjs", "examples/demo/run.ts"], {
		env: { ...process.env, TMPDIR: temporaryFolder },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
	for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
	const printed = async (pattern: RegExp): Promise<void> => {
		let isOver = false;
		void ended.then(() => (isOver = true));
		while (!pattern.test(output)) {
			if (isOver) throw new Error(`The demo ended too early:\n${output}`);
			await Promise.race([once(child.stdout, "data"), ended]);
		}
	};
	return { child, ended, output: () => output, printed };
}

/** Folders of servers that were started with our temporary folder. */
async function findServerFolders(): Promise<string[]> {
	const entries = await readdir(temporaryFolder, { recursive: true });
	return entries.filter((entry) => /\/servers-[^/]*\/server-[^/]*$/.test(entry)).map((entry) => join(temporaryFolder, entry));
}

function isRunning(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

function readNumber(text: string | undefined): number {
	return Number(text?.replaceAll(",", ""));
}
