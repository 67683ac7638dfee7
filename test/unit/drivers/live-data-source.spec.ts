/** The live DataSource: what it refuses, its servers, staging outside of the pools, and initialize() and destroy() at any moment. */
import { LiveDataSource } from "../../../src/drivers/live-data-source.js";
import { RotationUnsupportedError } from "../../../src/errors/errors.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, settle } from "../../support/fake-postgres-driver.js";
import { FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";
import { StubGate } from "./pool-scene.js";

const NODE = { password: "one", port: 5_432, username: "app" };
const REPLICATION = { master: { ...NODE, host: "db" }, slaves: [{ ...NODE, host: "reader" }] };

let clock: FakeClock;
let lives: LiveDataSource<StubGate>[];
let server: FakePostgresServer;

beforeEach(() => {
	clock = new FakeClock();
	lives = [];
	server = new FakePostgresServer(clock, { app: "one", green: "two" });
});

afterEach(() => lives.forEach((live) => live.detach()));

function create(options: Record<string, unknown> = {}): FakeDataSource {
	return createFakeDataSource(clock, { db: server, reader: server }, options);
}

function attach(dataSource: FakeDataSource): LiveDataSource<StubGate> {
	const live = new LiveDataSource(asDataSource(dataSource), {
		clock,
		createGate: () => new StubGate(clock),
		onExchangeHalted: () => undefined,
	});
	lives.push(live);
	return live;
}

async function initialize(options: Record<string, unknown> = {}): Promise<{ dataSource: FakeDataSource; live: LiveDataSource<StubGate> }> {
	const dataSource = await create(options).initialize();
	return { dataSource, live: attach(dataSource) };
}

function refusalOf(dataSource: FakeDataSource): string {
	try {
		attach(dataSource);
		return "nothing";
	} catch (error) {
		expect(error).toBeInstanceOf(RotationUnsupportedError);
		return (error as Error).message;
	}
}

describe("LiveDataSource refuses", () => {
	it("an engine without rotation", () => {
		expect(refusalOf(create({ type: "sqlite" }))).toContain('type "sqlite" has no rotation');
	});

	it.each(["createPool", "connect", "disconnect"])("a driver without %s()", (method) => {
		const dataSource = create();
		Object.defineProperty(dataSource.driver, method, { value: undefined });

		expect(refusalOf(dataSource)).toContain(`its driver has no ${method}(); use TypeORM 0.3.20 to 1.x`);
	});

	it.each([{}, undefined])("a driver whose module is %j", (postgres) => {
		const dataSource = create();
		Object.defineProperty(dataSource.driver, "postgres", { value: postgres });

		expect(refusalOf(dataSource)).toContain("its driver is not node-postgres");
	});

	it("pg-native, which reports no code", () => {
		const dataSource = create();
		const { Pool } = dataSource.driver.postgres;
		Object.defineProperty(dataSource.driver, "postgres", { value: { Client: { prototype: { isConnected: () => true } }, Pool } });

		expect(refusalOf(dataSource)).toContain("pg-native");
	});

	it.each(["_isFull", "_pulseQueue", "_remove", "newClient", "_expired", "_idle"])("a pool without %s", async (name) => {
		const dataSource = await create().initialize();
		Object.defineProperty(dataSource.driver.master as object, name, { value: undefined });

		expect(refusalOf(dataSource)).toContain(`its pool has no ${name}; use pg with pg-pool 3.6 or later`);
	});

	it.each([
		{ url: "postgres://app:hunter2@db/shop" },
		{ replication: { ...REPLICATION, slaves: [{ url: "postgres://app:hunter2@db/shop" }] } },
	])("a url, without showing it (%#)", (options) => {
		const message = refusalOf(create(options));

		expect(message).toContain('its options have a "url", which would win over fresh credentials; remove it');
		expect(message).not.toContain("hunter2");
	});

	it.each(["connectionString", "host", "password", "port", "socketPath", "uri", "user"])("extra.%s, without showing it", (key) => {
		const message = refusalOf(create({ extra: { [key]: "hunter2" } }));

		expect(message).toContain(`its options have extra.${key}, which would win over fresh credentials; remove it`);
		expect(message).not.toContain("hunter2");
	});

	it("nothing of an extra without credentials, nor of a replication", () => {
		expect(refusalOf(create({ extra: { idleTimeoutMillis: 10, password: undefined } }))).toBe("nothing");
		expect(refusalOf(create({ replication: REPLICATION }))).toBe("nothing");
	});

	it("a second rotator, until the first is gone", async () => {
		const { dataSource, live } = await initialize();
		expect(refusalOf(dataSource)).toContain("another rotator has it already");

		live.detach();
		live.detach();

		expect(refusalOf(dataSource)).toBe("nothing");
	});
});

describe("LiveDataSource", () => {
	it("has a server for each pool, the primary first, and the same each time", async () => {
		const { dataSource, live } = await initialize({ replication: REPLICATION });

		const { servers } = live;

		expect(servers.map(({ index, name }) => [index, name])).toEqual([
			[0, "primary"],
			[1, "replica0"],
		]);
		expect(live.servers[0]).toBe(servers[0]);
		expect(dataSource.driver.slaves).toHaveLength(1);
	});

	it("is usable while it is initialized with the driver of the start", async () => {
		const { dataSource, live } = await initialize();
		expect(live.isUsable).toBe(true);

		const { driver } = dataSource;
		dataSource.driver = create().driver;
		expect(live.isUsable).toBe(false);
		dataSource.driver = driver;
		await driver.disconnect();

		expect(dataSource.isInitialized).toBe(true);
		expect(live.isUsable).toBe(false);
	});

	it("puts the gate into the pools that initialize() makes, with the promoted credentials", async () => {
		const { dataSource, live } = await initialize();
		const [before] = live.servers;
		live.setServerOptions(0, { password: "two", username: "green" }, dataSource.options);

		await dataSource.destroy();
		expect(live.servers[0]).toBe(before);
		await dataSource.initialize();

		expect(live.servers[0]?.pool).not.toBe(before?.pool);
		expect(live.servers[0]?.gate).not.toBe(before?.gate);
		expect(server.openUsers).toEqual(["green"]);
		expect(live.isUsable).toBe(true);
	});

	it("replaces the options and leaves the objects of the application alone", async () => {
		const { dataSource, live } = await initialize();
		const before = dataSource.options;
		const mark = Symbol("mark");

		live.setServerOptions(0, { password: "two" }, { ...before, [mark]: "kept" } as typeof before);

		expect(before).toMatchObject({ password: "one" });
		expect(dataSource.options).toMatchObject({ [mark]: "kept", password: "two", username: "app" });
		expect(dataSource.driver.options).toBe(dataSource.options);
	});

	it("turns callers away at destroy() who wait because the server refuses the credentials", async () => {
		const { dataSource, live } = await initialize({ poolSize: 1 });
		const [client, release] = await dataSource.driver.obtainMasterConnection();
		server.passwords.set("app", "changed");
		const waiting = failureOf(dataSource.driver.obtainMasterConnection());
		release(true);
		await settle();
		expect(live.servers[0]?.pool.counts.waiting).toBe(1);

		await dataSource.destroy();

		expect(client).toBeDefined();
		expect(await waiting).toMatchObject({ code: "28P01" });
	});

	it("leaves no trace on the driver when it is detached", async () => {
		const { dataSource, live } = await initialize();
		expect(Object.hasOwn(dataSource.driver, "connect")).toBe(true);

		live.detach();

		for (const name of ["connect", "disconnect"]) expect(Object.hasOwn(dataSource.driver, name)).toBe(false);
		expect(Object.hasOwn(dataSource.driver.master as object, "newClient")).toBe(false);
	});

	it("closes the connection of a runner that was released while it was connecting, once, and leaves the others alone", async () => {
		const { dataSource, live } = await initialize();
		const held = { isReleased: false, releaseCallback: jest.fn() };
		const seen: number[] = [];
		const runners = dataSource.driver.connectedQueryRunners;
		const throwing = jest.fn(() => {
			seen.push(runners.length);
			throw new Error("Release called on client which has already been released to the pool.");
		});
		const releaseCallback = jest.fn();
		runners.push({ isReleased: true, releaseCallback: throwing }, held, { isReleased: true, releaseCallback }, { isReleased: true });

		live.releaseAbandonedRunners();
		live.releaseAbandonedRunners();

		expect(runners).toEqual([held]);
		expect(seen).toEqual([1]);
		expect(releaseCallback).toHaveBeenCalledTimes(1);
		expect(releaseCallback).toHaveBeenCalledWith(expect.any(Error));
		expect(held.releaseCallback).not.toHaveBeenCalled();
	});
});

describe("Staging a server of the pg family", () => {
	it("logs in outside of the live pool with the driver's own factory, asks, and closes", async () => {
		const { dataSource, live } = await initialize();
		const { Pool } = dataSource.driver.postgres;
		const staged = live.stage(dataSource.options, { ...NODE, host: "db", password: "two", username: "green" });
		expect(server.acceptedCount).toBe(1);

		await staged.connect();
		const answer = await staged.probe({ clock, deadlineMs: 1_000 });
		expect(server.openUsers).toEqual(["app", "green"]);
		await staged.close(clock);

		expect(answer).toEqual({ isReadOnly: false, searchPath: '"$user", public' });
		expect(staged.readFields()).toMatchObject({ host: "db", password: "two", user: "green" });
		expect(server.openUsers).toEqual(["app"]);
		expect(dataSource.driver.postgres.Pool).toBe(Pool);
		expect(live.servers[0]?.pool.counts).toMatchObject({ idle: 1, total: 1 });
		expect(clock.pendingCount).toBe(0);
	});

	it("asks over the connection that has logged in, also where the application has each one used once (maxUses: 1)", async () => {
		const { dataSource, live } = await initialize();
		const { acceptedCount } = server;
		const staged = live.stage({ ...dataSource.options, extra: { maxUses: 1 } }, { ...NODE, host: "db" });

		await staged.connect();
		await staged.probe({ clock, deadlineMs: 1_000 });
		await staged.close(clock);

		expect(server.acceptedCount - acceptedCount).toBe(1);
	});

	it("passes a refusal on, and can be closed then", async () => {
		const { dataSource, live } = await initialize();
		const staged = live.stage(dataSource.options, { ...NODE, host: "db", password: "wrong" });

		expect(await failureOf(staged.connect())).toMatchObject({ code: "28P01" });
		await staged.close(clock);

		expect(server.openCount).toBe(1);
	});

	it("can be closed before it connects", async () => {
		const { dataSource, live } = await initialize();

		await expect(live.stage(dataSource.options, NODE).close(clock)).resolves.toBeUndefined();
	});

	it("cuts a connection whose server does not close it, and a login that hangs", async () => {
		const { dataSource, live } = await initialize();
		server.loginMs = NEVER_MS;
		const staged = live.stage(dataSource.options, { ...NODE, host: "db" });
		const failure = failureOf(staged.connect());
		await settle();

		const closed = staged.close(clock);
		await clock.advance(250);
		await closed;
		await settle();

		expect(await failure).toBeInstanceOf(Error);
		expect(server.openCount).toBe(1);
	});
});
