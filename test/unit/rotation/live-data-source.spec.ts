/** What is touched inside TypeORM, what is refused, and that everything can be put back. */
import { RotationUnsupportedError } from "../../../src/errors/errors.js";
import type { ConnectionPool } from "../../../src/rotation/connection-pool.js";
import { listPools } from "../../../src/rotation/driver-family.js";
import { interceptRelease, LiveDataSource, type Obtain } from "../../../src/rotation/live-data-source.js";
import type { CredentialPlan, LooseOptions, NodeCredentials } from "../../../src/rotation/plan-credentials.js";
import type { PgPool, PostgresPool } from "../../../src/rotation/postgres-pool.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, type PostgresLoan, settle } from "../../support/fake-postgres-driver.js";
import { FakePostgresServer } from "../../support/fake-postgres-server.js";
import { createOpenGuard } from "../../support/obtain-guard.js";

const NODE = { password: "one", port: 5_432, username: "app" };
const REPLICATION = {
	master: { ...NODE, host: "db" },
	slaves: [
		{ ...NODE, host: "reader-1" },
		{ ...NODE, host: "reader-2" },
	],
};

let clock: FakeClock;
let reader: FakePostgresServer;
let server: FakePostgresServer;

beforeEach(() => {
	clock = new FakeClock();
	reader = new FakePostgresServer(clock, { app: "one" });
	server = new FakePostgresServer(clock, { app: "one" });
});

function create(options: Record<string, unknown> = {}): FakeDataSource {
	return createFakeDataSource(clock, { db: server, "reader-1": reader, "reader-2": reader }, options);
}

async function initialize(options: Record<string, unknown> = {}): Promise<{ dataSource: FakeDataSource; live: LiveDataSource }> {
	const dataSource = await create(options).initialize();
	return { dataSource, live: new LiveDataSource(asDataSource(dataSource)) };
}

/** A plan for a pool with these credentials, and for replicas. */
function plan(options: LooseOptions, master: NodeCredentials = options, slaves: readonly NodeCredentials[] = []): CredentialPlan {
	return { isUnchanged: false, master, options, slaves };
}

/** Opens all pools of a plan and gives what the driver knows of them. */
async function open(live: LiveDataSource, ...planned: Parameters<typeof plan>): Promise<[PostgresPool, ...PostgresPool[]]> {
	const openings = live.openPools(plan(...planned), () => undefined);
	return Promise.all(openings.map(async (openOne) => openOne())) as Promise<[PostgresPool, ...PostgresPool[]]>;
}

/** The pool of pg behind a view. */
function raw(pool: ConnectionPool | undefined): PgPool | undefined {
	return (pool as PostgresPool | undefined)?.pool;
}

describe("interceptRelease", () => {
	describe("of a pair, as with pg", () => {
		it("passes on what the connection is given back with, and tells of it afterwards", () => {
			const order: unknown[] = [];
			const client = {};
			const error = new Error("broken");

			const [obtained, release] = interceptRelease([client, (reason) => order.push(reason)], () =>
				order.push("told"),
			) as PostgresLoan;
			release(error);

			expect(obtained).toBe(client);
			expect(order).toEqual([error, "told"]);
		});

		it("does not tell of a release that the pool refuses", () => {
			const onReleased = jest.fn();
			const refuse = (): never => {
				throw new Error("Release called on client which has already been released to the pool.");
			};

			const [, release] = interceptRelease([{}, refuse], onReleased) as PostgresLoan;

			expect(() => release()).toThrow("already been released");
			expect(onReleased).not.toHaveBeenCalled();
		});
	});

	describe("of a connection that gives itself back, as with mysql2", () => {
		class Connection {
			releaseCount = 0;

			release(): void {
				this.releaseCount += 1;
			}
		}

		it("gives it back and tells of it, once", () => {
			const connection = new Connection();
			const onReleased = jest.fn(() => connection.releaseCount);

			const obtained = interceptRelease(connection, onReleased);
			connection.release();
			connection.release();

			expect(obtained).toBe(connection);
			expect(connection.releaseCount).toBe(2);
			expect(onReleased.mock.results.map(({ value }) => value as unknown)).toEqual([1]);
		});

		it("tells each borrower of his own loan, although the connection is the same one", () => {
			const connection = new Connection();
			const told: string[] = [];

			for (const borrower of ["first", "second", "third"]) {
				interceptRelease(connection, () => told.push(borrower));
				connection.release();
			}

			expect(told).toEqual(["first", "second", "third"]);
			expect(connection.releaseCount).toBe(3);
		});
	});
});

describe("LiveDataSource", () => {
	describe("refuses", () => {
		function refusal(dataSource: FakeDataSource): string {
			try {
				new LiveDataSource(asDataSource(dataSource));
				return "nothing";
			} catch (error) {
				expect(error).toBeInstanceOf(RotationUnsupportedError);
				return (error as Error).message;
			}
		}

		it("an engine whose pools it does not know", () => {
			expect(refusal(create({ type: "sqlite" }))).toBe('The DataSource cannot be rotated: type "sqlite" has no rotation.');
		});

		it.each(["createPool", "obtainMasterConnection", "obtainSlaveConnection"])(
			"a driver without %s(), and names the versions that have it",
			(method) => {
				const dataSource = create();
				Object.defineProperty(dataSource.driver, method, { value: undefined });

				expect(refusal(dataSource)).toBe(
					`The DataSource cannot be rotated: its driver has no ${method}(); use TypeORM 0.3.20 to 1.x.`,
				);
			},
		);

		it.each([{}, undefined])("a driver whose module is %j and not node-postgres", (postgres) => {
			const dataSource = create();
			Object.defineProperty(dataSource.driver, "postgres", { value: postgres });

			expect(refusal(dataSource)).toBe("The DataSource cannot be rotated: its driver is not node-postgres.");
		});

		it("a url, without showing it", () => {
			const message = refusal(create({ url: "postgres://app:hunter2@db/shop" }));

			expect(message).toBe(
				'The DataSource cannot be rotated: its options have a "url", which would win over fresh credentials; remove it.',
			);
		});

		it.each([
			["the master", { ...REPLICATION, master: { url: "postgres://app:hunter2@db/shop" } }],
			["a replica", { ...REPLICATION, slaves: [REPLICATION.slaves[0], { url: "postgres://app:hunter2@reader-2/shop" }] }],
		])("a url of %s, without showing it", (_, replication) => {
			expect(refusal(create({ replication }))).toBe(
				'The DataSource cannot be rotated: its options have a "url", which would win over fresh credentials; remove it.',
			);
		});

		it("nothing of a replication without one", () => {
			expect(refusal(create({ replication: REPLICATION }))).toBe("nothing");
		});

		it.each(["connectionString", "host", "password", "port", "user"])("extra.%s, without showing it", (key) => {
			const message = refusal(create({ extra: { [key]: "hunter2" } }));

			expect(message).toBe(
				`The DataSource cannot be rotated: its options have extra.${key}, which would win over fresh credentials; remove it.`,
			);
		});

		it("several of them at once", () => {
			expect(refusal(create({ extra: { password: "hunter2", user: "app" } }))).toContain("extra.password, extra.user");
		});

		it("nothing of an extra that carries no credentials", () => {
			expect(refusal(create({ extra: { idleTimeoutMillis: 10, password: undefined } }))).toBe("nothing");
		});
	});

	describe("is usable", () => {
		it("while it is initialized on the driver that was looked at", async () => {
			const { live } = await initialize();

			expect(live.isUsable).toBe(true);
		});

		it("not before it is initialized", () => {
			expect(new LiveDataSource(asDataSource(create())).isUsable).toBe(false);
		});

		it("not while destroy() is under way: the pools are gone before the flag", async () => {
			const { dataSource, live } = await initialize();

			await dataSource.driver.disconnect();

			expect(dataSource.isInitialized).toBe(true);
			expect(live.isUsable).toBe(false);
		});

		it("not with another driver", async () => {
			const { dataSource, live } = await initialize();

			dataSource.driver = create().driver;

			expect(live.isUsable).toBe(false);
		});
	});

	describe("reading the pools", () => {
		it("gives a view of the master and of no slaves where there are none", async () => {
			const { dataSource, live } = await initialize();

			const { master, slaves } = live.readPools();

			expect(raw(master)).toBe(dataSource.driver.master);
			expect(slaves).toEqual([]);
		});

		it("gives a view of each replica", async () => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });

			const { slaves } = live.readPools();

			expect(slaves.map(raw)).toEqual(dataSource.driver.slaves);
			expect(new Set(slaves).size).toBe(2);
		});

		it("gives the same view of a pool each time, to whoever asks: it remembers what it has seen", async () => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });

			const first = listPools(live.readPools());
			const others = [live, new LiveDataSource(asDataSource(dataSource))].map((each) => listPools(each.readPools()));

			for (const views of others) views.forEach((view, index) => expect(view).toBe(first[index]));
		});

		it("says so when there are none", () => {
			expect(() => new LiveDataSource(asDataSource(create())).readPools()).toThrow(
				"The DataSource cannot be rotated: it is not connected.",
			);
		});
	});

	describe("opening pools", () => {
		it("opens one connection with the driver's own factory and the credentials it is given", async () => {
			const { dataSource, live } = await initialize();
			server.passwords.set("green", "two");

			const [pool] = await open(live, dataSource.options, { host: "db", password: "two", username: "green" });

			expect(server.openUsers).toEqual(["app", "green"]);
			expect(pool.idleCount).toBe(1);
			expect(pool.size).toBe(3);
		});

		it("opens one for each server of the plan, the master's first", async () => {
			const { dataSource, live } = await initialize();
			const hosts = ["db", "reader-1", "reader-2"];
			const [master, ...slaves] = hosts.map((host) => ({ ...NODE, host })) as [NodeCredentials, ...NodeCredentials[]];
			const announced: (readonly [ConnectionPool, number])[] = [];

			const openings = live.openPools(plan(dataSource.options, master, slaves), (pool, index) => announced.push([pool, index]));
			const pools = await Promise.all(openings.map(async (openOne) => openOne()));

			expect(pools.map((pool) => raw(pool)?.options)).toEqual(hosts.map((host) => expect.objectContaining({ host }) as unknown));
			expect(announced).toEqual(pools.map((pool, index) => [pool, index]));
			expect([server.openCount, reader.openCount]).toEqual([2, 2]);
		});

		it("opens nothing before it is told to", async () => {
			const { dataSource, live } = await initialize();
			const onCreated = jest.fn();

			live.openPools(plan(dataSource.options), onCreated);
			await settle();

			expect(onCreated).not.toHaveBeenCalled();
			expect(server.acceptedCount).toBe(1);
		});

		it("hands the pool over before it connects", async () => {
			const { dataSource, live } = await initialize();
			const created: ConnectionPool[] = [];
			server.isReachable = false;

			const [openOne] = live.openPools(plan(dataSource.options), (pool) => created.push(pool));
			const opening = openOne?.();

			expect(created).toHaveLength(1);
			expect(created[0]?.totalCount).toBe(1);
			await expect(opening).rejects.toMatchObject({ code: "ECONNREFUSED" });
		});

		it("gives the view of the pool that was handed over, and the one it has once it serves", async () => {
			const { dataSource, live } = await initialize();
			const created: ConnectionPool[] = [];
			const [openOne] = live.openPools(plan(dataSource.options), (pool) => created.push(pool));

			const pool = (await openOne?.()) as PostgresPool;
			live.exchangePools({ master: pool, slaves: [] }, dataSource.options);

			expect(created[0]).toBe(pool);
			expect(live.readPools().master).toBe(pool);
		});

		it("leaves the live pools and the driver's module as they are", async () => {
			const { dataSource, live } = await initialize();
			const { master, postgres } = dataSource.driver;
			const { Pool } = postgres;

			const [{ pool }] = await open(live, dataSource.options);

			expect(pool).not.toBe(master);
			expect(dataSource.driver.master).toBe(master);
			expect(dataSource.driver.postgres).toBe(postgres);
			expect(postgres.Pool).toBe(Pool);
			expect(pool).toBeInstanceOf(Pool);
		});
	});

	describe("exchanging the pools", () => {
		it("puts the new ones and the new options where TypeORM reads them", async () => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });
			const [master, ...slaves] = await open(live, dataSource.options, REPLICATION.master, [REPLICATION.master]);
			const options = { ...dataSource.options, password: "two" };

			live.exchangePools({ master, slaves }, options);

			expect(dataSource.driver.master).toBe(raw(master));
			expect(dataSource.driver.slaves).toEqual(slaves.map(raw));
			expect(dataSource.driver.options).toBe(options);
			expect(dataSource.options).toBe(options);
			expect(live.options).toBe(options);
		});

		it("changes nothing inside the options it replaces, which may be frozen and shared", async () => {
			const { dataSource, live } = await initialize();
			const before = dataSource.options;
			expect(Object.isFrozen(before)).toBe(true);

			live.exchangePools(live.readPools(), { ...before, password: "two" });

			expect(before).toMatchObject({ password: "one" });
			expect(dataSource.options).toMatchObject({ password: "two" });
		});

		it("keeps the list of replicas its own", async () => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });
			const next = live.readPools();

			live.exchangePools(next, dataSource.options);

			expect(dataSource.driver.slaves).not.toBe(next.slaves);
			expect(dataSource.driver.slaves).toEqual(next.slaves.map(raw));
		});
	});

	describe("wrapping the obtain methods", () => {
		it("sees every connection, and the driver's own method still makes it", async () => {
			const { dataSource, live } = await initialize();
			const calls: string[] = [];
			live.wrapObtain(createOpenGuard(calls));

			const [, release] = await dataSource.driver.obtainMasterConnection();

			expect(calls).toEqual(["master"]);
			expect(dataSource.driver.master?.idleCount).toBe(0);
			release();
			expect(dataSource.driver.master?.idleCount).toBe(1);
		});

		it("sees a replica's connection once", async () => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });
			const calls: string[] = [];
			live.wrapObtain(createOpenGuard(calls));

			const [client] = await dataSource.driver.obtainSlaveConnection();

			expect(calls).toEqual(["slave"]);
			expect(client).toMatchObject({ login: { host: expect.stringContaining("reader") as string } });
		});

		it.each([0, 1])("gets a connection of replica %i where that is asked for, whatever chance says", async (index) => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });
			live.wrapObtain(createOpenGuard([], index));

			for (const chance of [0, 0.99]) {
				const random = jest.spyOn(Math, "random").mockReturnValue(chance);
				const [client] = await dataSource.driver.obtainSlaveConnection();
				random.mockRestore();
				expect(client).toMatchObject({ login: { host: REPLICATION.slaves[index]?.host } });
			}
		});

		it("sees a call for a replica once, too, where there is none and the master serves", async () => {
			const { dataSource, live } = await initialize();
			const calls: string[] = [];
			live.wrapObtain(createOpenGuard(calls));

			await dataSource.driver.obtainSlaveConnection();

			expect(calls).toEqual(["master"]);
		});

		it("serves from the pools that are there at the moment of the call", async () => {
			const { dataSource, live } = await initialize();
			live.wrapObtain(createOpenGuard());
			const [master] = await open(live, dataSource.options);
			live.exchangePools({ master, slaves: [] }, dataSource.options);

			await dataSource.driver.obtainMasterConnection();

			expect(master.idleCount).toBe(0);
		});

		it("can be undone without a trace", async () => {
			const { dataSource, live } = await initialize();
			const { obtainMasterConnection, obtainSlaveConnection } = dataSource.driver;
			const calls: string[] = [];

			const restore = live.wrapObtain(createOpenGuard(calls));
			restore();
			await dataSource.driver.obtainMasterConnection();

			expect(calls).toEqual([]);
			expect(dataSource.driver.obtainMasterConnection).toBe(obtainMasterConnection);
			expect(dataSource.driver.obtainSlaveConnection).toBe(obtainSlaveConnection);
			expect(Object.keys(dataSource.driver)).not.toContain("obtainMasterConnection");
		});

		it("puts back what somebody else had put on the driver before", async () => {
			const { dataSource, live } = await initialize();
			const foreign = jest.fn<Promise<never>, []>();
			dataSource.driver.obtainMasterConnection = foreign;

			const restore = live.wrapObtain(createOpenGuard());
			void dataSource.driver.obtainMasterConnection();
			restore();

			expect(foreign).toHaveBeenCalledTimes(1);
			expect(foreign.mock.contexts[0]).toBe(dataSource.driver);
			expect(dataSource.driver.obtainMasterConnection).toBe(foreign);
		});
	});

	describe("wrapping the obtain methods beside others", () => {
		const through = createOpenGuard();

		it("refuses a second rotator, and lets the first one serve", async () => {
			const { dataSource, live } = await initialize();
			const restore = live.wrapObtain(through);
			const { obtainMasterConnection } = dataSource.driver;
			const second = new LiveDataSource(asDataSource(dataSource));

			expect(() => second.wrapObtain(through)).toThrow(RotationUnsupportedError);
			expect(() => second.wrapObtain(through)).toThrow("another rotator");

			expect(dataSource.driver.obtainMasterConnection).toBe(obtainMasterConnection);
			restore();
		});

		it("takes another rotator once the first is gone, whose end has no more to say", async () => {
			const { dataSource, live } = await initialize();
			const restore = live.wrapObtain(through);
			restore();
			const second = new LiveDataSource(asDataSource(dataSource));

			second.wrapObtain(through);
			restore();

			expect(() => live.wrapObtain(through)).toThrow("another rotator");
			expect(Object.keys(dataSource.driver)).toContain("obtainMasterConnection");
		});

		it("leaves a method alone that somebody else has wrapped since, and lets it lead straight to TypeORM's own", async () => {
			const { dataSource, live } = await initialize({ replication: REPLICATION });
			const { driver } = dataSource;
			const guarded: string[] = [];
			const restore = live.wrapObtain(createOpenGuard(guarded));
			const [ourMaster, ourSlave] = [driver.obtainMasterConnection, driver.obtainSlaveConnection];
			const theirMaster: Obtain = async () => ourMaster();
			const theirSlave: Obtain = async () => ourSlave();
			Object.assign(driver, { obtainMasterConnection: theirMaster, obtainSlaveConnection: theirSlave });

			restore();
			const [client] = await driver.obtainMasterConnection();
			const [slaveClient] = await driver.obtainSlaveConnection();

			expect(driver.obtainMasterConnection).toBe(theirMaster);
			expect(driver.obtainSlaveConnection).toBe(theirSlave);
			expect(client).toMatchObject({ login: { host: "db" } });
			expect(slaveClient).toMatchObject({ login: { host: expect.stringContaining("reader") as string } });
			expect(guarded).toEqual([]);
		});
	});

	describe("with runners that were released while they were connecting", () => {
		it("closes their connections, which may be in a transaction, and destroy() ends", async () => {
			const { dataSource, live } = await initialize();
			const [, releaseCallback] = await dataSource.driver.obtainMasterConnection();
			dataSource.driver.connectedQueryRunners.push({ isReleased: true, releaseCallback });

			live.releaseAbandonedRunners();

			expect(dataSource.driver.master).toMatchObject({ idleCount: 0, totalCount: 0 });
			await dataSource.destroy();
			await settle();
			expect(server.openCount).toBe(0);
		});

		it("leaves all others alone", async () => {
			const { dataSource, live } = await initialize();
			const releaseCallback = jest.fn();
			const held = { isReleased: false, releaseCallback };
			const runners = dataSource.driver.connectedQueryRunners;
			runners.push({ isReleased: true }, held, { isReleased: true });

			live.releaseAbandonedRunners();

			expect(dataSource.driver.connectedQueryRunners).toBe(runners);
			expect(runners).toEqual([held]);
			expect(releaseCallback).not.toHaveBeenCalled();
		});

		it("goes on to the next when one had been given back already, and keeps none of them", async () => {
			const { dataSource, live } = await initialize();
			const releaseCallback = jest.fn();
			const runners = dataSource.driver.connectedQueryRunners;
			const isGivenBack = (): never => {
				throw new Error("Release called on client which has already been released to the pool.");
			};
			runners.push({ isReleased: true, releaseCallback: isGivenBack }, { isReleased: true, releaseCallback });

			live.releaseAbandonedRunners();

			expect(runners).toEqual([]);
			expect(releaseCallback).toHaveBeenCalledTimes(1);
		});

		it("takes them out of the list before it gives them back, so that what comes of that finds it in order", async () => {
			const { dataSource, live } = await initialize();
			const runners = dataSource.driver.connectedQueryRunners;
			const held = { isReleased: false };
			const seen: number[] = [];
			const releaseCallback = (): number => seen.push(runners.length);
			runners.push({ isReleased: true, releaseCallback }, held, { isReleased: true, releaseCallback });

			live.releaseAbandonedRunners();

			expect(seen).toEqual([1, 1]);
			expect(runners).toEqual([held]);
		});

		it("gives each back once", async () => {
			const { dataSource, live } = await initialize();
			const releaseCallback = jest.fn();
			dataSource.driver.connectedQueryRunners.push({ isReleased: true, releaseCallback });

			live.releaseAbandonedRunners();
			live.releaseAbandonedRunners();

			expect(releaseCallback).toHaveBeenCalledTimes(1);
		});
	});
});
