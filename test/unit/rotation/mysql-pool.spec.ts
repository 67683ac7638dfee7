/** Asking a pool of mysql2 without growing it, ending it without losing anybody, and cutting it: against mysql2's own code. */
import { createPool as createMysqlPool } from "mysql2";

import { EventChannel } from "../../../src/events/event-channel.js";
import { countBusy } from "../../../src/rotation/connection-pool.js";
import { Drain } from "../../../src/rotation/drain-pools.js";
import { type Mysql2Pool, type MysqlConnection, MysqlPool } from "../../../src/rotation/mysql-pool.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { FakeMysqlServer, NEVER_MS } from "../../support/fake-mysql-server.js";

const DEADLINE_MS = 2_000;

let clock: FakeClock;
let pool: TestPool;
let server: FakeMysqlServer;
let view: MysqlPool;

beforeEach(() => {
	clock = new FakeClock();
	server = new FakeMysqlServer(clock, { app: "one" });
	pool = createPool();
	view = new MysqlPool(pool);
});

type TestPool = Mysql2Pool & { emit(event: string, ...values: unknown[]): boolean };

/** A connection in the hands of a caller. */
type Loan = MysqlConnection & { destroy(): void; emit(event: string, ...values: unknown[]): boolean };

function createPool(options: object = {}): TestPool {
	const all = { connectionLimit: 2, connectTimeout: 0, host: "db", password: "one", stream: server.accept, user: "app", ...options };
	return createMysqlPool(all) as unknown as TestPool;
}

function lend(from: Mysql2Pool = pool): Promise<Loan> {
	return new Promise((resolve, reject) => {
		from.getConnection((error, connection) => {
			if (error) {
				reject(error);
				return;
			}
			// As TypeORM does.
			connection?.on("error", () => undefined);
			resolve(connection as Loan);
		});
	});
}

function ask(connection: Loan, text: string): Promise<unknown> {
	return new Promise((resolve, reject) => {
		connection.query(text, (error, rows) => {
			if (error) reject(error);
			else resolve(rows);
		});
	});
}

/** Fills the pool with idle connections. */
async function warm(count: number): Promise<Loan[]> {
	const loans = await Promise.all(Array.from({ length: count }, async () => lend()));
	for (const loan of loans) loan.release();
	return loans;
}

/** Begins something and lets everything come to rest; tells whether it has ended since. */
async function begin(task: Promise<unknown>): Promise<{ isDone: boolean }> {
	const state = { isDone: false };
	const note = (): void => void (state.isDone = true);
	task.then(note, note);
	await server.settle();
	return state;
}

async function pass(durationMs: number): Promise<void> {
	await clock.advance(durationMs);
	await server.settle();
}

describe("what a pool is like", () => {
	it("is read from mysql2", async () => {
		pool = createPool({ connectionLimit: 3, connectTimeout: 5_000 });
		view = new MysqlPool(pool);
		await warm(2);
		await lend();

		expect(view).toMatchObject({ idleCount: 1, isEnding: false, size: 3, timeoutMs: 5_000, totalCount: 2, waitingCount: 0 });
		expect(countBusy(view)).toBe(1);
	});

	it("counts a connection from the moment in which its socket is asked for", () => {
		void lend();

		expect(view).toMatchObject({ idleCount: 0, totalCount: 1 });
		expect(countBusy(view)).toBe(1);
	});

	it("has no largest number of connections where mysql2 has none", () => {
		expect(new MysqlPool(createPool({ connectionLimit: 0 })).size).toBe(Number.POSITIVE_INFINITY);
	});

	it("waits for ever where mysql2 does", () => {
		const { config } = createPool();
		const bare = { config: { ...config, connectionConfig: {} } } as unknown as Mysql2Pool;

		expect(view.timeoutMs).toBe(0);
		expect(new MysqlPool(bare).timeoutMs).toBe(0);
	});

	it("says how many wait, and that it ends", async () => {
		await Promise.all([lend(), lend()]);
		const waiting = failureOf(lend());
		expect(view).toMatchObject({ isEnding: false, waitingCount: 1 });

		pool.end(() => undefined);
		await waiting;

		expect(view).toMatchObject({ isEnding: true, waitingCount: 0 });
	});
});

describe("probeIdle", () => {
	it("asks SELECT 1 over a connection that is idle, and gives it back", async () => {
		await warm(1);

		const answer = await view.probeIdle(clock, DEADLINE_MS);

		expect(answer).toEqual({ isReadOnly: false });
		expect(server.statements).toEqual(["SELECT 1", expect.stringContaining("@@global.read_only")]);
		expect(view.idleCount).toBe(1);
		expect(clock.pendingCount).toBe(0);
	});

	it.each(["read_only", "innodb_read_only"] as const)("tells a server that is read-only by %s", async (isReadOnly) => {
		await warm(1);
		server.isReadOnly = isReadOnly;

		expect(await view.probeIdle(clock, DEADLINE_MS)).toEqual({ isReadOnly: true });
	});

	it("does not know of a server without these variables, which has answered all the same", async () => {
		await warm(1);
		server.isReadOnly = "no such variable";

		expect(await view.probeIdle(clock, DEADLINE_MS)).toEqual({ isReadOnly: undefined });
		expect(view.idleCount).toBe(1);
	});

	describe("never opens a connection", () => {
		it("for a pool that has none", async () => {
			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
			expect(server.openMaximum).toBe(0);
		});

		it("for a pool whose connections are all lent", async () => {
			await lend();

			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
			expect(server.openMaximum).toBe(1);
		});

		it("when a caller asked for the last idle one just before", async () => {
			await warm(1);

			const asking = lend();
			const answer = await view.probeIdle(clock, DEADLINE_MS);
			(await asking).release();

			expect(answer).toBeUndefined();
			expect(server.openMaximum).toBe(1);
		});

		it("for a pool that is ending", async () => {
			await warm(1);
			pool.end(() => undefined);

			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
		});
	});

	describe("unanswered", () => {
		beforeEach(async () => {
			await warm(1);
			server.answerMs = NEVER_MS;
		});

		it("ends at the deadline, not before", async () => {
			const failure = failureOf(view.probeIdle(clock, DEADLINE_MS));
			const probing = await begin(failure);

			await pass(DEADLINE_MS - 1);
			expect(probing.isDone).toBe(false);
			await pass(1);

			expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT", deadlineMs: DEADLINE_MS });
		});

		it("destroys its connection, which would keep its place in the pool for ever", async () => {
			server.closeMs = NEVER_MS;
			const probing = await begin(view.probeIdle(clock, DEADLINE_MS));

			await pass(DEADLINE_MS);

			expect(probing.isDone).toBe(true);
			expect(server.openCount).toBe(0);
			expect(view).toMatchObject({ idleCount: 0, totalCount: 0 });
		});
	});

	it("passes on that the connection was lost while it asked, and lets the process live", async () => {
		await warm(1);
		server.answerMs = NEVER_MS;
		const failure = failureOf(view.probeIdle(clock, DEADLINE_MS));
		await begin(failure);

		server.cutConnections();
		await server.settle();

		expect(await failure).toMatchObject({ code: "PROTOCOL_CONNECTION_LOST" });
		expect(view.totalCount).toBe(0);
		expect(clock.pendingCount).toBe(0);
	});

	it("passes on what the pool says instead of a connection", async () => {
		await warm(1);
		const refusal = new Error("no");
		jest.spyOn(pool, "getConnection").mockImplementation((callback) => callback(refusal));

		await expect(view.probeIdle(clock, DEADLINE_MS)).rejects.toBe(refusal);
	});
});

describe("closeIdle", () => {
	it("closes one connection and waits until the server knows", async () => {
		await warm(2);
		server.closeMs = 50;
		const closing = view.closeIdle(clock);
		const state = await begin(closing);
		expect(state.isDone).toBe(false);
		expect(view.totalCount).toBe(1);

		await pass(50);

		expect(await closing).toBe(true);
		expect(server.openCount).toBe(1);
		expect(clock.pendingCount).toBe(0);
	});

	it("closes as many as are asked for at once", async () => {
		await warm(2);

		expect(await Promise.all([view.closeIdle(clock), view.closeIdle(clock), view.closeIdle(clock)])).toEqual([true, true, false]);
		expect(server.openCount).toBe(0);
		expect(server.openMaximum).toBe(2);
	});

	it("waits a second at most for a peer that does not answer, and cuts the connection then", async () => {
		await warm(1);
		server.closeMs = NEVER_MS;
		const closing = view.closeIdle(clock);
		const state = await begin(closing);

		await pass(999);
		expect(state.isDone).toBe(false);
		await pass(1);

		expect(await closing).toBe(true);
		expect(server.openCount).toBe(0);
	});

	it("says so when there is none, and opens none", async () => {
		expect(await view.closeIdle(clock)).toBe(false);
		expect(server.openMaximum).toBe(0);
	});

	it("says so when the pool gives it none", async () => {
		await warm(1);
		jest.spyOn(pool, "getConnection").mockImplementation((callback) => callback(new Error("no")));

		expect(await view.closeIdle(clock)).toBe(false);
		expect(clock.pendingCount).toBe(0);
	});
});

describe("connect", () => {
	it("opens a connection and leaves it idle", async () => {
		await view.connect();

		expect(view).toMatchObject({ idleCount: 1, totalCount: 1 });
	});

	it("opens none where one is idle", async () => {
		await warm(1);

		await view.connect();

		expect(server.acceptedCount).toBe(1);
		expect(view.idleCount).toBe(1);
	});

	it("fails as the login does", async () => {
		server.passwords.set("app", "two");

		expect(await failureOf(view.connect())).toMatchObject({ code: "ER_ACCESS_DENIED_ERROR", errno: 1_045 });
		expect(view.totalCount).toBe(0);
	});
});

describe("beginEnd", () => {
	let end: jest.SpyInstance;

	beforeEach(() => (end = jest.spyOn(pool, "end")));

	it("closes idle connections at once, and is done when their sockets are closed", async () => {
		await warm(2);
		server.closeMs = 50;

		const ending = view.beginEnd();
		expect(view).toMatchObject({ idleCount: 0, totalCount: 0 });
		await pass(49);
		expect(server.openCount).toBe(2);
		expect(end).not.toHaveBeenCalled();
		expect(ending.isDone).toBe(false);

		await pass(1);
		expect(server.openCount).toBe(0);
		expect(ending.isDone).toBe(true);
	});

	it("leaves a lent connection to its borrower, whose transaction ends as it would have, and closes it on its return", async () => {
		const loan = await lend();
		await ask(loan, "START TRANSACTION");

		const ending = view.beginEnd();
		await pass(60_000);
		for (const text of ["UPDATE orders", "COMMIT"]) await ask(loan, text);
		expect(server.openCount).toBe(1);
		expect(ending.isDone).toBe(false);

		loan.release();
		await server.settle();
		expect(server.statements).toEqual(["START TRANSACTION", "UPDATE orders", "COMMIT"]);
		expect(server.openCount).toBe(0);
		expect(ending.isDone).toBe(true);
	});

	it("ends the pool itself once and last: its end() would say goodbye on lent connections, too", async () => {
		const loans = await Promise.all([lend(), lend()]);
		const ending = view.beginEnd();

		loans[0].release();
		await server.settle();
		expect(end).not.toHaveBeenCalled();
		loans[1].release();
		await server.settle();
		ending.force();
		await server.settle();

		expect(end).toHaveBeenCalledTimes(1);
		expect(view.isEnding).toBe(true);
	});

	it("ends the pool when the connection of the last borrower is lost", async () => {
		await lend();
		const ending = view.beginEnd();

		server.cutConnections();
		await server.settle();

		expect(ending.isDone).toBe(true);
		expect(end).toHaveBeenCalledTimes(1);
	});

	it("closes a connection on its return that was being opened", async () => {
		server.loginMs = 100;
		const opening = lend();
		await server.settle();

		const ending = view.beginEnd();
		await pass(100);
		expect(ending.isDone).toBe(false);
		(await opening).release();
		await server.settle();

		expect(server.openCount).toBe(0);
		expect(ending.isDone).toBe(true);
	});

	it("is not done before the socket of a refused login is closed", async () => {
		server.passwords.set("app", "two");
		server.refusedCloseMs = 50;
		const failure = failureOf(lend());
		view.noteOpening();
		await failure;

		const ending = view.beginEnd();
		await pass(49);
		expect(ending.isDone).toBe(false);
		await pass(1);

		expect(ending.isDone).toBe(true);
	});

	it("is done at once with a pool that is empty", () => {
		expect(view.beginEnd().isDone).toBe(true);
		expect(end).toHaveBeenCalledTimes(1);
	});

	it("does not fail on a pool that somebody else has ended", async () => {
		await warm(1);
		pool.end(() => undefined);

		const ending = view.beginEnd();
		await server.settle();

		expect(server.openCount).toBe(0);
		expect(ending.isDone).toBe(true);
	});

	describe("cutting what was idle", () => {
		beforeEach(() => (server.closeMs = NEVER_MS));

		it("closes connections whose server does not answer the goodbye", async () => {
			await warm(2);
			const ending = view.beginEnd();
			await server.settle();
			expect(ending.isDone).toBe(false);

			ending.cutIdle();
			await server.settle();

			expect(server.openCount).toBe(0);
			expect(ending.isDone).toBe(true);
		});

		it("closes, too, what was closing when the end began, and is not done before", async () => {
			view.noteOpening();
			const loan = await lend();
			view.noteOpening();
			loan._removeFromPool?.();
			loan._realEnd?.();
			await server.settle();
			expect(view).toMatchObject({ closingCount: 1, totalCount: 0 });
			const ending = view.beginEnd();
			await server.settle();
			expect(ending.isDone).toBe(false);

			ending.cutIdle();
			await server.settle();

			expect(ending.isDone).toBe(true);
			expect(server.openCount).toBe(0);
		});

		it("leaves a lent one to its borrower", async () => {
			await warm(2);
			const loan = await lend();
			const ending = view.beginEnd();

			ending.cutIdle();
			await server.settle();

			expect(server.openCount).toBe(1);
			await expect(ask(loan, "SELECT 2")).resolves.toBeDefined();
		});
	});

	describe("forced", () => {
		it("cuts a lent connection in the middle of its statement", async () => {
			const loan = await lend();
			server.answerMs = NEVER_MS;
			const failure = failureOf(ask(loan, "SELECT 2"));

			const ending = view.beginEnd();
			ending.force();
			expect(ending.isDone).toBe(false);
			await server.settle();

			expect(await failure).toMatchObject({ code: "PROTOCOL_CONNECTION_LOST" });
			expect(server.openCount).toBe(0);
			expect(ending.isDone).toBe(true);
		});

		it("cuts idle connections whose server does not answer the goodbye", async () => {
			await warm(2);
			server.closeMs = NEVER_MS;
			const ending = view.beginEnd();
			await server.settle();

			ending.force();
			await server.settle();

			expect(server.openCount).toBe(0);
			expect(ending.isDone).toBe(true);
		});

		it("cuts a connection that is still being opened", async () => {
			server.loginMs = NEVER_MS;
			const failure = failureOf(lend());
			await server.settle();

			view.beginEnd().force();
			await server.settle();

			expect(await failure).toBeInstanceOf(Error);
			expect(server.openCount).toBe(0);
		});

		it("lets the process live although the borrower does not listen, and takes what he gives back", async () => {
			const loan = await new Promise<MysqlConnection | undefined>((resolve) => {
				pool.getConnection((_error, connection) => resolve(connection));
			});

			view.beginEnd().force();
			await server.settle();

			expect(() => loan?.release()).not.toThrow();
			expect(server.openCount).toBe(0);
		});
	});
});

describe("drained", () => {
	function drain(): Drain {
		const events = new EventChannel("default");
		return new Drain([view], { clock, deadlineMs: 60_000, events, generation: 1, releaseAbandoned: () => undefined });
	}

	it("serves those who wait in its queue first, over the connections it has", async () => {
		const loans = await Promise.all([lend(), lend()]);
		const waiting = lend();
		const { done } = drain();
		await pass(100);
		expect(view.isEnding).toBe(false);

		loans[0].release();
		const served = await waiting;
		await expect(ask(served, "SELECT 2")).resolves.toBeDefined();
		served.release();
		loans[1].release();
		const state = await begin(done);
		await pass(100);

		expect(state.isDone).toBe(true);
		expect(server.acceptedCount).toBe(2);
		expect(server.openCount).toBe(0);
	});

	it("turns those away who still wait at the deadline", async () => {
		await Promise.all([lend(), lend()]);
		const failure = failureOf(lend());
		const state = await begin(drain().done);

		await pass(60_000);

		expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT" });
		await pass(100);
		expect(state.isDone).toBe(true);
		expect(server.openCount).toBe(0);
	});
});

describe("rejectWaiting", () => {
	it("ends the wait of everybody in the queue with the reason", async () => {
		await Promise.all([lend(), lend()]);
		const reason = new Error("closed");
		const outcomes = Promise.allSettled([lend(), lend()]);

		view.rejectWaiting(reason);

		expect(await outcomes).toEqual([
			{ reason, status: "rejected" },
			{ reason, status: "rejected" },
		]);
		expect(view.waitingCount).toBe(0);
	});
});

describe("sockets", () => {
	/** A login that is refused, and whose socket stays open. */
	async function refuse(closeMs = NEVER_MS): Promise<void> {
		server.passwords.set("app", "two");
		server.refusedCloseMs = closeMs;
		const failure = failureOf(lend());
		view.noteOpening();
		await failure;
	}

	it("are counted from the moment in which a login begins", () => {
		void lend();

		view.noteOpening();

		expect(view).toMatchObject({ closingCount: 0, openCount: 1, totalCount: 1 });
	});

	it("are counted when a login has succeeded that nobody announced", async () => {
		view.onLogin(() => undefined);

		await warm(2);

		expect(view).toMatchObject({ closingCount: 0, openCount: 2 });
	});

	it("are counted although mysql2 has forgotten the refused login, until they are closed", async () => {
		await refuse(50);
		expect(view).toMatchObject({ closingCount: 1, leavingCount: 0, openCount: 1, totalCount: 0 });

		await pass(50);

		expect(view).toMatchObject({ closingCount: 0, openCount: 0 });
	});

	it("are counted although mysql2 has given up the connection, as one that was idle for too long, until they are closed", async () => {
		view.onLogin(() => undefined);
		const [idle] = await warm(1);
		server.closeMs = 50;

		idle?.destroy();
		expect(view).toMatchObject({ closingCount: 1, leavingCount: 1, openCount: 1, totalCount: 0 });
		await server.settle();
		await pass(50);

		expect(view).toMatchObject({ closingCount: 0, openCount: 0 });
	});

	it("that are closing can be cut, and the others are left alone", async () => {
		view.onLogin(() => undefined);
		const loan = await lend();
		await refuse();
		expect(view).toMatchObject({ closingCount: 1, openCount: 2 });

		view.cutClosing();
		await server.settle();

		expect(view).toMatchObject({ closingCount: 0, openCount: 1 });
		await expect(ask(loan, "SELECT 2")).resolves.toBeDefined();
	});

	it("let whoever waits for them go on when one is closed", async () => {
		await refuse(50);
		const state = await begin(view.waitForClose(clock, 1_000));

		await pass(49);
		expect(state.isDone).toBe(false);
		await pass(1);

		expect(state.isDone).toBe(true);
		expect(clock.pendingCount).toBe(0);
	});

	it("let nobody wait for longer than his patience", async () => {
		await refuse();
		const state = await begin(view.waitForClose(clock, 100));

		await pass(100);

		expect(state.isDone).toBe(true);
		expect(view.openCount).toBe(1);
	});
});

describe("onLogin", () => {
	it("tells of each login that succeeds, and of no other", async () => {
		const listener = jest.fn();
		view.onLogin(listener);

		await warm(2);
		server.passwords.set("app", "two");
		server.cutConnections();
		await server.settle();
		await failureOf(lend());

		expect(listener).toHaveBeenCalledTimes(2);
	});

	it("lets the process live when a connection has a second error: mysql2 listens once", async () => {
		view.onLogin(() => undefined);
		const connection = await new Promise<Loan>((resolve) => {
			pool.getConnection((_error, lent) => resolve(lent as Loan));
		});

		const emit = (): boolean => connection.emit("error", new Error("again"));
		emit();

		expect(emit).not.toThrow();
	});
});

describe("onClosed", () => {
	it("tells of each connection that the pool gives up, once its socket is closed, also of those that were there before", async () => {
		const [idle] = await warm(2);
		view.onLogin(() => undefined);
		const openCounts: number[] = [];
		view.onClosed(() => openCounts.push(server.openCount));
		server.closeMs = 50;

		idle?.destroy();
		await server.settle();
		expect(openCounts).toEqual([]);
		await pass(50);

		expect(openCounts).toEqual([1]);
	});

	it("does not tell of logins that failed: nobody had them", async () => {
		const listener = jest.fn();
		view.onLogin(() => undefined);
		view.onClosed(listener);
		server.passwords.set("app", "two");
		const failure = failureOf(lend());
		view.noteOpening();

		await failure;
		await server.settle();

		expect(view.openCount).toBe(0);
		expect(listener).not.toHaveBeenCalled();
	});

	it("tells everybody", async () => {
		const listeners = [jest.fn(), jest.fn()];
		for (const listener of listeners) view.onClosed(listener);
		view.onLogin(() => undefined);
		await warm(1);

		server.cutConnections();
		await server.settle();

		expect(listeners.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
	});
});

describe("copyListenersTo", () => {
	it.each(["acquire", "connection", "enqueue", "release"])("lets an application's %s listener follow", (event) => {
		const replacement = createPool();
		const listener = jest.fn();
		pool.on(event, listener);

		view.copyListenersTo(new MysqlPool(replacement));

		expect(replacement.rawListeners(event)).toEqual([listener]);
	});

	it("leaves behind what the library listens for, and what it ends a pool with", async () => {
		const replacement = new MysqlPool(createPool());
		const listener = jest.fn();
		view.onLogin(listener);
		view.beginEnd();

		view.copyListenersTo(replacement);
		(await lend(replacement.pool)).release();
		await server.settle();

		expect(listener).not.toHaveBeenCalled();
		expect(replacement).toMatchObject({ idleCount: 1, totalCount: 1 });
	});
});
