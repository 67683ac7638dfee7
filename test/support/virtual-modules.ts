/** TypeScript that is in no file of its own, such as a snippet in a README: checked and run as if it were. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { compileFunction } from "node:vm";

import { type Options, transformSync } from "@swc/core";
import ts from "typescript";

import swcOptions from "../../swc.config.js";

const ROOT = join(__dirname, "../..");

/** Files of packages and of this project, parsed once for every program of this process. */
const parsedFiles = new Map<string, ts.SourceFile | undefined>();

/**
 * What the compiler has to say about these texts, with the project's own strict options: one program for all of them, since each takes
 * seconds.
 * @param sources Texts by the path of the file that each pretends to be; relative imports start there.
 * @returns Messages by that path; an empty list where the compiler has no objection.
 */
export function findTypeErrors(
	sources: ReadonlyMap<string, string>,
	overrides: ts.CompilerOptions = {},
): ReadonlyMap<string, readonly string[]> {
	const options = { ...readCompilerOptions(), ...overrides };
	const host = ts.createCompilerHost(options);
	const { fileExists, getSourceFile, readFile } = host;
	host.fileExists = (file) => sources.has(file) || fileExists(file);
	host.readFile = (file) => sources.get(file) ?? readFile(file);
	host.getSourceFile = (file, ...parameters) => {
		if (sources.has(file)) return getSourceFile(file, ...parameters);
		if (!parsedFiles.has(file)) parsedFiles.set(file, getSourceFile(file, ...parameters));
		return parsedFiles.get(file);
	};
	const program = ts.createProgram([...sources.keys()], options, host);
	const format = (diagnostic: ts.Diagnostic): string => ts.formatDiagnostic(diagnostic, { ...host, getNewLine: () => "\n" });
	return new Map(
		[...sources.keys()].map((file) => {
			const sourceFile = program.getSourceFile(file);
			const diagnostics = [...program.getSyntacticDiagnostics(sourceFile), ...program.getSemanticDiagnostics(sourceFile)];
			return [file, diagnostics.map(format)];
		}),
	);
}

/** The project's compiler options. */
export function readCompilerOptions(): ts.CompilerOptions {
	const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path));
	return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}

/**
 * Runs a text and returns what it exports.
 * @param path The file that the text pretends to be.
 * @param transform What differs from the project's own way of compiling.
 */
export function runText(text: string, path: string, transform: NonNullable<Options["jsc"]>["transform"] = {}): Record<string, unknown> {
	const base = swcOptions as Options;
	const jsc = { ...base.jsc, transform: { ...base.jsc?.transform, ...transform } };
	const { code } = transformSync(text, { ...base, configFile: false, jsc, swcrc: false });
	const exported = {};
	// Jest has globals of its own, and only its Reflect keeps the metadata of decorators.
	compileFunction(code, ["exports", "require", "Reflect"])(exported, createRequire(path), Reflect);
	return exported;
}
