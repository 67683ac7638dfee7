/** Asking a pool of pg without growing it, ending it without losing anybody, and cutting it: against pg-pool's own code. */
import { countBusy } from "../../../src/rotation/connection-pool.js";
import { type PgClient, type PgPool, PostgresPool } from "../../../src/rotation/postgres-pool.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { createFakePg, settle } from "../../support/fake-postgres-driver.js";
import { type FakePostgresClient, FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";

const DEADLINE_MS = 2_000;

let clock: FakeClock;
let pool: PgPool;
let server: FakePostgresServer;
let view: PostgresPool;

beforeEach(() => {
	clock = new FakeClock();
	server = new FakePostgresServer(clock, { app: "one" });
	pool = createPool();
	view = new PostgresPool(pool);
});

function createPool(options: object = {}): PgPool {
	const { Pool } = createFakePg(clock, { db: server });
	const created = new Pool({
		connectionTimeoutMillis: 0,
		host: "db",
		idleTimeoutMillis: 0,
		max: 2,
		password: "one",
		user: "app",
		...options,
	});
	created.on("error", () => undefined);
	return created;
}

/** A connection in the hands of a caller. */
interface Loan {
	readonly client: FakePostgresClient;
	readonly release: (error?: Error) => void;
}

function lend(from: PgPool = pool): Promise<Loan> {
	return new Promise((resolve, reject) => {
		from.connect((error, client, release) => {
			if (error) reject(error);
			else resolve({ client: client as unknown as FakePostgresClient, release });
		});
	});
}

/** Fills the pool with idle connections. */
async function warm(count: number): Promise<FakePostgresClient[]> {
	const loans = await Promise.all(Array.from({ length: count }, async () => lend()));
	for (const { release } of loans) release();
	return loans.map(({ client }) => client);
}

describe("probeIdle", () => {
	it("asks SELECT 1 over a connection that is idle, and gives it back", async () => {
		await warm(1);

		const answer = await view.probeIdle(clock, DEADLINE_MS);

		expect(answer).toEqual({ isReadOnly: false });
		expect(server.statements).toEqual(["SELECT 1", "SHOW transaction_read_only"]);
		expect(pool.idleCount).toBe(1);
		expect(clock.pendingCount).toBe(0);
	});

	it("tells a server that is read-only", async () => {
		await warm(1);
		server.isReadOnly = true;

		expect(await view.probeIdle(clock, DEADLINE_MS)).toEqual({ isReadOnly: true });
	});

	it("does not know of a server without that setting, which has answered all the same", async () => {
		const [client] = await warm(1);
		const { query } = client as FakePostgresClient;
		jest.spyOn(client as FakePostgresClient, "query").mockImplementation((text) =>
			text.startsWith("SHOW") ? Promise.reject(new Error("unrecognized configuration parameter")) : query.call(client, text),
		);

		expect(await view.probeIdle(clock, DEADLINE_MS)).toEqual({ isReadOnly: undefined });
		expect(pool.idleCount).toBe(1);
	});

	it("does not know of a server that has nothing to say", async () => {
		const [client] = await warm(1);
		jest.spyOn(client as FakePostgresClient, "query").mockResolvedValue({ rows: [] });

		expect(await view.probeIdle(clock, DEADLINE_MS)).toEqual({ isReadOnly: false });
	});

	describe("never opens a connection", () => {
		it("for a pool that has none", async () => {
			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
			expect(server.acceptedCount).toBe(0);
		});

		it("for a pool whose connections are all lent", async () => {
			await lend();

			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
			expect(server.acceptedCount).toBe(1);
		});

		it("when a caller asked for the last idle one just before and has not got it yet", async () => {
			await warm(1);

			const asking = lend();
			const answer = await view.probeIdle(clock, DEADLINE_MS);
			(await asking).release();

			expect(answer).toBeUndefined();
			expect(server.acceptedCount).toBe(1);
		});

		it("but takes another idle one beside a caller who was promised the first", async () => {
			await warm(2);

			const asking = lend();
			const answer = await view.probeIdle(clock, DEADLINE_MS);
			(await asking).release();

			expect(answer).toBeDefined();
			expect(server.acceptedCount).toBe(2);
		});

		it("for callers who wait already", async () => {
			await warm(2);
			const loans = [lend(), lend(), lend()];
			await settle();

			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
			for (const loan of loans.slice(0, 2)) (await loan).release();
		});

		it("for a pool that is ending", async () => {
			await warm(1);
			void pool.end();

			expect(await view.probeIdle(clock, DEADLINE_MS)).toBeUndefined();
		});
	});

	describe("unanswered", () => {
		beforeEach(async () => {
			await warm(1);
			server.answerMs = NEVER_MS;
		});

		it("ends at the deadline", async () => {
			const failure = failureOf(view.probeIdle(clock, DEADLINE_MS));
			await settle();

			await clock.advance(DEADLINE_MS);

			expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT", deadlineMs: DEADLINE_MS });
		});

		it("does not end before", async () => {
			const settled = jest.fn();
			view.probeIdle(clock, DEADLINE_MS).then(settled, settled);
			await settle();

			await clock.advance(DEADLINE_MS - 1);

			expect(settled).not.toHaveBeenCalled();
		});

		it("destroys its connection, which would keep its place in the pool for ever", async () => {
			server.closeMs = NEVER_MS;
			const probing = view.probeIdle(clock, DEADLINE_MS).catch(() => undefined);
			await settle();

			await clock.advance(DEADLINE_MS);
			await probing;
			await settle();

			expect(server.openCount).toBe(0);
			expect(pool.totalCount).toBe(0);
		});
	});

	it("passes on what the pool says instead of a connection", async () => {
		await warm(1);
		const refusal = new Error("no");
		jest.spyOn(pool, "connect").mockImplementation((callback) => callback(refusal, {} as PgClient, () => undefined));

		await expect(view.probeIdle(clock, DEADLINE_MS)).rejects.toBe(refusal);
	});

	it("passes on that the connection was lost while it asked, and lets the process live", async () => {
		await warm(1);
		server.answerMs = NEVER_MS;
		const failure = failureOf(view.probeIdle(clock, DEADLINE_MS));
		await settle();

		server.cutConnections();
		await settle();

		expect(await failure).toMatchObject({ message: "Connection terminated unexpectedly" });
		expect(pool.totalCount).toBe(0);
		expect(clock.pendingCount).toBe(0);
	});

	it("leaves no listener on the connection, however often it asks", async () => {
		const [client] = await warm(1);
		const before = client?.listenerCount("error");

		for (let time = 0; time < 3; time += 1) await view.probeIdle(clock, DEADLINE_MS);

		expect(client?.listenerCount("error")).toBe(before);
	});
});

describe("closeIdle", () => {
	it("closes one connection and waits until the server knows", async () => {
		await warm(2);
		server.closeMs = 50;
		const settled = jest.fn();
		void view.closeIdle(clock).then(settled);
		await settle();
		expect(settled).not.toHaveBeenCalled();

		await clock.advance(50);

		expect(settled).toHaveBeenCalledWith(true);
		expect(server.openCount).toBe(1);
		expect(pool.totalCount).toBe(1);
		expect(clock.pendingCount).toBe(0);
	});

	it("closes as many as are asked for at once", async () => {
		await warm(2);

		expect(await Promise.all([view.closeIdle(clock), view.closeIdle(clock), view.closeIdle(clock)])).toEqual([true, true, false]);
		expect(server.openCount).toBe(0);
		expect(server.acceptedCount).toBe(2);
	});

	it("waits a second at most for a peer that does not answer, and cuts the connection then", async () => {
		await warm(1);
		server.closeMs = NEVER_MS;
		const settled = jest.fn();
		void view.closeIdle(clock).then(settled);
		await settle();

		await clock.advance(999);
		expect(settled).not.toHaveBeenCalled();

		await clock.advance(1);
		await settle();
		expect(settled).toHaveBeenCalledWith(true);
		expect(server.openCount).toBe(0);
	});

	it("says so when there is none, and opens none", async () => {
		expect(await view.closeIdle(clock)).toBe(false);
		expect(server.acceptedCount).toBe(0);
	});

	it("takes none from callers who wait", async () => {
		await warm(2);
		const loans = [lend(), lend(), lend()];
		await settle();

		expect(await view.closeIdle(clock)).toBe(false);
		for (const loan of loans.slice(0, 2)) (await loan).release();
	});

	it("says so when the pool gives it none, and touches nothing", async () => {
		await warm(1);
		const client = { once: jest.fn() };
		const release = jest.fn();
		jest.spyOn(pool, "connect").mockImplementation((callback) => callback(new Error("no"), client as unknown as PgClient, release));

		expect(await view.closeIdle(clock)).toBe(false);
		expect([client.once, release].map((mock) => mock.mock.calls.length)).toEqual([0, 0]);
		expect(clock.pendingCount).toBe(0);
	});

	it("leaves a pool that is ending alone", async () => {
		await warm(1);
		void pool.end();

		expect(await view.closeIdle(clock)).toBe(false);
	});
});

describe("what a pool is like", () => {
	it("is read from pg", async () => {
		pool = createPool({ connectionTimeoutMillis: 5_000, max: 3 });
		view = new PostgresPool(pool);
		await warm(2);
		await lend();

		expect(view).toMatchObject({ idleCount: 1, isEnding: false, size: 3, timeoutMs: 5_000, totalCount: 2, waitingCount: 0 });
	});

	it("says how many wait, and that it ends", async () => {
		await Promise.all([lend(), lend()]);
		void lend();
		await settle();
		expect(view.waitingCount).toBe(1);

		void pool.end();

		expect(view.isEnding).toBe(true);
	});

	it("waits for ever where no time limit is set", () => {
		expect(new PostgresPool(createPool({ connectionTimeoutMillis: undefined })).timeoutMs).toBe(0);
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

		expect(await failureOf(view.connect())).toMatchObject({ code: "28P01" });
		expect(view.totalCount).toBe(0);
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

	it("are counted from the moment in which a login begins", async () => {
		server.loginMs = NEVER_MS;
		void lend().catch(() => undefined);

		view.noteOpening();

		expect(view).toMatchObject({ closingCount: 0, openCount: 1, totalCount: 1 });
	});

	it("are counted when a login has succeeded that nobody announced", async () => {
		view.onLogin(() => undefined);

		await warm(2);

		expect(view).toMatchObject({ closingCount: 0, openCount: 2 });
	});

	it("are counted although pg-pool has forgotten the refused login, until they are closed", async () => {
		await refuse(50);
		expect(view).toMatchObject({ closingCount: 1, leavingCount: 0, openCount: 1, totalCount: 0 });

		await clock.advance(50);
		await settle();

		expect(view).toMatchObject({ closingCount: 0, openCount: 0 });
	});

	it("are counted although pg-pool has forgotten the connection that was idle for too long, until they are closed", async () => {
		pool = createPool({ idleTimeoutMillis: 1_000 });
		view = new PostgresPool(pool);
		view.onLogin(() => undefined);
		await warm(1);
		server.closeMs = 50;

		await clock.advance(1_000);
		await settle();
		expect(view).toMatchObject({ closingCount: 1, leavingCount: 1, openCount: 1, totalCount: 0 });

		await clock.advance(50);
		await settle();
		expect(view).toMatchObject({ closingCount: 0, openCount: 0 });
	});

	it("that are closing can be cut, and the others are left alone", async () => {
		view.onLogin(() => undefined);
		const loan = await lend();
		await refuse();
		expect(view).toMatchObject({ closingCount: 1, openCount: 2 });

		view.cutClosing();
		await settle();

		expect(view).toMatchObject({ closingCount: 0, openCount: 1 });
		expect(server.openCount).toBe(1);
		await expect(loan.client.query("SELECT 2")).resolves.toBeDefined();
	});

	it("that are closing are cut at the forced end, too", async () => {
		await refuse();

		view.beginEnd().force();
		await settle();

		expect(server.openCount).toBe(0);
	});

	it("let whoever waits for them go on when one is closed", async () => {
		await refuse(50);
		const settled = jest.fn();
		void view.waitForClose(clock, 1_000).then(settled);

		await clock.advance(49);
		expect(settled).not.toHaveBeenCalled();
		await clock.advance(1);
		await settle();

		expect(settled).toHaveBeenCalledTimes(1);
		expect(clock.pendingCount).toBe(0);
	});

	it("let nobody wait for longer than his patience", async () => {
		await refuse();
		const settled = jest.fn();
		void view.waitForClose(clock, 100).then(settled);

		await clock.advance(99);
		expect(settled).not.toHaveBeenCalled();
		await clock.advance(1);

		expect(settled).toHaveBeenCalledTimes(1);
	});
});

describe("onLogin", () => {
	it("tells of each login that succeeds, and of no other", async () => {
		const listener = jest.fn();
		view.onLogin(listener);

		await warm(2);
		server.passwords.set("app", "two");
		server.cutConnections();
		await settle();
		await failureOf(lend());

		expect(listener).toHaveBeenCalledTimes(2);
	});

	it("lets the process live when the server's last word comes in one packet with the end of the login", async () => {
		view.onLogin(() => undefined);
		const lastWord = Object.assign(new Error("terminating connection due to administrator command"), { code: "57P01" });
		const hear = (client: FakePostgresClient): unknown => {
			try {
				return client.emit("error", lastWord);
			} catch (error) {
				return error;
			}
		};

		// pg-pool does not listen any more, and the borrower does not listen yet.
		const outcome = await new Promise<unknown>((resolve) => {
			pool.connect((_error, client) => resolve(hear(client as unknown as FakePostgresClient)));
		});

		expect(outcome).toBe(true);
	});

	it("does not follow to a replacement", async () => {
		const listener = jest.fn();
		view.onLogin(listener);
		const replacement = new PostgresPool(createPool());

		view.copyListenersTo(replacement);
		await lend(replacement.pool);

		expect(listener).not.toHaveBeenCalled();
	});
});

describe("onClosed", () => {
	it("tells of each connection that the pool gives up, once its socket is closed, also of those that were there before", async () => {
		const loans = await Promise.all([lend(), lend()]);
		view.onLogin(() => undefined);
		const openCounts: number[] = [];
		view.onClosed(() => openCounts.push(server.openCount));
		server.closeMs = 50;

		loans[0]?.release(new Error("broken"));
		await settle();
		expect(openCounts).toEqual([]);
		await clock.advance(50);
		await settle();

		expect(openCounts).toEqual([1]);
	});

	it("does not follow to a replacement", async () => {
		const listener = jest.fn();
		view.onClosed(listener);
		const replacement = new PostgresPool(createPool());

		view.copyListenersTo(replacement);
		(await lend(replacement.pool)).release(new Error("broken"));
		await settle();

		expect(listener).not.toHaveBeenCalled();
	});
});

describe("onClosed, of logins that failed", () => {
	it("says nothing: nobody had them", async () => {
		const listener = jest.fn();
		view.onLogin(() => undefined);
		view.onClosed(listener);
		server.passwords.set("app", "two");
		const failure = failureOf(lend());
		view.noteOpening();

		await failure;
		await settle();

		expect(view.openCount).toBe(0);
		expect(listener).not.toHaveBeenCalled();
	});
});

describe("copyListenersTo", () => {
	it.each(["acquire", "connect", "error", "release", "remove"])("lets an application's %s listener follow", (event) => {
		const replacement = createPool();
		const listener = jest.fn();
		pool.on(event, listener);

		view.copyListenersTo(new PostgresPool(replacement));

		expect(replacement.rawListeners(event)).toContain(listener);
	});
});

describe("countBusy", () => {
	it("counts connections that are lent or being opened, not those that are idle", async () => {
		await warm(2);
		await lend();
		const opening = createPool();
		void lend(opening);

		expect(countBusy(view)).toBe(1);
		expect(countBusy(new PostgresPool(opening))).toBe(1);
		expect(countBusy(new PostgresPool(createPool()))).toBe(0);
	});
});

describe("beginEnd", () => {
	it("closes idle connections at once, and is done when their sockets are closed", async () => {
		await warm(2);
		server.closeMs = 50;

		const end = view.beginEnd();
		await settle();
		expect(pool.totalCount).toBe(0);
		expect(end.isDone).toBe(false);

		await clock.advance(50);
		await settle();
		expect(server.openCount).toBe(0);
		expect(end.isDone).toBe(true);
	});

	it("leaves a lent connection to its borrower, and closes it on its return", async () => {
		const loan = await lend();

		const end = view.beginEnd();
		await settle();
		await expect(loan.client.query("SELECT 2")).resolves.toBeDefined();
		expect(end.isDone).toBe(false);

		loan.release();
		await settle();
		expect(end.isDone).toBe(true);
		expect(server.openCount).toBe(0);
	});

	it("is done at once with a pool that is empty", async () => {
		const end = view.beginEnd();
		await settle();

		expect(end.isDone).toBe(true);
	});

	it("does not fail on a pool that somebody else has ended", async () => {
		void pool.end();

		const end = view.beginEnd();
		await settle();

		expect(end.isDone).toBe(true);
	});

	it("knows no clients of a pool that does not show them, and waits for its end", async () => {
		const end = new PostgresPool({ end: () => Promise.resolve() } as unknown as PgPool).beginEnd();
		await settle();

		expect(end.isDone).toBe(true);
		expect(() => end.force()).not.toThrow();
	});

	describe("cutting what was idle", () => {
		beforeEach(() => (server.closeMs = NEVER_MS));

		it("closes connections whose server does not answer the goodbye", async () => {
			await warm(2);
			const end = view.beginEnd();

			end.cutIdle();
			await settle();

			expect(server.openCount).toBe(0);
			expect(end.isDone).toBe(true);
		});

		it("closes, too, what was closing when the end began, and is not done before", async () => {
			view.onLogin(() => undefined);
			const loan = await lend();
			loan.release(new Error("lost"));
			await settle();
			expect(view).toMatchObject({ closingCount: 1, totalCount: 0 });
			const end = view.beginEnd();
			await settle();
			expect(end.isDone).toBe(false);

			end.cutIdle();
			await settle();

			expect(end.isDone).toBe(true);
			expect(server.openCount).toBe(0);
		});

		it("leaves a lent one to its borrower", async () => {
			await warm(2);
			const loan = await lend();
			const end = view.beginEnd();

			end.cutIdle();
			await settle();

			expect(server.openCount).toBe(1);
			await expect(loan.client.query("SELECT 2")).resolves.toBeDefined();
		});

		it("does not touch one that is closed already", async () => {
			server.closeMs = 0;
			const [client] = await warm(1);
			const end = view.beginEnd();
			await settle();
			const destroy = jest.spyOn((client as FakePostgresClient).connection.stream, "destroy");

			end.cutIdle();

			expect(destroy).not.toHaveBeenCalled();
		});
	});

	describe("forced", () => {
		it("cuts a lent connection, and lets the process live although the borrower does not listen", async () => {
			const loan = await lend();
			server.answerMs = NEVER_MS;
			const failure = failureOf(loan.client.query("SELECT 2"));

			view.beginEnd().force();
			await settle();

			expect(await failure).toMatchObject({ message: "Connection terminated unexpectedly" });
			expect(server.openCount).toBe(0);
		});

		it("is done once the borrower has given back what is left of it", async () => {
			const loan = await lend();
			const end = view.beginEnd();

			end.force();
			await settle();
			expect(server.openCount).toBe(0);
			expect(end.isDone).toBe(false);

			loan.release();
			await settle();
			expect(end.isDone).toBe(true);
		});

		it("cuts idle connections whose server does not answer the goodbye", async () => {
			await warm(2);
			server.closeMs = NEVER_MS;
			const end = view.beginEnd();
			await settle();
			expect(server.openCount).toBe(2);

			end.force();
			await settle();

			expect(server.openCount).toBe(0);
			expect(end.isDone).toBe(true);
		});

		it("cuts a connection that is still being opened", async () => {
			server.loginMs = NEVER_MS;
			const failure = failureOf(lend());
			await settle();
			expect(server.openCount).toBe(1);

			view.beginEnd().force();
			await settle();

			expect(await failure).toMatchObject({ message: "Connection terminated unexpectedly" });
			expect(server.openCount).toBe(0);
		});

		it("does not stumble over a client without a socket", () => {
			const client = { on: jest.fn(), once: jest.fn() } as unknown as PgClient;

			const end = new PostgresPool({ _clients: [client], end: () => Promise.resolve() } as unknown as PgPool).beginEnd();

			expect(() => end.force()).not.toThrow();
		});
	});
});

describe("rejectWaiting", () => {
	it("ends the wait of everybody in the queue with the reason", async () => {
		await Promise.all([lend(), lend()]);
		const reason = new Error("closed");
		const waiting = [lend(), lend()];
		const outcomes = Promise.allSettled(waiting);

		view.rejectWaiting(reason);

		expect(await outcomes).toEqual([
			{ reason, status: "rejected" },
			{ reason, status: "rejected" },
		]);
		expect(pool.waitingCount).toBe(0);
	});

	it("does nothing to a pool that does not show its queue", () => {
		expect(() => new PostgresPool({} as unknown as PgPool).rejectWaiting(new Error("closed"))).not.toThrow();
	});
});
