/** Replicas of the tests: they follow, they refuse writes, and they can be made to lag, passwords included. */
import mysql from "mysql2/promise";
import { Client } from "pg";
import { describeWith } from "./describe-with.js";
import { startMariadbReplica } from "./mariadb/mariadb-replica.js";
import { startMariadb } from "./mariadb/mariadb-server.js";
import { startPostgresReplica } from "./postgres/postgres-replica.js";
import { startPostgres } from "./postgres/postgres-server.js";
import type { DatabaseReplica, DatabaseServer } from "./server/database-server.js";

const DATABASE = "orders";

interface Engine {
	/** Code of a refused login, and of a write that is refused. */
	readonly codes: readonly [refused: unknown, readOnly: unknown];
	readonly start: () => Promise<[DatabaseServer, DatabaseReplica]>;
	/** Logs in, runs one statement, and returns its rows. */
	readonly run: (server: DatabaseServer, password: string, sql: string) => Promise<unknown>;
}

const POSTGRES: Engine = {
	codes: [{ code: "28P01" }, { code: "25006" }],
	run: async ({ host, port }, password, sql) => {
		const client = new Client({ database: DATABASE, host, password, port, user: "app" });
		client.on("error", () => undefined);
		try {
			await client.connect();
			return (await client.query(sql)).rows;
		} finally {
			await client.end();
		}
	},
	start: async () => {
		const primary = await startPostgres({ maxConnections: 20 });
		return [primary, await startPostgresReplica(primary)];
	},
};

const MARIADB: Engine = {
	codes: [{ errno: 1045 }, { errno: 1290 }],
	run: async ({ host, port }, password, sql) => {
		const connection = await mysql.createConnection({ database: DATABASE, host, password, port, user: "app" });
		try {
			return (await connection.query(sql))[0];
		} finally {
			await connection.end();
		}
	},
	start: async () => {
		const primary = await startMariadb({ maxConnections: 20 });
		return [primary, await startMariadbReplica(primary)];
	},
};

describe("a replica of PostgreSQL", () => {
	itFollows(POSTGRES);
});

describeWith("mariadb")("a replica of MariaDB", () => {
	itFollows(MARIADB);
});

function itFollows({ codes: [refused, readOnly], run, start }: Engine): void {
	let primary: DatabaseServer;
	let replica: DatabaseReplica;

	beforeAll(async () => {
		[primary, replica] = await start();
		await primary.createDatabase(DATABASE);
		await primary.createRole("app", "zero", { databases: [DATABASE] });
		await run(primary, "zero", "CREATE TABLE entries (id int)");
	});

	beforeEach(async () => {
		await primary.setPassword("app", "one");
		await replica.catchUp();
	});

	afterAll(async () => {
		await Promise.all([replica.stop(), primary.stop()]);
	});

	it("holds what the primary holds, and takes no write", async () => {
		await run(primary, "one", "INSERT INTO entries VALUES (7)");
		await replica.catchUp();

		expect(await run(replica, "one", "SELECT id FROM entries")).toEqual([{ id: 7 }]);
		await expect(run(replica, "one", "INSERT INTO entries VALUES (8)")).rejects.toMatchObject(readOnly as object);
	});

	it("asks for the former password until the change of it arrives", async () => {
		await replica.pauseReplay();
		await primary.setPassword("app", "two");

		await expect(run(replica, "two", "SELECT 1")).rejects.toMatchObject(refused as object);
		expect(await run(replica, "one", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
		expect(await run(primary, "two", "SELECT 1 AS one")).toEqual([{ one: 1 }]);

		await replica.resumeReplay();
		await replica.catchUp();

		expect(await run(replica, "two", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
		await expect(run(replica, "one", "SELECT 1")).rejects.toMatchObject(refused as object);
	});

	it("counts its own refused logins", async () => {
		const before = [await primary.refusedLogins("app"), await replica.refusedLogins("app")];

		await expect(run(replica, "wrong", "SELECT 1")).rejects.toMatchObject(refused as object);

		expect([await primary.refusedLogins("app"), await replica.refusedLogins("app")]).toEqual([before[0], Number(before[1]) + 1]);
	});

	it("does not count as a connection to the primary", async () => {
		expect((await primary.connections()).filter(({ user }) => user !== "app")).toEqual([]);
	});

	it("follows on after either of them was restarted", async () => {
		await primary.restart();
		await replica.restart();

		await primary.setPassword("app", "three");
		await replica.catchUp();

		expect(await run(replica, "three", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
	});
}
