/** Starts a program with a bound on its time, keeps what it prints, and ends what is still running when the runner itself is stopped. */
import { type ChildProcess, spawn } from "node:child_process";

/** A program and its processIo. */
export interface Program {
	readonly command: string;
	readonly commandArguments: readonly string[];
	readonly cwd: string;
	/** Default: the runner's own. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	readonly isShellNeeded?: boolean;
	readonly limitMs: number;
	/** A line after which the program has to end by itself. */
	readonly lastLine?: { readonly limitMs: number; readonly text: string };
}

/** How it went: `problem` is absent when the program ended well and in time. */
export interface Outcome {
	readonly durationMs: number;
	readonly output: string;
	readonly problem?: string;
}

const running = new Set<ChildProcess>();

/** Runs a program to its end. Never rejects. */
export function runProgram({ command, commandArguments, cwd, env, isShellNeeded = false, lastLine, limitMs }: Program): Promise<Outcome> {
	return new Promise((resolve) => {
		const startedAt = Date.now();
		const child = spawn(command, commandArguments, {
			cwd,
			env: env ?? process.env,
			shell: isShellNeeded,
			stdio: ["ignore", "pipe", "pipe"],
		});
		let output = "";
		let problem: string | undefined;
		let hasSaidLastLine = false;
		const timers: NodeJS.Timeout[] = [];
		const stopAfter = (delayMs: number, reason: string): void => {
			timers.push(
				setTimeout(() => {
					problem = `${reason} after ${delayMs} ms`;
					child.kill("SIGKILL");
				}, delayMs),
			);
		};

		running.add(child);
		stopAfter(limitMs, "did not finish");
		const read = (chunk: Buffer): void => {
			output += chunk.toString();
			if (lastLine === undefined || hasSaidLastLine || !output.split(/\r?\n/).includes(lastLine.text)) return;
			hasSaidLastLine = true;
			stopAfter(lastLine.limitMs, `was still alive although it had said "${lastLine.text}",`);
		};
		child.stdout.on("data", read);
		child.stderr.on("data", read);
		child.once("error", (error) => (problem = error.message));
		child.once("close", (code, signal) => {
			running.delete(child);
			for (const timer of timers) clearTimeout(timer);
			if (code !== 0) problem ??= `ended with ${code === null ? `signal ${String(signal)}` : `exit code ${code}`}`;
			if (lastLine !== undefined && !hasSaidLastLine) problem ??= `ended without "${lastLine.text}"`;
			resolve({ durationMs: Date.now() - startedAt, output, ...(problem === undefined ? {} : { problem }) });
		});
	});
}

/** Ends every program that is still running. */
export function killPrograms(): void {
	for (const child of running) child.kill("SIGKILL");
}
