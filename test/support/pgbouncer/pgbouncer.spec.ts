/** The pooler of the tests: SCRAM on both sides, both modes, and passwords that it asks for or knows by itself. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { Client } from "pg";
import { describeWith } from "../describe-with.js";
import { countResources, findLeaks } from "../leak-check.js";
import { type Pgbouncer, startPgbouncer } from "./pgbouncer.js";
import { type PostgresServer, startPostgres } from "../postgres/postgres-server.js";
import { waitUntil } from "../wait-until.js";

describeWith("pgbouncer")("a pooler", () => {
	let server: PostgresServer;
	const clients: Client[] = [];
	const poolers: Pgbouncer[] = [];

	beforeAll(async () => {
		server = await startPostgres();
		await server.createDatabase("orders");
	});

	beforeEach(async () => {
		await server.admin.query("DROP ROLE IF EXISTS app");
		await server.createRole("app", "one");
	});

	afterEach(async () => {
		await Promise.all(clients.splice(0).map((client) => client.end()));
		await Promise.all(poolers.splice(0).map((pooler) => pooler.stop()));
		await server.terminate("app");
	});

	afterAll(async () => {
		await server.stop();
	});

	async function start(options: Parameters<typeof startPgbouncer>[1]): Promise<Pgbouncer> {
		const pooler = await startPgbouncer(server, options);
		poolers.push(pooler);
		return pooler;
	}

	async function logIn({ host, port }: Pgbouncer, password: string): Promise<Client> {
		const client = new Client({ database: "orders", host, password, port, user: "app" });
		client.on("error", () => undefined);
		await client.connect();
		clients.push(client);
		return client;
	}

	const readPid = async (client: Client): Promise<number> => {
		const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
		return Number(rows[0]?.pid);
	};

	it("listens on loopback, and lets clients share a connection between their transactions", async () => {
		const pooler = await start({ settings: { default_pool_size: "1" } });
		const [left, right] = [await logIn(pooler, "one"), await logIn(pooler, "one")];

		const pids = [await readPid(left), await readPid(right), await readPid(left)];

		expect(pooler.host).toBe("127.0.0.1");
		expect(pooler.port).not.toBe(6432);
		expect(new Set(pids).size).toBe(1);
		expect((await server.connections("app")).map(({ pid }) => pid)).toEqual([pids[0]]);
		expect((await pooler.command("SHOW POOLS")).find(({ user }) => user === "app")).toMatchObject({ pool_mode: "transaction" });
	});

	it("gives each client a connection of its own in session mode", async () => {
		const pooler = await start({ poolMode: "session" });
		const [left, right] = [await logIn(pooler, "one"), await logIn(pooler, "one")];

		const pids = [await readPid(left), await readPid(right)];

		expect(new Set(pids).size).toBe(2);
	});

	it("asks the server about passwords, so that a former one is refused at once", async () => {
		const pooler = await start({});
		await readPid(await logIn(pooler, "one"));

		await server.setPassword("app", "two");

		await expect(logIn(pooler, "one")).rejects.toMatchObject({ code: "08P01", message: "SASL authentication failed" });
		expect(await readPid(await logIn(pooler, "two"))).toBeGreaterThan(0);
		expect(await pooler.readLog()).toMatch(/orders\/app@127\.0\.0\.1:\d+ .*SASL authentication failed/);
	});

	it("goes by what it knows where it has passwords of its own, and lets queries wait while the server has others", async () => {
		const pooler = await start({ settings: { default_pool_size: "1" }, users: { app: "one" } });
		const pid = await readPid(await logIn(pooler, "one"));

		await server.setPassword("app", "two");

		expect(await readPid(await logIn(pooler, "one"))).toBe(pid);
		await server.terminate("app");
		const waiting = await logIn(pooler, "one");
		const answer = readPid(waiting);
		await waitUntil("the server has refused the pooler", async () => (await pooler.readLog()).includes("login failed"));
		await pooler.setPassword("app", "two");
		expect(await answer).not.toBe(pid);
		expect(await readPid(await logIn(pooler, "two"))).not.toBe(pid);
		await expect(logIn(pooler, "one")).rejects.toMatchObject({ code: "08P01" });
	});

	it("leaves neither a listener nor a handle when it stops, and may be stopped twice", async () => {
		const before = await countResources();
		const pooler = await startPgbouncer(server);
		const leaksWhileRunning = await findLeaks(before);
		const row = (await pooler.command<{ key: string; value: string }>("SHOW CONFIG")).find(({ key }) => key === "pidfile");

		await pooler.stop();
		await pooler.stop();

		expect(leaksWhileRunning).toEqual([]);
		expect(await findLeaks(before)).toEqual([]);
		expect(row?.value).toMatch(/^\//);
		expect(existsSync(String(row?.value))).toBe(false);
		await expect(reach(pooler.port)).resolves.toBe("ECONNREFUSED");
	});
});

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
