/** A MariaDB server that follows another one by its binary log, as a reader of RDS does, and can be made to lag. */
import type { DatabaseReplica } from "../server/database-server.js";
import { waitUntil } from "../wait-until.js";
import { MARIADB } from "./mariadb-kind.js";
import { type MariadbParts, MariadbServer, startProgram } from "./mariadb-server.js";

const CATCH_UP_LIMIT_SECONDS = 15;
/** Servers of one replication have different ids; that of a primary is 1. */
let lastServerId = 1;

/**
 * Starts a replica of `primary`, with its settings. The two begin with the same files, and everything since is in the primary's binary log.
 * Resolves when the replica holds what the primary did.
 * @example
 * const primary = await startMariadb();
 * const replica = await startMariadbReplica(primary);
 * await replica.pauseReplay();
 * await primary.setPassword("app", "two"); // the replica still wants "one"
 */
export async function startMariadbReplica(primary: MariadbServer): Promise<MariadbReplica> {
	lastServerId += 1;
	const parts = await startProgram(MARIADB, { ...primary.settings, "read-only": "ON", "server-id": String(lastServerId) });
	const replica = new MariadbReplica(parts, primary);
	await replica.admin.query(
		`CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?, MASTER_CONNECT_RETRY = 1,
		MASTER_USE_GTID = slave_pos`,
		[primary.host, primary.adminPort, primary.superuser.user, primary.superuser.password],
	);
	await replica.admin.query("START SLAVE");
	await replica.catchUp();
	return replica;
}

/** A running replica. Made by {@link startMariadbReplica}. */
export class MariadbReplica extends MariadbServer implements DatabaseReplica {
	constructor(
		parts: MariadbParts,
		private readonly primary: MariadbServer,
	) {
		super(parts);
	}

	/** Resolves when everything has arrived that the primary holds now. */
	async catchUp(): Promise<void> {
		const { rows } = await this.primary.admin.query<{ position: string }>("SELECT @@gtid_binlog_pos AS position");
		const { rows: answers } = await this.admin.query<{ answer: number }>("SELECT MASTER_GTID_WAIT(?, ?) AS answer", [
			rows[0]?.position,
			CATCH_UP_LIMIT_SECONDS,
		]);
		if (answers[0]?.answer !== 0) throw new Error(`The replica did not catch up:\n${(await this.readLog()).slice(-2_000)}`);
	}

	/** Stays as it is from now on: a password that the primary gets does not come here. */
	async pauseReplay(): Promise<void> {
		await this.admin.query("STOP SLAVE SQL_THREAD");
		await waitUntil("the replica stands still", async () => (await this.readThreadState()) === "No");
	}

	/** Ends the pause. What has gathered meanwhile follows at once; `catchUp()` waits for it. */
	async resumeReplay(): Promise<void> {
		await this.admin.query("START SLAVE SQL_THREAD");
	}

	private async readThreadState(): Promise<string | undefined> {
		const { rows } = await this.admin.query<{ Slave_SQL_Running: string }>("SHOW SLAVE STATUS");
		return rows[0]?.Slave_SQL_Running;
	}
}
