/** The engines and relation strategies a connector knows. */

/**
 * Engines, by TypeORM's own names for them. README says which of them can be rotated.
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
