/** The MySQL of the tests, where there is one: what it does differently from MariaDB. */
import mysql from "mysql2/promise";
import { describeWith } from "../describe-with.js";
import type { MariadbServer } from "../mariadb/mariadb-server.js";
import { startMysql } from "./mysql-server.js";

describeWith("mysql")("a running MySQL", () => {
	let server: MariadbServer;

	beforeAll(async () => {
		server = await startMysql({ maxConnections: 10 });
	});

	afterAll(async () => {
		await server.stop();
	});

	async function logIn(user: string, password: string, database?: string): Promise<unknown> {
		const login = { host: server.host, password, port: server.port, user, ...(database === undefined ? {} : { database }) };
		const connection = await mysql.createConnection(login);
		try {
			return (await connection.query("SELECT 1 AS one"))[0];
		} finally {
			await connection.end();
		}
	}

	it("listens on loopback, not on the usual port, and keeps passwords as MySQL does", async () => {
		const { rows } = await server.admin.query("SELECT Host AS host, plugin FROM mysql.user WHERE User = 'root'");

		expect([server.engine, server.host]).toEqual(["mysql", "127.0.0.1"]);
		expect(server.port).not.toBe(3306);
		expect(rows).toEqual([{ host: "127.0.0.1", plugin: "caching_sha2_password" }]);
	});

	it("counts passwords, accounts and expiries that it refused, but neither foreign databases nor limits", async () => {
		const name = "odd 'name'@";
		await server.createRole(name, "one", { connectionLimit: 1 });

		await expect(logIn(name, "wrong")).rejects.toMatchObject({ errno: 1045 });
		await server.admin.query("ALTER USER ? ACCOUNT LOCK", [name]);
		await expect(logIn(name, "one")).rejects.toMatchObject({ errno: 3118 });
		await server.admin.query("ALTER USER ? ACCOUNT UNLOCK PASSWORD EXPIRE", [name]);
		await expect(logIn(name, "one")).rejects.toMatchObject({ errno: 1862 });
		await server.setPassword(name, "two");
		await expect(logIn(name, "two", "mysql")).rejects.toMatchObject({ errno: 1044 });
		await expect(logIn("nobody_at_all", "two")).rejects.toMatchObject({ errno: 1045 });

		expect(await logIn(name, "two")).toEqual([{ one: 1 }]);
		expect(await server.refusedLogins(name)).toBe(3);
		expect(await server.refusedLogins()).toBe(4);
	});

	it("lets a user in with either of two passwords until the former one is discarded", async () => {
		await server.createRole("doubled", "one");

		await server.admin.query("ALTER USER doubled IDENTIFIED BY 'two' RETAIN CURRENT PASSWORD");
		expect([await logIn("doubled", "one"), await logIn("doubled", "two")]).toEqual([[{ one: 1 }], [{ one: 1 }]]);
		await server.admin.query("ALTER USER doubled DISCARD OLD PASSWORD");

		await expect(logIn("doubled", "one")).rejects.toMatchObject({ errno: 1045 });
	});

	it("lists connections, kills those of one user, and has room for its superuser when it is full", async () => {
		await server.createRole("hungry", "one");
		const login = { host: server.host, password: "one", port: server.port, user: "hungry" };
		const connections = await Promise.all(Array.from({ length: 10 }, () => mysql.createConnection(login)));
		for (const connection of connections) connection.on("error", () => undefined);

		await expect(logIn("hungry", "one")).rejects.toMatchObject({ errno: 1040 });
		expect((await server.connections("hungry")).map(({ pid }) => pid).sort()).toEqual(
			connections.map(({ threadId }) => threadId).sort(),
		);
		expect(await server.terminate("hungry")).toBe(10);

		expect(await logIn("hungry", "one")).toEqual([{ one: 1 }]);
	});

	it("restarts on the same port with the same data", async () => {
		const { port } = server;
		await server.createRole("lasting", "one");

		await server.restart();

		expect(server.port).toBe(port);
		expect(await logIn("lasting", "one")).toEqual([{ one: 1 }]);
	});
});
