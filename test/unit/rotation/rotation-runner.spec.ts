/** One rotation at a time, failures in a row, one recovery, and an end that waits for what runs. */
import { ConnectorClosedError } from "../../../src/errors/errors.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { CLOSE_PATIENCE_MS } from "../../../src/drivers/open-sockets.js";
import type { RotatedDataSource } from "../../../src/rotation/rotation-context.js";
import { RotationRunner } from "../../../src/rotation/rotation-runner.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, passTime, settle } from "../../support/fake-postgres-driver.js";
import { FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";
import { StubConnector } from "../../support/stub-connector.js";
import { createLive } from "./create-live.js";

const DEADLINES = { connectMs: 1_000, drainMs: 5_000, fetchMs: 800, healthMs: 200, verifyMs: 500 };

let live: RotatedDataSource | undefined;
let clock: FakeClock;
let connector: StubConnector;
let dataSource: FakeDataSource;
let events: ConnectorEvent[];
let runner: RotationRunner;
let server: FakePostgresServer;

beforeEach(async () => {
	clock = new FakeClock();
	connector = new StubConnector(clock);
	server = new FakePostgresServer(clock, { app: "one" });
	dataSource = await createFakeDataSource(clock, { db: server }).initialize();
	const channel = new EventChannel("orders");
	const heard: ConnectorEvent[] = [];
	channel.events$.subscribe((event) => heard.push(event));
	events = heard;
	live = createLive(asDataSource(dataSource), clock, channel);
	runner = new RotationRunner({ attach: () => live, clock, connector, deadlines: DEADLINES, events: channel, random: () => 0 });
});

/** Events of rotations themselves, in order. */
function rotationEvents(): ConnectorEvent[] {
	return events.filter(({ type }) => type.startsWith("rotation."));
}

function changePassword(password: string): void {
	server.passwords.set("app", password);
	connector.current = { password };
}

/** Lets the next rotations fail, or work again. */
function setFault(fault: Error | undefined): void {
	connector.fault = fault;
}

async function borrow(): Promise<(error?: Error) => void> {
	const [client, release] = await dataSource.driver.obtainMasterConnection();
	(client as { on: (event: string, listener: () => void) => void }).on("error", () => undefined);
	return release;
}

describe("RotationRunner", () => {
	it("is idle at first and drains nothing", () => {
		expect(runner).toMatchObject({ drainingCount: 0, state: { failureCount: 0 } });
		expect(runner.state.phase).toBe("idle");
		expect(runner.inFlight).toBeUndefined();
		expect(runner.closed.aborted).toBe(false);
	});

	describe("rotating", () => {
		it("tells that it rotated, and which generation serves", async () => {
			changePassword("two");
			await clock.advance(1_000);

			expect(await runner.rotate("manual")).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });

			expect(rotationEvents()).toEqual([
				{ connector: "orders", trigger: "manual", type: "rotation.started" },
				{
					connector: "orders",
					durationMs: 0,
					generation: 2,
					trigger: "manual",
					type: "rotation.succeeded",
					versionIdPrefix: "version-",
					versionStage: "AWSCURRENT",
					waitingServers: [],
				},
			]);
		});

		it("shows eight characters of the version and no more", async () => {
			connector.resolveConnection = async () => ({ options: await connector.getTypeOrmOptions(), versionId: "0a1b2c3d-4e5f-6789" });
			changePassword("two");

			await runner.rotate("manual");

			expect(rotationEvents()[1]).toMatchObject({ versionIdPrefix: "0a1b2c3d" });
		});

		it("has no version to show where there is none", async () => {
			connector.resolveConnection = async () => ({ options: await connector.getTypeOrmOptions() });
			changePassword("two");

			await runner.rotate("manual");

			expect(rotationEvents()[1]).not.toHaveProperty("versionIdPrefix");
		});

		it("measures how long it took", async () => {
			changePassword("two");
			connector.fetchMs = 300;
			const rotating = runner.rotate("manual");

			await passTime(clock, 300);
			await rotating;

			expect(rotationEvents()[1]).toMatchObject({ durationMs: 300 });
		});

		it("tells that nothing changed", async () => {
			expect(await runner.rotate("schedule")).toEqual({ outcome: "unchanged" });
			expect(rotationEvents().map(({ type }) => type)).toEqual(["rotation.started", "rotation.unchanged"]);
			expect(rotationEvents()[1]).toMatchObject({ trigger: "schedule" });
		});

		it("skips a DataSource that is not initialized, without asking AWS", async () => {
			live = undefined;

			expect(await runner.rotate("manual")).toEqual({ outcome: "skipped" });
			expect(rotationEvents()).toEqual([
				{ connector: "orders", reason: "not-initialized", trigger: "manual", type: "rotation.skipped" },
			]);
			expect(connector.fetchCount).toBe(0);
			expect(runner.state.lastSuccessAtMs).toBeUndefined();
		});

		it("counts neither as a failure nor as a success that it was skipped", async () => {
			setFault(new Error("no"));
			await runner.rotate("manual");
			live = undefined;

			await runner.rotate("manual");

			expect(runner.state.failureCount).toBe(1);
		});

		it("remembers when it succeeded last, also when nothing changed", async () => {
			await clock.advance(5_000);

			await runner.rotate("manual");

			expect(runner.state.lastSuccessAtMs).toBe(5_000);
		});

		it("tries AWSCURRENT again once it was equal to the live credentials, which are AWSPENDING", async () => {
			server.passwords.set("app", "three");
			connector.current = { password: "two" };
			connector.pending = { password: "three" };
			await runner.rotate("manual");
			expect(rotationEvents()[1]).toMatchObject({ versionStage: "AWSPENDING" });
			connector.current = { password: "three" };
			await runner.rotate("manual");
			await clock.advance(60_000);

			connector.current = { password: "two" };
			await runner.rotate("manual");

			expect(server.refusedCount).toBe(2);
		});

		it("does not try AWSCURRENT again and again while the live side is ahead of it", async () => {
			server.passwords.set("app", "three");
			connector.current = { password: "two" };
			connector.pending = { password: "three" };

			for (let time = 0; time < 4; time += 1) await runner.rotate("schedule");

			expect(server.refusedCount).toBe(1);
		});

		it("passes on what makes it impossible at all", async () => {
			const fault = new Error("unsupported");
			const broken = new RotationRunner({
				attach: () => {
					throw fault;
				},
				clock,
				connector,
				deadlines: DEADLINES,
				events: new EventChannel("orders"),
				random: () => 0,
			});

			expect(await failureOf(broken.rotate("manual"))).toBe(fault);
			expect(broken.state.phase).toBe("idle");
		});
	});

	describe("asked by several at once", () => {
		it("runs one rotation, and all share how it ended", async () => {
			changePassword("two");

			const results = await Promise.all([
				runner.rotate("manual"),
				runner.rotate("schedule"),
				runner.rotate("authentication-failure"),
			]);

			expect(new Set(results).size).toBe(1);
			expect(connector.fetchCount).toBe(1);
			expect(server.acceptedCount).toBe(2);
		});

		it.each(["manual", "secret-changed"] as const)(
			"reads the secret again for %s that comes after the first has begun to read",
			async (trigger) => {
				// Secrets Manager answers with what was current when the request came in.
				const resolve = connector.resolveConnection.bind(connector);
				connector.resolveConnection = async (request) => {
					const options = await connector.getTypeOrmOptions();
					return { ...(await resolve(request)), options };
				};
				connector.fetchMs = 300;
				const first = runner.rotate("schedule");
				await settle();
				changePassword("two");
				const latecomers = [runner.rotate(trigger), runner.rotate("manual")];

				await passTime(clock, 600);

				expect(await first).toEqual({ outcome: "unchanged" });
				expect(await Promise.all(latecomers)).toEqual([
					{ generation: 2, outcome: "rotated", waitingServers: [] },
					{ generation: 2, outcome: "rotated", waitingServers: [] },
				]);
				expect(connector.fetchCount).toBe(2);
			},
		);

		it("reports what the first one did where the second has no news", async () => {
			changePassword("two");
			connector.fetchMs = 300;
			const first = runner.rotate("schedule");
			await settle();
			const second = runner.rotate("manual");

			await passTime(clock, 600);

			expect(await second).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
			expect(await second).toBe(await first);
		});

		it("lets a schedule and a recovery join a rotation that has begun", async () => {
			connector.fetchMs = 300;
			const first = runner.rotate("manual");
			await settle();
			const others = [runner.rotate("schedule"), runner.rotate("authentication-failure")];

			await passTime(clock, 300);

			expect(await Promise.all(others)).toEqual([await first, await first]);
			expect(connector.fetchCount).toBe(1);
		});

		it("rotates once more after a rotation that could not be done at all", async () => {
			const attach = jest.fn().mockImplementationOnce(() => {
				throw new Error("no DataSource that can be rotated");
			});
			const parts = { clock, connector, deadlines: DEADLINES, events: new EventChannel("orders"), random: () => 0 };
			const broken = new RotationRunner({ attach, ...parts });
			const first = failureOf(broken.rotate("schedule"));
			await Promise.resolve();
			const second = broken.rotate("manual");

			await first;

			expect(await second).toEqual({ outcome: "skipped" });
		});

		it("runs another one for those who come when the first has ended", async () => {
			await runner.rotate("manual");
			await runner.rotate("manual");

			expect(connector.fetchCount).toBe(2);
		});

		it("shows the one in flight", async () => {
			const rotating = runner.rotate("manual");
			const shown = runner.inFlight;

			expect(await shown).toBe(await rotating);
			expect(runner.inFlight).toBeUndefined();
		});
	});

	describe("at once", () => {
		/** Connections in use are the older ones of an exchange; one comes back after the second request. */
		async function startExchange(): Promise<(error?: Error) => void> {
			const release = await borrow();
			changePassword("two");
			await runner.rotate("schedule");
			expect(live?.servers[0]?.pool.olderCount).toBe(1);
			return release;
		}

		it("retires older connections also where the credentials are the promoted ones already", async () => {
			const release = await startExchange();

			const result = await runner.rotate("manual", "at-once");
			release();
			await passTime(clock, CLOSE_PATIENCE_MS);

			expect(result).toEqual({ outcome: "unchanged" });
			expect(live?.servers[0]?.exchange).toMatchObject({ mode: "at-once" });
			expect(live?.servers[0]?.pool.olderCount).toBe(0);
		});

		it("is not lost where another rotation is in flight", async () => {
			await startExchange();
			connector.fetchMs = 300;
			const first = runner.rotate("schedule");
			const second = runner.rotate("manual", "at-once");

			await passTime(clock, 600);

			expect([await first, await second]).toEqual([{ outcome: "unchanged" }, { outcome: "unchanged" }]);
			expect(live?.servers[0]?.exchange).toMatchObject({ mode: "at-once" });
			expect(connector.fetchCount).toBe(3);
		});
	});

	describe("failing", () => {
		it.each([
			["fetch", () => setFault(new Error("hunter2"))],
			["fetch", () => (connector.current = { database: "another", password: "one" })],
			["stage", () => (connector.current = { password: "wrong" })],
			["stage", () => (connector.current = { host: "nowhere", password: "one" })],
		])("names the step %s, is idle again and leaves the live side (%#)", async (stage, spoil) => {
			spoil();

			const result = await runner.rotate("manual");

			expect(result).toMatchObject({ error: expect.any(Error) as Error, outcome: "failed" });
			expect(rotationEvents()[1]).toMatchObject({ failureCount: 1, stage, trigger: "manual", type: "rotation.failed" });
			expect(runner.state.phase).toBe("idle");
			expect(live?.servers[0]?.pool.generation).toBe(1);
			await expect(borrow()).resolves.toBeDefined();
		});

		it("names the step verify", async () => {
			changePassword("two");
			server.answerMs = NEVER_MS;
			const rotating = runner.rotate("manual");

			await passTime(clock, DEADLINES.healthMs + DEADLINES.verifyMs);

			expect(await rotating).toMatchObject({ outcome: "failed" });
			expect(rotationEvents()[1]).toMatchObject({ stage: "verify" });
		});

		it("names the step promote", async () => {
			changePassword("two");
			const fault = new Error("frozen");
			jest.spyOn(live as RotatedDataSource, "setServerOptions").mockImplementation(() => {
				throw fault;
			});

			expect(await runner.rotate("manual")).toEqual({ error: fault, outcome: "failed" });
			expect(rotationEvents()[1]).toMatchObject({ stage: "promote" });
		});

		it("shows nothing of a foreign error's text in the event", async () => {
			setFault(new Error("hunter2"));

			await runner.rotate("manual");

			expect(JSON.stringify(events)).not.toContain("hunter2");
			expect(rotationEvents()[1]).toMatchObject({ fault: { code: "ERR_UNEXPECTED", isTransient: true } });
		});

		it("counts failures in a row, and says when it works again after how many", async () => {
			setFault(new Error("no"));
			await runner.rotate("manual");
			await runner.rotate("manual");
			expect(runner.state.failureCount).toBe(2);
			setFault(undefined);

			await runner.rotate("manual");

			expect(runner.state.failureCount).toBe(0);
			expect(rotationEvents().slice(-2)).toEqual([
				{ connector: "orders", failureCount: 2, type: "rotation.recovered" },
				{ connector: "orders", trigger: "manual", type: "rotation.unchanged" },
			]);
		});

		it("says nothing of a recovery when it never failed", async () => {
			await runner.rotate("manual");

			expect(rotationEvents().map(({ type }) => type)).not.toContain("rotation.recovered");
		});
	});

	describe("failing three times in a row", () => {
		it("tries once more at once, with fresh AWS clients", async () => {
			setFault(new Error("no"));
			for (let time = 0; time < 2; time += 1) await runner.rotate("schedule");
			expect(connector.renewClients).not.toHaveBeenCalled();
			connector.renewClients.mockImplementation(() => setFault(undefined));

			expect(await runner.rotate("schedule")).toEqual({ outcome: "unchanged" });

			expect(connector.renewClients).toHaveBeenCalledTimes(1);
			expect(rotationEvents().slice(4)).toEqual([
				{ connector: "orders", trigger: "schedule", type: "rotation.started" },
				expect.objectContaining({ failureCount: 3, trigger: "schedule", type: "rotation.failed" }),
				{ connector: "orders", failureCount: 3, type: "rotation.degraded" },
				{ connector: "orders", trigger: "emergency-recovery", type: "rotation.started" },
				{ connector: "orders", failureCount: 3, type: "rotation.recovered" },
				{ connector: "orders", trigger: "emergency-recovery", type: "rotation.unchanged" },
			]);
		});

		it("does so once in an episode, however long that lasts", async () => {
			setFault(new Error("no"));

			for (let time = 0; time < 8; time += 1) expect(await runner.rotate("schedule")).toMatchObject({ outcome: "failed" });

			expect(connector.renewClients).toHaveBeenCalledTimes(1);
			expect(connector.fetchCount).toBe(9);
			expect(runner.state.failureCount).toBe(9);
		});

		it("does so again in the next episode", async () => {
			for (let episode = 0; episode < 2; episode += 1) {
				setFault(new Error("no"));
				for (let time = 0; time < 3; time += 1) await runner.rotate("schedule");
				setFault(undefined);
				await runner.rotate("schedule");
			}

			expect(connector.renewClients).toHaveBeenCalledTimes(2);
		});

		it("never touches the live side", async () => {
			const { master } = dataSource.driver;
			setFault(new Error("no"));

			for (let time = 0; time < 4; time += 1) await runner.rotate("schedule");

			expect(dataSource.driver.master).toBe(master);
			expect(server.openCount).toBe(1);
		});

		it("recovers a stand-in that has no clients to renew", async () => {
			const standIn = {
				getRotationConfig: () => connector.getRotationConfig(),
				getTypeOrmOptions: () => Promise.reject(new Error("no")),
			};
			const other = new RotationRunner({
				attach: () => live,
				clock,
				connector: standIn,
				deadlines: DEADLINES,
				events: new EventChannel("orders"),
				random: () => 0,
			});

			for (let time = 0; time < 3; time += 1) await other.rotate("manual");

			expect(other.state.failureCount).toBe(4);
		});
	});

	describe("with generations that drain", () => {
		it("counts them until they are closed", async () => {
			const release = await borrow();
			changePassword("two");
			await runner.rotate("manual");
			await passTime(clock, 100);
			expect(runner.drainingCount).toBe(1);

			release();
			await passTime(clock, 100);

			expect(runner.drainingCount).toBe(0);
		});

		it("rotates on while they drain", async () => {
			await borrow();
			changePassword("two");
			await runner.rotate("manual");
			await borrow();
			changePassword("three");

			expect(await runner.rotate("manual")).toEqual({ generation: 3, outcome: "rotated", waitingServers: [] });
			expect(runner.drainingCount).toBe(2);
		});

		describe("at the end", () => {
			it("waits for them no longer than they take", async () => {
				const release = await borrow();
				changePassword("two");
				await runner.rotate("manual");
				const finished = jest.fn();
				const finishing = runner.finishDrains(2_000).then(finished);
				await passTime(clock, 500);
				expect(finished).not.toHaveBeenCalled();

				release();
				await passTime(clock, 100);
				await finishing;

				expect(server.openCount).toBe(1);
				expect(clock.pendingCount).toBe(0);
				expect(events.map(({ type }) => type)).not.toContain("drain.forced");
			});

			it("cuts them after the grace", async () => {
				const release = await borrow();
				changePassword("two");
				await runner.rotate("manual");
				const finishing = runner.finishDrains(2_000);
				await passTime(clock, 1_999);
				expect(server.openCount).toBe(1);

				await passTime(clock, 1);
				expect(server.openCount).toBe(0);

				release(new Error("cut"));
				await passTime(clock, 100);
				await finishing;
				expect(clock.pendingCount).toBe(0);
			});

			it("is done at once when there are none", async () => {
				await runner.finishDrains(2_000);

				expect(clock.pendingCount).toBe(0);
			});
		});
	});

	describe("closed", () => {
		it("rotates no more, and sends no request", async () => {
			await runner.close();

			expect(await failureOf(runner.rotate("manual"))).toBeInstanceOf(ConnectorClosedError);
			expect(connector.fetchCount).toBe(0);
			expect(rotationEvents()).toEqual([]);
			expect(runner.state.phase).toBe("closed");
			expect(runner.closed.aborted).toBe(true);
		});

		it.each([
			["fetching", () => (connector.fetchMs = NEVER_MS)],
			["staging", () => (server.loginMs = NEVER_MS)],
			[
				"verifying",
				() => {
					const { authenticate } = server;
					// The live side answers, its replacement does not.
					jest.spyOn(server, "authenticate").mockImplementation((login) => {
						server.answerMs = NEVER_MS;
						return authenticate.call(server, login);
					});
				},
			],
		])("calls off a rotation that is %s, waits for its end, and leaves nothing open", async (phase, spoil) => {
			changePassword("two");
			spoil();
			const failure = failureOf(runner.rotate("manual"));
			await settle();
			expect(runner.state.phase).toBe(phase);

			const closing = runner.close();
			await passTime(clock, DEADLINES.healthMs + CLOSE_PATIENCE_MS);
			await closing;

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			expect(runner.inFlight).toBeUndefined();
			expect(server.openCount).toBe(1);
			expect(live?.servers[0]?.pool.generation).toBe(1);
			expect(runner.state.phase).toBe("closed");
			expect(clock.pendingCount).toBe(0);
		});

		it("counts no failure for a rotation that was called off", async () => {
			connector.fetchMs = NEVER_MS;
			const failure = failureOf(runner.rotate("manual"));
			await settle();

			await runner.close();
			await failure;

			expect(runner.state.failureCount).toBe(0);
			expect(rotationEvents().map(({ type }) => type)).toEqual(["rotation.started"]);
		});

		it("begins no recovery", async () => {
			setFault(new Error("no"));
			for (let time = 0; time < 2; time += 1) await runner.rotate("manual");
			connector.fetchMs = 300;
			const last = failureOf(runner.rotate("manual"));
			await settle();

			await runner.close();

			expect(await last).toBeInstanceOf(ConnectorClosedError);
			expect(connector.renewClients).not.toHaveBeenCalled();
		});

		it("can be closed twice", async () => {
			await runner.close();

			await expect(runner.close()).resolves.toBeUndefined();
		});

		it("leaves a generation that drains to its work", async () => {
			await borrow();
			changePassword("two");
			await runner.rotate("manual");

			await runner.close();
			await passTime(clock, 1_000);

			expect(runner.drainingCount).toBe(1);
			expect(server.openCount).toBe(1);
		});
	});
});
