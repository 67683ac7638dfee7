/** A file of options is what its name says: any other file would be run as JavaScript. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadConfig } from "../../../src/cli/load-config.js";
import { UsageError } from "../../../src/cli/parse-arguments.js";

const MARK = Symbol.for("nestjs-typeorm-aws-connector:spec:was-run");
const GLOBAL = globalThis as { [MARK]?: boolean };

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "load-config-"));
	delete GLOBAL[MARK];
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
	const file = join(folder, name);
	writeFileSync(file, text);
	return file;
}

it.each([
	"connector.yaml",
	"connector.yml",
	"connector",
	"connector.txt",
	".env",
	"connector.json.bak",
	"connector.node",
	"connector.wasm",
])("%s is refused, and not run", (name) => {
	const file = write(name, `globalThis[Symbol.for(${JSON.stringify(MARK.description)})] = true; module.exports = { host: "db" };`);

	expect(() => loadConfig(file)).toThrow(UsageError);
	expect(() => loadConfig(file)).toThrow("must be a file that ends in .json, .js, .cjs, .mjs, .ts.");
	expect(GLOBAL[MARK]).toBeUndefined();
});

it.each([
	["connector.json", '{ "host": "db.internal" }'],
	["connector.cjs", 'module.exports = { host: "db.internal" };'],
	["connector.js", 'exports.default = { host: "db.internal" };'],
])("%s is read", (name, text) => {
	expect(loadConfig(write(name, text))).toEqual({ entities: [], host: "db.internal" });
});

it("a file that cannot be loaded is named, and nothing of its text", () => {
	const load = (): unknown => loadConfig(write("connector.json", '{ "password": hunter2 }'));

	expect(load).toThrow(UsageError);
	expect(load).not.toThrow("hunter2");
});
