/** The command `dev`: an AWS endpoint on this machine, alone or around a command. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";

import { findRegionFault } from "../aws/aws-partitions.js";
import { type FakeAws, startFakeAws } from "../testing/fake-aws.js";
import { readDevContent } from "./dev-content.js";
import { UsageError } from "./parse-arguments.js";

/** Where it prints. */
export interface DevOutput {
	readonly print: (text: string) => void;
	readonly printError: (text: string) => void;
}

interface DevArguments {
	/** What is started with the variables of the endpoint; empty: nothing. */
	readonly command: readonly string[];
	readonly file: string;
	readonly port: number;
	readonly region: string;
}

const DEFAULT_PORT = 4599;
const DEFAULT_REGION = "eu-west-1";
const MAXIMUM_PORT = 65_535;
/** What a shell answers for a program that it does not find. */
const NOT_STARTED = 127;

/**
 * Runs until a signal, or until the command ends.
 * @returns the exit code of the command; 0 without one.
 * @throws UsageError
 */
export async function runDev(commandLine: readonly string[], output: DevOutput): Promise<number> {
	const { command, file, port, region } = readArguments(commandLine);
	const { parameters, secrets } = readDevContent(file);
	const aws = await start(port, region);
	try {
		aws.parameters.putMany(parameters);
		for (const [name, value] of Object.entries(secrets)) aws.secrets.put(name, value);
		output.printError(
			`AWS endpoint on ${aws.url}: ${String(Object.keys(parameters).length)} parameters, ${String(Object.keys(secrets).length)} secrets`,
		);
		if (command.length > 0) return await runInside(command, aws, output);
		output.print(
			Object.entries(aws.env)
				.map(([name, value]) => `${name}=${value}`)
				.join("\n"),
		);
		await untilSignal();
		return 0;
	} finally {
		await aws.stop();
	}
}

function readArguments(commandLine: readonly string[]): DevArguments {
	const end = commandLine.indexOf("--");
	const own = end < 0 ? commandLine : commandLine.slice(0, end);
	const command = end < 0 ? [] : commandLine.slice(end + 1);
	const { positionals, values } = parse(own);
	const [file, ...others] = positionals;
	if (file === undefined || others.length > 0) throw new UsageError("dev: name one file: dev aws.local.json [-- <command> …]");
	const { port = String(DEFAULT_PORT), region = DEFAULT_REGION } = values;
	if (!/^\d{1,5}$/.test(port) || Number(port) > MAXIMUM_PORT) throw new UsageError("dev: --port must be a number up to 65535.");
	const fault = findRegionFault(region);
	if (fault !== undefined) throw new UsageError(`dev: --region ${fault}.`);
	return { command, file, port: Number(port), region };
}

function parse(args: readonly string[]): { positionals: string[]; values: { port?: string; region?: string } } {
	try {
		return parseArgs({
			allowPositionals: true,
			args: [...args],
			options: { port: { type: "string" }, region: { type: "string" } },
			strict: true,
		});
	} catch (error) {
		throw new UsageError(`dev: ${(error as Error).message}`);
	}
}

async function start(port: number, region: string): Promise<FakeAws> {
	try {
		return await startFakeAws({ port, region });
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new UsageError(`dev: port ${String(port)} cannot be used (${String(code)}); choose another one with --port.`);
	}
}

/** Signals of a terminal reach the command, too; this program waits for its end. */
async function runInside([program = "", ...rest]: readonly string[], { env }: FakeAws, { printError }: DevOutput): Promise<number> {
	const child = spawn(program, rest, { env: { ...process.env, ...env }, shell: process.platform === "win32", stdio: "inherit" });
	const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
	process.on("SIGINT", forward).on("SIGTERM", forward);
	try {
		const [exitCode] = (await once(child, "close")) as [number | null];
		return exitCode ?? 1;
	} catch (error) {
		printError(`dev: "${program}" cannot be started (${String((error as NodeJS.ErrnoException).code)}).`);
		return NOT_STARTED;
	} finally {
		process.off("SIGINT", forward).off("SIGTERM", forward);
	}
}

async function untilSignal(): Promise<void> {
	await new Promise<void>((resolve) => {
		for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
	});
}
