/** Makes modules of the snippets in the README of `@elsikora/nestjs-typeorm-aws-connector`. Of their own text only the package names change. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { runText } from "../support/virtual-modules.js";

/** The files in `readme-snippets`, in the order of the README. */
export const SNIPPETS = [
	"parameter-store",
	"static-registration",
	"custom-lookups",
	"raw-values",
	"rotation",
	"async-registration",
	"several-databases",
] as const;

export type SnippetName = (typeof SNIPPETS)[number];

const OWN_NAME = "nestjs-typeorm-aws-connector";
const FORMER_NAMES = /"@elsikora\/nestjs-(?:aws-parameter-store-config|typeorm-aws-connector)"/g;

/** Where the names come from that a snippet uses without importing them. */
const HOMES: Readonly<Record<string, string>> = {
	ConfigModule: "@nestjs/config",
	ConfigService: "@nestjs/config",
	ProviderEntity: "./entities/provider.entity",
	TypeOrmAwsConnectorModule: OWN_NAME,
	UserEntity: "./entities/user.entity",
};

/** The snippet as it stands in the README. */
export function readSnippet(name: SnippetName): string {
	return readFileSync(join(__dirname, "readme-snippets", `${name}.txt`), "utf8");
}

/** The snippet with our package name, the imports it leaves out, and, where it is a bare registration, with a name to import it by. */
export function completeSnippet(name: SnippetName): string {
	const text = readSnippet(name).replace(FORMER_NAMES, `"${OWN_NAME}"`);
	const imports = Object.entries(HOMES)
		.filter(([missing]) => uses(text, missing) && !declares(text, missing))
		.map(([missing, home]) => `import { ${missing} } from "${home}";\n`);
	const isFragment = !text.includes("export class");
	return [...imports, isFragment ? text.replace(/^TypeOrmAwsConnectorModule\./m, "export const registration = $&") : text].join("");
}

/** Compiles the snippet and runs it; what it exports. */
export function runSnippet(name: SnippetName): Record<string, unknown> {
	return runText(completeSnippet(name), pathOf(name));
}

/** All snippets, by the file that each pretends to be. */
export function listSnippetSources(): ReadonlyMap<string, string> {
	return new Map(SNIPPETS.map((name) => [pathOf(name), completeSnippet(name)]));
}

/** The file that a snippet pretends to be. */
function pathOf(name: SnippetName): string {
	return join(__dirname, `${name}.snippet.ts`);
}

function uses(text: string, name: string): boolean {
	return new RegExp(`\\b${name}\\b`).test(text);
}

function declares(text: string, name: string): boolean {
	return new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\}`).test(text);
}
