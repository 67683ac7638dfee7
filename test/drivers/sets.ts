/** The versions of pg-pool and mysql2 on which rotation is proven, each with a TypeORM of its time. */

/** One driver to install. */
export interface DriverSet {
	readonly engine: "mariadb" | "postgres";
	/** The package whose version is in question. */
	readonly subject: "mysql2" | "pg-pool";
	readonly typeorm: string;
	/** Exact versions, or `latest`. */
	readonly versions: Readonly<Record<string, string>>;
}

/** From the oldest supported version to the latest one. */
export const DRIVER_SETS: readonly DriverSet[] = [
	definePostgres({ pg: "8.10.0", pool: "3.6.0", typeorm: "0.3.20" }),
	definePostgres({ pg: "8.16.3", pool: "3.10.1", typeorm: "0.3.31" }),
	definePostgres({ pg: "8.23.1", pool: "3.14.0", typeorm: "1.1.1" }),
	definePostgres({ pg: "latest", pool: "latest", typeorm: "1.1.1" }),
	defineMysql("3.9.0", "0.3.20"),
	defineMysql("3.15.3", "0.3.31"),
	defineMysql("3.20.0", "1.1.1"),
	defineMysql("3.23.4", "1.1.1"),
	defineMysql("latest", "1.1.1"),
];

function definePostgres({ pg, pool, typeorm }: { pg: string; pool: string; typeorm: string }): DriverSet {
	return { engine: "postgres", subject: "pg-pool", typeorm, versions: { pg, "pg-pool": pool } };
}

function defineMysql(mysql2: string, typeorm: string): DriverSet {
	return { engine: "mariadb", subject: "mysql2", typeorm, versions: { mysql2 } };
}
