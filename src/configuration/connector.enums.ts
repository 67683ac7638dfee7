/** The engines and relation strategies a connector knows. */

/**
 * Engines, by TypeORM's own names for them. Only `POSTGRES` can be rotated.
 * @see https://typeorm.io/docs/data-source/data-source-options
 * @example
 * TypeOrmAwsConnectorModule.register({ entities: [UserEntity], type: EDatabaseType.POSTGRES });
 */
export enum EDatabaseType {
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
