/** Runs a program of the benches as a child process that answers one command at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

/** A running program. */
export class ApplicationProcess<Command extends string> {
	private readonly child: ChildProcess;
	private readonly ended: Promise<never>;

	private constructor(file: string, setup: unknown) {
		const runner = path.join(process.cwd(), "scripts", "run-ts.cjs");
		this.child = fork(runner, [path.join(__dirname, file), JSON.stringify(setup)]);
		this.ended = once(this.child, "exit").then(() => Promise.reject(new Error(`The process of ${file} has ended`)));
		this.ended.catch(() => undefined);
	}

	/** Starts a file of this folder and waits until it is ready. */
	static async start<Command extends string>(file: string, setup: unknown): Promise<ApplicationProcess<Command>> {
		const application = new ApplicationProcess<Command>(file, setup);
		await application.nextAnswer();
		return application;
	}

	/** Sends a command and returns its answer. */
	async ask<Answer = unknown>(command: Command): Promise<Answer> {
		this.child.send(command);
		return (await this.nextAnswer()) as Answer;
	}

	/** Waits until the process has ended, after the command that ends it. */
	async waitForExit(): Promise<void> {
		await this.ended.catch(() => undefined);
	}

	/** Ends the process at once. */
	kill(): void {
		this.child.kill("SIGKILL");
	}

	private async nextAnswer(): Promise<unknown> {
		const [message] = await Promise.race([once(this.child, "message") as Promise<[{ answer: unknown }]>, this.ended]);
		return message.answer;
	}
}
