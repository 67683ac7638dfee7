/** What the scenes and loads of the tests say to each engine in its own words. */
import type { DataSource } from "typeorm";

import type { EngineName } from "./server/database-server.js";

/** The words of one engine. */
export interface SqlDialect {
	/** Takes id and worker. */
	readonly insertEntry: string;
	/** The number by which the server knows this connection. */
	readonly selectPid: string;
	/** Rows of a hundred characters each. */
	readonly selectRows: (count: number) => string;
	/** Names the user without its host. */
	readonly selectUser: string;
	/** Gives each of two users every right on what the other creates; `undefined` where rights come with the database. */
	readonly shareTables: ((users: readonly [string, string]) => string) | undefined;
	/** Keeps a connection busy. */
	readonly sleepSeconds: (seconds: number) => string;
}

/** By engine. */
export const DIALECTS: Readonly<Record<EngineName, SqlDialect>> = {
	mariadb: {
		insertEntry: "INSERT INTO ledger (id, worker) VALUES (?, ?)",
		selectPid: "SELECT connection_id() AS pid",
		selectRows: (count) => `SELECT seq, repeat('x', 100) FROM seq_1_to_${String(count)}`,
		selectUser: "SELECT substring_index(current_user(), '@', 1) AS user",
		shareTables: undefined,
		sleepSeconds: (seconds) => `SELECT sleep(${String(seconds)})`,
	},
	postgres: {
		insertEntry: "INSERT INTO ledger (id, worker) VALUES ($1, $2)",
		selectPid: "SELECT pg_backend_pid() AS pid",
		selectRows: (count) => `SELECT i, repeat('x', 100) FROM generate_series(1, ${String(count)}) AS i`,
		selectUser: "SELECT current_user AS user",
		shareTables: (users) =>
			[users, users.toReversed()]
				.flatMap(([creator, other]) =>
					["TABLES", "SEQUENCES"].map(
						(kind) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${String(creator)} GRANT ALL ON ${kind} TO ${String(other)}`,
					),
				)
				.join("; "),
		sleepSeconds: (seconds) => `SELECT pg_sleep(${String(seconds)})`,
	},
};

/** Of the server that a DataSource is made for. */
export function findDialect({ options: { type } }: DataSource): SqlDialect {
	return type === "mysql" || type === "mariadb" ? DIALECTS.mariadb : DIALECTS.postgres;
}
