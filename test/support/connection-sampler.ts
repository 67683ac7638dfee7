/** Watches how many connections there are, on this side and as the server sees it, at every moment of a test. */
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";

import type { PostgresServer } from "./postgres/postgres-server.js";
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
	/** Ends it. */
	stop(): Promise<ConnectionPeaks>;
}

/** Starts to watch one database and the proxy in front of it. */
export async function sampleConnections(server: PostgresServer, proxy: TcpProxy, database: string): Promise<ConnectionSampler> {
	const client = new Client({ ...server.superuser, database: "postgres", host: server.host, port: server.port });
	await client.connect();
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
			const { rows } = await client.query<{ count: number }>("SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1", [
				database,
			]);
			peaks.server = Math.max(peaks.server, rows[0]?.count ?? 0);
			peaks.serverSampleCount += 1;
			await delay(SERVER_INTERVAL_MS);
		}
	};
	const watches = [watchClient(), watchServer()];

	return {
		stop: async () => {
			isStopping = true;
			await Promise.all(watches);
			await client.end();
			return peaks;
		},
	};
}
