/** The engines and relation strategies a connector knows. */

/** Engines, by TypeORM's own names for them. */
export enum EDatabaseType {
	MYSQL = "mysql",
	POSTGRES = "postgres",
}

/** How TypeORM loads relations: in one joined query, or in one query per relation. */
export enum ERelationLoadStrategy {
	JOIN = "join",
	QUERY = "query",
}
