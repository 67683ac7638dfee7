/** What the scenes and loads of the tests say to each engine in its own words. */
import type { DataSource } from "typeorm";

import type { EngineName } from "./server/database-server.js";

/** The words of one engine. */
export interface SqlDialect {
	/** How the server calls a connection that runs a statement. */
	readonly busyState: string;
	readonly dropUser: (user: string) => string;
	/** Takes id and worker. */
	readonly insertEntry: string;
	/** Ends one connection. */
	readonly killConnection: (pid: number) => string;
	/** Limits the connections of a user; 0 for as many as it likes. */
	readonly limitConnections: (user: string, count: number) => string;
	/** Keeps a user from logging in. */
	readonly lockUser: (user: string) => string;
	/** What a driver calls the refusal of a password. */
	readonly refusalCode: string;
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
	readonly unlockUser: (user: string) => string;
	/** Writes without leaving anything behind. */
	readonly writeProbe: string;
}

const MARIADB: SqlDialect = {
	busyState: "Query",
	dropUser: (user) => `DROP USER '${user}'@'%'`,
	insertEntry: "INSERT INTO ledger (id, worker) VALUES (?, ?)",
	killConnection: (pid) => `KILL ${String(pid)}`,
	limitConnections: (user, count) => `ALTER USER '${user}'@'%' WITH MAX_USER_CONNECTIONS ${String(count)}`,
	lockUser: (user) => `ALTER USER '${user}'@'%' ACCOUNT LOCK`,
	refusalCode: "ER_ACCESS_DENIED_ERROR",
	selectPid: "SELECT connection_id() AS pid",
	selectRows: (count) => `SELECT seq, repeat('x', 100) FROM seq_1_to_${String(count)}`,
	selectUser: "SELECT substring_index(current_user(), '@', 1) AS user",
	shareTables: undefined,
	sleepSeconds: (seconds) => `SELECT sleep(${String(seconds)})`,
	unlockUser: (user) => `ALTER USER '${user}'@'%' ACCOUNT UNLOCK`,
	writeProbe: "CREATE OR REPLACE TEMPORARY TABLE probe AS SELECT 1",
};

/** By engine. */
export const DIALECTS: Readonly<Record<EngineName, SqlDialect>> = {
	mariadb: MARIADB,
	mysql: {
		...MARIADB,
		selectRows: (count) =>
			`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${String(count)}) SELECT i, repeat('x', 100) FROM n`,
		writeProbe: "CREATE TEMPORARY TABLE IF NOT EXISTS probe AS SELECT 1",
	},
	postgres: {
		busyState: "active",
		dropUser: (user) => `DROP ROLE ${user}`,
		insertEntry: "INSERT INTO ledger (id, worker) VALUES ($1, $2)",
		killConnection: (pid) => `SELECT pg_terminate_backend(${String(pid)}, 60000)`,
		limitConnections: (user, count) => `ALTER ROLE ${user} CONNECTION LIMIT ${String(count === 0 ? -1 : count)}`,
		lockUser: (user) => `ALTER ROLE ${user} NOLOGIN`,
		refusalCode: "28P01",
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
		unlockUser: (user) => `ALTER ROLE ${user} LOGIN`,
		writeProbe: "CREATE TEMPORARY TABLE probe ON COMMIT DROP AS SELECT 1",
	},
};

/** Of the server that a DataSource is made for. */
export function findDialect({ options: { type } }: DataSource): SqlDialect {
	return type === "mysql" || type === "mariadb" ? DIALECTS[type] : DIALECTS.postgres;
}
