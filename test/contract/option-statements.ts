/** Statements with `typeOrmOptions` that the types accept or refuse. */
import { join } from "node:path";

const HEADER = `
import { EDatabaseType, type ITypeOrmAwsConnectorConfig, TypeOrmAwsConnectorModule } from "nestjs-typeorm-aws-connector";
declare const settings: { get(key: string): EDatabaseType };
`;

/** Statements that are fine, by what they show. */
export const ACCEPTED: Readonly<Record<string, string>> = {
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
export const REFUSED: Readonly<Record<string, string>> = {
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

/** The file that a statement pretends to be. */
export function pathOfStatement(name: string): string {
	return join(__dirname, `${name.replaceAll(" ", "-")}.snippet.ts`);
}

/** All statements, each with the imports that it needs. */
export function listStatementSources(): ReadonlyMap<string, string> {
	return new Map(Object.entries({ ...ACCEPTED, ...REFUSED }).map(([name, text]) => [pathOfStatement(name), `${HEADER}${text}`]));
}
