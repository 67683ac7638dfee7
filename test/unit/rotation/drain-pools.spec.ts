/** Retired pools finish their work: idle connections at once, lent ones on their return, whoever waits first, the rest at the deadline. */
import { ConnectorTimeoutError } from "../../../src/errors/errors.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { Drain } from "../../../src/rotation/drain-pools.js";
import { type PgPool, PostgresPool } from "../../../src/rotation/postgres-pool.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { createFakePg, settle } from "../../support/fake-postgres-driver.js";
import { type FakePostgresClient, FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";

const DEADLINE_MS = 1_000;
const POLL_MS = 20;

let clock: FakeClock;
let events: ConnectorEvent[];
let releaseAbandoned: jest.Mock;
let server: FakePostgresServer;

beforeEach(() => {
	clock = new FakeClock();
	events = [];
	releaseAbandoned = jest.fn();
	server = new FakePostgresServer(clock, { app: "one" });
});

function createPool(): PgPool {
	const { Pool } = createFakePg(clock, { db: server });
	const pool = new Pool({ host: "db", idleTimeoutMillis: 0, max: 2, password: "one", user: "app" });
	pool.on("error", () => undefined);
	return pool;
}

interface Loan {
	readonly client: FakePostgresClient;
	readonly release: (error?: Error) => void;
}

function lend(pool: PgPool): Promise<Loan> {
	return new Promise((resolve, reject) => {
		pool.connect((error, client, release) => {
			if (error) reject(error);
			else resolve({ client: client as unknown as FakePostgresClient, release });
		});
	});
}

/** A pool with connections that are idle. */
async function warmPool(idleCount: number): Promise<PgPool> {
	const pool = createPool();
	const loans = await Promise.all(Array.from({ length: idleCount }, async () => lend(pool)));
	for (const { release } of loans) release();
	return pool;
}

/** As a rotation has it: one view of each pool. */
function view(pool: PgPool): PostgresPool {
	return new PostgresPool(pool);
}

function drain(...pools: PgPool[]): Drain {
	return drainWithin(DEADLINE_MS, ...pools);
}

function drainWithin(deadlineMs: number, ...pools: PgPool[]): Drain {
	const channel = new EventChannel("default");
	const heard = events;
	channel.events$.subscribe((event) => heard.push(event));
	return new Drain(pools.map(view), { clock, deadlineMs, events: channel, generation: 7, releaseAbandoned });
}

/** Whether a drain is done now. */
async function isDone({ done }: Drain): Promise<boolean> {
	let hasEnded = false;
	void done.then(() => (hasEnded = true));
	await settle();
	return hasEnded;
}

function eventTypes(): string[] {
	return events.map(({ type }) => type);
}

describe("Drain", () => {
	describe("of idle connections", () => {
		it("closes them at once", async () => {
			const draining = drain(await warmPool(2));
			await settle();
			expect(server.openCount).toBe(0);

			await clock.advance(POLL_MS);

			expect(await isDone(draining)).toBe(true);
			expect(clock.pendingCount).toBe(0);
		});

		it("begins in the same turn in which it is made, so that nobody takes one of them", async () => {
			const pool = await warmPool(1);

			drain(pool);

			expect(pool.ending).toBe(true);
			expect(pool.idleCount).toBe(0);
		});

		it("is not done before their sockets are closed", async () => {
			server.closeMs = 100;
			const draining = drain(await warmPool(1));

			await clock.advance(99);
			expect(await isDone(draining)).toBe(false);
			await clock.advance(POLL_MS);

			expect(await isDone(draining)).toBe(true);
		});

		it("cuts those after a second whose server never lets go, long before the deadline of lent ones", async () => {
			const pool = await warmPool(2);
			const { release } = await lend(pool);
			server.closeMs = NEVER_MS;
			const channel = new EventChannel("default");
			const draining = new Drain([view(pool)], { clock, deadlineMs: 60_000, events: channel, generation: 7, releaseAbandoned });

			await clock.advance(999);
			expect(server.openCount).toBe(2);
			await clock.advance(1);
			await settle();

			expect(server.openCount).toBe(1);
			server.closeMs = 0;
			release();
			await clock.advance(POLL_MS);
			await settle();
			expect(await isDone(draining)).toBe(true);
		});

		describe("whose server does not answer the goodbye", () => {
			beforeEach(() => (server.closeMs = NEVER_MS));

			it("cuts them after a second, long before the deadline", async () => {
				const draining = drainWithin(60_000, await warmPool(2));
				await clock.advance(999);
				await settle();
				expect(server.openCount).toBe(2);

				await clock.advance(1);
				await settle();
				expect(server.openCount).toBe(0);
				await clock.advance(POLL_MS);

				expect(await isDone(draining)).toBe(true);
				expect(eventTypes()).toEqual(["drain.started", "drain.finished"]);
				expect(clock.pendingCount).toBe(0);
			});

			it("counts the second of each pool from its own end", async () => {
				const pool = createPool();
				const loans = await Promise.all([lend(pool), lend(pool)]);
				const waiting = lend(pool);
				drainWithin(60_000, pool);
				await clock.advance(500);
				loans[0].release();
				(await waiting).release();
				await clock.advance(POLL_MS);
				expect(pool.ending).toBe(true);

				await clock.advance(999);
				await settle();
				expect(server.openCount).toBe(2);
				await clock.advance(1);
				await settle();

				expect(server.openCount).toBe(1);
				loans[1].release();
			});
		});

		it("is done at once when there are none", async () => {
			const draining = drain();

			expect(await isDone(draining)).toBe(true);
			expect(eventTypes()).toEqual(["drain.started", "drain.finished"]);
		});
	});

	describe("of lent connections", () => {
		it("lets each work until it comes back, and closes it then", async () => {
			const pool = createPool();
			const [first, second] = await Promise.all([lend(pool), lend(pool)]);
			const draining = drain(pool);
			await clock.advance(200);
			await expect(first.client.query("SELECT 2")).resolves.toBeDefined();

			first.release();
			await clock.advance(POLL_MS);
			expect(server.openCount).toBe(1);
			expect(await isDone(draining)).toBe(false);

			second.release();
			await clock.advance(POLL_MS);
			expect(server.openCount).toBe(0);
			expect(await isDone(draining)).toBe(true);
		});

		it("cuts none before the deadline", async () => {
			const pool = createPool();
			const loan = await lend(pool);
			drain(pool);

			await clock.advance(DEADLINE_MS - 1);

			await expect(loan.client.query("SELECT 2")).resolves.toBeDefined();
			expect(eventTypes()).toEqual(["drain.started"]);
		});

		it("cuts what is left at the deadline", async () => {
			const pool = createPool();
			const loan = await lend(pool);
			server.answerMs = NEVER_MS;
			const failure = failureOf(loan.client.query("SELECT pg_sleep(60)"));
			drain(pool);

			await clock.advance(DEADLINE_MS);
			await settle();

			expect(await failure).toMatchObject({ message: "Connection terminated unexpectedly" });
			expect(server.openCount).toBe(0);
		});

		it("is done when the borrower gives back what was cut", async () => {
			const pool = createPool();
			const loan = await lend(pool);
			const draining = drain(pool);
			await clock.advance(DEADLINE_MS);
			expect(await isDone(draining)).toBe(false);

			loan.release();
			await clock.advance(POLL_MS);

			expect(await isDone(draining)).toBe(true);
		});

		it("gives up on a borrower that never comes back, five seconds after the cut", async () => {
			const pool = createPool();
			await lend(pool);
			const draining = drain(pool);

			await clock.advance(DEADLINE_MS + 4_980);
			expect(await isDone(draining)).toBe(false);
			await clock.advance(POLL_MS);

			expect(await isDone(draining)).toBe(true);
			expect(clock.pendingCount).toBe(0);
		});
	});

	describe("with callers in the queue", () => {
		it("serves them first, and ends the pool when nobody waits any more", async () => {
			const pool = createPool();
			const loans = await Promise.all([lend(pool), lend(pool)]);
			const waiting = lend(pool);
			const draining = drain(pool);
			await clock.advance(POLL_MS);
			expect(pool.ending).toBe(false);

			loans[0].release();
			const served = await waiting;
			await clock.advance(POLL_MS);
			expect(pool.ending).toBe(true);

			served.release();
			loans[1].release();
			await clock.advance(POLL_MS);
			expect(await isDone(draining)).toBe(true);
			expect(server.openCount).toBe(0);
		});

		it("serves a caller to whom an idle connection was promised in this very turn", async () => {
			const pool = await warmPool(1);
			const asking = lend(pool);

			const draining = drain(pool);
			const loan = await asking;
			loan.release();
			await clock.advance(3 * POLL_MS);

			expect(await isDone(draining)).toBe(true);
			expect(server.acceptedCount).toBe(1);
		});

		it("turns those away who still wait at the deadline, since pg-pool never would", async () => {
			const pool = createPool();
			await Promise.all([lend(pool), lend(pool)]);
			const failure = failureOf(lend(pool));
			drain(pool);

			await clock.advance(DEADLINE_MS);

			expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
			expect(pool.waitingCount).toBe(0);
			await settle();
			expect(server.openCount).toBe(0);
		});
	});

	describe("of several pools", () => {
		it("ends each on its own, as soon as nobody waits in it", async () => {
			const idle = await warmPool(1);
			const busy = createPool();
			const loans = await Promise.all([lend(busy), lend(busy)]);
			void lend(busy).then(({ release }) => release());

			const draining = drain(busy, idle);
			expect(idle.ending).toBe(true);
			expect(busy.ending).toBe(false);

			for (const { release } of loans) release();
			await clock.advance(3 * POLL_MS);
			expect(await isDone(draining)).toBe(true);
			expect(server.openCount).toBe(0);
		});

		it("ends each exactly once, though it looks again and again and cuts in the end", async () => {
			const pools = [await warmPool(1), createPool(), createPool()];
			await lend(pools[1] as PgPool);
			await Promise.all([lend(pools[2] as PgPool), lend(pools[2] as PgPool)]);
			const waiting = failureOf(lend(pools[2] as PgPool));
			const ends = pools.map((pool) => jest.spyOn(pool, "end"));

			const draining = drain(...pools);
			await clock.advance(DEADLINE_MS + 5_000);

			expect(await isDone(draining)).toBe(true);
			expect(ends.map((end) => end.mock.calls.length)).toEqual([1, 1, 1]);
			expect(await waiting).toBeInstanceOf(ConnectorTimeoutError);
		});
	});

	describe("in a hurry", () => {
		it("cuts without waiting for the deadline, nor for its next look", async () => {
			const pool = createPool();
			const loan = await lend(pool);
			const draining = drain(pool);
			await clock.advance(POLL_MS);

			draining.force();
			await settle();
			expect(server.openCount).toBe(0);

			loan.release();
			await clock.advance(POLL_MS);
			expect(await isDone(draining)).toBe(true);
		});

		it("changes nothing about a drain that is done", async () => {
			const draining = drain(await warmPool(1));
			await clock.advance(POLL_MS);
			await draining.done;

			draining.force();
			await settle();

			expect(eventTypes()).toEqual(["drain.started", "drain.finished"]);
		});
	});

	it("gives back what TypeORM forgot, at every look", async () => {
		const pool = createPool();
		const loan = await lend(pool);
		releaseAbandoned.mockImplementationOnce(() => undefined).mockImplementationOnce(() => loan.release());

		const draining = drain(pool);
		expect(releaseAbandoned).toHaveBeenCalledTimes(1);
		await clock.advance(POLL_MS);
		expect(releaseAbandoned).toHaveBeenCalledTimes(2);

		await clock.advance(POLL_MS);
		expect(await isDone(draining)).toBe(true);
	});

	describe("says", () => {
		it("how many are in use when it starts, and how long it took", async () => {
			const pool = createPool();
			const loan = await lend(pool);
			const idle = await warmPool(2);
			drain(pool, idle);
			await clock.advance(95);

			loan.release();
			await clock.advance(5);

			expect(events).toEqual([
				{ busyCount: 1, connector: "default", generation: 7, type: "drain.started" },
				{ connector: "default", durationMs: 100, generation: 7, type: "drain.finished" },
			]);
		});

		it("how many were cut, between the two", async () => {
			const pools = [createPool(), createPool()];
			const loans = await Promise.all(pools.map(async (pool) => lend(pool)));
			drain(...pools);

			await clock.advance(DEADLINE_MS);
			for (const { release } of loans) release();
			await clock.advance(POLL_MS);

			expect(events).toEqual([
				{ busyCount: 2, connector: "default", generation: 7, type: "drain.started" },
				{ busyCount: 2, connector: "default", deadlineMs: DEADLINE_MS, generation: 7, type: "drain.forced" },
				{ connector: "default", durationMs: DEADLINE_MS + POLL_MS, generation: 7, type: "drain.finished" },
			]);
		});
	});
});
