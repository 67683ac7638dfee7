/**
 * Proves the published package on every supported NestJS major: packs it, installs the tarball beside each set of versions, and runs an
 * application that connects, queries, rotates and closes, as ESM and as CJS; a typed consumer is compiled too. With COUNTS_FILE
 * set the counts go to that file instead of the last line.
 *
 * `--only "Nest 11"` runs the sets whose label has that text, `--cross` also the other pairs of NestJS and TypeORM. `--node 22,24` runs
 * the applications on these Node.js, too, installed from npm. `--resolution all` compiles the consumer under every kind of module
 * resolution. `--table` writes the result to docs/reference/matrix.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { npmCommand } from "../../scripts/npm-command.cjs";
import { RESOLUTIONS } from "../../scripts/type-consumer.cjs";
import { startFakeAws } from "../../src/testing/fake-aws.js";
import { startPostgres } from "../support/postgres/postgres-server.js";
import { killPrograms, type Outcome, runProgram } from "./child-process.js";
import { BUNDLERS, compileConsumer, installConsumer, installNode, runBundle, runConsumer, type Servers } from "./consumer.js";
import { renderMatrix } from "./render-matrix.js";
import { CROSS_SETS, VERSION_SETS, type VersionSet } from "./sets.js";

/** By check: `install`, `types`, `ESM`, `CJS`, a bundler, `ESM 22` and the like. In the order in which they ran. */
type Row = { readonly label: string; readonly outcomes: Readonly<Record<string, Outcome>> };

const ROOT = path.resolve(__dirname, "../..");
/** As many as a small machine has cores. */
const CONCURRENT_SET_COUNT = 2;
const PACK_LIMIT_MS = 300_000;
const MAXIMUM_LINE_LENGTH = 500;

const {
	cross = false,
	node = "",
	only = "",
	resolution,
	table = false,
} = parseArgs({
	options: {
		cross: { type: "boolean" },
		node: { type: "string" },
		only: { type: "string" },
		resolution: { type: "string" },
		table: { type: "boolean" },
	},
}).values;
const nodeMajors = node.split(",").filter((major) => major !== "");
const resolutions = resolution === "all" ? RESOLUTIONS : [resolution ?? String(RESOLUTIONS[0])];
/** Programs by major; installed before the first set. */
const nodes = new Map<string, string>();
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
		for (const major of nodeMajors) nodes.set(major, await installNode(folder, major));
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
	const sets = [...VERSION_SETS, ...(cross ? CROSS_SETS : [])].filter(({ label }) => label.includes(only));
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
		return { label: set.label, outcomes: { install, types: skipped, ESM: skipped, CJS: skipped } };
	}
	const outcomes: Record<string, Outcome> = { install };
	for (const kind of resolutions) outcomes[nameTypes(kind)] = await compileConsumer(project, kind);
	outcomes["ESM"] = await runConsumer(project, `${entry}.mjs`, `${name}_esm`, servers);
	outcomes["CJS"] = await runConsumer(project, `${entry}.cjs`, `${name}_cjs`, servers);
	for (const [major, program] of nodes) {
		outcomes[`ESM ${major}`] = await runConsumer(project, `${entry}.mjs`, `${name}_esm_${major}`, servers, program);
		outcomes[`CJS ${major}`] = await runConsumer(project, `${entry}.cjs`, `${name}_cjs_${major}`, servers, program);
	}
	for (const bundler of set.isBundled ? BUNDLERS : []) {
		const run = `${name}_${bundler.replace("-", "_")}`;
		outcomes[bundler] = await runBundle(project, { bundler, entry: `bundle-${entry}.cjs`, run }, servers);
	}
	// Not synchronously: the AWS endpoint of the other set's application lives in this process.
	await rm(project, { force: true, maxRetries: 3, recursive: true });
	return { label: set.label, outcomes };
}

/** The kind that is always compiled has no name of its own. */
function nameTypes(kind: string): string {
	return kind === RESOLUTIONS[0] ? "types" : `types ${kind}`;
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
	if (table) {
		const cells = rows.map(({ label, outcomes }) => ({ label, passed: mapValues(outcomes, ({ problem }) => problem === undefined) }));
		writeFileSync(path.join(ROOT, "docs/reference/matrix.md"), renderMatrix(cells, process.versions.node));
	}
	if (countsFile === undefined) console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
	else writeFileSync(countsFile, JSON.stringify(counts));
	process.exitCode = counts.failed === 0 ? 0 : 1;
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
	return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

/** What was checked of a set. */
function listOutcomes(row: Row | undefined): { readonly check: string; readonly outcome: Outcome }[] {
	return Object.entries(row?.outcomes ?? {}).map(([check, outcome]) => ({ check, outcome }));
}

function describeOutcome({ check, outcome }: { readonly check: string; readonly outcome: Outcome }): string {
	return outcome.problem === undefined ? `${check} ok ${(outcome.durationMs / 1000).toFixed(1)} s` : `${check} FAILED`;
}

/** Node quotes the line that failed, and a bundle is one line of some megabytes. */
function shortenLines(text: string): string {
	return text
		.split("\n")
		.map((line) => (line.length > MAXIMUM_LINE_LENGTH ? `${line.slice(0, MAXIMUM_LINE_LENGTH)} …` : line))
		.join("\n");
}
