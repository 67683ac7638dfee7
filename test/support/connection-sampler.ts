/** Watches how many connections there are, on this side and as the server sees it, at every moment of a test. */
import { setTimeout as delay } from "node:timers/promises";
import mysql from "mysql2/promise";
import { Client } from "pg";

import { MariadbServer } from "./mariadb/mariadb-server.js";
import type { DatabaseServer } from "./server/database-server.js";
import type { TcpProxy } from "./tcp-proxy.js";

const CLIENT_INTERVAL_MS = 1;
const SERVER_INTERVAL_MS = 3;

/** The highest counts seen. */
export interface ConnectionPeaks {
	/** Connections that the client had open to the proxy. */
	readonly client: number;
	/** Sessions of the database that the server knew of. */
	readonly server: number;
	/** How often the server was asked. */
	readonly serverSampleCount: number;
}

/** A running watch. */
export interface ConnectionSampler {
	/** What was seen so far. */
	readonly peaks: ConnectionPeaks;
	/** Ends it. */
	stop(): Promise<ConnectionPeaks>;
}

/** Starts to watch one database and the proxy in front of it. */
export async function sampleConnections(server: DatabaseServer, proxy: TcpProxy, database: string): Promise<ConnectionSampler> {
	const census = server instanceof MariadbServer ? await openMariadbCensus(server) : await openPostgresCensus(server);
	const peaks = { client: 0, server: 0, serverSampleCount: 0 };
	let isStopping = false;

	const watchClient = async (): Promise<void> => {
		while (!isStopping) {
			peaks.client = Math.max(peaks.client, proxy.openCount);
			await delay(CLIENT_INTERVAL_MS);
		}
	};
	const watchServer = async (): Promise<void> => {
		while (!isStopping) {
			peaks.server = Math.max(peaks.server, await census.count(database));
			peaks.serverSampleCount += 1;
			await delay(SERVER_INTERVAL_MS);
		}
	};
	const watches = [watchClient(), watchServer()];

	return {
		peaks,
		stop: async () => {
			isStopping = true;
			await Promise.all(watches);
			await census.end();
			return peaks;
		},
	};
}

/** Asks for the sessions of a database on one connection, which is not of that database. */
interface Census {
	count(database: string): Promise<number>;
	end(): Promise<void>;
}

async function openPostgresCensus({ host, port, superuser }: DatabaseServer): Promise<Census> {
	const client = new Client({ ...superuser, database: "postgres", host, port });
	await client.connect();
	return {
		count: async (database) => {
			const sql = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1";
			const { rows } = await client.query<{ count: number }>(sql, [database]);
			return rows[0]?.count ?? 0;
		},
		end: async () => client.end(),
	};
}

async function openMariadbCensus({ adminPort, host, superuser }: MariadbServer): Promise<Census> {
	const connection = await mysql.createConnection({ ...superuser, host, port: adminPort });
	return {
		count: async (database) => {
			const sql = "SELECT count(*) AS count FROM information_schema.processlist WHERE db = ?";
			const [rows] = await connection.query<(mysql.RowDataPacket & { count: number })[]>(sql, [database]);
			return rows[0]?.count ?? 0;
		},
		end: async () => connection.end(),
	};
}
