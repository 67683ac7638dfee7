/** Checks the published declarations: a type that they mention can be imported, and no internal member is visible. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import ts from "typescript";

/** Throws where a declared type is exported by no entry, or where a member marked `@internal` is left. */
export function checkDeclarations(folder) {
	const sources = readdirSync(folder, { encoding: "utf8", recursive: true })
		.filter((file) => file.endsWith(".d.cts"))
		.map((file) => ({ file, source: parse(path.join(folder, file)) }));
	const exported = new Set(sources.filter(({ file }) => path.dirname(file) === ".").flatMap(({ source }) => listExports(source)));
	const hidden = sources.flatMap(({ file, source }) =>
		listDeclared(source)
			.filter((name) => !exported.has(name))
			.map((name) => `${name} (${file})`),
	);
	if (hidden.length > 0) throw new Error(`these types are declared, but no entry exports them: ${hidden.join(", ")}`);
	const internal = sources.filter(({ source }) => source.text.includes("@internal")).map(({ file }) => file);
	if (internal.length > 0) throw new Error(`@internal members are visible in ${internal.join(", ")}`);
}

function parse(file) {
	return ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
}

function listDeclared({ statements }) {
	return statements
		.filter((statement) => ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) || isNamedValue(statement))
		.map(({ name }) => name.text);
}

function isNamedValue(statement) {
	return (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) && statement.name !== undefined;
}

/** Names as an entry exports them: `export { name }`, `export { letter as name } from "./chunk"`, `export interface name`. */
function listExports({ statements }) {
	return statements.flatMap((statement) => {
		if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)) {
			return statement.exportClause.elements.map(({ name }) => name.text);
		}
		const isExported =
			ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
		return isExported && statement.name !== undefined ? [statement.name.text] : [];
	});
}
