/**
 * Installs the locked dependencies when they are missing or differ from package-lock.json, so that one command is enough on a fresh clone.
 * Needs nothing but Node and npm, and does nothing when all is in place.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { npmCommand } from "./npm-command.cjs";

const OLDEST_NODE = [20, 19];
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

refuseOldNode();
const gap = findGap();
if (gap !== undefined) install(gap);

function refuseOldNode() {
	const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
	if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
	console.error(`Node ${OLDEST_NODE.join(".")} or newer is needed; this is ${process.versions.node}.`);
	process.exit(1);
}

/** Compares what npm recorded about its last installation with the lock, and what it recorded with the disk. */
function findGap() {
	const recordPath = path.join(ROOT, "node_modules", ".package-lock.json");
	if (!existsSync(recordPath)) return "dependencies are not installed";
	const { packages: locked } = readJson(path.join(ROOT, "package-lock.json"));
	const { packages: installed } = readJson(recordPath);
	for (const [location, { integrity, optional, devOptional, version }] of Object.entries(locked)) {
		if (location === "") continue;
		const found = installed[location];
		// Optional packages of other platforms are locked and never installed.
		if (found === undefined && (optional === true || devOptional === true)) continue;
		if (found?.version !== version || found.integrity !== integrity) return `${location} is not the locked ${version}`;
		if (!existsSync(path.join(ROOT, location, "package.json"))) return `${location} is missing on disk`;
	}
	return undefined;
}

function install(reason) {
	console.error(`Installing: ${reason}.`);
	const { command, commandArguments, isShellNeeded } = npmCommand([
		"ci",
		"--include=dev",
		"--include=optional",
		"--no-audit",
		"--no-fund",
	]);
	const { error, status } = spawnSync(command, commandArguments, {
		cwd: ROOT,
		shell: isShellNeeded,
		stdio: ["ignore", "inherit", "inherit"],
	});
	if (error !== undefined) console.error(`npm could not be started: ${error.message}`);
	if (status !== 0) process.exit(status ?? 1);
}

function readJson(file) {
	return JSON.parse(readFileSync(file, "utf8"));
}
