/** TypeScript of this repository runs without a build, with the package under its own name. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(path.join(tmpdir(), "connector-run-ts-"));
});

afterEach(() => rmSync(folder, { force: true, recursive: true }));

function runTypeScript(text: string, ...programArguments: string[]): { output: string; status: number | null } {
	const file = path.join(folder, "program.ts");
	writeFileSync(file, text);
	const { status, stderr, stdout } = spawnSync(process.execPath, ["scripts/run-ts.cjs", file, ...programArguments], { encoding: "utf8" });
	return { output: stdout + stderr, status };
}

it("compiles parameter decorators, finds .ts behind .js, and passes arguments on", () => {
	writeFileSync(path.join(folder, "neighbour.ts"), `export const greeting: string = "hello";`);

	const { output, status } = runTypeScript(
		`import { greeting } from "./neighbour.js";
		function note(_: unknown, __: unknown, index: number): void { console.log("parameter", index); }
		class Planted { constructor(@note readonly value: string) {} }
		console.log(new Planted(greeting).value, process.argv.slice(2).join("+"));`,
		"one",
		"two",
	);

	expect({ output, status }).toEqual({ output: "parameter 0\nhello one+two\n", status: 0 });
});

it("resolves the package's own name and its entries to their source", () => {
	const { output } = runTypeScript(
		`const names = ["nestjs-typeorm-aws-connector", "nestjs-typeorm-aws-connector/secrets"];
		for (const name of names) console.log(require.resolve(name));`,
	);

	expect(output.trim().split("\n")).toEqual(["src/index.ts", "src/secrets.ts"].map((name) => path.resolve(name)));
});

it("reports an error at its line in the source, and fails", () => {
	const { output, status } = runTypeScript(`interface Gone { a: string }\n\n\nthrow new Error("planted");`);

	expect(output).toContain("program.ts:4:");
	expect(status).toBe(1);
});
