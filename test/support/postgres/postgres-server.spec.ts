/** The server of the tests: real authentication, and nothing left behind however it ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { countResources, findLeaks } from "../leak-check.js";
import { type PostgresServer, startPostgres } from "./postgres-server.js";
import { waitUntil } from "../wait-until.js";

interface Login {
	readonly database?: string;
	readonly password: string;
	readonly user: string;
}

describe("a running server", () => {
	let server: PostgresServer;
	const clients: Client[] = [];

	beforeAll(async () => {
		server = await startPostgres({ maxConnections: 5, settings: { application_name: "it's set" } });
	});

	afterEach(async () => {
		await Promise.all(clients.splice(0).map((client) => client.end()));
	});

	afterAll(async () => {
		await server.stop();
	});

	async function logIn({ database = "postgres", ...login }: Login): Promise<Client> {
		const client = new Client({ ...login, database, host: server.host, port: server.port, ssl: false });
		client.on("error", () => undefined);
		await client.connect();
		clients.push(client);
		return client;
	}

	it("listens on loopback, not on the usual port, and keeps passwords as SCRAM verifiers", async () => {
		const { rows } = await server.admin.query("SELECT rolpassword FROM pg_authid WHERE rolname = $1", [server.superuser.user]);

		expect(server.host).toBe("127.0.0.1");
		expect(server.port).not.toBe(5432);
		expect(rows[0]?.["rolpassword"]).toMatch(/^SCRAM-SHA-256\$/);
		expect(server.superuser.password.length).toBeGreaterThanOrEqual(32);
	});

	it("applies settings, quotes in them included", async () => {
		await server.createRole("reader_of_settings", "one");
		const client = await logIn({ password: "one", user: "reader_of_settings" });

		const { rows } = await client.query("SELECT current_setting('application_name') AS name, current_setting('fsync') AS fsync");

		expect(rows).toEqual([{ fsync: "off", name: "it's set" }]);
	});

	it("lets a role in with its password only, and counts the logins it refused", async () => {
		await server.createRole(`odd "name" user=`, `pass'word\\ ☃`);
		const refusedBefore = await server.refusedLogins();

		await logIn({ password: `pass'word\\ ☃`, user: `odd "name" user=` });
		const wrong = logIn({ password: "wrong", user: `odd "name" user=` });
		await expect(wrong).rejects.toMatchObject({ code: "28P01" });
		await expect(logIn({ password: "wrong", user: "nobody_at_all" })).rejects.toMatchObject({ code: "28P01" });

		expect(await server.refusedLogins(`odd "name" user=`)).toBe(1);
		expect(await server.refusedLogins()).toBe(refusedBefore + 2);
	});

	it("counts a role that may not log in as refused too", async () => {
		await server.createRole("locked", "one");
		await server.admin.query("ALTER ROLE locked NOLOGIN");

		await expect(logIn({ password: "one", user: "locked" })).rejects.toMatchObject({ code: "28000" });

		expect(await server.refusedLogins("locked")).toBe(1);
	});

	it("changes a password for new logins and leaves open connections alone", async () => {
		await server.createRole("changing", "one");
		const open = await logIn({ password: "one", user: "changing" });

		await server.setPassword("changing", "two");

		await expect(logIn({ password: "one", user: "changing" })).rejects.toMatchObject({ code: "28P01" });
		await expect(logIn({ password: "two", user: "changing" })).resolves.toBeInstanceOf(Client);
		expect((await open.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
	});

	it("gives a role the right to create tables in its databases and to use what is created later, members included", async () => {
		await server.createDatabase("orders");
		await server.createRole("owner", "one", { databases: ["orders"] });
		await server.createRole("owner_clone", "two", { databases: ["orders"], memberOf: ["owner"] });
		await server.createRole("stranger", "three");
		const [owner, clone, stranger] = [
			await logIn({ database: "orders", password: "one", user: "owner" }),
			await logIn({ database: "orders", password: "two", user: "owner_clone" }),
			await logIn({ database: "orders", password: "three", user: "stranger" }),
		];
		await owner.query("CREATE TABLE by_owner (id serial)");
		await server.admin.query("CREATE TABLE by_superuser (id serial)", [], "orders");

		const inserted = await Promise.all([
			clone.query("INSERT INTO by_owner DEFAULT VALUES"),
			clone.query("INSERT INTO by_superuser DEFAULT VALUES"),
			owner.query("INSERT INTO by_superuser DEFAULT VALUES"),
		]);

		expect(inserted.map(({ rowCount }) => rowCount)).toEqual([1, 1, 1]);
		await expect(stranger.query("SELECT * FROM by_superuser")).rejects.toMatchObject({ code: "42501" });
		await expect(stranger.query("CREATE TABLE mine (id int)")).rejects.toMatchObject({ code: "42501" });
	});

	it("lists connections and kills those of one role", async () => {
		await server.createRole("killed", "one");
		await server.createRole("spared", "one");
		const victims = [await logIn({ password: "one", user: "killed" }), await logIn({ password: "one", user: "killed" })];
		const spared = await logIn({ password: "one", user: "spared" });
		const ends = victims.map(endOf);
		const listed = await server.connections("killed");

		const terminatedCount = await server.terminate("killed");
		await Promise.all(ends);

		expect(listed).toHaveLength(2);
		expect(listed[0]).toEqual({
			applicationName: "it's set",
			database: "postgres",
			pid: expect.any(Number),
			state: "idle",
			user: "killed",
		});
		expect(terminatedCount).toBe(2);
		expect((await server.connections()).map(({ user }) => user)).toEqual(["spared"]);
		expect((await spared.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
	});

	it("holds a role to its limit and every role to the server's, the superuser excepted", async () => {
		await server.createRole("limited", "one", { connectionLimit: 1 });
		await server.createRole("hungry", "one");
		await logIn({ password: "one", user: "limited" });

		await expect(logIn({ password: "one", user: "limited" })).rejects.toMatchObject({ code: "53300" });
		for (let count = 0; count < 4; count += 1) await logIn({ password: "one", user: "hungry" });
		await expect(logIn({ password: "one", user: "hungry" })).rejects.toMatchObject({ code: "53300" });

		expect(await server.connections()).toHaveLength(5);
	});

	it("survives that an administrator's own connection is killed", async () => {
		const suicide = server.admin.query("SELECT pg_terminate_backend(pg_backend_pid())");

		await expect(suicide).rejects.toMatchObject({ code: "57P01" });
		expect((await server.admin.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
	});

	it("restarts on the same port with the same data", async () => {
		const { port } = server;
		await server.createRole("lasting", "one");
		const client = await logIn({ password: "one", user: "lasting" });
		const ended = endOf(client);

		await server.restart();
		await ended;

		expect(server.port).toBe(port);
		await expect(logIn({ password: "one", user: "lasting" })).resolves.toBeInstanceOf(Client);
	});
});

describe("servers side by side", () => {
	it("have ports and data of their own, and leave neither a listener nor a file when they stop", async () => {
		const [left, right] = await Promise.all([startPostgres(), startPostgres()]);
		const folders = await Promise.all([left, right].map(readDataFolder));
		await left.createDatabase("only_left");

		const { rows } = await right.admin.query("SELECT datname FROM pg_database WHERE datname = 'only_left'");
		await Promise.all([left.stop(), right.stop()]);

		expect(left.port).not.toBe(right.port);
		expect(rows).toEqual([]);
		for (const { port } of [left, right]) await expect(reach(port)).resolves.toBe("ECONNREFUSED");
		expect(folders.map((folder) => existsSync(dirname(folder)))).toEqual([false, false]);
	});

	it("keep nothing of this process busy, neither while they run nor after", async () => {
		const before = await countResources();

		const server = await startPostgres();
		const leaksWhileRunning = await findLeaks(before);
		await server.stop();

		expect(leaksWhileRunning).toEqual([]);
		expect(await findLeaks(before)).toEqual([]);
	});

	it("may be stopped twice", async () => {
		const server = await startPostgres();
		await server.stop();

		await expect(server.stop()).resolves.toBeUndefined();
	});
});

describe("a server that cannot start", () => {
	it("says why, in the words of its log", async () => {
		await expect(startPostgres({ settings: { work_mem: "plenty" } })).rejects.toThrow(/did not start[^]*work_mem/);
	});
});

describe("a process that started a server", () => {
	it.each([
		["is killed", "wait", (pid: number): void => void process.kill(pid, "SIGKILL")],
		["is interrupted together with its group", "wait", (pid: number): void => void process.kill(-pid, "SIGINT")],
		["forgets to stop it", "forget", (): void => undefined],
	] as const)("takes it along when it %s", async (_, mode, end) => {
		const owner = spawn(process.execPath, ["scripts/run-ts.cjs", join(__dirname, "start-server.ts"), mode], {
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

/** Not once(): that rejects with the error which precedes the end. */
function endOf(client: Client): Promise<unknown> {
	return new Promise((resolve) => client.once("end", resolve));
}

async function readDataFolder(server: PostgresServer): Promise<string> {
	const { rows } = await server.admin.query<{ data_directory: string }>("SHOW data_directory");
	return rows[0]?.data_directory ?? "";
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
