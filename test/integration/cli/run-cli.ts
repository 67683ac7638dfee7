/** The program from its sources: in a process of its own, as a person meets it, or in this one, which is quicker. */
import { execFile } from "node:child_process";

import { runCommand } from "../../../src/cli/run-command.js";
import { recordOutput } from "../../support/output-recorder.js";

/** What it left behind. */
export interface CliRun {
	readonly exitCode: number;
	readonly stderr: string;
	readonly stdout: string;
}

/** Runs it to its end. */
export async function runCli(commandLine: readonly string[], environment: Readonly<Record<string, string>>): Promise<CliRun> {
	return new Promise((resolve) => {
		execFile(
			process.execPath,
			["scripts/run-ts.cjs", "src/cli/main.ts", ...commandLine],
			{ env: { ...process.env, ...environment } },
			(error, stdout, stderr) => resolve({ exitCode: Number(error?.code ?? 0), stderr, stdout }),
		);
	});
}

/** Runs it here. Whatever it logs or prints past its own output counts as printed to the standard error. */
export async function runHere(commandLine: readonly string[], environment: Readonly<Record<string, string>>): Promise<CliRun> {
	const before = { ...process.env };
	Object.assign(process.env, environment);
	const recorder = recordOutput();
	const errors: string[] = [];
	const output: string[] = [];
	try {
		const exitCode = await runCommand(commandLine, {
			collectNotes: () => [],
			print: (text) => void output.push(`${text}\n`),
			printError: (text) => void errors.push(`${text}\n`),
			readVersion: () => "1.2.3",
		});
		return { exitCode, stderr: [...errors, ...recorder.lines].join(""), stdout: output.join("") };
	} finally {
		recorder.stop();
		process.env = before;
	}
}
