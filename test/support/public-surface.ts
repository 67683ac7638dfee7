/** The public surface as the TypeScript compiler sees it: exports of src/index.ts, their docstrings, their properties. */
import { join } from "node:path";

import ts from "typescript";

import { PROJECT_ROOT } from "./markdown.js";
import { readCompilerOptions } from "./virtual-modules.js";

/** One documented thing: an export or a member of one. */
export interface DocumentedName {
	/** Text of the docstring without its tags; empty when there is none. */
	readonly documentation: string;
	readonly hasExample: boolean;
	readonly isCallable: boolean;
	readonly isClass: boolean;
	/** `TypeOrmAwsConnectorService` or `TypeOrmAwsConnectorService.getCredentials`. */
	readonly name: string;
}

/** Everything exported, compiled once. */
export class PublicSurface {
	private readonly checker: ts.TypeChecker;
	private readonly symbols: ReadonlyMap<string, ts.Symbol>;

	constructor() {
		const index = join(PROJECT_ROOT, "src/index.ts");
		const program = ts.createProgram([index], readCompilerOptions());
		this.checker = program.getTypeChecker();
		const file = program.getSourceFile(index);
		const module = file === undefined ? undefined : this.checker.getSymbolAtLocation(file);
		if (module === undefined) throw new Error(`${index} exports nothing`);
		this.symbols = new Map(this.checker.getExportsOfModule(module).map((symbol) => [symbol.name, this.resolve(symbol)]));
	}

	/** The exports. */
	listExports(): DocumentedName[] {
		return [...this.symbols].map(([name, symbol]) => this.describe(name, symbol));
	}

	/** What users may touch of exported classes and interfaces: neither private nor internal, and declared here. */
	listMembers(): DocumentedName[] {
		return [...this.symbols].flatMap(([name, symbol]) =>
			[...(symbol.members?.values() ?? []), ...(isClass(symbol) ? (symbol.exports?.values() ?? []) : [])]
				.filter(isPublicMember)
				.map((member) => this.describe(`${name}.${member.name}`, member)),
		);
	}

	/** Properties of an exported type, inherited ones included, with their docstrings. Groups may be entered: `["Config", "rotation"]`. */
	listProperties(typeName: string, ...groups: string[]): ReadonlyMap<string, string> {
		const type = groups.reduce((outer, group) => this.enter(outer, group), this.typeOf(typeName));
		return new Map(
			type
				.getProperties()
				.map((property) => [property.name, ts.displayPartsToString(property.getDocumentationComment(this.checker))]),
		);
	}

	/** The members of an exported union of string literals. */
	listLiterals(typeName: string): string[] {
		const type = this.typeOf(typeName);
		return (type.isUnion() ? type.types : [type]).flatMap((member) => (member.isStringLiteral() ? member.value : []));
	}

	private resolve(symbol: ts.Symbol): ts.Symbol {
		return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : this.checker.getAliasedSymbol(symbol);
	}

	private describe(name: string, symbol: ts.Symbol): DocumentedName {
		const { valueDeclaration } = symbol;
		return {
			documentation: ts.displayPartsToString(symbol.getDocumentationComment(this.checker)),
			hasExample: symbol.getJsDocTags(this.checker).some((tag) => tag.name === "example"),
			isCallable:
				valueDeclaration !== undefined &&
				this.checker.getTypeOfSymbolAtLocation(symbol, valueDeclaration).getCallSignatures().length > 0,
			isClass: isClass(symbol),
			name,
		};
	}

	private typeOf(typeName: string): ts.Type {
		const symbol = this.symbols.get(typeName);
		if (symbol === undefined) throw new Error(`Nothing of the name ${typeName} is exported`);
		return this.checker.getDeclaredTypeOfSymbol(symbol);
	}

	private enter(type: ts.Type, property: string): ts.Type {
		const symbol = type.getProperty(property);
		if (symbol === undefined) throw new Error(`There is no property ${property}`);
		return this.checker.getNonNullableType(this.checker.getTypeOfSymbol(symbol));
	}
}

function isClass({ flags }: ts.Symbol): boolean {
	return (flags & ts.SymbolFlags.Class) !== 0;
}

function isPublicMember(symbol: ts.Symbol): boolean {
	const [declaration] = symbol.declarations ?? [];
	if (
		declaration === undefined ||
		ts.isTypeParameterDeclaration(declaration) ||
		ts.isConstructorDeclaration(declaration) ||
		symbol.name === "prototype"
	)
		return false;
	const isHidden = (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
	// Names of symbols and of private fields are not written by users.
	return !isHidden && /^[a-z]/i.test(symbol.name) && !symbol.getJsDocTags().some((tag) => tag.name === "internal");
}
