/** A release is refused while the manifest is incomplete; what it publishes and what its workflows run is fixed. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import npm from "../../scripts/npm-command.cjs";
import packageJson from "../../package.json";
import { PROJECT_ROOT } from "../support/markdown.js";

const COPIED = [".github/CODEOWNERS", ".npmrc", "package.json", "package-lock.json", "scripts"];
const REPOSITORY = "acme/connector";
const FILLED = {
	bugs: { url: `https://github.com/${REPOSITORY}/issues` },
	homepage: `https://github.com/${REPOSITORY}#readme`,
	repository: { type: "git", url: `git+https://github.com/${REPOSITORY}.git` },
};

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "connector-release-"));
	for (const path of COPIED) {
		mkdirSync(dirname(join(folder, path)), { recursive: true });
		cpSync(join(PROJECT_ROOT, path), join(folder, path), { recursive: true });
	}
});

afterEach(() => rmSync(folder, { force: true, recursive: true }));

function fill(changes: object): void {
	writeFileSync(join(folder, "package.json"), JSON.stringify({ ...packageJson, ...FILLED, ...changes }));
	writeFileSync(join(folder, ".github/CODEOWNERS"), "* @acme/databases\n");
}

function check(environment: Record<string, string | undefined> = {}): { output: string; status: number | null } {
	const { status, stderr, stdout } = spawnSync(process.execPath, ["scripts/check-release.mjs"], {
		cwd: folder,
		encoding: "utf8",
		env: { ...process.env, GITHUB_REPOSITORY: undefined, ...environment },
	});
	return { output: stdout + stderr, status };
}

describe("the check before a release", () => {
	it("accepts a manifest that says where the project lives", () => {
		fill({});

		expect(check({ GITHUB_REPOSITORY: REPOSITORY })).toEqual({ output: "The manifest is ready for a release.\n", status: 0 });
	});

	it("names everything that is missing, at once", () => {
		fill({ bugs: undefined, homepage: undefined, repository: undefined });
		writeFileSync(join(folder, ".github/CODEOWNERS"), "* @OWNER\n");

		const { output, status } = check();

		expect(status).toBe(1);
		for (const field of ['"repository.url"', '"homepage"', '"bugs.url"', ".github/CODEOWNERS"]) expect(output).toContain(field);
	});

	it.each([
		["a repository other than the one that runs", {}, { GITHUB_REPOSITORY: "acme/fork" }, "repository.url"],
		["an address without https", { homepage: "http://acme.example" }, {}, "homepage"],
		["a release without provenance", { publishConfig: { access: "public" } }, {}, "provenance"],
		["a private package", { private: true }, {}, "private"],
		[
			"a registry of its own",
			{ publishConfig: { ...packageJson.publishConfig, registry: "https://npm.acme.example" } },
			{},
			"registry",
		],
	])("refuses %s", (_, changes, environment, named) => {
		fill(changes);

		const { output, status } = check(environment);

		expect(status).toBe(1);
		expect(output).toContain(named);
	});
});

describe("a new version", () => {
	it("has a bill of materials with every runtime dependency and its hash, and without development packages", () => {
		const { command, commandArguments, isShellNeeded } = npm.npmCommand(["version", "9.9.9", "--no-git-tag-version"]);

		execFileSync(command, commandArguments, { cwd: folder, shell: isShellNeeded, stdio: "ignore" });

		const bill = JSON.parse(readFileSync(join(folder, "sbom.cdx.json"), "utf8")) as {
			components: { hashes: { content: string }[]; name: string }[];
			metadata: { component: { version: string } };
		};
		expect(bill.metadata.component.version).toBe("9.9.9");
		expect(bill.components.map(({ name }) => name)).toEqual(Object.keys(packageJson.dependencies));
		for (const { hashes } of bill.components) expect(hashes[0]?.content).toMatch(/^[0-9a-f]{128}$/);
	});
});

describe("the workflows", () => {
	const workflows = readdirSync(join(PROJECT_ROOT, ".github/workflows")).map((name) => ({
		name,
		text: readFileSync(join(PROJECT_ROOT, ".github/workflows", name), "utf8"),
	}));

	it("use actions by the hash of a commit", () => {
		const actions = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (.*)/g)].map(([, action = ""]) => action));

		expect(actions.length).toBeGreaterThan(5);
		expect(actions.filter((action) => !/^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
	});

	it("use one hash for each version of an action", () => {
		const versions = new Map<string, Set<string>>();
		for (const { text } of workflows) {
			for (const [, action = "", hash = ""] of text.matchAll(/uses: ([\w-]+\/[\w-]+)[\w/-]*@(\w+)/g)) {
				versions.set(action, (versions.get(action) ?? new Set()).add(hash));
			}
		}

		expect([...versions].filter(([, hashes]) => hashes.size > 1)).toEqual([]);
	});

	it("run scripts that package.json has", () => {
		const scripts = workflows.flatMap(({ text }) =>
			[...text.matchAll(/npm (?:run ([\w:-]+)|(test)\b)/g)].map(([, script, test]) => script ?? test ?? ""),
		);

		expect(scripts.length).toBeGreaterThan(4);
		expect(scripts.filter((script) => !(script in packageJson.scripts))).toEqual([]);
	});

	it("may read, and write only where a job says so", () => {
		for (const { name, text } of workflows) expect([name, /^permissions:\n {2}contents: read\n$/m.test(text)]).toEqual([name, true]);
	});

	it("name no registry and no secret", () => {
		const named = workflows.filter(({ text }) => /registry-url:|registry\.|NPM_TOKEN|secrets\./.test(text));

		expect(named.map(({ name }) => name)).toEqual([]);
	});
});
