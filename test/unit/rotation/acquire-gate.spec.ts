/** Old and new pools together stay within one pool's size, and a refused login becomes a wait instead of an error. */
import * as fc from "fast-check";

import { AcquireTimeoutError, SecretUnavailableError } from "../../../src/errors/errors.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { AcquireGate } from "../../../src/rotation/acquire-gate.js";
import type { ConnectionPool } from "../../../src/rotation/connection-pool.js";
import { Drain } from "../../../src/rotation/drain-pools.js";
import { listPools, type PoolSet } from "../../../src/rotation/driver-family.js";
import { LiveDataSource } from "../../../src/rotation/live-data-source.js";
import type { PostgresPool } from "../../../src/rotation/postgres-pool.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, passTime, settle } from "../../support/fake-postgres-driver.js";
import { type FakePostgresClient, FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";

const POOL_SIZE = 2;
const TIMEOUT_MS = 5_000;
const DRAIN_MS = 60_000;
const REFUSED_SOCKET_MS = 20;

/** A connection in the hands of a caller. */
interface Loan {
	readonly client: FakePostgresClient;
	readonly release: (error?: Error) => void;
}

/** A DataSource behind a gate. */
class Scene {
	readonly clock: FakeClock;
	readonly drains: Drain[] = [];
	readonly events: ConnectorEvent[] = [];
	readonly gate: AcquireGate;
	readonly live: LiveDataSource;
	readonly onRefusal = jest.fn();
	/** Chance: also says which replica is asked. */
	readonly random = jest.fn(() => 0);
	readonly server: FakePostgresServer;
	private readonly channel = new EventChannel("default");
	private readonly dataSource;

	private constructor(
		clock: FakeClock,
		server: FakePostgresServer,
		/** Where the host `other` leads. */
		readonly others: FakePostgresServer,
		dataSource: ReturnType<typeof createFakeDataSource>,
		isHealing: boolean,
	) {
		this.clock = clock;
		this.server = server;
		this.dataSource = dataSource;
		this.live = new LiveDataSource(asDataSource(dataSource));
		this.channel.events$.subscribe((event) => this.events.push(event));
		this.gate = new AcquireGate({
			clock,
			events: this.channel,
			live: this.live,
			onRefusal: isHealing ? this.onRefusal : undefined,
			random: this.random,
		});
	}

	static async create({ isHealing = true, ...options }: Record<string, unknown> & { isHealing?: boolean } = {}): Promise<Scene> {
		const clock = new FakeClock();
		const server = new FakePostgresServer(clock, { app: "one" });
		const others = new FakePostgresServer(clock, { app: "one" });
		const dataSource = createFakeDataSource(
			clock,
			{ db: server, other: others, reader: server },
			{ connectTimeoutMS: TIMEOUT_MS, poolSize: POOL_SIZE, ...options },
		);
		await dataSource.initialize();
		return new Scene(clock, server, others, dataSource, isHealing);
	}

	get driver(): ReturnType<typeof createFakeDataSource>["driver"] {
		return this.dataSource.driver;
	}

	async acquire(): Promise<Loan> {
		const [obtained, release] = await this.driver.obtainMasterConnection();
		const client = obtained as FakePostgresClient;
		// A query runner listens as long as it has the connection.
		const ignore = (): void => undefined;
		client.on("error", ignore);
		const giveBack = (error?: Error): void => {
			client.off("error", ignore);
			release(error);
		};
		return { client, release: giveBack };
	}

	async pass(durationMs: number): Promise<void> {
		await passTime(this.clock, durationMs);
	}

	/** Stages, promotes and drains as a rotation does. */
	async promote(password = "one"): Promise<void> {
		await this.gate.closeSurplus();
		const options = { ...this.dataSource.options, password };
		const { slaves } = this.live.readPools();
		const plan = { isUnchanged: false, master: options, options, slaves: slaves.map(() => ({ ...options, host: "reader" })) };
		const openings = this.live.openPools(plan, () => undefined);
		const [master, ...replicas] = await Promise.all(openings.map(async (open) => open()));
		const staged: PoolSet = { master: master as ConnectionPool, slaves: replicas };
		const retired = listPools(this.live.readPools());
		this.live.exchangePools(staged, options);
		const settlePermits = this.gate.promote(staged);
		const drain = new Drain(retired, {
			clock: this.clock,
			deadlineMs: DRAIN_MS,
			events: this.channel,
			generation: this.gate.generation - 1,
			releaseAbandoned: () => undefined,
		});
		void drain.done.then(settlePermits);
		this.drains.push(drain);
	}

	/** The password changes and every connection is cut, as in a single-user rotation with a restart. */
	async changePassword(password = "two"): Promise<void> {
		this.server.passwords.set("app", password);
		this.server.cutConnections();
		await settle();
	}
}

/** Tells whether a promise has settled, once everything is at rest. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
	let hasSettled = false;
	const settled = (): void => void (hasSettled = true);
	promise.then(settled, settled);
	await settle();
	return !hasSettled;
}

describe("AcquireGate", () => {
	describe("within one generation", () => {
		it("lends as many connections as the pool has, and lets the next caller wait for one", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			const waiting = scene.acquire();
			expect(await isPending(waiting)).toBe(true);
			expect(scene.gate).toMatchObject({ heldCount: 2, waitingCount: 1 });

			loans[0]?.release();

			expect((await waiting).client).toBe(loans[0]?.client);
			expect(scene.gate).toMatchObject({ heldCount: 2, waitingCount: 0 });
			expect(scene.server.openMaximum).toBe(2);
		});

		it("is generation 1 and holds nothing at first", async () => {
			const { gate } = await Scene.create();

			expect(gate).toMatchObject({ generation: 1, heldCount: 0, isHealingWanted: false, waitingCount: 0 });
		});

		it("ends the wait for a connection at the driver's own timeout", async () => {
			const scene = await Scene.create();
			await Promise.all([scene.acquire(), scene.acquire()]);
			const failure = failureOf(scene.acquire());

			await scene.pass(TIMEOUT_MS);

			expect(await failure).toBeInstanceOf(AcquireTimeoutError);
			expect(await failure).toMatchObject({ poolSize: POOL_SIZE, waitedMs: TIMEOUT_MS });
			expect(scene.gate.waitingCount).toBe(0);
		});

		it.each([0, undefined])("lets callers wait for ever where the driver does (%s)", async (connectTimeoutMS) => {
			const scene = await Scene.create({ connectTimeoutMS });
			await Promise.all([scene.acquire(), scene.acquire()]);
			const waiting = scene.acquire();

			await scene.pass(3_600_000);

			expect(await isPending(waiting)).toBe(true);
		});

		it("takes a permit back when the driver fails", async () => {
			const scene = await Scene.create();
			scene.server.cutConnections();
			await settle();
			scene.server.isReachable = false;

			for (let attempt = 0; attempt < 3; attempt += 1)
				expect(await failureOf(scene.acquire())).toMatchObject({ code: "ECONNREFUSED" });

			expect(scene.gate.heldCount).toBe(0);
		});

		it("passes an error on to the pool, which closes the connection then", async () => {
			const scene = await Scene.create();
			const loan = await scene.acquire();

			loan.release(new Error("broken"));
			await settle();

			expect(scene.server.openCount).toBe(0);
			expect(scene.gate.heldCount).toBe(0);
		});

		it("gives nothing back twice", async () => {
			const scene = await Scene.create();
			const [first] = await Promise.all([scene.acquire(), scene.acquire()]);
			first.release();

			expect(() => first.release()).toThrow("already been released");

			expect(scene.gate.heldCount).toBe(1);
		});

		it("counts each replica for itself, apart from the master", async () => {
			const node = { host: "reader", password: "one", port: 5_432, username: "app" };
			const scene = await Scene.create({ replication: { master: { ...node, host: "db" }, slaves: [node, node] } });
			await Promise.all([scene.acquire(), scene.acquire()]);

			const fromReplicas = Array.from({ length: POOL_SIZE + 1 }, () => scene.driver.obtainSlaveConnection());
			scene.random.mockReturnValue(0.9);
			fromReplicas.push(scene.driver.obtainSlaveConnection());

			await settle();
			expect(scene.gate.heldCount).toBe(POOL_SIZE + POOL_SIZE + 1);
			expect(scene.gate.waitingCount).toBe(1);
			expect(scene.live.readPools().slaves).toMatchObject([
				{ totalCount: POOL_SIZE, waitingCount: 0 },
				{ totalCount: 1, waitingCount: 0 },
			]);
			fromReplicas.forEach((promise) => void promise.catch(() => undefined));
		});
	});

	describe("at a promotion", () => {
		it("begins the next generation and lends from the new pools", async () => {
			const scene = await Scene.create();
			const before = scene.live.readPools().master;

			await scene.promote();
			const loan = await scene.acquire();

			expect(scene.gate.generation).toBe(2);
			expect(scene.live.readPools().master).not.toBe(before);
			expect(scene.live.readPools().master.idleCount).toBe(0);
			loan.release();
		});

		it("leaves lent connections to their borrowers", async () => {
			const scene = await Scene.create();
			const loan = await scene.acquire();

			await scene.promote();
			await scene.pass(1_000);

			await expect(loan.client.query("SELECT 2")).resolves.toBeDefined();
			expect(scene.gate.heldCount).toBe(1);
		});

		it("keeps the permit of a lent connection until its socket is closed, not only released", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			await scene.promote();
			scene.server.closeMs = 50;
			const waiting = scene.acquire();
			await scene.pass(100);

			loans[0]?.release();
			await scene.pass(49);
			expect(await isPending(waiting)).toBe(true);
			await scene.pass(1);

			expect(await isPending(waiting)).toBe(false);
			expect(scene.server.openMaximum).toBe(POOL_SIZE + 1);
			expect(scene.gate.heldCount).toBe(2);
		});

		it("keeps a permit for each idle connection until its socket is closed", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			for (const { release } of loans) release();
			scene.server.closeMs = 50;

			await scene.promote();
			expect(scene.gate.heldCount).toBe(2);
			const waiting = scene.acquire();
			await scene.pass(49);
			expect(await isPending(waiting)).toBe(true);
			await scene.pass(1);

			expect(await isPending(waiting)).toBe(false);
			expect(scene.gate.heldCount).toBe(1);
			expect(scene.server.openMaximum).toBe(POOL_SIZE + 1);
		});

		it("counts a connection once that is being opened meanwhile", async () => {
			const scene = await Scene.create();
			const first = await scene.acquire();
			scene.server.loginMs = 100;
			const opening = scene.acquire();
			await settle();
			const promoting = scene.promote();
			await scene.pass(100);
			const second = await opening;
			await promoting;
			expect(scene.gate.heldCount).toBe(2);

			for (const { release } of [first, second]) release();
			await scene.pass(100);

			expect(scene.gate.heldCount).toBe(0);
			expect(scene.server.openMaximum).toBe(POOL_SIZE + 1);
		});

		it("gives the permit of a connection that was cut back when its borrower lets go of it", async () => {
			const scene = await Scene.create();
			const loan = await scene.acquire();
			await scene.promote();
			scene.drains[0]?.force();
			await settle();

			loan.release(new Error("cut"));
			await scene.pass(100);

			expect(scene.gate.heldCount).toBe(0);
		});

		it("does not lend more for a connection that somebody took behind its back", async () => {
			const scene = await Scene.create();
			const bypass = await new Promise<() => void>((resolve) =>
				scene.driver.master?.connect((_error, _client, release) => resolve(release)),
			);
			await scene.promote();

			bypass();
			await scene.pass(100);

			expect(scene.gate.heldCount).toBe(0);
			const loans = [scene.acquire(), scene.acquire(), scene.acquire()];
			await settle();
			expect(scene.gate).toMatchObject({ heldCount: 2, waitingCount: 1 });
			loans.forEach((promise) => void promise.catch(() => undefined));
		});

		it("does the same for replicas", async () => {
			const node = { host: "reader", password: "one", port: 5_432, username: "app" };
			const scene = await Scene.create({ replication: { master: { ...node, host: "db" }, slaves: [node] } });
			const [, release] = await scene.driver.obtainSlaveConnection();

			await scene.promote();
			expect(scene.gate.heldCount).toBe(2);
			release();
			await scene.pass(100);

			expect(scene.gate.heldCount).toBe(0);
			expect(scene.server.openCount).toBe(2);
		});

		it("never has more sockets than one pool and the one that is staged, and forgets no permit, whatever happens when", async () => {
			const command = fc.oneof(
				{ arbitrary: fc.constant("acquire" as const), weight: 4 },
				{ arbitrary: fc.nat({ max: 9 }), weight: 3 },
				{ arbitrary: fc.constant("promote" as const), weight: 2 },
				{ arbitrary: fc.constant("pass" as const), weight: 2 },
			);
			const commandLists = fc.array(command, { maxLength: 40, minLength: 10 });
			await fc.assert(
				fc.asyncProperty(
					commandLists,
					fc.constantFrom(0, 30),
					fc.constantFrom(0, 40),
					async (commands, closeMs, idleTimeoutMillis) => {
						const scene = await Scene.create({ connectTimeoutMS: 0, extra: { idleTimeoutMillis }, poolSize: 3 });
						scene.server.closeMs = closeMs;
						const loans: Loan[] = [];
						for (const step of commands) {
							if (step === "acquire") void scene.acquire().then((loan) => loans.push(loan));
							else if (step === "pass") await scene.pass(25);
							else if (step === "promote") await Promise.all([scene.promote(), scene.pass(50)]);
							else loans.splice(step % Math.max(loans.length, 1), 1).forEach(({ release }) => release());
							await settle();
						}

						expect(scene.server.openMaximum).toBeLessThanOrEqual(3 + 1);
						for (let round = 0; round < 60 && scene.gate.heldCount + scene.gate.waitingCount > 0; round += 1) {
							loans.splice(0).forEach(({ release }) => release());
							await scene.pass(50);
						}
						await scene.pass(200);
						expect(scene.gate).toMatchObject({ heldCount: 0, waitingCount: 0 });
						expect(scene.server.openMaximum).toBeLessThanOrEqual(3 + 1);
						expect(scene.server.openCount).toBe(scene.live.readPools().master.totalCount);
					},
				),
				{ numRuns: 60 },
			);
		}, 60_000);
	});

	describe("while nothing is known of the credentials", () => {
		it("lets one caller log in first, and the others when that one succeeded", async () => {
			const scene = await Scene.create({ poolSize: 4 });
			await scene.acquire();
			scene.server.loginMs = 100;
			const loans = [scene.acquire(), scene.acquire(), scene.acquire()];
			await settle();
			expect(scene.server.openCount).toBe(2);

			await scene.pass(100);
			expect(scene.server.openCount).toBe(4);
			await scene.pass(100);

			await expect(Promise.all(loans)).resolves.toHaveLength(3);
		});

		it("lets those pass for whom a connection is idle", async () => {
			const scene = await Scene.create();
			scene.server.loginMs = NEVER_MS;

			await expect(scene.acquire()).resolves.toBeDefined();
		});

		it("promises an idle connection to one caller only; the next one probes", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			scene.server.loginMs = 100;

			const [first, second, third] = [scene.acquire(), scene.acquire(), scene.acquire()];
			await settle();

			expect(await isPending(first)).toBe(false);
			expect([await isPending(second), await isPending(third)]).toEqual([true, true]);
			expect(scene.server.openCount).toBe(2);
			await scene.pass(200);
			await Promise.all([second, third]);
		});

		it("lends what comes back to a caller who waits, while the login of another is under way", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			const held = await scene.acquire();
			scene.server.loginMs = NEVER_MS;
			void failureOf(scene.acquire());
			const waiting = scene.acquire();
			await settle();

			held.release();

			expect(await isPending(waiting)).toBe(false);
		});

		it("gives the others their turn when the one who probes gets a connection that became idle", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			const [first] = [await scene.acquire()];
			const { pool } = scene.live.readPools().master as PostgresPool;
			const connect = jest.spyOn(pool, "connect");
			scene.server.loginMs = NEVER_MS;
			connect.mockImplementationOnce((callback) => {
				// The pool answers the probe with the connection that comes back at this very moment.
				connect.mockRestore();
				first.release();
				return pool.connect(callback);
			});

			const probe = scene.acquire();
			const second = scene.acquire();
			await settle();

			expect(await isPending(probe)).toBe(false);
			expect(await isPending(second)).toBe(true);
			expect(scene.server.openCount).toBe(2);
			(await probe).release();
			void second.catch(() => undefined);
		});

		it("does not let the others wait longer than a second for a login that says nothing", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			await scene.acquire();
			scene.server.loginMs = NEVER_MS;
			const waiting = [scene.acquire(), scene.acquire()];
			await settle();
			expect(scene.server.openCount).toBe(2);

			await scene.pass(1_000);
			await settle();

			expect(scene.server.openCount).toBe(3);
			waiting.forEach((promise) => void promise.catch(() => undefined));
		});

		it("lets everybody find out for themselves when the first login ends in a fault that credentials would not cure", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			scene.server.cutConnections();
			await settle();
			scene.server.isReachable = false;

			const failures = await Promise.all([scene.acquire(), scene.acquire(), scene.acquire()].map(failureOf));

			expect(failures).toEqual(Array.from({ length: 3 }, () => expect.objectContaining({ code: "ECONNREFUSED" }) as unknown));
			expect(scene.onRefusal).not.toHaveBeenCalled();
			expect(scene.clock.nowMs()).toBe(0);
		});

		it("asks a replica for a login of its own, whatever another one has", async () => {
			const node = { host: "reader", password: "one", port: 5_432, username: "app" };
			const scene = await Scene.create({ poolSize: 3, replication: { master: { ...node, host: "db" }, slaves: [node, node] } });
			scene.server.cutConnections();
			await settle();
			const [, release] = await scene.driver.obtainSlaveConnection();
			release();
			scene.server.loginMs = 100;
			scene.random.mockReturnValue(0.9);

			const waiting = [scene.driver.obtainSlaveConnection(), scene.driver.obtainSlaveConnection()];
			await settle();

			expect(scene.gate.waitingCount).toBe(1);
			await scene.pass(200);
			await expect(Promise.all(waiting)).resolves.toHaveLength(2);
			expect(scene.live.readPools().slaves).toMatchObject([{ totalCount: 1 }, { totalCount: 2 }]);
		});
	});

	describe("when the server refuses a login", () => {
		it("asks for other credentials and lets the caller wait, who gets a connection when they come", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const waiting = scene.acquire();
			await scene.pass(REFUSED_SOCKET_MS);
			expect(await isPending(waiting)).toBe(true);
			expect(scene.onRefusal).toHaveBeenCalled();
			expect(scene.gate.isHealingWanted).toBe(true);

			await scene.pass(300);
			await scene.promote("two");

			await expect(waiting).resolves.toBeDefined();
			expect(scene.gate.isHealingWanted).toBe(false);
			expect(scene.server.refusedCount).toBe(1);
		});

		it("costs the server one refused login, however many callers there are", async () => {
			const scene = await Scene.create({ poolSize: 10 });
			await scene.changePassword("two");
			const waiting = Array.from({ length: 10 }, () => scene.acquire());
			await settle();

			await scene.pass(500);
			await scene.promote("two");

			await expect(Promise.all(waiting)).resolves.toHaveLength(10);
			expect(scene.server.refusedCount).toBe(1);
		});

		it("tells once of each caller whose own login was refused how long it waited", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const waiting = [scene.acquire(), scene.acquire()];
			await scene.pass(300);

			await scene.promote("two");
			await Promise.all(waiting);

			expect(scene.events.filter(({ type }) => type === "acquire.healed")).toEqual([
				{ connector: "default", type: "acquire.healed", waitedMs: 300 },
			]);
		});

		it("tries the same credentials again after two seconds, in case the database was corrected", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const waiting = [scene.acquire(), scene.acquire()];
			await settle();

			scene.server.passwords.set("app", "one");
			await scene.pass(1_999);
			expect(scene.server.acceptedCount).toBe(1);
			await scene.pass(1);

			await expect(Promise.all(waiting)).resolves.toHaveLength(2);
			expect(scene.server.refusedCount).toBe(1);
		});

		it("tries them again sooner when it is told that there are no others", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const waiting = scene.acquire();
			await scene.pass(500);

			scene.server.passwords.set("app", "one");
			scene.gate.allowProbe();

			await expect(waiting).resolves.toBeDefined();
			expect(scene.clock.nowMs()).toBe(500);
		});

		it("lets one caller at a time try, while it stays refused", async () => {
			const scene = await Scene.create({ connectTimeoutMS: 10_000, poolSize: 5 });
			await scene.changePassword("two");
			const failures = Promise.all(Array.from({ length: 5 }, () => failureOf(scene.acquire())));

			await scene.pass(9_999);
			// At 0, 2, 4, 6 and 8 seconds.
			expect(scene.server.refusedCount).toBe(5);
			await scene.pass(1);

			expect(await failures).toHaveLength(5);
		});

		it("ends the wait with the server's own error when the budget is used up", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const [first, second] = [failureOf(scene.acquire()), failureOf(scene.acquire())];

			await scene.pass(TIMEOUT_MS);

			expect(await first).toMatchObject({ code: "28P01", message: 'password authentication failed for user "app"' });
			expect(await second).toMatchObject({ code: "28P01" });
			expect(scene.clock.nowMs()).toBe(TIMEOUT_MS);
			expect(scene.gate.heldCount).toBe(0);
		});

		it("ends the wait for a place in the pool with the refusal, too, when that is why no place becomes free", async () => {
			const scene = await Scene.create({ poolSize: 1 });
			await scene.changePassword("two");
			const failures = Promise.all([1, 2, 3].map(async () => failureOf(scene.acquire())));

			await scene.pass(TIMEOUT_MS);

			expect(await failures).toEqual([1, 2, 3].map(() => expect.objectContaining({ code: "28P01" })));
		});

		it("ends the wait of each caller with the refusal of its own login, if it had one", async () => {
			const scene = await Scene.create({ connectTimeoutMS: 3_000 });
			await scene.changePassword("two");
			const refusals: unknown[] = [];
			const { authenticate } = scene.server;
			jest.spyOn(scene.server, "authenticate").mockImplementation((login) => {
				const refusal = authenticate.call(scene.server, login);
				refusals.push(refusal);
				return refusal;
			});
			const first = failureOf(scene.acquire());
			await scene.pass(1_500);
			const second = failureOf(scene.acquire());
			await scene.pass(3_000);

			// The first caller's login, then its second one; the second caller waited on both.
			expect(refusals.length).toBeGreaterThanOrEqual(2);
			expect(refusals).toContain(await first);
			expect(refusals).toContain(await second);
			expect(await first).not.toBe(await second);
		});

		it("waits half a minute where the driver would wait for ever", async () => {
			const scene = await Scene.create({ connectTimeoutMS: 0 });
			await scene.changePassword("two");
			const waiting = scene.acquire();
			const failure = failureOf(waiting);

			await scene.pass(29_999);
			expect(await isPending(waiting)).toBe(true);
			await scene.pass(1);

			expect(await failure).toMatchObject({ code: "28P01" });
		});

		it("counts the time in the queue into the budget", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			const failure = failureOf(scene.acquire());
			await scene.pass(3_000);
			await scene.changePassword("two");
			loans.forEach(({ release }) => release(new Error("cut")));

			await scene.pass(TIMEOUT_MS - 3_000);

			expect(await failure).toMatchObject({ code: "28P01" });
			expect(scene.clock.nowMs()).toBe(TIMEOUT_MS);
		});

		it("lends what comes back to a caller who waits, without a login", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			const held = await scene.acquire();
			scene.server.passwords.set("app", "two");
			const waiting = scene.acquire();
			expect(await isPending(waiting)).toBe(true);

			await scene.pass(REFUSED_SOCKET_MS);
			held.release();

			expect((await waiting).client).toBe(held.client);
			expect(scene.server.refusedCount).toBe(1);
		});

		it("asks for other credentials again when another caller comes to wait", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			void scene.acquire().catch(() => undefined);
			await scene.pass(REFUSED_SOCKET_MS);
			const before = scene.onRefusal.mock.calls.length;

			void scene.acquire().catch(() => undefined);
			await settle();

			expect(scene.onRefusal.mock.calls.length).toBeGreaterThan(before);
		});

		it("wants no healing when nobody waits any more", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const failure = failureOf(scene.acquire());
			await scene.pass(TIMEOUT_MS);
			await failure;

			expect(scene.gate.isHealingWanted).toBe(false);
		});

		it("wants no healing for callers who wait for a place in the pool", async () => {
			const scene = await Scene.create();
			await Promise.all([scene.acquire(), scene.acquire()]);
			void scene.acquire().catch(() => undefined);
			await settle();

			expect(scene.gate).toMatchObject({ isHealingWanted: false, waitingCount: 1 });
		});

		it("passes the error on at once where healing is off, to everybody", async () => {
			const scene = await Scene.create({ isHealing: false, poolSize: 3 });
			await scene.changePassword("two");

			const failures = await Promise.all([scene.acquire(), scene.acquire(), scene.acquire()].map(failureOf));

			expect(failures).toEqual(Array.from({ length: 3 }, () => expect.objectContaining({ code: "28P01" }) as unknown));
			expect(scene.server.refusedCount).toBe(3);
			expect(scene.clock.nowMs()).toBe(0);
			expect(scene.gate.heldCount).toBe(0);
		});
	});

	describe("with a replica that refuses while another serves", () => {
		async function create(): Promise<Scene> {
			const node = { host: "reader", password: "one", port: 5_432, username: "app" };
			const slaves = [node, { ...node, host: "other" }];
			const scene = await Scene.create({ poolSize: 3, replication: { master: { ...node, host: "db" }, slaves } });
			scene.others.passwords.set("app", "two");
			scene.others.cutConnections();
			await settle();
			return scene;
		}

		it("serves everybody but the one who finds out, whichever replica chance names", async () => {
			const scene = await create();
			scene.random.mockReturnValue(0.9);
			const first = scene.driver.obtainSlaveConnection();
			await scene.pass(10);
			expect(scene.others.refusedCount).toBe(1);

			const loans = await Promise.all([scene.driver.obtainSlaveConnection(), scene.driver.obtainSlaveConnection()]);

			expect(loans.map(([client]) => (client as FakePostgresClient).login.host)).toEqual(["reader", "reader"]);
			expect(await isPending(first)).toBe(true);
			expect(scene.onRefusal).toHaveBeenCalled();
			scene.others.passwords.set("app", "one");
			await scene.pass(2_000);
			await expect(first).resolves.toBeDefined();
		});

		it("sends somebody to find out when nobody waits for it any more", async () => {
			const scene = await create();
			scene.random.mockReturnValue(0.9);
			const failure = failureOf(scene.driver.obtainSlaveConnection());
			await scene.pass(TIMEOUT_MS + 1_000);
			expect(await failure).toMatchObject({ code: "28P01" });
			const [atOnce] = await scene.driver.obtainSlaveConnection();
			await scene.pass(2_000);
			scene.others.passwords.set("app", "one");

			const [client] = await scene.driver.obtainSlaveConnection();

			expect([atOnce, client].map((each) => (each as FakePostgresClient).login.host)).toEqual(["reader", "other"]);
		});

		it("goes on using what is idle of it", async () => {
			const scene = await create();
			scene.others.passwords.set("app", "one");
			scene.random.mockReturnValue(0.9);
			const [, release] = await scene.driver.obtainSlaveConnection();
			scene.others.passwords.set("app", "two");
			const waiting = scene.driver.obtainSlaveConnection();
			await scene.pass(200);
			release();

			const [client] = await waiting;

			expect((client as FakePostgresClient).login.host).toBe("other");
		});
	});

	describe("with a login of a retired generation", () => {
		/** A login under way when the promotion comes. */
		async function overtake(isHealing: boolean): Promise<{ late: Promise<Loan>; scene: Scene }> {
			const scene = await Scene.create({ isHealing, poolSize: 3 });
			await scene.acquire();
			scene.server.loginMs = 100;
			const late = scene.acquire();
			await settle();
			scene.server.loginMs = 0;
			scene.server.passwords.set("app", "two");
			await scene.promote("two");
			return { late, scene };
		}

		it.each([true, false])("tries again on the current one when it is refused (healing: %s)", async (isHealing) => {
			const { late, scene } = await overtake(isHealing);

			await scene.pass(100 + REFUSED_SOCKET_MS);

			expect((await late).client.login.password).toBe("two");
			expect(scene.server.refusedCount).toBe(1);
		});

		it("does not hold the refusal against the current one", async () => {
			const { late, scene } = await overtake(true);

			await scene.pass(100 + REFUSED_SOCKET_MS);
			await late;

			expect(scene.gate.isHealingWanted).toBe(false);
			expect(scene.onRefusal).not.toHaveBeenCalled();
		});

		it("counts the caller's permit once", async () => {
			const { late, scene } = await overtake(true);
			await scene.pass(100 + REFUSED_SOCKET_MS);
			const loan = await late;
			expect(scene.gate.heldCount).toBe(2);

			loan.release();

			expect(scene.gate.heldCount).toBe(1);
		});

		it("tries again on the current one after any other fault, too, since nothing was sent", async () => {
			const { late, scene } = await overtake(true);
			const fault = Object.assign(new Error("too many"), { code: "53300" });
			jest.spyOn(scene.server, "authenticate").mockReturnValueOnce(fault);

			await scene.pass(200);

			expect((await late).client.login.password).toBe("two");
			expect(scene.gate.heldCount).toBe(2);
		});

		it.each([true, false])("tries again, too, when the promotion comes while its socket closes (healing: %s)", async (isHealing) => {
			const scene = await Scene.create({ isHealing, poolSize: 3 });
			await scene.acquire();
			scene.server.refusedCloseMs = 100;
			const fault = Object.assign(new Error("shutting down"), { code: "57P03" });
			jest.spyOn(scene.server, "authenticate").mockReturnValueOnce(fault);
			const late = scene.acquire();
			await scene.pass(50);
			await scene.promote();

			await scene.pass(200);

			await expect(late).resolves.toBeDefined();
		});

		it("takes its success for nothing: the current one has to prove itself", async () => {
			const scene = await Scene.create({ poolSize: 4 });
			await scene.acquire();
			scene.server.loginMs = 500;
			const late = scene.acquire();
			await settle();
			scene.server.loginMs = 0;
			await scene.promote();
			const current = await scene.acquire();
			await scene.pass(500);
			await late;
			scene.server.loginMs = 100;

			const waiting = [scene.acquire(), scene.acquire()];
			await settle();

			// One probes, the other waits for it.
			expect(scene.gate.waitingCount).toBe(1);
			current.release();
			await scene.pass(200);
			await Promise.all(waiting);
		});
	});

	describe("beside a socket that is still closing", () => {
		const IDLE_MS = 1_000;

		/** A pool whose connection was idle for too long; the server takes its time to let go of it. */
		async function outlastIdle(options: Record<string, unknown> & { closeMs: number }): Promise<Scene> {
			const { closeMs, ...rest } = options;
			const scene = await Scene.create({ extra: { idleTimeoutMillis: IDLE_MS }, isHealing: false, poolSize: 1, ...rest });
			scene.server.closeMs = closeMs;
			await scene.pass(IDLE_MS);
			expect(scene.live.readPools().master).toMatchObject({ closingCount: 1, totalCount: 0 });
			return scene;
		}

		it("waits until a connection that was idle for too long is closed, and has no socket too many", async () => {
			const scene = await outlastIdle({ closeMs: 100 });
			const waiting = scene.acquire();
			await scene.pass(99);
			expect(await isPending(waiting)).toBe(true);

			await scene.pass(1);

			expect(await isPending(waiting)).toBe(false);
			expect(scene.server.openMaximum).toBe(1);
			expect(scene.server.openCount).toBe(1);
		});

		it("does not wait where there is room for both", async () => {
			const scene = await outlastIdle({ closeMs: 100, poolSize: 2 });

			expect(await isPending(scene.acquire())).toBe(false);
		});

		it("counts the lent connections of a retired generation as well", async () => {
			const scene = await Scene.create({ extra: { idleTimeoutMillis: IDLE_MS }, isHealing: false });
			await scene.acquire();
			await scene.promote();
			scene.server.closeMs = 100;
			await scene.pass(IDLE_MS);
			expect(scene.live.readPools().master).toMatchObject({ closingCount: 1, totalCount: 0 });

			const waiting = scene.acquire();
			await scene.pass(99);
			expect(await isPending(waiting)).toBe(true);
			await scene.pass(1);

			expect(await isPending(waiting)).toBe(false);
			expect(scene.server.openCount).toBe(2);
		});

		it("lets one of two go on for each that is closed", async () => {
			const scene = await Scene.create({ extra: { idleTimeoutMillis: IDLE_MS }, isHealing: false });
			const loans = [await scene.acquire(), await scene.acquire()];
			scene.server.closeMs = 100;
			loans[0]?.release();
			await scene.pass(50);
			loans[1]?.release();
			await scene.pass(IDLE_MS);

			const waiting = [scene.acquire(), scene.acquire()];
			await scene.pass(50);
			expect(await Promise.all(waiting.map(isPending))).toEqual([false, true]);
			await scene.pass(50);

			expect(await Promise.all(waiting.map(isPending))).toEqual([false, false]);
			expect(scene.server.openMaximum).toBe(2);
		});

		it("cuts one after a quarter of a second whose peer does not answer, and goes on", async () => {
			const scene = await outlastIdle({ closeMs: NEVER_MS });
			const waiting = scene.acquire();
			await scene.pass(249);
			expect(await isPending(waiting)).toBe(true);

			await scene.pass(1);

			expect(await isPending(waiting)).toBe(false);
			expect(scene.server.openCount).toBe(1);
		});

		it("keeps the process alive while a caller waits", async () => {
			const scene = await outlastIdle({ closeMs: NEVER_MS });

			const waiting = scene.acquire();
			await settle();

			expect(scene.clock.isProcessKept).toBe(true);
			await scene.pass(250);
			await waiting;
		});

		it("keeps the permit of a refused login until its socket is closed", async () => {
			const scene = await Scene.create({ isHealing: false, poolSize: 1 });
			await scene.changePassword("two");
			scene.server.refusedCloseMs = 100;
			const failures = [failureOf(scene.acquire()), failureOf(scene.acquire())];

			await scene.pass(99);
			expect(await isPending(failures[0] as Promise<unknown>)).toBe(true);
			expect(scene.gate).toMatchObject({ heldCount: 1, waitingCount: 1 });
			await scene.pass(101);

			expect(await Promise.all(failures)).toMatchObject([{ code: "28P01" }, { code: "28P01" }]);
			expect(scene.server.openMaximum).toBe(1);
			expect(scene.gate.heldCount).toBe(0);
		});

		it("cuts the socket of a refused login, too, that nobody closes, and the caller goes on waiting for credentials", async () => {
			const scene = await Scene.create({ poolSize: 1 });
			await scene.changePassword("two");
			scene.server.refusedCloseMs = NEVER_MS;
			const waiting = scene.acquire();
			await scene.pass(249);
			expect(scene.server.openCount).toBe(1);

			await scene.pass(1);
			expect(scene.server.openCount).toBe(0);
			await scene.promote("two");

			await expect(waiting).resolves.toBeDefined();
			expect(scene.server.openMaximum).toBe(1);
		});
	});

	describe("beside a promotion, with a permit and no connection yet", () => {
		const IDLE_MS = 1_000;

		/** Two of three connections were idle for too long, one caller logs in, two wait for what comes of it, and a rotation comes between. */
		async function promoteBesideGoodbyes(closeMs = 200): Promise<{ scene: Scene; waiting: Promise<Loan>[] }> {
			const scene = await Scene.create({ extra: { idleTimeoutMillis: IDLE_MS }, poolSize: 3 });
			const loans = [await scene.acquire(), await scene.acquire()];
			for (const loan of loans) loan.release();
			scene.server.closeMs = closeMs;
			await scene.pass(IDLE_MS);
			scene.server.loginMs = 500;
			const waiting = [scene.acquire(), scene.acquire(), scene.acquire()];
			await settle();
			scene.server.loginMs = 0;
			await scene.promote();
			return { scene, waiting };
		}

		it("lends what was staged, and opens no other connection before old ones are closed", async () => {
			const { scene, waiting } = await promoteBesideGoodbyes();
			await scene.pass(199);
			expect((await Promise.all(waiting.map(isPending))).filter((isWaiting) => isWaiting)).toHaveLength(2);

			await scene.pass(1);
			expect((await Promise.all(waiting.map(isPending))).filter((isWaiting) => isWaiting)).toHaveLength(1);
			await scene.pass(300);

			await Promise.all(waiting);
			expect(scene.server.openMaximum).toBe(4);
			expect(scene.gate.heldCount).toBe(3);
		});

		it("goes on when the drain cuts old connections that do not close", async () => {
			const { scene, waiting } = await promoteBesideGoodbyes(NEVER_MS);

			await scene.pass(1_500);

			await Promise.all(waiting);
			expect(scene.server.openMaximum).toBe(4);
			expect(scene.gate.heldCount).toBe(3);
		});
	});

	describe("at a server that has no room", () => {
		/** Somebody else has taken the place of a connection that was closed. */
		async function fill(scene: Scene): Promise<void> {
			scene.server.cutConnections();
			await settle();
			scene.server.connectionLimit = 0;
		}

		/** Gets a connection for a caller, some time after whose call there is room again. */
		async function acquireBeside(scene: Scene): Promise<{ hasWaited: boolean; loan: Loan }> {
			const waiting = scene.acquire();
			await scene.pass(1_000);
			const hasWaited = await isPending(waiting);
			scene.server.connectionLimit = POOL_SIZE;
			await scene.pass(200);
			return { hasWaited, loan: await waiting };
		}

		it("waits within the budget after a rotation, whose connections the server may count a little longer", async () => {
			const scene = await Scene.create();
			await scene.promote();
			await fill(scene);

			expect(await acquireBeside(scene)).toMatchObject({ hasWaited: true, loan: expect.anything() });
			expect(scene.events).not.toContainEqual(expect.objectContaining({ type: "acquire.refused" }));
		});

		it("does the same while a rotation stages", async () => {
			const scene = await Scene.create();
			await scene.gate.closeSurplus();
			await fill(scene);
			const waiting = scene.acquire();
			await scene.pass(100);
			scene.server.connectionLimit = POOL_SIZE;

			await scene.pass(200);

			await expect(waiting).resolves.toBeDefined();
		});

		it("does the same while a connection of a retired pool is lent, for however long", async () => {
			const scene = await Scene.create();
			await scene.acquire();
			await scene.promote();
			await scene.pass(DRAIN_MS / 2);
			scene.server.connectionLimit = 1;
			scene.live.readPools().master.cutClosing();
			const taken = await scene.acquire();
			taken.client.connection.stream.destroy();
			taken.release(new Error("lost"));
			await settle();

			expect(await acquireBeside(scene)).toMatchObject({ hasWaited: true, loan: expect.anything() });
		});

		it("does the same when that connection has just been closed", async () => {
			const scene = await Scene.create();
			const loan = await scene.acquire();
			await scene.promote();
			await scene.pass(DRAIN_MS / 2);
			loan.release();
			await scene.pass(100);
			expect(scene.gate.heldCount).toBe(0);
			await fill(scene);

			expect(await acquireBeside(scene)).toMatchObject({ hasWaited: true, loan: expect.anything() });
		});

		it("ends the wait with the server's own error when the budget is used up", async () => {
			const scene = await Scene.create();
			await scene.promote();
			await fill(scene);
			const failure = failureOf(scene.acquire());
			await scene.pass(TIMEOUT_MS - 1);
			expect(await isPending(failure)).toBe(true);

			await scene.pass(200);

			expect(await failure).toMatchObject({ code: "53300" });
			expect(scene.gate.heldCount).toBe(0);
		});

		it("is asked at the same pace where healing is off", async () => {
			const scene = await Scene.create({ isHealing: false });
			await scene.gate.closeSurplus();
			await fill(scene);
			const accept = jest.spyOn(scene.server, "accept");
			const failure = failureOf(scene.acquire());

			await scene.pass(TIMEOUT_MS + 1_000);

			expect(await failure).toMatchObject({ code: "53300" });
			expect(accept.mock.calls.length).toBeGreaterThan(1);
			expect(accept.mock.calls.length).toBeLessThanOrEqual(TIMEOUT_MS / 200 + 1);
		});

		it("is waited for no longer when the gate is taken away", async () => {
			const scene = await Scene.create();
			await scene.gate.closeSurplus();
			await fill(scene);
			const failure = failureOf(scene.acquire());
			await scene.pass(100);

			scene.gate.uninstall();

			await scene.pass(10);
			expect(await failure).toMatchObject({ code: "53300" });
		});

		it("is not asked more often because several wait, also where it refused before", async () => {
			const scene = await Scene.create({ poolSize: 3 });
			await scene.gate.closeSurplus();
			await scene.changePassword("two");
			for (const waiting of [scene.acquire(), scene.acquire()]) void failureOf(waiting);
			await scene.pass(10);
			scene.server.connectionLimit = 0;
			const accept = jest.spyOn(scene.server, "accept");

			await scene.pass(3_000);

			// One of the two every 200 ms, from the end of the pause that follows a refusal.
			expect(accept.mock.calls.length).toBeGreaterThan(1);
			expect(accept.mock.calls.length).toBeLessThan(25);
		});

		it("passes the error on at once where no rotation was about", async () => {
			const scene = await Scene.create();
			await fill(scene);

			expect(await failureOf(scene.acquire())).toMatchObject({ code: "53300" });
			expect(scene.gate.heldCount).toBe(0);
		});

		it("passes the error on at once some time after the last rotation", async () => {
			const scene = await Scene.create();
			await scene.promote();
			await scene.pass(20_000);
			await fill(scene);

			expect(await failureOf(scene.acquire())).toMatchObject({ code: "53300" });
		});
	});

	describe("when there is no login token", () => {
		/** The AWS identity is missing, as pg passes it on from the function that is its password. */
		function withoutIdentity(scene: Scene, isTransient: boolean): SecretUnavailableError {
			const fault = new SecretUnavailableError(undefined, "the AWS identity was not renewed", isTransient);
			scene.server.cutConnections();
			jest.spyOn(scene.server, "authenticate").mockReturnValue(fault);
			return fault;
		}

		it("waits for one within the budget where waiting may help", async () => {
			const scene = await Scene.create();
			withoutIdentity(scene, true);
			await settle();
			const waiting = scene.acquire();
			await scene.pass(100);
			expect(await isPending(waiting)).toBe(true);
			expect(scene.onRefusal).toHaveBeenCalled();
			jest.restoreAllMocks();

			await scene.pass(2_000);

			await expect(waiting).resolves.toBeDefined();
			expect(scene.events).toContainEqual(
				expect.objectContaining({ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", isHealing: true, type: "acquire.refused" }),
			);
		});

		it("passes the error on at once where waiting does not help", async () => {
			const scene = await Scene.create();
			const fault = withoutIdentity(scene, false);
			await settle();

			expect(await failureOf(scene.acquire())).toBe(fault);
			jest.restoreAllMocks();
		});
	});

	describe("making room for a replacement", () => {
		it("closes what is idle while a retired generation has all the places", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			await scene.promote();
			expect(scene.server.openCount).toBe(3);

			await scene.gate.closeSurplus();

			expect(scene.server.openCount).toBe(2);
			loans.forEach(({ release }) => release());
			await scene.pass(100);
			await expect(scene.acquire()).resolves.toBeDefined();
		});

		it("closes nothing that somebody may use", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			loans[0]?.release();

			await scene.gate.closeSurplus();

			expect(scene.server.openCount).toBe(2);
		});

		it("looks at each replica", async () => {
			const node = { host: "reader", password: "one", port: 5_432, username: "app" };
			const scene = await Scene.create({ poolSize: 1, replication: { master: { ...node, host: "db" }, slaves: [node, node] } });
			scene.random.mockReturnValueOnce(0).mockReturnValueOnce(0.9);
			await Promise.all([scene.driver.obtainSlaveConnection(), scene.driver.obtainSlaveConnection()]);
			await scene.promote();
			await scene.pass(100);

			await scene.gate.closeSurplus();

			const { master, slaves } = scene.live.readPools();
			expect([master, ...slaves].map(({ totalCount }) => totalCount)).toEqual([1, 0, 0]);
		});
	});

	describe("giving up an idle connection", () => {
		it("closes one and keeps its place taken until it is told otherwise", async () => {
			const scene = await Scene.create();
			const loan = await scene.acquire();
			await scene.acquire();
			loan.release();

			const giveBack = await scene.gate.yieldIdleConnection();
			expect(scene.server.openCount).toBe(1);
			const waiting = scene.acquire();
			expect(await isPending(waiting)).toBe(true);

			giveBack?.();
			await expect(waiting).resolves.toBeDefined();
		});

		it("has none to give when all are lent", async () => {
			const scene = await Scene.create();
			await Promise.all([scene.acquire(), scene.acquire()]);

			expect(await scene.gate.yieldIdleConnection()).toBeUndefined();
			expect(scene.gate.heldCount).toBe(2);
		});

		it("has none to give when none is open, and takes no place for it", async () => {
			const scene = await Scene.create();
			await scene.acquire();

			expect(await scene.gate.yieldIdleConnection()).toBeUndefined();
			expect(scene.gate.heldCount).toBe(1);
			expect(scene.server.acceptedCount).toBe(1);
		});

		it("takes one of a replica when the master has none", async () => {
			const node = { host: "reader", password: "one", port: 5_432, username: "app" };
			const scene = await Scene.create({ poolSize: 1, replication: { master: { ...node, host: "db" }, slaves: [node] } });
			await scene.acquire();

			expect(await scene.gate.yieldIdleConnection()).toBeDefined();
			expect(scene.live.readPools().slaves[0]?.totalCount).toBe(0);
		});
	});

	describe("when the server begins to refuse", () => {
		it("says so once, until a login succeeds again", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const failures = [failureOf(scene.acquire()), failureOf(scene.acquire())];

			await scene.pass(TIMEOUT_MS);
			await Promise.all(failures);

			const refusals = scene.events.filter(({ type }) => type === "acquire.refused");
			expect(refusals).toEqual([{ code: "28P01", connector: "default", isHealing: true, type: "acquire.refused" }]);
			expect(scene.gate.isRefused).toBe(true);
		});

		it("keeps the process alive as long as a caller waits", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");

			const failure = failureOf(scene.acquire());
			await settle();
			const isKeptAfterTheRefusal = scene.clock.isProcessKept;
			await scene.pass(REFUSED_SOCKET_MS);
			const isKeptWhileItWaits = scene.clock.isProcessKept;
			await scene.pass(TIMEOUT_MS);
			await failure;

			expect([isKeptAfterTheRefusal, isKeptWhileItWaits, scene.clock.isProcessKept]).toEqual([true, true, false]);
		});

		it("passes the refusal on at once to those who wait when nobody can heal any more", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const failure = failureOf(scene.acquire());
			await scene.pass(REFUSED_SOCKET_MS);

			scene.gate.stopHealing();
			await scene.pass(0);

			expect(await failure).toMatchObject({ code: "28P01" });
			expect(scene.clock.nowMs()).toBe(REFUSED_SOCKET_MS);
			expect(scene.server.refusedCount).toBe(1);
		});
	});

	describe("with more callers than connections in a retired pool", () => {
		it("gets every permit back when the pool is closed", async () => {
			const node = { database: "shop", host: "reader", password: "one", port: 5_432, username: "app" };
			const scene = await Scene.create({ poolSize: 3, replication: { master: { ...node, host: "db" }, slaves: [node, node] } });
			// TypeORM chooses replicas at random; one of them gets all the callers.
			jest.spyOn(Math, "random").mockReturnValue(0);
			const callers = Array.from({ length: 6 }, async () => scene.driver.obtainSlaveConnection());
			const first = await Promise.all(callers.slice(0, 3));

			await scene.promote();
			for (const [, release] of first) release();
			for (const [, release] of await Promise.all(callers.slice(3))) release();
			await scene.pass(1_000);
			await Promise.all(scene.drains.map(async ({ done }) => done));
			await settle();

			expect(scene.gate.heldCount).toBe(0);
		});
	});

	describe("after destroy() and initialize() of the application", () => {
		async function reinitialize(scene: Scene): Promise<void> {
			await scene.driver.disconnect();
			await scene.driver.connect();
		}

		it("lends the connections of the new pool, and no permit is lost", async () => {
			const scene = await Scene.create();
			(await scene.acquire()).release();
			await reinitialize(scene);

			const loans = [await scene.acquire(), await scene.acquire()];
			for (const { release } of loans) release();

			expect(scene.gate).toMatchObject({ generation: 2, heldCount: 0, waitingCount: 0 });
			expect(scene.live.readPools().master.idleCount).toBe(POOL_SIZE);
		});

		it("rotates the new pool, and its permits come back", async () => {
			const scene = await Scene.create();
			await reinitialize(scene);
			const old = await scene.acquire();

			await scene.promote();
			old.release();
			await scene.pass(1_000);
			const loans = [await scene.acquire(), await scene.acquire()];

			expect(scene.gate).toMatchObject({ generation: 3, heldCount: 2 });
			expect(loans.map(({ client }) => client)).not.toContain(old.client);
		});
	});

	describe("uninstalled", () => {
		it("leaves TypeORM's own methods", async () => {
			const scene = await Scene.create();

			scene.gate.uninstall();
			await scene.driver.obtainMasterConnection();

			expect(Object.keys(scene.driver)).not.toContain("obtainMasterConnection");
			expect(scene.gate.heldCount).toBe(0);
		});

		it("lets callers through who waited for a place, to wait in the pool's own queue", async () => {
			const scene = await Scene.create();
			const loans = [await scene.acquire(), await scene.acquire()];
			const waiting = scene.acquire();
			await settle();

			scene.gate.uninstall();
			await settle();
			expect(scene.live.readPools().master.waitingCount).toBe(1);
			loans[0]?.release();

			await expect(waiting).resolves.toBeDefined();
		});

		it("lets callers through who waited for credentials, to get what the server says", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const failure = failureOf(scene.acquire());
			await scene.pass(REFUSED_SOCKET_MS);

			scene.gate.uninstall();

			expect(await failure).toMatchObject({ code: "28P01" });
			expect(scene.clock.nowMs()).toBe(REFUSED_SOCKET_MS);
		});

		it("leaves no timer", async () => {
			const scene = await Scene.create();
			await scene.changePassword("two");
			const failures = [failureOf(scene.acquire()), failureOf(scene.acquire())];
			await scene.pass(REFUSED_SOCKET_MS);

			scene.gate.uninstall();
			await Promise.all(failures);

			expect(scene.clock.pendingCount).toBe(0);
		});

		it("takes back what it lent before", async () => {
			const scene = await Scene.create();
			const loan = await scene.acquire();

			scene.gate.uninstall();
			loan.release();

			expect(scene.gate.heldCount).toBe(0);
			expect(scene.live.readPools().master.idleCount).toBe(1);
		});
	});
});
