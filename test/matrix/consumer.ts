/** One consumer of the packed package: a project in a temporary folder, its installation, and its runs as ESM and as CJS. */
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { npmCommand } from "../../scripts/npm-command.cjs";
import { writeTypeConsumer } from "../../scripts/type-consumer.cjs";
import type { FakeAws } from "../../src/testing/fake-aws.js";
import type { PostgresServer } from "../support/postgres/postgres-server.js";
import { type Outcome, runProgram } from "./child-process.js";
import type { VersionSet } from "./sets.js";

const INSTALL_LIMIT_MS = 300_000;
const COMPILE_LIMIT_MS = 300_000;
const RUN_LIMIT_MS = 120_000;
/** Between the end of `close()` and the end of the process. */
const EXIT_LIMIT_MS = 10_000;

/** What is bundled, and with what. */
export interface Bundle {
	readonly bundler: (typeof BUNDLERS)[number];
	readonly entry: string;
	/** As in {@link runConsumer}. */
	readonly run: string;
}

/** Each makes one file of an application. */
export const BUNDLERS = ["esbuild", "esbuild-esm", "webpack"] as const;

/** The servers that consumers talk to. */
export interface Servers {
	readonly aws: FakeAws;
	readonly postgres: PostgresServer;
}

/** Makes the project of a set and installs the tarball with the set's versions; a conflict between peers is a failure. */
export function installConsumer(folder: string, tarball: string, { versions }: VersionSet): Promise<Outcome> {
	mkdirSync(folder);
	const dependencies = { ...versions, "@types/node": "^20.0.0", "nestjs-typeorm-aws-connector": `file:${tarball}` };
	writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, dependencies }, undefined, 2));
	cpSync(path.join(__dirname, "app"), folder, { recursive: true });
	const install = [
		"install",
		"--strict-peer-deps",
		"--ignore-scripts",
		"--prefer-offline",
		"--no-audit",
		"--no-fund",
		"--loglevel=error",
	];
	return runProgram({ ...npmCommand(install), cwd: folder, limitMs: INSTALL_LIMIT_MS });
}

/** Compiles a typed consumer against the declarations of the set's packages. */
export function compileConsumer(folder: string, resolution?: string): Promise<Outcome> {
	const commandArguments = writeTypeConsumer(folder, resolution as Parameters<typeof writeTypeConsumer>[1]);
	return runProgram({ command: process.execPath, commandArguments, cwd: folder, limitMs: COMPILE_LIMIT_MS });
}

/** Installs another Node.js as the npm package `node`, and returns its program. */
export async function installNode(folder: string, major: string): Promise<string> {
	const project = path.join(folder, `node-${major}`);
	mkdirSync(project);
	writeFileSync(path.join(project, "package.json"), JSON.stringify({ name: "node-of-the-matrix", private: true }));
	const install = ["install", `node@${major}`, "--no-audit", "--no-fund", "--loglevel=error"];
	const { output, problem } = await runProgram({ ...npmCommand(install), cwd: project, limitMs: INSTALL_LIMIT_MS });
	if (problem !== undefined) throw new Error(`Node.js ${major} was not installed: it ${problem}\n${output}`);
	return path.join(project, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}

/** Runs the application once, on a database, users, parameters and a secret of its own. `run` names all of them. */
export async function runConsumer(
	folder: string,
	entry: string,
	run: string,
	{ aws, postgres }: Servers,
	node = process.execPath,
): Promise<Outcome> {
	const secondPassword = await prepare(run, { aws, postgres });
	const env = { ...withoutOwnSettings(process.env), ...aws.env, MATRIX_RUN: run, MATRIX_SECOND_PASSWORD: secondPassword };
	const outcome = await runProgram({
		command: node,
		commandArguments: [entry],
		cwd: folder,
		env,
		lastLine: { limitMs: EXIT_LIMIT_MS, text: "closed" },
		limitMs: RUN_LIMIT_MS,
	});
	const refusedCount = await postgres.refusedLogins(`${run}_window`);
	// The login that finds out; every other one knows.
	return outcome.problem === undefined && refusedCount !== 1
		? { ...outcome, problem: `had ${refusedCount} logins refused at its start inside a rotation` }
		: outcome;
}

async function prepare(run: string, { aws, postgres }: Servers): Promise<string> {
	const [firstPassword = "", secondPassword = "", formerPassword = ""] = [1, 2, 3].map(() => randomBytes(12).toString("base64url"));
	await postgres.createDatabase(run);
	await postgres.admin.query("CREATE TABLE note (id serial PRIMARY KEY, text text NOT NULL)", [], run);
	await postgres.createRole(`${run}_first`, firstPassword, { databases: [run] });
	await postgres.createRole(`${run}_second`, secondPassword, { databases: [run] });
	await postgres.createRole(`${run}_window`, secondPassword, { databases: [run] });
	aws.secrets.put(run, { password: firstPassword, username: `${run}_first` });
	aws.secrets.put(`${run}_window`, { password: formerPassword, username: `${run}_window` });
	aws.secrets.put(`${run}_window`, { password: secondPassword, username: `${run}_window` }, { stages: ["AWSPENDING"] });
	aws.parameters.putMany({
		[`/${run}/test/aws-rds/aurora-postgres/host`]: postgres.host,
		[`/${run}/test/aws-rds/aurora-postgres/port`]: String(postgres.port),
		[`/${run}/test/aws-secrets-manager/database/secret-id`]: run,
		[`/${run}/test/api/main/postgres/database-name`]: run,
		[`/${run}/test/api/main/postgres/type`]: "postgres",
	});
	return secondPassword;
}

/** Bundles the application into one file, and runs that where no package is installed. */
export async function runBundle(folder: string, { bundler, entry, run }: Bundle, servers: Servers): Promise<Outcome> {
	const alone = `${folder}-${bundler}`;
	const output = path.join(alone, bundler === "esbuild-esm" ? "bundle.mjs" : "bundle.cjs");
	const made = await runProgram({
		command: process.execPath,
		commandArguments: [path.join(__dirname, "bundlers.cjs"), bundler, entry, output],
		cwd: folder,
		limitMs: COMPILE_LIMIT_MS,
	});
	return made.problem === undefined ? runConsumer(alone, path.basename(output), run, servers) : made;
}

/** A consumer knows nothing of this repository, of the npm that started us, or of a database or AWS account of the person who runs this. */
function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
	return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:AWS_|JEST_|NODE_|PG|npm_)/i.test(name)));
}
