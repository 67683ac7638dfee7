/** One command is enough on a fresh clone: the lock can be installed everywhere, and is installed exactly when it has to be. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

interface Locked {
	dependencies?: Record<string, string>;
	integrity?: string;
	optionalDependencies?: Record<string, string>;
	os?: string[];
	version?: string;
}

const INNER = { integrity: "sha512-inner", version: "1.0.0" };
const FOREIGN = { integrity: "sha512-foreign", optional: true, os: ["aix"], version: "2.0.0" };

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(path.join(tmpdir(), "connector-installation-"));
	cpSync("scripts", path.join(folder, "scripts"), { recursive: true });
	// Stands for npm: notes what it was asked, and ends as it is told.
	writeFileSync(
		path.join(folder, "npm-cli.js"),
		`require("node:fs").writeFileSync("asked.json", JSON.stringify(process.argv.slice(2))); process.exit(Number(process.env.EXIT_CODE));`,
	);
	writePackages("package-lock.json", { "": {}, "node_modules/foreign": FOREIGN, "node_modules/inner": INNER });
	writeInstalled({ "node_modules/inner": INNER });
});

afterEach(() => rmSync(folder, { force: true, recursive: true }));

function writePackages(file: string, packages: Record<string, object>): void {
	writeFileSync(path.join(folder, file), JSON.stringify({ packages }));
}

function writeInstalled(packages: Record<string, object>): void {
	for (const location of Object.keys(packages)) {
		mkdirSync(path.join(folder, location), { recursive: true });
		writeFileSync(path.join(folder, location, "package.json"), "{}");
	}
	writePackages("node_modules/.package-lock.json", packages);
}

function runScript(script: string, exitCode = 0): { asked: string[] | undefined; output: string; status: number | null } {
	const env = { ...process.env, EXIT_CODE: String(exitCode), npm_execpath: path.join(folder, "npm-cli.js") };
	const { status, stderr, stdout } = spawnSync(process.execPath, [path.join("scripts", script)], { cwd: folder, encoding: "utf8", env });
	const note = path.join(folder, "asked.json");
	const asked = existsSync(note) ? (JSON.parse(readFileSync(note, "utf8")) as string[]) : undefined;
	return { asked, output: stdout + stderr, status };
}

describe("ensure-installed", () => {
	it("does nothing when the lock is installed, but for packages of other platforms", () => {
		const { asked, output, status } = runScript("ensure-installed.mjs");

		expect({ asked, output, status }).toEqual({ asked: undefined, output: "", status: 0 });
	});

	it.each([
		["there is no node_modules", () => rmSync(path.join(folder, "node_modules"), { recursive: true })],
		["a version differs", () => writeInstalled({ "node_modules/inner": { ...INNER, version: "1.0.1" } })],
		["a content differs", () => writeInstalled({ "node_modules/inner": { ...INNER, integrity: "sha512-other" } })],
		["a package was never installed", () => writeInstalled({})],
		["a folder was removed", () => rmSync(path.join(folder, "node_modules/inner"), { recursive: true })],
	])("installs the lock, development packages too, when %s", (_, damage) => {
		damage();

		const { asked, status } = runScript("ensure-installed.mjs");

		expect(asked?.[0]).toBe("ci");
		expect(asked).toContain("--include=dev");
		expect(status).toBe(0);
	});

	it("fails as npm fails", () => {
		rmSync(path.join(folder, "node_modules"), { recursive: true });

		const { status } = runScript("ensure-installed.mjs", 7);

		expect(status).toBe(7);
	});
});

describe("complete-lock", () => {
	it("adds the binaries that a mirror lacks, each for its own platform, and drops addresses", () => {
		const optionalDependencies = { "@scope/tool-darwin-arm64": "3.0.0", "@scope/tool-linux-x64-musl": "3.0.0" };
		writePackages("package-lock.json", {
			"": {},
			"node_modules/tool": { dev: true, optionalDependencies, resolved: "somewhere", version: "3.0.0" },
		});

		const { status } = runScript("complete-lock.mjs");

		expect(status).toBe(0);
		expect(JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8"))).toEqual({
			packages: {
				"": {},
				"node_modules/@scope/tool-darwin-arm64": { cpu: ["arm64"], dev: true, optional: true, os: ["darwin"], version: "3.0.0" },
				"node_modules/@scope/tool-linux-x64-musl": {
					cpu: ["x64"],
					dev: true,
					libc: ["musl"],
					optional: true,
					os: ["linux"],
					version: "3.0.0",
				},
				"node_modules/tool": { dev: true, optionalDependencies, version: "3.0.0" },
			},
		});
	});

	it("asks the registry for the hash of each entry that has none, and names those without one", () => {
		const hash = `sha512-${"a".repeat(86)}==`;
		writeFileSync(
			path.join(folder, "npm-cli.js"),
			`if (process.argv.slice(2).join(" ") === "view @scope/tool@3.0.0 dist.integrity --json") console.log('"${hash}"');`,
		);
		writePackages("package-lock.json", {
			"": { version: "1.0.0" },
			"node_modules/inner": INNER,
			"node_modules/inner/node_modules/@scope/tool": { optional: true, version: "3.0.0" },
			"node_modules/unknown": { version: "1.0.0" },
		});

		const { output } = runScript("complete-lock.mjs");

		expect(output).toMatch(/no hash for:\n {2}unknown@1\.0\.0/);
		expect(JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8"))).toEqual({
			packages: {
				"": { version: "1.0.0" },
				"node_modules/inner": INNER,
				"node_modules/inner/node_modules/@scope/tool": { integrity: hash, optional: true, version: "3.0.0" },
				"node_modules/unknown": { version: "1.0.0" },
			},
		});
	});

	it("refuses a package whose platform its name does not tell", () => {
		writePackages("package-lock.json", {
			"": {},
			"node_modules/tool": { optionalDependencies: { fsevents: "2.0.0" }, version: "3.0.0" },
		});

		const { output, status } = runScript("complete-lock.mjs");

		expect(status).toBe(1);
		expect(output).toContain("fsevents");
	});
});

describe("package-lock.json", () => {
	const text = readFileSync("package-lock.json", "utf8");
	const { packages } = JSON.parse(text) as { packages: Record<string, Locked> };

	it("holds every platform's binaries, without which npm ci refuses it", () => {
		const missing = Object.entries(packages).flatMap(([location, { optionalDependencies = {} }]) =>
			Object.keys(optionalDependencies).filter(
				(name) => !(`node_modules/${name}` in packages) && !(`${location}/node_modules/${name}` in packages),
			),
		);

		expect(missing).toEqual([]);
	});

	it("has a hash for every package, of every platform", () => {
		const unhashed = Object.entries(packages).filter(
			([location, { integrity }]) => location !== "" && !/^sha512-/.test(integrity ?? ""),
		);

		expect(unhashed.map(([location]) => location)).toEqual([]);
	});

	it("names no address to download from", () => {
		expect(text).not.toContain('"resolved"');
	});
});

it("pins what makes a release to one version each", () => {
	const { publishConfig } = JSON.parse(readFileSync("package.json", "utf8")) as { publishConfig: object };
	const plugins = readFileSync("release.config.js", "utf8").match(/@semantic-release\/[a-z-]+/g) ?? [];
	const [, tools = ""] = /const TOOLS = \[(.*?)\];/s.exec(readFileSync("scripts/release.mjs", "utf8")) ?? [];

	const pinned = [...tools.matchAll(/"(\S+)@\d+\.\d+\.\d+"/g)].map(([, name]) => name);
	expect(pinned).toEqual(expect.arrayContaining(["semantic-release", "conventional-changelog-conventionalcommits", ...new Set(plugins)]));
	expect(pinned).toHaveLength([...tools.matchAll(/"[^"]+"/g)].length);
	expect(publishConfig).toMatchObject({ access: "public", provenance: true });
});
