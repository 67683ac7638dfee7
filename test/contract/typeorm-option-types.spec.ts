/** `typeOrmOptions` is typed by the engine that `type` names, on each TypeORM. */
import { join } from "node:path";

import { findTypeErrors, readCompilerOptions } from "../support/virtual-modules.js";

const HEADER = `
import { EDatabaseType, type ITypeOrmAwsConnectorConfig, TypeOrmAwsConnectorModule } from "nestjs-typeorm-aws-connector";
declare const settings: { get(key: string): EDatabaseType };
`;

/** Statements that are fine, by what they show. */
const ACCEPTED: Readonly<Record<string, string>> = {
	"cockroach options for cockroachdb": `TypeOrmAwsConnectorModule.register({ entities: [], type: "cockroachdb", typeOrmOptions: { timeTravelQueries: true } });`,
	"mysql options for mariadb": `TypeOrmAwsConnectorModule.register({ entities: [], type: EDatabaseType.MARIADB, typeOrmOptions: { charset: "utf8mb4" } });`,
	"mysql options for mysql": `TypeOrmAwsConnectorModule.register({ entities: [], type: "mysql", typeOrmOptions: { charset: "utf8mb4" } });`,
	"options of a factory":
		`TypeOrmAwsConnectorModule.registerAsync({ useFactory: () => ({ entities: [], type: "postgres", ` +
		`typeOrmOptions: { installExtensions: false } }) });`,
	"options of a factory that waits":
		`TypeOrmAwsConnectorModule.registerAsync({ useFactory: async () => ({ entities: [], type: EDatabaseType.MYSQL, ` +
		`typeOrmOptions: { charset: "utf8mb4" } }) });`,
	"options of any engine where none is named":
		`TypeOrmAwsConnectorModule.register({ entities: [], typeOrmOptions: { charset: "utf8mb4" } });` +
		`TypeOrmAwsConnectorModule.register({ entities: [], typeOrmOptions: { installExtensions: false } });`,
	"options of any engine where a variable names it": `TypeOrmAwsConnectorModule.register({ entities: [], type: settings.get("type"), typeOrmOptions: { charset: "utf8mb4" } });`,
	"options of all engines": `TypeOrmAwsConnectorModule.register({ entities: [], typeOrmOptions: { extra: { keepAlive: true }, logging: ["error"], migrations: [] } });`,
	"postgres options for postgres":
		`TypeOrmAwsConnectorModule.register({ entities: [], type: EDatabaseType.POSTGRES, ` +
		`typeOrmOptions: { applicationName: "shop", installExtensions: false } });`,
	"a configuration of one engine as one of any":
		`const one: ITypeOrmAwsConnectorConfig<"postgres"> = { entities: [], type: "postgres", typeOrmOptions: { schema: "shop" } };` +
		`export const any: ITypeOrmAwsConnectorConfig = one;`,
};

/** Statements that are not. */
const REFUSED: Readonly<Record<string, string>> = {
	"a misspelled option": `TypeOrmAwsConnectorModule.register({ entities: [], typeOrmOptions: { migration: [] } });`,
	"a value of the wrong kind": `TypeOrmAwsConnectorModule.register({ entities: [], type: "postgres", typeOrmOptions: { schema: 7 } });`,
	"logging as a switch": `TypeOrmAwsConnectorModule.register({ entities: [], typeOrmOptions: { logging: true } });`,
	"mysql options for postgres": `TypeOrmAwsConnectorModule.register({ entities: [], type: "postgres", typeOrmOptions: { charset: "utf8mb4" } });`,
	"mysql options of a factory for postgres":
		`TypeOrmAwsConnectorModule.registerAsync({ useFactory: () => ({ entities: [], type: "postgres", ` +
		`typeOrmOptions: { charset: "utf8mb4" } }) });`,
	"postgres options for mysql": `TypeOrmAwsConnectorModule.register({ entities: [], type: EDatabaseType.MYSQL, typeOrmOptions: { installExtensions: false } });`,
	"what the connector fills in": `TypeOrmAwsConnectorModule.register({ entities: [], type: "postgres", typeOrmOptions: { host: "db" } });`,
};

function pathOf(name: string): string {
	return join(__dirname, `${name.replaceAll(" ", "-")}.snippet.ts`);
}

describe.each([["typeorm"], ["typeorm-0.3"], ["typeorm-0.3.20"]])("The types, on %s,", (packageName) => {
	const { paths } = readCompilerOptions();
	const root = join(__dirname, "../../node_modules", packageName);
	const overrides = { paths: { ...paths, typeorm: [root], "typeorm/*": [`${root}/*`] } };
	const sources = Object.entries({ ...ACCEPTED, ...REFUSED }).map(([name, text]) => [pathOf(name), HEADER + text] as const);
	let errors: readonly string[];

	// One compilation for all of them: each takes seconds.
	beforeAll(() => {
		errors = findTypeErrors(new Map(sources), { ...overrides, noUnusedLocals: false });
	});

	const findErrors = (name: string): string[] => errors.filter((error) => error.includes(`${name.replaceAll(" ", "-")}.snippet.ts`));

	it.each(Object.keys(ACCEPTED))("accept %s", (name) => {
		expect(findErrors(name)).toEqual([]);
	});

	it.each(Object.keys(REFUSED))("refuse %s", (name) => {
		expect(findErrors(name)).not.toEqual([]);
	});
});
