/** A PostgreSQL server that follows another one by streaming replication, as a reader of RDS does, and can be made to lag. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseReplica } from "../server/database-server.js";
import { waitUntil } from "../wait-until.js";
import { type PostgresParts, PostgresServer, startCluster } from "./postgres-server.js";

/** With which all data directories are made; a replica needs as many as its primary ever had. */
const INITIAL_MAX_CONNECTIONS = 100;

/**
 * Starts a replica of `primary`, with its settings. The two begin with the same files, so it has to be started before the primary has
 * written 64 MB. Resolves when the replica holds what the primary did.
 * @example
 * const primary = await startPostgres();
 * const replica = await startPostgresReplica(primary);
 * await replica.pauseReplay();
 * await primary.setPassword("app", "two"); // the replica still wants "one"
 */
export async function startPostgresReplica(primary: PostgresServer): Promise<PostgresReplica> {
	const { host, port, settings, superuser } = primary;
	const parts = await startCluster(
		{
			...settings,
			hot_standby_feedback: "on",
			max_connections: String(Math.max(INITIAL_MAX_CONNECTIONS, Number(settings["max_connections"]))),
			primary_conninfo: `host=${host} port=${String(port)} user=${superuser.user} password=${superuser.password} sslmode=prefer`,
			wal_retrieve_retry_interval: "50ms",
		},
		async ({ data }) => writeFile(join(data, "standby.signal"), ""),
	);
	const replica = new PostgresReplica(parts, primary);
	await replica.catchUp();
	return replica;
}

/** A running replica. Made by {@link startPostgresReplica}. */
export class PostgresReplica extends PostgresServer implements DatabaseReplica {
	constructor(
		parts: PostgresParts,
		private readonly primary: PostgresServer,
	) {
		super(parts);
	}

	/** Resolves when everything has arrived that the primary holds now. */
	async catchUp(): Promise<void> {
		const { rows } = await this.primary.admin.query<{ position: string }>("SELECT pg_current_wal_insert_lsn() AS position");
		await waitUntil("the replica has caught up", () => this.isTrue("pg_last_wal_replay_lsn() >= $1::pg_lsn", [rows[0]?.position]));
	}

	/** Stays as it is from now on: a password that the primary gets does not come here. */
	async pauseReplay(): Promise<void> {
		await this.admin.query("SELECT pg_wal_replay_pause()");
		await waitUntil("the replica stands still", () => this.isTrue("pg_get_wal_replay_pause_state() = 'paused'"));
	}

	/** Ends the pause. What has gathered meanwhile follows at once; `catchUp()` waits for it. */
	async resumeReplay(): Promise<void> {
		await this.admin.query("SELECT pg_wal_replay_resume()");
	}

	private async isTrue(condition: string, parameters: readonly unknown[] = []): Promise<boolean> {
		const { rows } = await this.admin.query<{ answer: boolean }>(`SELECT coalesce(${condition}, false) AS answer`, parameters);
		return rows[0]?.answer ?? false;
	}
}
