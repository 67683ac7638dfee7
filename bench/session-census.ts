/** Counts the sessions of one database on a connection that stays open, so that the question itself costs little. */
import mysql from "mysql2/promise";
import { Client } from "pg";

import { MariadbServer } from "../test/support/mariadb/mariadb-server.js";
import type { DatabaseServer } from "../test/support/server/database-server.js";

/** Sessions by user. */
export type SessionCounts = ReadonlyMap<string, number>;

/** An open census. */
export interface SessionCensus {
	count(): Promise<SessionCounts>;
	end(): Promise<void>;
}

interface CountRow {
	readonly sessions: number;
	readonly user: string;
}

/** Opens a census of `database`. */
export async function openSessionCensus(server: DatabaseServer, database: string): Promise<SessionCensus> {
	const toCounts = (rows: readonly CountRow[]): SessionCounts => new Map(rows.map(({ sessions, user }) => [user, Number(sessions)]));
	if (server instanceof MariadbServer) {
		const { adminPort, host, superuser } = server;
		const connection = await mysql.createConnection({ ...superuser, host, port: adminPort });
		const sql = "SELECT user, count(*) AS sessions FROM information_schema.processlist WHERE db = ? GROUP BY user";
		return {
			count: async () => toCounts((await connection.query<(CountRow & mysql.RowDataPacket)[]>(sql, [database]))[0]),
			end: async () => connection.end(),
		};
	}
	const { host, port, superuser } = server;
	const client = new Client({ ...superuser, database: "postgres", host, port });
	await client.connect();
	const sql = `SELECT usename AS user, count(*) AS sessions FROM pg_stat_activity WHERE datname = $1 GROUP BY usename`;
	return {
		count: async () => toCounts((await client.query<CountRow>(sql, [database])).rows),
		end: async () => client.end(),
	};
}

/** How many connections MariaDB has lost without a goodbye since its start; `undefined` on other engines. */
export async function readAbortedClients(server: DatabaseServer): Promise<number | undefined> {
	if (!(server instanceof MariadbServer)) return undefined;
	const { rows } = await server.admin.query<{ Value: string }>("SHOW GLOBAL STATUS LIKE 'Aborted_clients'");
	return Number(rows[0]?.Value);
}
