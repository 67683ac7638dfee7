/** One rotation: the live pools serve until the replacement has answered, and after a failure as before. */
import type { DataSourceOptions } from "typeorm";

import { ConnectorTimeoutError, RotationUnsupportedError, ConnectorClosedError, StagingFailedError } from "../../../src/errors/errors.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { AcquireGate } from "../../../src/rotation/acquire-gate.js";
import { LiveDataSource } from "../../../src/rotation/live-data-source.js";
import { planCredentials } from "../../../src/rotation/plan-credentials.js";
import { watchPool } from "../../../src/rotation/pool-listeners.js";
import { RefusedLogins } from "../../../src/rotation/refused-logins.js";
import {
	type CycleResult,
	DEFAULT_ROTATION_DEADLINES,
	type RotationContext,
	runRotationCycle,
} from "../../../src/rotation/rotation-cycle.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import {
	asDataSource,
	createFakeDataSource,
	createFakeOptions,
	type FakeDataSource,
	passTime,
	settle,
} from "../../support/fake-postgres-driver.js";
import { FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";
import { StubConnector } from "../../support/stub-connector.js";

const DEADLINES = { connectMs: 1_000, drainMs: 5_000, fetchMs: 800, healthMs: 200, verifyMs: 500 };

let clock: FakeClock;
let closing: AbortController;
let connector: StubConnector;
let dataSource: FakeDataSource;
let events: ConnectorEvent[];
let gate: AcquireGate;
let live: LiveDataSource;
let phases: string[];
let refused: RefusedLogins;
/** A standby to which the host may be moved. */
let elsewhere: FakePostgresServer;
let server: FakePostgresServer;

beforeEach(async () => {
	clock = new FakeClock();
	closing = new AbortController();
	connector = new StubConnector(clock);
	events = [];
	phases = [];
	refused = new RefusedLogins(clock);
	server = new FakePostgresServer(clock, { app: "one" });
	elsewhere = new FakePostgresServer(clock, { app: "one" });
	await connect();
});

async function connect(options: Record<string, unknown> = {}): Promise<void> {
	dataSource = await createFakeDataSource(clock, { db: server, elsewhere, reader: elsewhere }, options).initialize();
	live = new LiveDataSource(asDataSource(dataSource));
	gate = new AcquireGate({ clock, events: channel(), live, onRefusal: undefined, random: () => 0 });
}

function channel(): EventChannel {
	const created = new EventChannel("orders");
	// What a test leaves behind must not be heard in the next one.
	const heard = events;
	created.events$.subscribe((event) => heard.push(event));
	return created;
}

function run(changes: Partial<RotationContext> = {}): Promise<CycleResult> {
	return runRotationCycle({
		clock,
		connector,
		deadlines: DEADLINES,
		enter: (phase) => phases.push(phase),
		events: channel(),
		gate,
		isLivePending: false,
		live,
		refused,
		signal: closing.signal,
		isLiveReadOnly: undefined,
		isLiveRefused: false,
		unverified: [],
		...changes,
	});
}

/** The password changes in the database and in the secret. */
function changePassword(password = "two"): void {
	server.passwords.set("app", password);
	connector.current = { password };
}

function optionsWith(password: string): DataSourceOptions {
	return createFakeOptions({ password }) as unknown as DataSourceOptions;
}

async function borrow(): Promise<() => void> {
	const [, release] = await dataSource.driver.obtainMasterConnection();
	return release;
}

function eventTypes(): string[] {
	return events.map((event) => (event.type === "health.checked" ? `${event.type} ${event.side}` : event.type));
}

describe("runRotationCycle", () => {
	it("has deadlines that end a rotation within half a minute when nobody ever answers", () => {
		const { connectMs, fetchMs, healthMs, verifyMs } = DEFAULT_ROTATION_DEADLINES;

		expect(connectMs + fetchMs + healthMs + verifyMs).toBeLessThanOrEqual(30_000);
	});

	describe("with the same credentials", () => {
		it("opens nothing and exchanges nothing", async () => {
			const { master } = dataSource.driver;

			const result = await run();

			expect(result).toEqual({ isLivePending: false, isLiveReadOnly: false, outcome: "unchanged", unverified: [] });
			expect(server.acceptedCount).toBe(1);
			expect(dataSource.driver.master).toBe(master);
			expect(gate.generation).toBe(1);
			expect(phases).toEqual(["fetching"]);
		});

		it("still tells how the live side is", async () => {
			await run();

			expect(events).toEqual([{ connector: "orders", isHealthy: true, side: "current", type: "health.checked" }]);
		});
	});

	describe("with new credentials", () => {
		beforeEach(() => changePassword("two"));

		it("goes through its steps in order", async () => {
			await run();

			expect(phases).toEqual(["fetching", "staging", "verifying", "promoting"]);
		});

		it("lets the replacement serve, and retires what served before", async () => {
			const before = dataSource.driver.master;

			const result = await run();
			await passTime(clock, 100);

			expect(result).toMatchObject({ isLivePending: false, outcome: "rotated", versionId: "version-two" });
			expect(dataSource.driver.master).not.toBe(before);
			expect(dataSource.options).toMatchObject({ password: "two" });
			expect(gate.generation).toBe(2);
			expect(before?.totalCount).toBe(0);
			expect(server.openCount).toBe(1);
		});

		it("tells of it in order: the live side, the drain of its generation, the replacement", async () => {
			const result = await run();
			await passTime(clock, 100);
			if (result.outcome === "rotated") await result.drain.done;

			expect(eventTypes()).toEqual(["health.checked current", "drain.started", "health.checked promoted", "drain.finished"]);
			expect(events[1]).toMatchObject({ busyCount: 0, generation: 1 });
		});

		it("lets lent connections finish their work, and cuts them at the deadline of the drain", async () => {
			const [client] = (await dataSource.driver.obtainMasterConnection()) as unknown as [
				{ on: (event: string, listener: () => void) => void },
			];
			client.on("error", () => undefined);
			await run();

			await passTime(clock, DEADLINES.drainMs - 1);
			expect(server.openCount).toBe(2);
			await passTime(clock, 1);

			expect(server.openCount).toBe(1);
			expect(eventTypes()).toContain("drain.forced");
		});

		it("gives back what TypeORM forgot while it drains", async () => {
			const releaseCallback = await borrow();
			dataSource.driver.connectedQueryRunners.push({ isReleased: true, releaseCallback });

			await run();
			await passTime(clock, 100);

			expect(server.openCount).toBe(1);
			expect(dataSource.driver.connectedQueryRunners).toEqual([]);
		});

		it("lets an application's pool listeners follow, and leaves the library's own behind", async () => {
			const application = jest.fn();
			const own = jest.fn();
			const before = dataSource.driver.master;
			before?.on("remove", application);
			if (before !== undefined) watchPool(before, "remove", own);

			await run();

			expect(dataSource.driver.master?.rawListeners("remove")).toEqual([application]);
		});

		it("stages nothing while the check of what it promoted last still holds a connection", async () => {
			const first = await run();
			if (first.outcome !== "rotated") throw new Error("The first rotation promotes");
			server.answerMs = 50;
			await passTime(clock, 1);
			changePassword("three");
			phases.length = 0;

			const second = run({ promotedHealth: first.promotedHealth });
			await passTime(clock, 45);
			const phasesMeanwhile = [...phases];
			await passTime(clock, 1_000);

			expect(phasesMeanwhile).toEqual(["fetching"]);
			expect((await second).outcome).toBe("rotated");
			expect(server.openMaximum).toBe(2);
		});

		it("goes on when the live side has no idle connection to be asked on", async () => {
			server.passwords.set("app", "one");
			connector.current = { host: "elsewhere" };
			const releases = [await borrow(), await borrow(), await borrow()];

			const result = await run();

			expect(result.outcome).toBe("rotated");
			expect(eventTypes()).not.toContain("health.checked current");
			releases.forEach((release) => release());
		});

		it("goes on when the live side does not answer, and says so", async () => {
			connector.current = { host: "elsewhere" };
			server.answerMs = NEVER_MS;
			const running = run();

			await passTime(clock, DEADLINES.healthMs);

			expect((await running).outcome).toBe("rotated");
			expect(events[0]).toEqual({
				connector: "orders",
				isHealthy: false,
				reason: "ERR_CONNECTOR_TIMEOUT",
				side: "current",
				type: "health.checked",
			});
		});

		it("names an error without a code by its class, and shows nothing of its text", async () => {
			connector.current = { host: "elsewhere" };
			server.answerMs = 50;
			const running = run();
			await settle();

			server.cutConnections();
			await running;

			expect(events[0]).toEqual({ connector: "orders", isHealthy: false, reason: "Error", side: "current", type: "health.checked" });
		});

		it("asks the live side beside the fetch, not before it", async () => {
			server.answerMs = 50;
			connector.fetchMs = 100;
			const running = run();

			await passTime(clock, 100);
			expect(phases).toContain("staging");

			await passTime(clock, 500);
			await running;
		});

		it("follows a new host", async () => {
			connector.current = { host: "elsewhere" };

			await run();
			await passTime(clock, 100);

			expect([server.openCount, elsewhere.openCount]).toEqual([0, 1]);
		});

		it("rotates replicas together with the master, and drains all of them", async () => {
			const node = { password: "one", port: 5_432, username: "app" };
			elsewhere.passwords.set("app", "one");
			server.passwords.set("app", "one");
			await connect({ replication: { master: { ...node, host: "db" }, slaves: [{ ...node, host: "reader" }] } });
			const retired = [...dataSource.driver.slaves];
			connector.current = { host: undefined, password: "two" };
			for (const each of [server, elsewhere]) each.passwords.set("app", "two");

			await run();
			await passTime(clock, 100);

			expect(dataSource.driver.slaves).toHaveLength(1);
			expect(retired.map(({ ending, totalCount }) => [ending, totalCount])).toEqual([[true, 0]]);
			expect(elsewhere.openCount).toBe(1);
		});
	});

	describe("leaves the live side as it is", () => {
		/** What must not change. */
		function look(): unknown {
			return {
				generation: gate.generation,
				master: dataSource.driver.master,
				openCount: server.openCount,
				options: dataSource.options,
			};
		}

		it("when the credentials cannot be fetched", async () => {
			const before = look();
			connector.fault = new Error("throttled");

			expect(await failureOf(run())).toBe(connector.fault);
			expect(look()).toEqual(before);
		});

		it("when the fetch does not end in time, and calls it off", async () => {
			const before = look();
			connector.fetchMs = NEVER_MS;
			const failure = failureOf(run());

			await passTime(clock, DEADLINES.fetchMs);

			expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
			expect(await failure).toMatchObject({ deadlineMs: DEADLINES.fetchMs, subject: "Fetching the credentials" });
			expect(connector.signal?.aborted).toBe(true);
			expect(look()).toEqual(before);
		});

		it("when the fresh options cannot be followed", async () => {
			const before = look();
			connector.current = { database: "another" };

			expect(await failureOf(run())).toBeInstanceOf(RotationUnsupportedError);
			expect(look()).toEqual(before);
		});

		it("when the replacement cannot log in", async () => {
			const before = look();
			connector.current = { password: "wrong" };

			expect(await failureOf(run())).toMatchObject({ cause: { code: "28P01" }, phase: "connect" });
			await settle();
			expect(look()).toEqual(before);
			expect(phases).toEqual(["fetching", "staging", "fetching"]);
		});

		it("when the replacement does not connect in time", async () => {
			const before = look();
			connector.current = { host: "elsewhere" };
			elsewhere.loginMs = NEVER_MS;
			const failure = failureOf(run());

			await passTime(clock, DEADLINES.connectMs);

			expect(await failure).toMatchObject({ phase: "connect" });
			await settle();
			expect(look()).toEqual(before);
			expect(elsewhere.openCount).toBe(0);
		});

		it("when the replacement does not answer", async () => {
			const before = look();
			connector.current = { host: "elsewhere" };
			elsewhere.answerMs = NEVER_MS;
			const failure = failureOf(run());

			await passTime(clock, DEADLINES.verifyMs);

			expect(await failure).toMatchObject({ phase: "verify" });
			await settle();
			expect(look()).toEqual(before);
			expect(elsewhere.openCount).toBe(0);
		});

		it("when the replacement is read-only and the live side is not", async () => {
			const before = look();
			connector.current = { host: "elsewhere" };
			elsewhere.isReadOnly = true;

			expect(await failureOf(run())).toBeInstanceOf(StagingFailedError);
			await settle();
			expect(look()).toEqual(before);
		});
	});

	describe("on a read-only target", () => {
		beforeEach(() => {
			connector.current = { host: "elsewhere" };
			elsewhere.isReadOnly = true;
		});

		it("goes on when the live side is read-only itself", async () => {
			server.isReadOnly = true;

			expect((await run()).outcome).toBe("rotated");
		});

		it("goes on when the live side could not be asked", async () => {
			const releases = [await borrow(), await borrow(), await borrow()];

			expect((await run()).outcome).toBe("rotated");
			releases.forEach((release) => release());
		});
	});

	describe("when the server is full", () => {
		it("gives up an idle connection and stages again in its place", async () => {
			changePassword("two");
			server.connectionLimit = server.openCount;

			const result = await run();
			await passTime(clock, 100);

			expect(result.outcome).toBe("rotated");
			expect(gate.heldCount).toBe(0);
			expect(phases).toEqual(["fetching", "staging", "staging", "verifying", "promoting"]);
		});

		it("fails when there is none to give up, and keeps every place", async () => {
			const release = await borrow();
			changePassword("two");
			server.connectionLimit = server.openCount;

			expect(await failureOf(run())).toMatchObject({ cause: { code: "53300" } });
			expect(gate.heldCount).toBe(1);
			release();
		});

		it("fails when giving one up did not help, and lets the pool grow again", async () => {
			connector.current = { host: "elsewhere" };
			elsewhere.connectionLimit = 0;

			expect(await failureOf(run())).toMatchObject({ cause: { code: "53300" } });
			expect(gate.heldCount).toBe(0);
			await expect(borrow()).resolves.toBeDefined();
		});

		it("gives up nothing for any other fault", async () => {
			connector.current = { host: "elsewhere" };
			elsewhere.isReachable = false;

			await failureOf(run());

			expect(server.openCount).toBe(1);
		});
	});

	describe("when the database is ahead of AWSCURRENT", () => {
		beforeEach(() => {
			server.passwords.set("app", "three");
			connector.current = { password: "two" };
			connector.pending = { password: "three" };
		});

		it("goes to the pending version, and knows it", async () => {
			const result = await run();

			expect(result).toMatchObject({ isLivePending: true, outcome: "rotated", versionId: "version-pending" });
			expect(dataSource.options).toMatchObject({ password: "three" });
			expect(phases).toEqual(["fetching", "staging", "fetching", "staging", "verifying", "promoting"]);
		});

		it("remembers that AWSCURRENT was refused, so that it is not tried again meanwhile", async () => {
			await run();

			expect(refused.has(planCredentials(live.options, optionsWith("two")))).toBe(true);
			const result = await run({ isLivePending: true });
			expect(result).toEqual({ isLivePending: true, outcome: "unchanged", unverified: [] });
			expect(server.refusedCount).toBe(1);
		});

		it("forgets all refusals when AWSCURRENT works", async () => {
			await run();
			const plan = planCredentials(live.options, optionsWith("two"));
			changePassword("four");

			await run({ isLivePending: true });

			expect(refused.has(plan)).toBe(false);
		});

		it("ends the fetch of the pending version at the same deadline", async () => {
			connector.resolvePendingConnection = () => new Promise(() => undefined);
			const failure = failureOf(run());

			await passTime(clock, DEADLINES.fetchMs);

			expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT", deadlineMs: DEADLINES.fetchMs });
		});

		it("stays on AWSCURRENT's side with the refused login when callers wait and there is nothing else", async () => {
			connector.current = {};
			connector.pending = undefined;

			expect(await run({ isLiveRefused: true })).toEqual({
				isLivePending: false,
				isLiveReadOnly: false,
				outcome: "unchanged",
				unverified: [],
			});
			expect(server.refusedCount).toBe(0);
		});
	});

	describe("when the application ends", () => {
		it("ends while it fetches", async () => {
			connector.fetchMs = NEVER_MS;
			const failure = failureOf(run());
			await settle();

			closing.abort();

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			expect(connector.signal?.aborted).toBe(true);
		});

		it.each(["loginMs", "answerMs"] as const)("ends while the replacement has not answered (%s), and closes it", async (delay) => {
			connector.current = { host: "elsewhere" };
			elsewhere[delay] = NEVER_MS;
			const failure = failureOf(run());
			await settle();

			closing.abort();

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			await settle();
			expect(elsewhere.openCount).toBe(0);
			expect(gate.generation).toBe(1);
		});

		it("promotes nothing when it ends in the very moment in which the replacement has answered", async () => {
			changePassword("two");
			const { execute } = server;
			jest.spyOn(server, "execute").mockImplementation((text) => {
				if (phases.includes("verifying") && text.startsWith("SHOW")) queueMicrotask(() => closing.abort());
				return execute.call(server, text);
			});

			expect(await failureOf(run())).toBeInstanceOf(ConnectorClosedError);
			await settle();
			expect(gate.generation).toBe(1);
			expect(server.openCount).toBe(1);
		});

		it("promotes nothing on a DataSource that was destroyed meanwhile, and closes the replacement", async () => {
			connector.current = { host: "elsewhere" };
			elsewhere.answerMs = 50;
			const failure = failureOf(run());
			await settle();

			await dataSource.destroy();
			await passTime(clock, 200);

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			await settle();
			expect([server.openCount, elsewhere.openCount]).toEqual([0, 0]);
		});

		it("promotes nothing on a DataSource that was destroyed and initialized again with another driver", async () => {
			connector.current = { host: "elsewhere" };
			elsewhere.answerMs = 50;
			const failure = failureOf(run());
			await settle();

			dataSource.driver = createFakeDataSource(clock, { db: server }).driver;
			await passTime(clock, 200);

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			expect(elsewhere.openCount).toBe(0);
		});
	});

	it("leaves no timer once everything is done", async () => {
		changePassword("two");

		await run();
		await passTime(clock, 1_000);

		expect(clock.pendingCount).toBe(0);
	});
});
