/**
 * Publishes what the commits say, from CI: `npm run release`.
 *
 * `npm run release -- --dry-run` publishes nothing and needs neither account nor repository: in a clone of this one it works out
 * the next version with its notes, gives the version to npm, packs the package and writes its bill of materials.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { npmCommand } from "./npm-command.cjs";

/** Each tool in one exact version: what runs here can publish. */
const TOOLS = [
	"semantic-release@25.0.9",
	"@semantic-release/commit-analyzer@13.0.1",
	"@semantic-release/release-notes-generator@14.1.1",
	"@semantic-release/changelog@7.0.0",
	"@semantic-release/npm@13.2.0",
	"@semantic-release/github@12.0.10",
	"@semantic-release/git@11.0.1",
	"conventional-changelog-conventionalcommits@10.4.1",
];
/** semantic-release needs Node 22 or 24. */
const NODE_OF_TOOLS = "node@24.21.0";
const ANALYSIS = ["@semantic-release/commit-analyzer", "@semantic-release/release-notes-generator"];

if (process.argv.includes("--dry-run")) rehearse();
else runTools([], process.cwd());

function rehearse() {
	const folder = mkdtempSync(path.join(tmpdir(), "connector-release-"));
	const origin = path.join(folder, "origin.git");
	const clone = path.join(folder, "clone");
	try {
		git("clone", "--quiet", "--bare", process.cwd(), origin);
		git("--git-dir", origin, "branch", "--force", "main", git("rev-parse", "HEAD").trim());
		git("clone", "--quiet", "--branch", "main", origin, clone);
		symlinkSync(path.resolve("node_modules"), path.join(clone, "node_modules"), "junction");
		const options = ["--dry-run", "--no-ci", "--repository-url", pathToFileURL(origin).href, "--plugins", ANALYSIS.join()];
		const output = runTools(options, clone, "pipe");
		const version = /next release version is (\S+)/.exec(output)?.[1];
		if (version === undefined) throw new Error(`No release follows from the commits:\n${output}`);
		npm(["version", version, "--no-git-tag-version", "--allow-same-version"], clone);
		const [{ entryCount, size }] = JSON.parse(npm(["pack", "--json", "--loglevel=error"], clone, "pipe").replace(/^[^[]*/, ""));
		const { components } = JSON.parse(readFileSync(path.join(clone, "sbom.cdx.json"), "utf8"));
		console.log(`Next release: ${version}, ${entryCount} files, ${Math.round(size / 1024)} kB, ${components.length} component(s)`);
	} finally {
		rmSync(folder, { force: true, recursive: true });
	}
}

function runTools(options, cwd, stdout) {
	const isNodeNew = Number(process.versions.node.split(".")[0]) >= 22;
	const packages = [...TOOLS, ...(isNodeNew ? [] : [NODE_OF_TOOLS])].map((tool) => `--package=${tool}`);
	return npm(["exec", "--yes", "--loglevel=error", ...packages, "--", "semantic-release", ...options], cwd, stdout);
}

function npm(npmArguments, cwd, stdout = "inherit") {
	const { command, commandArguments, isShellNeeded } = npmCommand(npmArguments);
	return execFileSync(command, commandArguments, {
		cwd,
		encoding: "utf8",
		// The notes of a first release name every commit.
		maxBuffer: 64 * 1024 * 1024,
		shell: isShellNeeded,
		stdio: ["ignore", stdout, "inherit"],
	});
}

function git(...gitArguments) {
	return execFileSync("git", gitArguments, { encoding: "utf8" });
}
