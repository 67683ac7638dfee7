/**
 * Proves the published package on every supported NestJS major: packs it, installs the tarball beside each set of versions, and runs an
 * application that connects, queries, rotates and closes, as ESM and as CJS; a typed consumer is compiled too. With COUNTS_FILE
 * set the counts go to that file instead of the last line. `--only "Nest 11"` runs the sets whose label has that text.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { npmCommand } from "../../scripts/npm-command.cjs";
import { startFakeAws } from "../../src/testing/fake-aws.js";
import { startPostgres } from "../support/postgres/postgres-server.js";
import { killPrograms, type Outcome, runProgram } from "./child-process.js";
import { BUNDLERS, compileConsumer, installConsumer, runBundle, runConsumer, type Servers } from "./consumer.js";
import { VERSION_SETS, type VersionSet } from "./sets.js";

type Row = { readonly label: string; readonly outcomes: Readonly<Partial<Record<Check, Outcome>>> };
type Check = "CJS" | "ESM" | "install" | "types" | (typeof BUNDLERS)[number];

const ROOT = path.resolve(__dirname, "../..");
const CHECKS: readonly Check[] = ["install", "types", "ESM", "CJS", ...BUNDLERS];
/** As many as a small machine has cores. */
const CONCURRENT_SET_COUNT = 2;
const PACK_LIMIT_MS = 300_000;
const MAXIMUM_LINE_LENGTH = 500;

const { only = "" } = parseArgs({ options: { only: { type: "string" } } }).values;
const countsFile = process.env["COUNTS_FILE"];
const folder = mkdtempSync(path.join(tmpdir(), "connector-matrix-"));
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
	const [aws, postgres] = await Promise.all([startFakeAws(), startPostgres()]);
	try {
		const tarball = await pack();
		const rows = await runSets(tarball, { aws, postgres });
		report(rows);
	} finally {
		await Promise.all([aws.stop(), postgres.stop()]);
		removeFolder();
	}
}

async function pack(): Promise<string> {
	const { output, problem } = await runProgram({
		...npmCommand(["pack", "--pack-destination", folder]),
		cwd: ROOT,
		limitMs: PACK_LIMIT_MS,
	});
	if (problem !== undefined) throw new Error(`npm pack ${problem}:\n${output}`);
	const name = output.trim().split("\n").at(-1);
	return path.join(folder, String(name));
}

/** Each worker takes the next set until none is left. */
async function runSets(tarball: string, servers: Servers): Promise<Row[]> {
	const rows: Row[] = [];
	const sets = VERSION_SETS.filter(({ label }) => label.includes(only));
	const waiting = [...sets.entries()];
	const work = async (): Promise<void> => {
		for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
			const [index, set] = next;
			rows[index] = await runSet(set, `set${index}`, tarball, servers);
			console.log(`${set.label}: ${listOutcomes(rows[index]).map(describeOutcome).join(", ")}`);
		}
	};
	await Promise.all(Array.from({ length: CONCURRENT_SET_COUNT }, work));
	return rows;
}

async function runSet(set: VersionSet, name: string, tarball: string, servers: Servers): Promise<Row> {
	const project = path.join(folder, name);
	const entry = set.hasOptionalPeers ? "all" : "none";
	const install = await installConsumer(project, tarball, set);
	if (install.problem !== undefined) {
		const skipped: Outcome = { durationMs: 0, output: "", problem: "was not installed" };
		return { label: set.label, outcomes: { CJS: skipped, ESM: skipped, install, types: skipped } };
	}
	const types = await compileConsumer(project);
	const esm = await runConsumer(project, `${entry}.mjs`, `${name}_esm`, servers);
	const cjs = await runConsumer(project, `${entry}.cjs`, `${name}_cjs`, servers);
	const bundles: Partial<Record<Check, Outcome>> = {};
	for (const bundler of set.isBundled ? BUNDLERS : []) {
		const run = `${name}_${bundler.replace("-", "_")}`;
		bundles[bundler] = await runBundle(project, { bundler, entry: `bundle-${entry}.cjs`, run }, servers);
	}
	// Not synchronously: the AWS endpoint of the other set's application lives in this process.
	await rm(project, { force: true, maxRetries: 3, recursive: true });
	return { label: set.label, outcomes: { CJS: cjs, ESM: esm, install, types, ...bundles } };
}

function report(rows: readonly Row[]): void {
	const results = rows.flatMap((row) => listOutcomes(row).map((result) => ({ ...result, label: row.label })));
	const failures = results.filter(({ outcome }) => outcome.problem !== undefined);
	for (const { check, label, outcome } of failures) {
		console.error(`\n${label}, ${check} ${String(outcome.problem)}:\n${shortenLines(outcome.output)}`);
	}
	const counts = { failed: failures.length, passed: results.length - failures.length };

	const width = Math.max(...rows.map(({ label }) => label.length));
	console.log("");
	for (const row of rows) {
		const cells = listOutcomes(row).map((result) => describeOutcome(result).padEnd(16));
		console.log(`${row.label.padEnd(width)}  ${cells.join("  ")}`);
	}
	if (countsFile === undefined) console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
	else writeFileSync(countsFile, JSON.stringify(counts));
	process.exitCode = counts.failed === 0 ? 0 : 1;
}

/** What was checked of a set, in one order for all. */
function listOutcomes(row: Row | undefined): { readonly check: Check; readonly outcome: Outcome }[] {
	return CHECKS.flatMap((check) => {
		const outcome = row?.outcomes[check];
		return outcome === undefined ? [] : [{ check, outcome }];
	});
}

function describeOutcome({ check, outcome }: { readonly check: Check; readonly outcome: Outcome }): string {
	return outcome.problem === undefined ? `${check} ok ${(outcome.durationMs / 1000).toFixed(1)} s` : `${check} FAILED`;
}

/** Node quotes the line that failed, and a bundle is one line of some megabytes. */
function shortenLines(text: string): string {
	return text
		.split("\n")
		.map((line) => (line.length > MAXIMUM_LINE_LENGTH ? `${line.slice(0, MAXIMUM_LINE_LENGTH)} …` : line))
		.join("\n");
}
