/** The facade: what starts when, what an application may call, and an end that leaves nothing behind. */
import { Logger } from "@nestjs/common";
import { SchedulerRegistry } from "@nestjs/schedule";

import { CONNECTOR_ORIGIN, OptionsOrigin } from "../../../src/connector/options-origin.js";
import {
	DataSourceMismatchError,
	RotationUnsupportedError,
	ConnectorClosedError,
	SecretMalformedError,
	StagingFailedError,
} from "../../../src/errors/errors.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import type { RotationSource } from "../../../src/connector/rotation-source.js";
import type { PgPool } from "../../../src/drivers/pg-parts.js";
import type { IntervalRegistry } from "../../../src/rotation/rotation-schedule.js";
import type { IRotatorOptions } from "../../../src/rotation/rotation.options.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, passTime, settle } from "../../support/fake-postgres-driver.js";
import { type FakePostgresClient, FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";
import { StubConnector } from "../../support/stub-connector.js";

const NAME = "db-rotation:1";
const INTERVAL_MS = 3_600_000;
/** The phase and the pause of a schedule when chance says 0.5. */
const FIRST_TICK_MS = 0.5 * INTERVAL_MS;
const NEXT_TICK_MS = 0.9 * INTERVAL_MS;

let clock: FakeClock;
let connector: StubConnector;
let dataSource: FakeDataSource;
let events: ConnectorEvent[];
let server: FakePostgresServer;

beforeEach(async () => {
	clock = new FakeClock();
	connector = new StubConnector(clock);
	connector.intervalMs = INTERVAL_MS;
	server = new FakePostgresServer(clock, { app: "one" });
	events = [];
	dataSource = await create().initialize();
});

function create(options: Record<string | symbol, unknown> = {}): FakeDataSource {
	return createFakeDataSource(clock, { db: server }, options);
}

interface Parts {
	readonly connector?: RotationSource;
	readonly dataSource?: FakeDataSource | undefined;
	readonly options?: IRotatorOptions;
	readonly registry?: IntervalRegistry;
}

function createRotator(parts: Parts = {}): RotatorService {
	const bound = "dataSource" in parts ? parts.dataSource : dataSource;
	const rotator = new RotatorService(bound && asDataSource(bound), parts.registry, parts.connector ?? connector, NAME, {
		clock,
		random: () => 0.5,
		...parts.options,
	});
	const heard = events;
	rotator.events$.subscribe((event) => heard.push(event));
	return rotator;
}

async function start(parts: Parts = {}): Promise<RotatorService> {
	const rotator = createRotator(parts);
	await rotator.onModuleInit();
	return rotator;
}

/** The order in which Nest ends an application, TypeORM's part included. */
async function shutDown(rotator: RotatorService): Promise<void> {
	await rotator.onModuleDestroy();
	rotator.beforeApplicationShutdown();
	const destroying = dataSource.isInitialized ? dataSource.destroy() : Promise.resolve();
	await Promise.all([rotator.onApplicationShutdown(), destroying]);
	await settle();
}

/** A connection in the hands of a caller that listens to it, as a query runner does. */
async function borrow(): Promise<{ client: FakePostgresClient; release: (error?: Error) => void }> {
	const [obtained, release] = await dataSource.driver.obtainMasterConnection();
	const client = obtained as unknown as FakePostgresClient;
	client.on("error", () => undefined);
	return { client, release };
}

/** Whether the rotator has replaced methods of the pool or the driver. */
function isAttached({ driver }: FakeDataSource): boolean {
	const names = [...Object.getOwnPropertyNames(driver), ...Object.getOwnPropertyNames(driver.master ?? {})];
	return ["_isFull", "connect", "disconnect", "newClient"].some((name) => names.includes(name));
}

function changePassword(password: string): void {
	server.passwords.set("app", password);
	connector.current = { password };
}

function eventTypes(): string[] {
	return events.map(({ type }) => type);
}

/** Options as another connector makes them. */
function foreignOptions(): Record<symbol, unknown> {
	const served = { database: "shop", host: "db", password: "one", port: 5_432, username: "app" };
	return { [CONNECTOR_ORIGIN]: new OptionsOrigin("another-id", "billing", served) };
}

describe("RotatorService", () => {
	describe("at the start, with rotation enabled", () => {
		it("lets the connector prepare before it asks it for anything", async () => {
			connector.isEnabled = false;
			connector.prepare.mockImplementation(async () => {
				await settle();
				connector.isEnabled = true;
			});

			await start();

			expect(clock.pendingCount).toBe(1);
		});

		it("does not need a connector that prepares", async () => {
			const { getRotationConfig, getTypeOrmOptions } = connector;
			const standIn = { getRotationConfig: getRotationConfig.bind(connector), getTypeOrmOptions: getTypeOrmOptions.bind(connector) };

			const rotator = await start({ connector: standIn });

			expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "unchanged" });
		});

		it("rotates on a schedule", async () => {
			await start();
			await passTime(clock, FIRST_TICK_MS - 1);
			expect(connector.fetchCount).toBe(0);

			await passTime(clock, 1);
			expect(connector.fetchCount).toBe(1);
			await passTime(clock, NEXT_TICK_MS);

			expect(connector.fetchCount).toBe(2);
			expect(events[0]).toMatchObject({ connector: "orders", trigger: "schedule", type: "rotation.started" });
		});

		it("is listed in the registry under its name", async () => {
			const registry = new SchedulerRegistry();

			await start({ registry });

			expect(registry.getIntervals()).toEqual([NAME]);
		});

		it("says so and rotates no more when the entry is deleted there, but by hand it does", async () => {
			const registry = new SchedulerRegistry();
			const rotator = await start({ registry });
			registry.deleteInterval(NAME);

			await passTime(clock, 2 * INTERVAL_MS);

			expect(events).toEqual([{ connector: "orders", reason: "unscheduled", trigger: "schedule", type: "rotation.skipped" }]);
			expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "unchanged" });
		});

		it.each([
			["a fault that may pass by itself", new StagingFailedError("connect", "master", "no"), 121],
			["a fault that a person has to correct", new SecretMalformedError("app/database", "not-json"), 27],
		])("comes back sooner after %s", async (_, fault, laterCount) => {
			connector.fault = fault;
			await start();
			await passTime(clock, FIRST_TICK_MS);
			// Failures 1, 2, 3 and the recovery, then back-off from the fourth on to the cap.
			await passTime(clock, 1_000 + 2_000);
			expect(connector.fetchCount).toBe(4);

			await passTime(clock, 3_600_000);

			// 8, 16, 30, 30, … seconds; or 8, 16, 32, 64, 128, 150, 150, … seconds.
			expect(connector.fetchCount).toBe(4 + laterCount);
		});

		it("goes on with the schedule while the DataSource is not initialized", async () => {
			await start();
			dataSource.isInitialized = false;

			await passTime(clock, FIRST_TICK_MS + NEXT_TICK_MS);

			expect(events).toEqual([
				{ connector: "orders", reason: "not-initialized", trigger: "schedule", type: "rotation.skipped" },
				{ connector: "orders", reason: "not-initialized", trigger: "schedule", type: "rotation.skipped" },
			]);
			expect(clock.pendingCount).toBe(1);
		});

		it("starts without a DataSource, warns what to do, and schedules nothing", async () => {
			const addInterval = jest.fn();

			await start({ dataSource: undefined, registry: { addInterval } });

			expect(events).toEqual([
				{ connector: "orders", message: expect.stringContaining("dataSourceToken") as string, type: "warning" },
			]);
			expect(addInterval).not.toHaveBeenCalled();
			expect(clock.pendingCount).toBe(0);
		});

		it("refuses a DataSource whose options another connector made, and names both", async () => {
			const foreign = await create(foreignOptions()).initialize();

			const failure = await failureOf(start({ connector: Object.assign(connector, { connectorId: "id" }), dataSource: foreign }));

			expect(failure).toBeInstanceOf(DataSourceMismatchError);
			expect(failure).toMatchObject({ boundConnector: "orders", optionsConnector: "billing" });
		});

		it.each([
			["a connector that has no id", {}],
			["a DataSource whose options it made itself", { connectorId: "another-id" }],
		])("accepts %s", async (_, identity) => {
			const foreign = await create(foreignOptions()).initialize();

			await expect(start({ connector: Object.assign(connector, identity), dataSource: foreign })).resolves.toBeDefined();
		});

		it("refuses a DataSource that cannot be rotated", async () => {
			const foreign = await create({ url: "postgres://app@db/shop" }).initialize();

			expect(await failureOf(start({ dataSource: foreign }))).toBeInstanceOf(RotationUnsupportedError);
			expect(clock.pendingCount).toBe(0);
		});

		it("waits for a DataSource that is initialized later", async () => {
			const later = create();
			const rotator = await start({ dataSource: later });
			expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "skipped" });

			await later.initialize();
			rotator.onApplicationBootstrap();

			expect(isAttached(later)).toBe(true);
			expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "unchanged" });
		});

		it("finds a DataSource at the first rotation that was initialized later still", async () => {
			const later = create();
			const rotator = await start({ dataSource: later });
			rotator.onApplicationBootstrap();
			await later.initialize();

			expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "unchanged" });
		});

		it("attaches to a DataSource once", async () => {
			const rotator = await start();
			const { newClient } = dataSource.driver.master as PgPool;

			rotator.onApplicationBootstrap();
			await rotator.rotateDatabaseConnection();

			expect(dataSource.driver.master?.newClient).toBe(newClient);
		});

		it("replaces no method with which TypeORM obtains connections", async () => {
			await start();

			expect(Object.keys(dataSource.driver)).not.toContain("obtainMasterConnection");
			expect(Object.keys(dataSource.driver)).not.toContain("obtainSlaveConnection");
		});
	});

	describe("at the start, with rotation disabled", () => {
		beforeEach(() => (connector.isEnabled = false));

		it("starts nothing, and leaves pool and driver untouched", async () => {
			const addInterval = jest.fn();
			const rotator = await start({ registry: { addInterval } });
			rotator.onApplicationBootstrap();

			expect(addInterval).not.toHaveBeenCalled();
			expect(clock.pendingCount).toBe(0);
			expect(isAttached(dataSource)).toBe(false);
		});

		it("needs no DataSource", async () => {
			const rotator = await start({ dataSource: undefined });

			expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "skipped" });
		});

		it("rotates by hand all the same", async () => {
			const rotator = await start();
			changePassword("two");

			expect(await rotator.rotateDatabaseConnection()).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
		});

		it("warns of a DataSource whose options another connector made, and refuses it by hand", async () => {
			const foreign = await create(foreignOptions()).initialize();
			const rotator = await start({ connector: Object.assign(connector, { connectorId: "id" }), dataSource: foreign });

			expect(events).toEqual([
				{ connector: "orders", message: expect.stringContaining('connector "billing"') as string, type: "warning" },
			]);
			expect(await failureOf(rotator.rotateDatabaseConnection())).toBeInstanceOf(DataSourceMismatchError);
		});

		it("recovers from refused logins when it is told to", async () => {
			connector.rotationOptions = { shouldRotateOnAuthFailure: true };
			await start();

			expect(isAttached(dataSource)).toBe(true);
		});
	});

	describe("rotating by hand", () => {
		it("gives a failure as a result, and the live side serves on", async () => {
			const rotator = await start();
			connector.fault = new Error("no");

			expect(await rotator.rotateDatabaseConnection()).toEqual({ error: connector.fault, outcome: "failed" });
			await expect(borrow()).resolves.toBeDefined();
		});

		it("is shared by all who ask meanwhile", async () => {
			const rotator = await start();
			changePassword("two");

			const results = await Promise.all([rotator.rotateDatabaseConnection(), rotator.rotateDatabaseConnection()]);

			expect(results).toEqual([
				{ generation: 2, outcome: "rotated", waitingServers: [] },
				{ generation: 2, outcome: "rotated", waitingServers: [] },
			]);
			expect(connector.fetchCount).toBe(1);
			expect(eventTypes().filter((type) => type === "rotation.started")).toHaveLength(1);
		});

		it("tells why it cannot be done at all", async () => {
			connector.isEnabled = false;
			const foreign = await create({ url: "postgres://app@db/shop" }).initialize();
			const rotator = await start({ dataSource: foreign });

			expect(await failureOf(rotator.rotateDatabaseConnection())).toBeInstanceOf(RotationUnsupportedError);
		});
	});

	describe("told of a changed secret", () => {
		const event = { detail: { name: "app/database" }, "detail-type": "Secret Label Updated" };

		it("rotates, and says why", async () => {
			const rotator = await start();
			changePassword("two");

			expect(await rotator.notifySecretChanged(event)).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
			expect(events.find(({ type }) => type === "rotation.started")).toMatchObject({ trigger: "secret-changed" });
		});

		it("reads the text of an event", async () => {
			const rotator = await start();

			expect(await rotator.notifySecretChanged(JSON.stringify(event))).toEqual({ outcome: "unchanged" });
		});

		it.each([
			["another secret", { ...event, detail: { name: "app/other" } }, { outcome: "ignored" }],
			["something else", { detail: {}, "detail-type": "EC2 Instance State-change Notification" }, undefined],
			["nothing", undefined, undefined],
		])("ignores an event about %s, and tells which", async (_, other, answer) => {
			const rotator = await start();

			expect(await rotator.notifySecretChanged(other)).toEqual(answer);
			expect(connector.fetchCount).toBe(0);
		});

		it("rotates for each of several secrets", async () => {
			const several: RotationSource = Object.assign(connector, { secretIds: ["app/database", "app/reader"] });
			const rotator = await start({ connector: several });
			const outcomes: unknown[] = [];

			for (const name of ["app/database", "app/reader", "app/other"]) {
				const notified = rotator.notifySecretChanged({ ...event, detail: { name } });
				await passTime(clock, 1_000);
				outcomes.push(await notified);
			}

			expect(outcomes).toEqual([{ outcome: "unchanged" }, { outcome: "unchanged" }, { outcome: "ignored" }]);
		});

		it("reads the secret at most once a second for events without news, however many come, and loses no news", async () => {
			const rotator = await start();
			await rotator.notifySecretChanged(event);
			const flood = Array.from({ length: 100 }, async () => rotator.notifySecretChanged(event));
			await passTime(clock, 999);
			expect(connector.fetchCount).toBe(1);
			changePassword("two");

			await passTime(clock, 1);

			expect(new Set((await Promise.all(flood)).map((result) => result?.outcome))).toEqual(new Set(["rotated"]));
			expect(connector.fetchCount).toBe(2);
		});

		it("waits for nothing after an event with news", async () => {
			const rotator = await start();
			changePassword("two");
			await rotator.notifySecretChanged(event);
			changePassword("three");

			expect(await rotator.notifySecretChanged(event)).toMatchObject({ generation: 3, outcome: "rotated" });
		});

		it("ignores any event as long as it does not know its own secret", async () => {
			connector.secretId = undefined;
			const rotator = await start();

			expect(await rotator.notifySecretChanged(event)).toEqual({ outcome: "ignored" });
		});
	});

	describe("while logins are refused", () => {
		it("fetches other credentials, and callers notice nothing but the wait", async () => {
			await start();
			changePassword("two");
			server.cutConnections();
			await settle();

			const callers = Promise.all([borrow(), borrow(), borrow()]);
			await passTime(clock, 100);

			expect((await callers).map(({ client }) => client.login.password)).toEqual(["two", "two", "two"]);
			expect(server.refusedCount).toBe(1);
			expect(connector.fetchCount).toBe(1);
			expect(events.find(({ type }) => type === "rotation.started")).toMatchObject({ trigger: "authentication-failure" });
		});

		it("fetches until the secret is right, after pauses of 25 ms × 1.6ⁿ up to 1 s", async () => {
			await start();
			server.passwords.set("app", "two");
			server.cutConnections();
			await settle();
			const caller = borrow();
			await passTime(clock, 2_500);
			expect(connector.fetchCount).toBeGreaterThanOrEqual(8);
			expect(connector.fetchCount).toBeLessThanOrEqual(12);

			connector.current = { password: "two" };
			await passTime(clock, 1_000);

			expect((await caller).client.login.password).toBe("two");
		});

		it("recovers also when the database is corrected and not the secret", async () => {
			await start();
			server.passwords.set("app", "two");
			server.cutConnections();
			await settle();
			const caller = borrow();
			await passTime(clock, 1_500);

			server.passwords.set("app", "one");
			await passTime(clock, 1_500);

			expect((await caller).client.login.password).toBe("one");
		});

		it("goes to the pending version while AWSCURRENT lags behind", async () => {
			const rotator = await start();
			server.passwords.set("app", "three");
			connector.pending = { password: "three" };
			server.cutConnections();
			await settle();

			const caller = borrow();
			await passTime(clock, 100);

			expect((await caller).client.login.password).toBe("three");
			expect(events.find(({ type }) => type === "rotation.succeeded")).toMatchObject({ versionStage: "AWSPENDING" });
			expect(rotator.describe()).toContain("generation=2");
		});

		it("gives the caller the server's own error when its patience ends, and stops asking", async () => {
			await start();
			server.passwords.set("app", "two");
			server.cutConnections();
			await settle();
			const failure = failureOf(borrow());

			await passTime(clock, 5_000);
			expect(await failure).toMatchObject({ code: "28P01" });
			await passTime(clock, 1_000);
			const { fetchCount } = connector;
			await passTime(clock, 20_000);

			expect(connector.fetchCount).toBe(fetchCount);
		});

		it("passes the error on at once when recovery is off", async () => {
			connector.rotationOptions = { shouldRotateOnAuthFailure: false };
			await start();
			changePassword("two");
			server.cutConnections();
			await settle();

			expect(await failureOf(borrow())).toMatchObject({ code: "28P01" });
			expect(connector.fetchCount).toBe(0);
		});
	});

	describe("describing itself", () => {
		it("has one line before anything happened", () => {
			expect(createRotator().describe()).toBe(
				"state=idle generation=1 connections=0 inUse=0 older=0 waiting=0 draining=0 failures=0 lastSuccess=never",
			);
		});

		it("counts what there is", async () => {
			const rotator = await start();
			const loans = [await borrow(), await borrow()];
			changePassword("two");
			await rotator.rotateDatabaseConnection();
			await borrow();
			const waiting = failureOf(borrow());
			connector.fault = new Error("no");
			await rotator.rotateDatabaseConnection();
			await passTime(clock, 4_900);

			expect(rotator.describe()).toBe(
				"state=idle generation=2 connections=3 inUse=3 older=2 waiting=1 draining=1 failures=1 lastSuccess=5s",
			);
			await passTime(clock, 100);
			await waiting;
			loans.forEach(({ release }) => release());
		});

		it("rounds the time since the last success to seconds", async () => {
			const rotator = await start();
			await rotator.rotateDatabaseConnection();

			await passTime(clock, 12_400);

			expect(rotator.describe()).toBe(
				"state=idle generation=1 connections=1 inUse=0 older=0 waiting=0 draining=0 failures=0 lastSuccess=12s",
			);
		});

		it("names the step it is at", async () => {
			const rotator = await start();
			connector.fetchMs = NEVER_MS;
			void rotator.rotateDatabaseConnection().catch(() => undefined);
			await settle();

			expect(rotator.describe()).toMatch(/^state=fetching /);
		});
	});

	describe("takes", () => {
		it("the deadline of drains from the connector", async () => {
			connector.rotationOptions = { drainTimeoutMs: 500 };
			const rotator = await start();
			await borrow();
			changePassword("two");
			await rotator.rotateDatabaseConnection();

			await passTime(clock, 500);

			expect(events.find(({ type }) => type === "drain.forced")).toMatchObject({ deadlineMs: 500 });
		});

		it("a minute for drains by default", async () => {
			const rotator = await start();
			await borrow();
			changePassword("two");
			await rotator.rotateDatabaseConnection();

			await passTime(clock, 59_999);
			expect(eventTypes()).not.toContain("drain.forced");
			await passTime(clock, 1);

			expect(eventTypes()).toContain("drain.forced");
		});

		it("other deadlines from its options", async () => {
			const rotator = await start({ options: { deadlines: { fetchMs: 300 } } });
			connector.fetchMs = NEVER_MS;
			const rotating = rotator.rotateDatabaseConnection();

			await passTime(clock, 300);

			expect(await rotating).toMatchObject({ error: { deadlineMs: 300 }, outcome: "failed" });
		});

		it("its name from the connector, and from the interval where that has none", async () => {
			const heard: ConnectorEvent[] = [];
			const nameless = Object.assign(connector, { name: undefined as unknown as string });
			const rotator = await start({ connector: nameless });
			rotator.events$.subscribe((event) => heard.push(event));

			await rotator.rotateDatabaseConnection();

			expect(heard[0]?.connector).toBe(NAME);
		});
	});

	it("logs what happens", async () => {
		const debug = jest.spyOn(Logger.prototype, "debug").mockImplementation();
		const rotator = await start();

		await rotator.rotateDatabaseConnection();

		expect(debug).toHaveBeenCalledWith("[orders] Rotation (manual): the credentials are the same, nothing was opened.");
	});

	describe("at the end", () => {
		it("leaves no timer, no socket and no entry, and the events end", async () => {
			const registry = new SchedulerRegistry();
			const rotator = await start({ registry });
			const complete = jest.fn();
			rotator.events$.subscribe({ complete });
			changePassword("two");
			await rotator.rotateDatabaseConnection();
			await passTime(clock, 100);

			await shutDown(rotator);

			expect(clock.pendingCount).toBe(0);
			expect(server.openCount).toBe(0);
			expect(registry.getIntervals()).toEqual([]);
			expect(complete).toHaveBeenCalledTimes(1);
			expect(rotator.describe()).toMatch(/^state=closed /);
		});

		it("has nothing to end where nothing was started", async () => {
			const rotator = createRotator();

			await shutDown(rotator);

			expect(clock.pendingCount).toBe(0);
		});

		it("refuses rotations from the first hook on", async () => {
			const rotator = await start();

			await rotator.onModuleDestroy();

			expect(await failureOf(rotator.rotateDatabaseConnection())).toBeInstanceOf(ConnectorClosedError);
			await shutDown(rotator);
		});

		it("starts no scheduled rotation from the first hook on", async () => {
			const rotator = await start();

			await rotator.onModuleDestroy();
			await passTime(clock, 2 * INTERVAL_MS);

			expect(connector.fetchCount).toBe(0);
		});

		it.each([
			["fetching", () => (connector.fetchMs = NEVER_MS)],
			["staging", () => (server.loginMs = NEVER_MS)],
		])("calls off a rotation that is %s", async (phase, spoil) => {
			const rotator = await start();
			changePassword("two");
			spoil();
			const failure = failureOf(rotator.rotateDatabaseConnection());
			await settle();
			expect(rotator.describe()).toContain(`state=${phase}`);

			const ending = shutDown(rotator);
			await passTime(clock, 1_000);
			await ending;

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			expect(clock.pendingCount).toBe(0);
			expect(server.openCount).toBe(0);
		});

		it("lets callers work on while the application finishes its requests", async () => {
			const rotator = await start();

			await rotator.onModuleDestroy();

			await expect(borrow()).resolves.toBeDefined();
		});

		it("waits two seconds for a generation that drains, and cuts it then", async () => {
			const rotator = await start();
			const loan = await borrow();
			changePassword("two");
			await rotator.rotateDatabaseConnection();
			const ended = jest.fn();
			const ending = shutDown(rotator).then(ended);

			await passTime(clock, 1_999);
			expect(server.openCount).toBe(1);
			await passTime(clock, 1);
			expect(server.openCount).toBe(0);
			loan.release(new Error("cut"));
			await passTime(clock, 100);
			await ending;

			expect(ended).toHaveBeenCalledTimes(1);
			expect(clock.pendingCount).toBe(0);
		});

		it("gives back what TypeORM forgot, so that destroy() ends", async () => {
			const rotator = await start();
			const { release } = await borrow();
			dataSource.driver.connectedQueryRunners.push({ isReleased: true, releaseCallback: release });

			await shutDown(rotator);

			expect(server.openCount).toBe(0);
		});

		it("lets go of callers who wait for credentials that work", async () => {
			const rotator = await start();
			server.passwords.set("app", "two");
			server.cutConnections();
			await settle();
			const failure = failureOf(borrow());
			await passTime(clock, 100);
			expect(rotator.describe()).toContain("waiting=1");

			await shutDown(rotator);
			await passTime(clock, 100);

			expect(await failure).toBeInstanceOf(Error);
			expect(clock.pendingCount).toBe(0);
		});

		it("leaves pool and driver as they were", async () => {
			const rotator = await start();

			await shutDown(rotator);

			expect(isAttached(dataSource)).toBe(false);
		});
	});
});
