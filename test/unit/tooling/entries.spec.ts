/** Each entry of the package is a file at the top of src/, and the light ones reach neither Nest nor rxjs nor TypeORM by any import. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";

import ts from "typescript";

import packageJson from "../../../package.json";
import rollupConfig from "../../../rollup.config.js";

const SOURCE = join(__dirname, "../../../src");
const LIGHT_ENTRIES = ["secrets", "tokens"];
const HEAVY_PACKAGE = /^(?:@nestjs\/|rxjs|typeorm|reflect-metadata)/;

const entries = readdirSync(SOURCE, { withFileTypes: true })
	.filter((entry) => entry.isFile())
	.map(({ name }) => name.replace(/\.ts$/, ""));

/** What a file imports; of types only, when `kind` says so. */
function listImports(file: string, kind: "all" | "values"): string[] {
	const { statements } = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022);
	return statements.flatMap((statement) => {
		if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
		const { moduleSpecifier } = statement;
		if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return [];
		return kind === "all" || !isTypeOnly(statement) ? [moduleSpecifier.text] : [];
	});
}

function isTypeOnly(statement: ts.ExportDeclaration | ts.ImportDeclaration): boolean {
	if (ts.isExportDeclaration(statement)) {
		const { exportClause, isTypeOnly: isWhole } = statement;
		return (
			isWhole ||
			(exportClause !== undefined && ts.isNamedExports(exportClause) && exportClause.elements.every((one) => one.isTypeOnly))
		);
	}
	const clause = statement.importClause;
	if (clause === undefined) return false;
	const { namedBindings } = clause;
	const isNamedOnly = clause.name === undefined && namedBindings !== undefined && ts.isNamedImports(namedBindings);
	return clause.isTypeOnly || (isNamedOnly && namedBindings.elements.every((one) => one.isTypeOnly));
}

/** Packages and files behind an entry, each with the path that leads there. */
function walk(entry: string, kind: "all" | "values"): ReadonlyMap<string, readonly string[]> {
	const reached = new Map<string, readonly string[]>();
	const visit = (file: string, path: readonly string[]): void => {
		if (reached.has(file)) return;
		reached.set(file, path);
		for (const name of listImports(file, kind)) {
			if (name.startsWith(".")) visit(resolve(dirname(file), name.replace(/\.js$/, ".ts")), [...path, name]);
			else if (!reached.has(name)) reached.set(name, [...path, name]);
		}
	};
	visit(join(SOURCE, `${entry}.ts`), [entry]);
	return reached;
}

it("are published, built and typed for every kind of resolution", () => {
	const published = Object.keys(packageJson.exports)
		.filter((name) => !name.endsWith(".json"))
		.map((name) => (name === "." ? "index" : posix.basename(name)));
	const [code, declarations] = rollupConfig as unknown as [{ input: object }, { input: object }];

	expect(published.sort()).toEqual(entries.sort());
	expect(Object.keys(code.input).sort()).toEqual([...entries, "cli"].sort());
	expect(Object.keys(declarations.input).sort()).toEqual(entries.sort());
	expect(Object.keys(packageJson.typesVersions["*"]).sort()).toEqual(entries.filter((name) => name !== "index").sort());
});

it.each(LIGHT_ENTRIES)("/%s loads neither Nest nor rxjs nor TypeORM", (entry) => {
	const heavy = [...walk(entry, "values")].filter(([name]) => HEAVY_PACKAGE.test(name));

	expect(heavy).toEqual([]);
});

it("are told from the main entry by this walk, which finds what that one loads", () => {
	const names = [...walk("index", "values").keys()];

	expect(names).toEqual(expect.arrayContaining(["@nestjs/common", "rxjs", "typeorm"]));
});

it.each(LIGHT_ENTRIES)("/%s exports what the main entry exports", async (entry) => {
	const main = (await import("../../../src/index.js")) as Record<string, unknown>;
	const light = (await import(`../../../src/${entry}.js`)) as Record<string, unknown>;

	expect(Object.keys(light).length).toBeGreaterThan(5);
	expect(Object.entries(light).filter(([name, value]) => main[name] !== value)).toEqual([]);
});
