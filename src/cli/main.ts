/** The program behind `npx nestjs-typeorm-aws-connector`. */
import { createRequire } from "node:module";

import { Logger } from "@nestjs/common";

import { cleanText } from "../errors/clean-text.js";
import { runCommand } from "./run-command.js";

/** What the library warns of, instead of into the output. */
function collectNotes(): readonly string[] {
	const notes: string[] = [];
	const note = (message: unknown): void => void notes.push(String(message));
	const drop = (): void => undefined;
	Logger.overrideLogger({ error: note, log: drop, warn: note });
	return notes;
}

/** By the package's own name: the file is one level up in dist/, two in src/. */
function readVersion(): string {
	const manifest = createRequire(import.meta.url)("nestjs-typeorm-aws-connector/package.json") as { readonly version: string };
	return manifest.version;
}

/**
 * Ends the process as soon as all is written: a login that was given up may hold a socket until its own time limit.
 */
async function exit(exitCode: number): Promise<void> {
	process.exitCode = exitCode;
	const streams = [process.stdout, process.stderr];
	await Promise.all(streams.map((stream) => new Promise<void>((resolve) => void stream.write("", () => resolve()))));
	process.exit();
}

const writeLine = (stream: NodeJS.WritableStream) => (text: string) => void stream.write(`${text}\n`);

runCommand(process.argv.slice(2), {
	collectNotes,
	print: writeLine(process.stdout),
	printError: writeLine(process.stderr),
	readVersion,
}).then(exit, (error: unknown) => {
	// Its text may come from elsewhere; its kind and place are ours.
	const { name, stack = "" } = error as Error;
	const place = stack.split("\n").filter((line) => line.startsWith("    at "));
	writeLine(process.stderr)(
		[`Unexpected ${cleanText(name)}. This is a fault of the program itself.`, ...place.map((line) => cleanText(line))].join("\n"),
	);
	return exit(1);
});
