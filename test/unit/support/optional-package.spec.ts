/** A missing package is nothing, a broken one is an error. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { loadOptionalPackage } from "../../../src/support/optional-package.js";

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "optional-packages-"));
});

afterAll(async () => {
	await rm(folder, { force: true, recursive: true });
});

async function writePackage(name: string, code: string): Promise<string> {
	const file = join(folder, `${name}.js`);
	await writeFile(file, code);
	return file;
}

describe("loadOptionalPackage", () => {
	it("is undefined for a package that is not installed", () => {
		expect(loadOptionalPackage("@nestjs/a-package-that-does-not-exist")).toBeUndefined();
	});

	it("gives what an installed package exports", async () => {
		const name = await writePackage("sound", "exports.answer = 42;");

		expect(loadOptionalPackage(name)).toEqual({ answer: 42 });
	});

	it.each([
		["throws", "throw new Error('broken inside');", "broken inside"],
		["lacks a dependency of its own", "require('a-package-that-does-not-exist');", "a-package-that-does-not-exist"],
	])("refuses to go on without a package that %s", async (label, code, reason) => {
		const name = await writePackage(label.replaceAll(" ", "-"), code);

		const load = (): unknown => loadOptionalPackage(name);

		expect(load).toThrow(`The optional package "${name}" is installed but cannot be loaded. Repair or remove it.`);
		expect(load).toThrow(expect.objectContaining({ cause: expect.objectContaining({ message: expect.stringContaining(reason) }) }));
	});
});

it("behaves in plain Node as it does here, and does not take a package that cannot be required for a missing one", async () => {
	const script = join(folder, "probe.ts");
	const file = join(__dirname, "../../../src/support/optional-package.ts");
	const names = ["a-package-that-does-not-exist", "@nestjs/config", "import-only"];
	const packageFolder = join(folder, "node_modules/import-only");
	await mkdir(packageFolder, { recursive: true });
	await writeFile(join(packageFolder, "package.json"), JSON.stringify({ exports: { import: "./index.mjs" }, name: "import-only" }));
	await writeFile(
		script,
		`import { loadOptionalPackage } from ${JSON.stringify(file)};
		const outcomes = ${JSON.stringify(names)}.map((name) => {
			try { return typeof loadOptionalPackage(name); } catch (error) { return error.cause.code; }
		});
		console.log(JSON.stringify(outcomes));`,
	);

	const runner = join(__dirname, "../../../scripts/run-ts.cjs");
	const env = { ...process.env, NODE_PATH: join(folder, "node_modules") };
	const { stdout } = await promisify(execFile)(process.execPath, [runner, script], { env });

	expect(JSON.parse(stdout)).toEqual(["undefined", "object", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);
});
