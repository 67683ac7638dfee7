/** The fake driver behaves as TypeORM's, and the fake client as pg's: the same claims about each, on servers in memory and on a real one. */
import { Pool } from "pg";
import type { DataSourceOptions } from "typeorm";

import type { LooseOptions } from "../../src/drivers/loose-options.js";
import type { PgClient } from "../../src/drivers/pg-parts.js";
import { failureOf } from "./failure-of.js";
import { FakeClock } from "./fake-clock.js";
import {
	createFakeDataSource,
	createFakeOptions,
	createFakePg,
	type FakeDataSource,
	type FakePgPool,
	type PoolConstructor,
} from "./fake-postgres-driver.js";
import { FakePostgresServer, NEVER_MS } from "./fake-postgres-server.js";
import { type PostgresServer, startPostgres } from "./postgres/postgres-server.js";
import { TYPEORM_VERSIONS } from "./typeorm-versions.js";
import { waitUntil } from "./wait-until.js";

const NODE = { password: "one", port: 5_432, username: "app" };

/** Makes a DataSource above the fake pg module. */
type Create = (clock: FakeClock, server: FakePostgresServer, options?: Record<string, unknown>) => FakeDataSource;

const DRIVERS: readonly { readonly create: Create; readonly label: string }[] = [
	{ create: (clock, server, options) => createFakeDataSource(clock, { db: server, reader: server }, options), label: "the fake" },
	...TYPEORM_VERSIONS.map(({ label, load }) => {
		const create: Create = (clock, server, options) => {
			const { DataSource } = load();
			const driver = createFakePg(clock, { db: server, reader: server });
			const all = { ...createFakeOptions(options), driver, entities: [] };
			return new DataSource(all as unknown as DataSourceOptions) as unknown as FakeDataSource;
		};
		return { create, label: `TypeORM ${label}` };
	}),
];

describe.each(DRIVERS)("The driver of $label", ({ create }) => {
	let clock: FakeClock;
	let server: FakePostgresServer;

	beforeEach(() => {
		clock = new FakeClock();
		server = new FakePostgresServer(clock, { app: "one" });
	});

	it("opens one connection when it is initialized, and leaves it idle", async () => {
		const { driver, isInitialized } = await create(clock, server).initialize();

		expect(isInitialized).toBe(true);
		expect(server.openMaximum).toBe(1);
		expect(driver.master).toMatchObject({ idleCount: 1, totalCount: 1, waitingCount: 0 });
		expect(driver.master?.options).toMatchObject({ connectionTimeoutMillis: 5_000, idleTimeoutMillis: 0, max: 3 });
		expect(driver.slaves).toEqual([]);
		expect(driver.connectedQueryRunners).toEqual([]);
	});

	it("has the options of its DataSource, the same object", async () => {
		const dataSource = await create(clock, server).initialize();

		expect(dataSource.driver.options).toBe(dataSource.options);
	});

	it("hands out a client and a way to give it back", async () => {
		const { driver } = await create(clock, server).initialize();

		const [client, release] = await driver.obtainMasterConnection();
		expect(driver.master?.idleCount).toBe(0);
		await expect(client.query("SELECT 1")).resolves.toHaveProperty("rows");
		release();

		expect(driver.master?.idleCount).toBe(1);
	});

	it("hands out the master's where there are no replicas", async () => {
		const { driver } = await create(clock, server).initialize();

		await driver.obtainSlaveConnection();

		expect(driver.master?.idleCount).toBe(0);
	});

	it("makes a pool for each node, and hands out a replica's connection", async () => {
		const replication = { master: { ...NODE, host: "db" }, slaves: [{ ...NODE, host: "reader" }] };
		const { driver } = await create(clock, server, { replication }).initialize();
		expect(driver.slaves).toHaveLength(1);
		expect(server.openCount).toBe(2);

		const [client] = await driver.obtainSlaveConnection();

		expect(client).toMatchObject({ login: { host: "reader" } });
	});

	it("makes a pool of its own through its module", async () => {
		const { driver, options } = await create(clock, server).initialize();
		const { master, postgres } = driver;

		const pool = await driver.createPool(options, { ...NODE, host: "reader" });

		expect(pool).toBeInstanceOf(postgres.Pool);
		expect(pool.idleCount).toBe(1);
		expect(driver.master).toBe(master);
		expect(driver.slaves).toEqual([]);
	});

	it("creates the pool in the very turn in which it is asked, before it connects", async () => {
		const { driver, options } = await create(clock, server).initialize();
		const { Pool: Original } = driver.postgres;
		let createdCount = 0;
		driver.postgres.Pool = class extends Original {
			constructor(poolOptions: unknown) {
				super(poolOptions);
				createdCount += 1;
			}
		};

		const making = driver.createPool(options, { ...NODE, host: "db" });

		expect(createdCount).toBe(1);
		await making;
	});

	it("passes a refused login on as it is", async () => {
		const { driver, options } = await create(clock, server).initialize();

		const failure = await failureOf(driver.createPool(options, { ...NODE, host: "db", password: "wrong" }));

		expect(failure).toMatchObject({ code: "28P01" });
		expect(server.openCount).toBe(1);
	});

	it("reads the pools from its fields at each call", async () => {
		const { driver, options } = await create(clock, server).initialize();
		driver.master = await driver.createPool(options, { ...NODE, host: "reader" });

		const [client] = await driver.obtainMasterConnection();

		expect(client).toMatchObject({ login: { host: "reader" } });
	});

	it("ends its pools when it is destroyed, and can be initialized again with the options it has then", async () => {
		const dataSource = await create(clock, server).initialize();
		const next: LooseOptions = { ...dataSource.options, password: "two" };
		dataSource.driver.options = next;
		dataSource.options = next;

		await dataSource.destroy();
		expect(dataSource.driver.master).toBeUndefined();
		expect(dataSource.isInitialized).toBe(false);
		server.passwords.set("app", "two");
		await dataSource.initialize();

		expect(server.acceptedCount).toBe(2);
	});

	it("has nothing to hand out before it is connected", async () => {
		const { driver } = create(clock, server);

		expect(await failureOf(driver.obtainMasterConnection())).toMatchObject({ message: "Driver not Connected" });
	});
});

/** One server, in memory or real, with pg's pools for it. */
interface Bench {
	cut(): Promise<void>;
	isOpen(count: number): Promise<boolean>;
	readonly Pool: PoolConstructor;
	/** A statement that the server does not answer for a while. */
	sleep(client: PgClient): Promise<unknown>;
	stop(): Promise<void>;
}

const BENCHES: readonly { readonly label: string; start(): Promise<Bench> }[] = [
	{
		label: "the fake",
		start: () => {
			const clock = new FakeClock();
			const server = new FakePostgresServer(clock, { app: "one" });
			return Promise.resolve({
				cut: () => Promise.resolve(server.cutConnections()),
				isOpen: (count) => Promise.resolve(server.openCount === count),
				Pool: createFakePg(clock, { db: server }).Pool,
				sleep: (client) => {
					server.answerMs = NEVER_MS;
					const answer = client.query("SELECT pg_sleep(1)");
					server.answerMs = 0;
					return answer;
				},
				stop: () => Promise.resolve(),
			});
		},
	},
	{
		label: "pg",
		start: async () => {
			const server: PostgresServer = await startPostgres();
			await server.createRole("app", "one");
			class RealPool extends Pool {
				constructor(options: object) {
					super({ ...options, database: "postgres", host: server.host, port: server.port });
				}
			}
			return {
				cut: async () => void (await server.terminate("app")),
				isOpen: async (count) => (await server.connections("app")).length === count,
				Pool: RealPool as unknown as PoolConstructor,
				sleep: (client) => client.query("SELECT pg_sleep(1)"),
				stop: () => server.stop(),
			};
		},
	},
];

describe.each(BENCHES)("The client of $label", ({ start }) => {
	let bench: Bench;
	/** What pool and clients tell, in order. */
	let heard: string[];
	let pool: FakePgPool;

	beforeAll(async () => (bench = await start()));
	afterAll(() => bench.stop());

	beforeEach(() => {
		heard = [];
		pool = createPool("one");
	});

	afterEach(async () => {
		if (!pool.ending) await pool.end();
		await waitUntil("the connections are closed", () => bench.isOpen(0));
	});

	function createPool(password: string): FakePgPool {
		const created = new bench.Pool({ connectionTimeoutMillis: 0, idleTimeoutMillis: 0, host: "db", max: 2, password, user: "app" });
		for (const event of ["acquire", "connect", "error", "release", "remove"]) created.on(event, () => heard.push(`pool ${event}`));
		created.on("connect", (client: PgClient) => {
			client.on("end", () => heard.push("client end"));
		});
		return created;
	}

	interface Loan {
		readonly client: PgClient;
		readonly release: (error?: Error) => void;
	}

	function lend(): Promise<Loan> {
		return new Promise((resolve, reject) => {
			pool.connect((error, client, release) => {
				if (error || client === undefined || release === undefined) reject(error ?? new Error("no client"));
				else resolve({ client, release });
			});
		});
	}

	async function hear(event: string): Promise<void> {
		await waitUntil(`"${event}" is heard`, () => heard.includes(event));
	}

	it("is connected and acquired in this order", async () => {
		const { release } = await lend();
		release();

		expect(heard).toEqual(["pool connect", "pool acquire", "pool release"]);
		expect(pool.idleCount).toBe(1);
	});

	it("is removed before it tells of its end when its pool ends", async () => {
		(await lend()).release();
		heard = [];

		void pool.end();
		expect(pool.totalCount).toBe(0);
		await hear("client end");

		expect(heard).toEqual(["pool remove", "client end"]);
	});

	it("is removed when it comes back with an error", async () => {
		const { release } = await lend();
		heard = [];

		release(new Error("broken"));
		expect(pool.totalCount).toBe(0);
		await hear("client end");

		expect(heard).toEqual(["pool release", "pool remove", "client end"]);
	});

	it("cannot be given back twice", async () => {
		const { release } = await lend();
		release();

		expect(() => release()).toThrow("Release called on client which has already been released to the pool.");
	});

	it("that was refused leaves no trace in the pool, and no remove", async () => {
		pool = createPool("wrong");

		const failure = await failureOf(lend());

		expect(failure).toMatchObject({ code: "28P01", severity: "FATAL" });
		expect(pool).toMatchObject({ idleCount: 0, totalCount: 0, waitingCount: 0 });
		expect(heard).toEqual([]);
	});

	it("that was refused tells of its end, and of nothing else, after its pool has forgotten it", async () => {
		pool = createPool("wrong");
		const connecting = failureOf(lend());
		const [client] = pool._clients;
		for (const event of ["end", "error"])
			client?.on(event, () => heard.push(`client ${event}, ${String(pool.totalCount)} in the pool`));

		await connecting;
		await hear("client end, 0 in the pool");

		expect(heard).toEqual(["client end, 0 in the pool"]);
	});

	it("that is cut while it is idle makes the pool tell of an error and removes itself", async () => {
		(await lend()).release();
		heard = [];

		await bench.cut();
		await hear("client end");

		expect(heard.filter((event) => event !== "client end").sort()).toEqual(["pool error", "pool remove"]);
		expect(pool.totalCount).toBe(0);
	});

	it("that is cut while it is in use tells its caller, stays in the pool until it is released, and is of no use", async () => {
		const { client, release } = await lend();
		const onError = jest.fn();
		client.on("error", onError);
		heard = [];

		await bench.cut();
		await hear("client end");
		expect(onError).toHaveBeenCalled();
		expect(pool.totalCount).toBe(1);
		expect(await failureOf(client.query("SELECT 1"))).toMatchObject({
			message: "Client has encountered a connection error and is not queryable",
		});
		release();
		await hear("pool remove");

		expect(pool.totalCount).toBe(0);
	});

	it("that is destroyed while it is in use fails its statement and tells its caller", async () => {
		const { client, release } = await lend();
		const onError = jest.fn();
		client.on("error", onError);
		const failure = failureOf(bench.sleep(client));

		client.connection?.stream?.destroy();

		expect(await failure).toMatchObject({ message: "Connection terminated unexpectedly" });
		await hear("client end");
		expect(onError).toHaveBeenCalledTimes(1);
		release();
	});

	it("that is destroyed with an error while it is in use tells its caller of that error first, and fails its statement with it", async () => {
		const { client, release } = await lend();
		const errors: Error[] = [];
		client.on("error", (error: Error) => errors.push(error));
		const failure = failureOf(bench.sleep(client));

		client.connection?.stream?.destroy(new Error("cut on purpose"));

		expect(await failure).toMatchObject({ message: "cut on purpose" });
		await hear("client end");
		expect(errors.map(({ message }) => message)).toEqual(["cut on purpose", "Connection terminated unexpectedly"]);
		release();
	});

	it("tells of its login after a caller has acquired it, and of a loss after the end of its socket", async () => {
		const asking = lend();
		const [client] = pool._clients;
		client?.once("connect", () => heard.push("client connect"));
		client?.connection?.prependListener("end", () => heard.push(`socket end, ending: ${String(client._ending ?? false)}`));
		const { client: lent, release } = await asking;
		lent.on("error", () => undefined);
		await waitUntil("the client has told of its login", () => heard.includes("client connect"));

		await bench.cut();
		await hear("client end");
		release();

		expect(heard.slice(0, 5)).toEqual(["pool connect", "pool acquire", "client connect", "socket end, ending: false", "client end"]);
	});

	it("that is destroyed while it connects fails the login, and leaves no trace", async () => {
		const connecting = failureOf(lend());

		const [client] = pool._clients;
		client?.connection?.stream?.destroy();

		expect(await connecting).toMatchObject({ message: "Connection terminated unexpectedly" });
		expect(pool.totalCount).toBe(0);
	});

	it("that is in use outlives the end of its pool, and is closed when it comes back", async () => {
		const { client, release } = await lend();
		const ended = pool.end();
		await expect(client.query("SELECT 1")).resolves.toHaveProperty("rows");

		release();
		await ended;
		await hear("client end");

		expect(pool.totalCount).toBe(0);
	});

	it("is handed out on the next tick, not before", async () => {
		(await lend()).release();

		const asking = lend();
		expect(pool).toMatchObject({ idleCount: 1, waitingCount: 1 });

		(await asking).release();
	});

	it("is not handed out any more to callers that wait in a pool that is ending", async () => {
		const loans = [await lend(), await lend()];
		const served = jest.fn();
		void lend().then(served, served);
		void pool.end();

		loans.forEach(({ release }) => release());
		await waitUntil("the connections are closed", () => bench.isOpen(0));

		expect(served).not.toHaveBeenCalled();
		expect(pool.waitingCount).toBe(1);
	});
});
