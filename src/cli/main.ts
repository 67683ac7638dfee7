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

const writeLine = (stream: NodeJS.WritableStream) => (text: string) => void stream.write(`${text}\n`);

runCommand(process.argv.slice(2), {
	collectNotes,
	print: writeLine(process.stdout),
	printError: writeLine(process.stderr),
	readVersion,
}).then(
	(exitCode) => (process.exitCode = exitCode),
	(error: unknown) => {
		// Its text may be anybody's; its kind and place are ours.
		const { name, stack = "" } = error as Error;
		const place = stack.split("\n").filter((line) => line.startsWith("    at "));
		writeLine(process.stderr)(
			[`Unexpected ${cleanText(name)}. This is a fault of the program itself.`, ...place.map((line) => cleanText(line))].join("\n"),
		);
		process.exitCode = 1;
	},
);
