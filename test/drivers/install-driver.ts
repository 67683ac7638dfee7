/** Installs one driver into a folder of its own and loads it from there. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { npmCommand } from "../../scripts/npm-command.cjs";
import { runProgram } from "../matrix/child-process.js";
import type { DriverSet } from "./sets.js";

const INSTALL_LIMIT_MS = 120_000;

/** An installed driver. */
export interface InstalledDriver {
	/** The package, as TypeORM takes it in its option `driver`. */
	readonly driver: object;
	/** Such as `pg-pool 3.6.0`. */
	readonly label: string;
}

/** Installs the packages of a set. Throws with npm's output where that fails. */
export async function installDriver(folder: string, { subject, versions }: DriverSet): Promise<InstalledDriver> {
	mkdirSync(folder, { recursive: true });
	// An override, so that `pg` gets the very pool that is in question.
	const manifest = { dependencies: versions, name: "driver", overrides: overridesOf(versions), private: true };
	writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest, undefined, 2));
	const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
	const { output, problem } = await runProgram({ ...npmCommand(install), cwd: folder, limitMs: INSTALL_LIMIT_MS });
	if (problem !== undefined) throw new Error(`npm install of ${JSON.stringify(versions)} ${problem}:\n${output}`);

	const modules = path.join(folder, "node_modules");
	const [main = ""] = Object.keys(versions);
	const { version } = JSON.parse(readFileSync(path.join(modules, subject, "package.json"), "utf8")) as { version: string };
	return { driver: require(path.join(modules, main)) as object, label: `${subject} ${version}` };
}

/** npm wants an override of a direct dependency to repeat it. */
function overridesOf(versions: DriverSet["versions"]): Readonly<Record<string, string>> {
	return Object.fromEntries(Object.keys(versions).map((name) => [name, `$${name}`]));
}
