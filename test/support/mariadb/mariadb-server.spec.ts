/** The MariaDB of the tests: real authentication, and nothing left behind however it ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import mysql from "mysql2/promise";
import { describeWith } from "../describe-with.js";
import { countResources, findLeaks } from "../leak-check.js";
import { type MariadbServer, startMariadb } from "./mariadb-server.js";
import { waitUntil } from "../wait-until.js";

interface Login {
	readonly database?: string;
	readonly password: string;
	readonly user: string;
}

describeWith("mariadb")("a running MariaDB", () => {
	let server: MariadbServer;
	const connections: mysql.Connection[] = [];

	beforeAll(async () => {
		server = await startMariadb({ maxConnections: 10, settings: { "init-connect": "SET @greeting = 'it''s set'" } });
	});

	afterEach(async () => {
		await Promise.all(connections.splice(0).map((connection) => connection.end().catch(() => undefined)));
	});

	afterAll(async () => {
		await server.stop();
	});

	async function logIn(login: Login): Promise<mysql.Connection> {
		const connection = await mysql.createConnection({ ...login, host: server.host, port: server.port });
		connection.on("error", () => undefined);
		connections.push(connection);
		return connection;
	}

	it("listens on loopback, not on the usual port, and has one account, which has a password", async () => {
		const { rows } = await server.admin.query("SELECT User AS user, Host AS host, plugin FROM mysql.user WHERE User = 'root'");

		expect(server.host).toBe("127.0.0.1");
		expect(server.port).not.toBe(3306);
		expect(rows).toEqual([{ host: "127.0.0.1", plugin: "mysql_native_password", user: "root" }]);
		expect(server.superuser.password.length).toBeGreaterThanOrEqual(32);
	});

	it("applies settings, quotes in them included", async () => {
		await server.createRole("reader_of_settings", "one");
		const connection = await logIn({ password: "one", user: "reader_of_settings" });

		const [rows] = await connection.query("SELECT @greeting AS greeting, @@innodb_flush_log_at_trx_commit AS flushes");

		expect(rows).toEqual([{ flushes: 0, greeting: "it's set" }]);
	});

	it("lets a user in with its password only, and counts the logins it refused", async () => {
		await server.createRole(`odd 'name', 1,2`, `pass'word\\ ☃`);
		const refusedBefore = await server.refusedLogins();

		await logIn({ password: `pass'word\\ ☃`, user: `odd 'name', 1,2` });
		await expect(logIn({ password: "wrong", user: `odd 'name', 1,2` })).rejects.toMatchObject({ errno: 1045 });
		await expect(logIn({ password: "wrong", user: "nobody_at_all" })).rejects.toMatchObject({ errno: 1045 });

		expect(await server.refusedLogins(`odd 'name', 1,2`)).toBe(1);
		expect(await server.refusedLogins()).toBe(refusedBefore + 2);
	});

	it("counts locked accounts and expired passwords as refused too, but neither foreign databases nor limits", async () => {
		await server.createRole("unlucky", "one", { connectionLimit: 1 });
		await server.admin.query("SET GLOBAL disconnect_on_expired_password = ON");

		await server.admin.query("ALTER USER unlucky ACCOUNT LOCK");
		await expect(logIn({ password: "one", user: "unlucky" })).rejects.toMatchObject({ errno: 4151 });
		await server.admin.query("ALTER USER unlucky ACCOUNT UNLOCK; ALTER USER unlucky PASSWORD EXPIRE");
		await expect(logIn({ password: "one", user: "unlucky" })).rejects.toMatchObject({ errno: 1862 });
		await server.setPassword("unlucky", "two");
		await expect(logIn({ database: "mysql", password: "two", user: "unlucky" })).rejects.toMatchObject({ errno: 1044 });
		await logIn({ password: "two", user: "unlucky" });
		await expect(logIn({ password: "two", user: "unlucky" })).rejects.toMatchObject({ errno: 1226 });

		expect(await server.refusedLogins("unlucky")).toBe(2);
	});

	it("counts every one of many refusals, right after the client heard of it", async () => {
		await server.createRole("hasty", "one");

		const counts: number[] = [];
		for (let turn = 0; turn < 30; turn += 1) {
			await expect(logIn({ password: "wrong", user: "hasty" })).rejects.toMatchObject({ errno: 1045 });
			counts.push(await server.refusedLogins("hasty"));
		}

		expect(counts).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
	});

	it("changes a password for new logins and leaves open connections alone", async () => {
		await server.createRole("changing", "one");
		const open = await logIn({ password: "one", user: "changing" });

		await server.setPassword("changing", "two");

		await expect(logIn({ password: "one", user: "changing" })).rejects.toMatchObject({ errno: 1045 });
		await logIn({ password: "two", user: "changing" });
		expect((await open.query("SELECT 1 AS one"))[0]).toEqual([{ one: 1 }]);
	});

	it("gives a user every right in its databases, and none in others", async () => {
		await server.createDatabase("orders");
		await server.createRole("owner", "one", { databases: ["orders"] });
		await server.createRole("owner_clone", "two", { databases: ["orders"] });
		const owner = await logIn({ database: "orders", password: "one", user: "owner" });
		const clone = await logIn({ database: "orders", password: "two", user: "owner_clone" });
		await owner.query("CREATE TABLE by_owner (id int)");

		await clone.query("INSERT INTO by_owner VALUES (1)");

		const { rows } = await server.admin.query("SELECT id FROM by_owner", [], "orders");
		expect(rows).toEqual([{ id: 1 }]);
		await expect(clone.query("CREATE DATABASE mine")).rejects.toMatchObject({ errno: 1044 });
	});

	it("lists connections and kills those of one user", async () => {
		await server.createRole("killed", "one");
		await server.createRole("spared", "one");
		const victims = [await logIn({ password: "one", user: "killed" }), await logIn({ password: "one", user: "killed" })];
		const spared = await logIn({ password: "one", user: "spared" });
		const listed = await server.connections("killed");

		const terminatedCount = await server.terminate("killed");

		expect(listed).toEqual(victims.map(({ threadId }) => ({ database: null, pid: threadId, state: "Sleep", user: "killed" })));
		expect(terminatedCount).toBe(2);
		expect(await server.connections("killed")).toEqual([]);
		expect((await spared.query("SELECT 1 AS one"))[0]).toEqual([{ one: 1 }]);
	});

	it("holds every user to the server's limit, the superuser excepted", async () => {
		await waitUntil("the connections of earlier tests are gone", async () => (await server.connections()).length === 0);
		await server.createRole("hungry", "one");
		for (let count = 0; count < 10; count += 1) await logIn({ password: "one", user: "hungry" });

		await expect(logIn({ password: "one", user: "hungry" })).rejects.toMatchObject({ errno: 1040 });

		expect(await server.connections()).toHaveLength(10);
		const answers = await Promise.all([1, 2, 3].map((answer) => server.admin.query("SELECT ? AS answer", [answer])));
		expect(answers.map(({ rows }) => rows)).toEqual([[{ answer: 1 }], [{ answer: 2 }], [{ answer: 3 }]]);
	});

	it("restarts on the same port with the same data", async () => {
		const { port } = server;
		await server.createRole("lasting", "one");
		const connection = await logIn({ password: "one", user: "lasting" });

		await server.restart();

		expect(server.port).toBe(port);
		await expect(connection.query("SELECT 1")).rejects.toThrow();
		await expect(logIn({ password: "one", user: "lasting" })).resolves.toBeDefined();
	});
});

describeWith("mariadb")("MariaDB servers side by side", () => {
	it("have ports and data of their own, and leave neither a listener nor a file when they stop", async () => {
		const [left, right] = await Promise.all([startMariadb(), startMariadb()]);
		const folders = await Promise.all([left, right].map(readDataFolder));
		await left.createDatabase("only_left");

		const { rows } = await right.admin.query("SHOW DATABASES LIKE 'only_left'");
		await Promise.all([left.stop(), right.stop()]);

		expect(left.port).not.toBe(right.port);
		expect(rows).toEqual([]);
		for (const { port } of [left, right]) await expect(reach(port)).resolves.toBe("ECONNREFUSED");
		expect(folders.map((folder) => existsSync(dirname(folder)))).toEqual([false, false]);
	});

	it("keep nothing of this process busy, neither while they run nor after, and may be stopped twice", async () => {
		const before = await countResources();

		const server = await startMariadb();
		const leaksWhileRunning = await findLeaks(before);
		await server.stop();
		await server.stop();

		expect(leaksWhileRunning).toEqual([]);
		expect(await findLeaks(before)).toEqual([]);
	});

	it("say why they cannot start, in the words of their log", async () => {
		await expect(startMariadb({ settings: { "no-such-setting": "plenty" } })).rejects.toThrow(/did not start[^]*no-such-setting/);
	});
});

describeWith("mariadb")("a process that started a MariaDB", () => {
	it.each([
		["is killed", "wait", (pid: number): void => void process.kill(pid, "SIGKILL")],
		["is interrupted together with its group", "wait", (pid: number): void => void process.kill(-pid, "SIGINT")],
		["forgets to stop it", "forget", (): void => undefined],
	] as const)("takes it along when it %s", async (_, mode, end) => {
		const owner = spawn(process.execPath, ["scripts/run-ts.cjs", join(__dirname, "start-mariadb.ts"), mode], {
			detached: true,
			stdio: ["ignore", "pipe", "inherit"],
		});
		const exited = once(owner, "exit");
		const [line] = (await once(createInterface(owner.stdout), "line")) as [string];
		const { data, port } = JSON.parse(line) as { data: string; port: number };

		end(owner.pid as number);
		await exited;

		await waitUntil("its files are gone", () => !existsSync(dirname(data)));

		expect(await reach(port)).toBe("ECONNREFUSED");
	});
});

async function readDataFolder(server: MariadbServer): Promise<string> {
	const { rows } = await server.admin.query<{ folder: string }>("SELECT @@datadir AS folder");
	return rows[0]?.folder ?? "";
}

async function reach(port: number): Promise<string> {
	const socket = connect({ host: "127.0.0.1", port });
	return new Promise((resolve) => {
		socket.once("connect", () => {
			socket.destroy();
			resolve("connected");
		});
		socket.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
	});
}
