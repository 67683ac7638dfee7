/**
 * Proves rotation on the oldest, the latest and some versions of pg-pool and mysql2 in between: `npm run test:drivers`. Each is installed
 * below the temporary folder and given to TypeORM as its driver. With COUNTS_FILE in the environment the counts go to that file.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { Logger } from "@nestjs/common";

import { killPrograms } from "../matrix/child-process.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import type { DatabaseServer } from "../support/server/database-server.js";
import { ServerUnavailableError } from "../support/server/debian-packages.js";
import { installDriver } from "./install-driver.js";
import { ROWS } from "./rows.js";
import { DRIVER_SETS, type DriverSet } from "./sets.js";

interface Outcome {
	readonly faults: readonly string[];
	readonly title: string;
}

const ENGINES = ["postgres", "mariadb"] as const;
const folder = mkdtempSync(path.join(tmpdir(), "connector-drivers-"));
const removeFolder = (): void => rmSync(folder, { force: true, maxRetries: 3, recursive: true });

for (const signal of ["SIGINT", "SIGTERM"] as const) {
	process.once(signal, () => {
		killPrograms();
		removeFolder();
		process.exit(130);
	});
}

void main();

async function main(): Promise<void> {
	Logger.overrideLogger(false);
	try {
		// The two engines side by side, the drivers of one engine in turn.
		const outcomes = (await Promise.all(ENGINES.map(runEngine))).flat();
		report(outcomes);
	} finally {
		removeFolder();
	}
}

async function runEngine(engine: (typeof ENGINES)[number]): Promise<Outcome[]> {
	const sets = DRIVER_SETS.filter((set) => set.engine === engine);
	const servers = await startSceneServers({ engine }).catch((error: unknown) => {
		if (error instanceof ServerUnavailableError) return error;
		throw error;
	});
	if (servers instanceof ServerUnavailableError) {
		console.log(`${sets.length} drivers of ${engine} did not run. ${servers.message}`);
		return process.env["CI"] === undefined ? [] : [{ faults: [servers.message], title: engine }];
	}
	const outcomes: Outcome[] = [];
	try {
		for (const [index, set] of sets.entries()) outcomes.push(...(await runSet(set, path.join(folder, `${engine}-${index}`), servers)));
	} finally {
		await servers.stop();
	}
	return outcomes;
}

async function runSet(set: DriverSet, project: string, servers: SceneServers<DatabaseServer>): Promise<Outcome[]> {
	const outcomes: Outcome[] = [];
	const note = (outcome: Outcome): void => {
		console.log(`${outcome.faults.length === 0 ? "ok    " : "FAILED"} ${outcome.title}`);
		outcomes.push(outcome);
	};
	try {
		const { driver, label } = await installDriver(project, set);
		for (const [name, row] of Object.entries(ROWS)) {
			const title = `${label}, TypeORM ${set.typeorm}: ${name}`;
			note({ faults: await row({ driver, servers, typeorm: set.typeorm }).catch(describeError), title });
		}
	} catch (error) {
		note({ faults: describeError(error), title: `${set.subject} ${String(set.versions[set.subject])}: install` });
	}
	return outcomes;
}

function describeError(error: unknown): string[] {
	return [error instanceof Error ? String(error.stack) : String(error)];
}

function report(outcomes: readonly Outcome[]): void {
	for (const { faults, title } of outcomes) {
		for (const fault of faults) console.error(`\n${title}: ${fault}`);
	}
	const failedCount = outcomes.filter(({ faults }) => faults.length > 0).length;
	const counts = { failed: failedCount, passed: outcomes.length - failedCount };
	const countsFile = process.env["COUNTS_FILE"];
	if (countsFile === undefined) console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
	else writeFileSync(countsFile, JSON.stringify(counts));
	process.exitCode = failedCount === 0 && outcomes.length > 0 ? 0 : 1;
}
