/** The engines and relation strategies that a connector knows, and the names that AWS has for engines. */

/**
 * Engines, by TypeORM's own names for them. docs/reference/engines.md says which of them can be rotated.
 * @see https://typeorm.io/docs/data-source/data-source-options
 * @example
 * TypeOrmAwsConnectorModule.register({ entities: [UserEntity], type: EDatabaseType.POSTGRES });
 */
export enum EDatabaseType {
	COCKROACHDB = "cockroachdb",
	MARIADB = "mariadb",
	MYSQL = "mysql",
	POSTGRES = "postgres",
}

/**
 * How TypeORM loads relations: in one joined query, or in one query per relation. Default `QUERY`.
 * @see https://typeorm.io/docs/data-source/data-source-options
 * @example
 * TypeOrmAwsConnectorModule.register({ entities: [UserEntity], relationLoadStrategy: ERelationLoadStrategy.JOIN });
 */
export enum ERelationLoadStrategy {
	JOIN = "join",
	QUERY = "query",
}

/**
 * What RDS, CDK and secrets call an engine, in lower case.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
 */
export const ENGINE_ALIASES: Readonly<Record<string, EDatabaseType>> = {
	// The name that RDS had for Aurora MySQL before there was another Aurora.
	aurora: EDatabaseType.MYSQL,
	"aurora-mysql": EDatabaseType.MYSQL,
	"aurora-postgres": EDatabaseType.POSTGRES,
	"aurora-postgresql": EDatabaseType.POSTGRES,
	postgresql: EDatabaseType.POSTGRES,
};

/** TypeORM's name of an engine, whichever name is given; the text itself where it is none. */
export function normalizeEngine(text: string): string {
	const name = text.trim().toLowerCase();
	return Object.hasOwn(ENGINE_ALIASES, name) ? (ENGINE_ALIASES[name] as string) : text;
}
