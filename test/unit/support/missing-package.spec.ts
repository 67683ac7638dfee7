/** A missing package is nothing, a broken one is an error. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { acceptMissingPackage, loadOnce } from "../../../src/support/missing-package.js";

const SOURCE = join(__dirname, "../../../src");
const RUNNER = join(__dirname, "../../../scripts/run-ts.cjs");
const ABSENT = "@nestjs/a-package-that-does-not-exist";

/** Packages that are installed and cannot be loaded. */
const BROKEN = [
	{ code: "throw new Error('broken inside');", manifest: {}, name: "broken-inside", reason: "broken inside" },
	{ code: `require(${JSON.stringify(ABSENT)});`, manifest: {}, name: "without-a-dependency", reason: ABSENT },
	{ code: undefined, manifest: { main: "absent.js" }, name: "without-its-main-file", reason: "absent.js" },
	{ code: "", manifest: { exports: { import: "./index.mjs" } }, name: "for-import-only", reason: "exports" },
] as const;

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "optional-packages-"));
	for (const { code, manifest, name } of BROKEN) {
		const location = join(folder, "node_modules", name);
		await mkdir(location, { recursive: true });
		await writeFile(join(location, "package.json"), JSON.stringify({ name, ...manifest }));
		if (code !== undefined) await writeFile(join(location, "index.js"), code);
	}
});

afterAll(async () => {
	await rm(folder, { force: true, recursive: true });
});

/** Runs a text in plain Node, since jest looks for packages in its own way; what it prints is JSON. */
async function runInNode(text: string): Promise<unknown> {
	const script = join(folder, "probe.ts");
	await writeFile(script, text);
	const { stdout } = await promisify(execFile)(process.execPath, [RUNNER, script]);
	return JSON.parse(stdout);
}

it("tells packages that are not installed from those that cannot be loaded, in plain Node", async () => {
	const outcomes = await runInNode(`
		import { acceptMissingPackage, loadOnce } from ${JSON.stringify(join(SOURCE, "support/missing-package.ts"))};
		const outcomes = ${JSON.stringify([ABSENT, ...BROKEN.map(({ name }) => name)])}.map((name) => {
			try { require(name); return "loaded"; } catch (error) {
				try { acceptMissingPackage(name, error); return "missing"; } catch ({ cause, message }) { return [message, cause.message]; }
			}
		});
		console.log(JSON.stringify(outcomes));`);

	expect(outcomes).toEqual([
		"missing",
		...BROKEN.map(({ name, reason }) => [
			`The optional package "${name}" is installed but cannot be loaded. Repair or remove it.`,
			expect.stringContaining(reason),
		]),
	]);
});

it.each([
	["jest", `Cannot find module '${ABSENT}' from 'src/index.ts'`],
	["webpack", `Cannot find module '${ABSENT}'`],
	["Yarn", `Your application tried to access ${ABSENT}, but it isn't declared in your dependencies`],
])("accepts that a package is missing in the words of %s", (_, message) => {
	expect(() => acceptMissingPackage(ABSENT, Object.assign(new Error(message), { code: "MODULE_NOT_FOUND" }))).not.toThrow();
});

it.each([
	["of Yarn", `@nestjs/config tried to access dotenv, but it isn't declared in its dependencies`],
	["of Node", "Cannot find module 'dotenv'\nRequire stack:\n- /app/node_modules/@nestjs/config/dist/index.js"],
])("does not take the missing dependency of a package for the package, in the words %s", (_, message) => {
	const error = Object.assign(new Error(message), { code: "MODULE_NOT_FOUND" });

	expect(() => acceptMissingPackage("@nestjs/config", error)).toThrow('"@nestjs/config" is installed but cannot be loaded');
});

it("asks for a package once, whether or not it is there", () => {
	const load = jest.fn<object | undefined, []>().mockReturnValueOnce(undefined).mockReturnValue({});
	const loadMissing = loadOnce(load);

	expect([loadMissing(), loadMissing()]).toEqual([undefined, undefined]);
	expect(load).toHaveBeenCalledTimes(1);
});

it("asks again for a package that could not be loaded", () => {
	const load = jest.fn<object | undefined, []>(() => {
		throw new Error("broken inside");
	});
	const loadBroken = loadOnce(load);

	expect(loadBroken).toThrow("broken inside");
	expect(loadBroken).toThrow("broken inside");
});

it("the packages of Nest and of the AWS SDK load in plain Node as they do here", async () => {
	const names = await runInNode(`
		import { loadNestConfig, loadNestSchedule } from ${JSON.stringify(join(SOURCE, "module/optional-packages.ts"))};
		import { loadDsqlSigner, loadRdsSigner } from ${JSON.stringify(join(SOURCE, "credentials/token-signer.ts"))};
		const loaded = [loadNestConfig().ConfigService, loadNestSchedule().SchedulerRegistry, loadDsqlSigner(), loadRdsSigner()];
		console.log(JSON.stringify(loaded.map(({ name }) => name)));`);

	expect(names).toEqual(["ConfigService", "SchedulerRegistry", "DsqlSigner", "Signer"]);
});
