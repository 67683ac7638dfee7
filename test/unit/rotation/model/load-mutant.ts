/** The rotator with one mistake in one of its files: the text is changed, compiled in memory and loaded in the place of the file. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compileFunction } from "node:vm";

import * as nestCommon from "@nestjs/common";
import { type Options, transformSync } from "@swc/core";
import * as rxjs from "rxjs";

import type { RotatorService } from "../../../../src/rotation/rotator.service.js";
import swcOptions from "../../../../swc.config.js";

const SOURCE = join(__dirname, "../../../../src");

/** A mistake: what stands in a file, once, and what is put there. */
export interface Mutation {
	readonly file: string;
	readonly find: string;
	readonly replace: string;
}

/**
 * Loads RotatorService and all that it imports anew, with the mistake in it.
 * @throws Error when the text to change is not in the file exactly once: the mutation is out of date.
 */
export function loadMutant({ file, find, replace }: Mutation): typeof RotatorService {
	const path = join(SOURCE, file);
	const parts = readFileSync(path, "utf8").split(find);
	if (parts.length !== 2) throw new Error(`"${find}" is ${parts.length - 1} times in ${file}`);

	let loaded: typeof RotatorService | undefined;
	jest.isolateModules(() => {
		// What is large and not ours need not be loaded again.
		jest.doMock("@nestjs/common", () => nestCommon);
		jest.doMock("rxjs", () => rxjs);
		jest.doMock(path, () => run(parts.join(replace), path));
		loaded = (require("../../../../src/rotation/rotator.service.js") as { RotatorService: typeof RotatorService }).RotatorService;
	});
	for (const name of ["@nestjs/common", "rxjs", path]) jest.dontMock(name);
	return loaded as typeof RotatorService;
}

function run(text: string, path: string): object {
	const { code } = transformSync(text, { ...(swcOptions as Options), configFile: false, swcrc: false });
	const exported = {};
	const requireFrom = (id: string): unknown => require(id.startsWith(".") ? join(dirname(path), id.replace(/\.js$/, "")) : id);
	// Errors have to be those of jest's realm, which the code under test compares with.
	compileFunction(code, ["exports", "require", "Error"])(exported, requireFrom, Error);
	return exported;
}
