/** Replacement pools are opened and asked before anything depends on them, and whatever fails leaves nothing open. */
import { ConnectorClosedError, StagingFailedError } from "../../../src/errors/errors.js";
import { listPools } from "../../../src/rotation/driver-family.js";
import { LiveDataSource } from "../../../src/rotation/live-data-source.js";
import { type NodeCredentials, toLooseOptions } from "../../../src/rotation/plan-credentials.js";
import type { PostgresPool } from "../../../src/rotation/postgres-pool.js";
import {
	discardPools,
	recheckReplicas,
	type StagingRequest,
	stagePools,
	type UnverifiedReplica,
} from "../../../src/rotation/stage-pools.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, passTime, settle } from "../../support/fake-postgres-driver.js";
import { FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";

const CONNECT_DEADLINE_MS = 300;
const VERIFY_DEADLINE_MS = 200;

let clock: FakeClock;
let dataSource: FakeDataSource;
let live: LiveDataSource;
/** Where the live side is. */
let liveServer: FakePostgresServer;
let master: FakePostgresServer;
let reader: FakePostgresServer;

beforeEach(async () => {
	clock = new FakeClock();
	liveServer = new FakePostgresServer(clock, { app: "one" });
	master = new FakePostgresServer(clock, { app: "two" });
	reader = new FakePostgresServer(clock, { app: "two" });
	dataSource = await createFakeDataSource(clock, { db: liveServer, master, reader }).initialize();
	live = new LiveDataSource(asDataSource(dataSource));
});

function node(host: string): NodeCredentials {
	return { host, password: "two", port: 5_432, username: "app" };
}

/** A request for a pool on `master`, and one on `reader` for each slave. */
function request(changes: Partial<StagingRequest> & { slaveCount?: number } = {}): StagingRequest {
	const { slaveCount = 0, ...rest } = changes;
	const slaves = Array.from({ length: slaveCount }, () => node("reader"));
	return {
		clock,
		connectDeadlineMs: CONNECT_DEADLINE_MS,
		isLiveReadOnly: false,
		onConnected: () => undefined,
		plan: { isUnchanged: false, master: node("master"), options: toLooseOptions(live.options), slaves },
		signal: new AbortController().signal,
		verifyDeadlineMs: VERIFY_DEADLINE_MS,
		...rest,
	};
}

const NO_TRACE = { isLiveEnding: false, liveCount: 1, masterCount: 0, readerCount: 0, timerCount: 0 };

/** What a staging left behind, once all sockets are at rest. */
async function findTraces(): Promise<typeof NO_TRACE> {
	await settle();
	return {
		isLiveEnding: dataSource.driver.master?.ending ?? true,
		liveCount: liveServer.openCount,
		masterCount: master.openCount,
		readerCount: reader.openCount,
		timerCount: clock.pendingCount,
	};
}

describe("stagePools", () => {
	it("opens one connection to each server, asks it SELECT 1, and gives the pools with the master first", async () => {
		const staged = await stagePools(live, request({ slaveCount: 2 }));

		expect(master.openMaximum).toBe(1);
		expect(reader.openMaximum).toBe(2);
		expect(master.statements).toEqual(["SELECT 1", "SHOW transaction_read_only"]);
		expect(reader.statements.filter((text) => text === "SELECT 1")).toHaveLength(2);
		expect(listPools(staged).map((pool) => ((pool as PostgresPool).pool.options as unknown as { host: string }).host)).toEqual([
			"master",
			"reader",
			"reader",
		]);
		expect(listPools(staged).map(({ idleCount }) => idleCount)).toEqual([1, 1, 1]);
	});

	it("does not touch the live side, and leaves no timer", async () => {
		const before = live.readPools();

		await stagePools(live, request());

		expect(live.readPools()).toEqual(before);
		expect(liveServer.acceptedCount).toBe(1);
		expect(liveServer.statements).toEqual([]);
		expect(clock.pendingCount).toBe(0);
	});

	it("says once when every pool is connected, before it asks the last one", async () => {
		reader.loginMs = 100;
		const states: unknown[] = [];
		const onConnected = (): void => void states.push([master.openCount, reader.openCount, reader.statements.length]);

		const staging = stagePools(live, request({ onConnected, slaveCount: 1 }));
		await settle();
		expect(states).toEqual([]);
		await clock.advance(100);
		await staging;

		expect(states).toEqual([[1, 1, 0]]);
	});

	describe("fails to connect", () => {
		it("when the server refuses the login, with the server's error as the cause", async () => {
			master.passwords.set("app", "three");

			const failure = await failureOf(stagePools(live, request()));

			expect(failure).toBeInstanceOf(StagingFailedError);
			expect(failure).toMatchObject({ cause: { code: "28P01" }, node: "master", phase: "connect" });
			expect((failure as Error).message).toBe(
				'The replacement pool "master" failed to connect: password authentication failed for user "app" (28P01). The live pool keeps serving.',
			);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("when a replica refuses the login, and closes what is connected already", async () => {
			reader.loginMs = 50;
			reader.passwords.set("app", "three");
			const staging = failureOf(stagePools(live, request({ slaveCount: 1 })));
			await settle();

			await clock.advance(50);
			const failure = await staging;

			expect(failure).toMatchObject({ cause: { code: "28P01" }, node: "slave0", phase: "connect" });
			expect(master.acceptedCount).toBe(1);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("names the replica that failed", async () => {
			liveServer.passwords.set("app", "three");
			const plan = { ...request().plan, slaves: [node("reader"), node("db")] };

			const failure = await failureOf(stagePools(live, request({ plan })));

			expect(failure).toMatchObject({ cause: { code: "28P01" }, node: "slave1" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("and closes a connection that comes later than the failure of another one", async () => {
			reader.loginMs = 100;
			master.isReachable = false;

			await failureOf(stagePools(live, request({ slaveCount: 1 })));
			await clock.advance(100);

			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it.each([0, NEVER_MS])(
			"not before the socket of the attempt is closed, which the server leaves open for %s ms",
			async (closeMs) => {
				master.passwords.set("app", "three");
				master.refusedCloseMs = closeMs;

				const openCount = await stagePools(live, request()).catch(() => master.openCount);

				// Whoever stages next must not find it beside its own.
				expect(openCount).toBe(0);
				expect(await findTraces()).toEqual(NO_TRACE);
			},
		);

		it("not before the sockets of those are closed that were connected already", async () => {
			reader.passwords.set("app", "three");
			reader.loginMs = 50;
			const openCounts = stagePools(live, request({ connectDeadlineMs: 60, slaveCount: 1 })).catch(() => master.openCount);
			await settle();

			await clock.advance(50);

			expect(await openCounts).toBe(0);
		});

		it("when a server is full, a replica's like the master's", async () => {
			reader.connectionLimit = 0;

			const failure = await failureOf(stagePools(live, request({ slaveCount: 1 })));

			expect(failure).toMatchObject({ cause: { code: "53300" }, node: "slave0", phase: "connect" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("when the server is full", async () => {
			master.connectionLimit = 0;

			expect(await failureOf(stagePools(live, request()))).toMatchObject({ cause: { code: "53300" }, phase: "connect" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("when the factory itself throws", async () => {
			const fault = new Error("no pool today");
			dataSource.driver.createPool = () => Promise.reject(fault);

			const failure = await failureOf(stagePools(live, request()));

			expect(failure).toMatchObject({ cause: fault, node: "master", phase: "connect" });
			expect((failure as Error).message).toContain("failed to connect: no pool today. The");
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("at its deadline when the server does not answer", async () => {
			master.loginMs = NEVER_MS;
			const failure = failureOf(stagePools(live, request()));
			await settle();

			await clock.advance(CONNECT_DEADLINE_MS - 1);
			expect(master.openCount).toBe(1);
			await clock.advance(1);

			expect(await failure).toMatchObject({ cause: { code: "ERR_CONNECTOR_TIMEOUT" }, node: "master", phase: "connect" });
			expect(((await failure) as Error).message).toContain(`no answer within ${String(CONNECT_DEADLINE_MS)} ms.`);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("at its deadline, and a login that succeeds later finds its socket closed", async () => {
			master.loginMs = CONNECT_DEADLINE_MS + 100;
			const failure = failureOf(stagePools(live, request()));
			await settle();

			await clock.advance(CONNECT_DEADLINE_MS);
			expect(await failure).toBeInstanceOf(StagingFailedError);
			await clock.advance(100);

			expect(master.acceptedCount).toBe(0);
			expect(await findTraces()).toEqual(NO_TRACE);
		});
	});

	describe("fails to verify", () => {
		it("at its deadline when SELECT 1 is not answered", async () => {
			master.answerMs = NEVER_MS;
			const failure = failureOf(stagePools(live, request()));
			await settle();

			await clock.advance(VERIFY_DEADLINE_MS);

			expect(await failure).toMatchObject({ cause: { code: "ERR_CONNECTOR_TIMEOUT" }, node: "master", phase: "verify" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("when the master does not answer, and closes the replica's replacement, too", async () => {
			master.answerMs = NEVER_MS;
			const failure = failureOf(stagePools(live, request({ slaveCount: 1 })));
			await settle();

			await clock.advance(VERIFY_DEADLINE_MS);

			expect(await failure).toMatchObject({ node: "master", phase: "verify" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("when the connection is lost before it could be asked", async () => {
			const onConnected = (): void => master.cutConnections();

			const failure = await failureOf(stagePools(live, request({ onConnected })));

			expect(failure).toMatchObject({ node: "master", phase: "verify" });
			expect((failure as Error).message).toContain("its connection was lost before it could be checked");
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("when the connection is lost while it is asked", async () => {
			master.answerMs = 50;
			const failure = failureOf(stagePools(live, request()));
			await settle();

			master.cutConnections();

			expect(await failure).toMatchObject({ cause: { message: "Connection terminated unexpectedly" }, phase: "verify" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});
	});

	describe("with a replica that refuses the login, since the change of the password has not reached it", () => {
		const RETRY_MS = 500;

		beforeEach(() => reader.passwords.set("app", "one"));

		it("asks it again twice a second, over the same pool, until it takes it", async () => {
			const staging = stagePools(live, request({ connectDeadlineMs: 2_000, slaveCount: 1 }));
			await passTime(clock, 2 * RETRY_MS);
			expect(reader.refusedCount).toBe(3);

			reader.passwords.set("app", "two");
			await passTime(clock, RETRY_MS);
			const staged = await staging;

			expect(staged.unverified).toEqual([]);
			expect(staged.slaves[0]).toMatchObject({ idleCount: 1, totalCount: 1 });
			expect(reader.statements).toContain("SELECT 1");
			expect(reader.openMaximum).toBe(1);
			expect(clock.pendingCount).toBe(0);
		});

		it.each(["3D000", "42501"])("does the same where the database or the right to it is not there yet (%s)", async (code) => {
			const staging = stagePools(live, request({ connectDeadlineMs: 2_000, slaveCount: 1 }));
			reader.passwords.set("app", "two");
			const authenticate = jest.spyOn(reader, "authenticate").mockReturnValue(Object.assign(new Error("no access"), { code }));
			await passTime(clock, RETRY_MS);
			expect(authenticate).toHaveBeenCalledTimes(2);

			authenticate.mockRestore();
			await passTime(clock, RETRY_MS);

			expect(await staging).toMatchObject({ unverified: [] });
		});

		it("says once that all are connected, when it is", async () => {
			const onConnected = jest.fn();
			const staging = stagePools(live, request({ connectDeadlineMs: 2_000, onConnected, slaveCount: 1 }));
			await passTime(clock, RETRY_MS - 1);
			expect(onConnected).not.toHaveBeenCalled();

			reader.passwords.set("app", "two");
			await passTime(clock, 1);
			await staging;

			expect(onConnected).toHaveBeenCalledTimes(1);
		});

		it("gives up with its refusal when connecting may take no longer", async () => {
			const failure = failureOf(stagePools(live, request({ connectDeadlineMs: 1_200, slaveCount: 1 })));

			await passTime(clock, 2 * RETRY_MS);

			expect(await failure).toMatchObject({ cause: { code: "28P01" }, node: "slave0", phase: "connect" });
			expect(reader.refusedCount).toBe(3);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("does not ask it again once the master has failed", async () => {
			master.loginMs = 100;
			master.passwords.set("app", "three");
			const failure = failureOf(stagePools(live, request({ connectDeadlineMs: 2_000, slaveCount: 1 })));

			await passTime(clock, 100);
			await failure;
			const { pendingCount } = clock;
			await passTime(clock, 2_000);

			expect(await failure).toMatchObject({ node: "master" });
			expect(pendingCount).toBe(0);
			expect(reader.refusedCount).toBe(1);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("ends at once when the application shuts down", async () => {
			const controller = new AbortController();
			const open = request({ connectDeadlineMs: 2_000, signal: controller.signal, slaveCount: 1 });
			const failure = failureOf(stagePools(live, open));
			await passTime(clock, 100);

			controller.abort();

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			expect(await findTraces()).toEqual(NO_TRACE);
		});
	});

	describe("with a replica out of reach", () => {
		it("gives its pool without a connection, and names it with the reason", async () => {
			const plan = { ...request().plan, slaves: [node("reader"), node("nowhere")] };
			const onConnected = jest.fn();

			const { slaves, unverified } = await stagePools(live, request({ onConnected, plan }));

			expect(unverified).toEqual([{ node: "slave1", pool: slaves[1], reason: "ENOTFOUND" }]);
			expect(slaves.map(({ totalCount }) => totalCount)).toEqual([1, 0]);
			expect(onConnected).toHaveBeenCalledTimes(1);
		});

		it("does not wait for its login longer than for any other", async () => {
			reader.loginMs = NEVER_MS;
			const staging = stagePools(live, request({ slaveCount: 1 }));
			await settle();

			await clock.advance(CONNECT_DEADLINE_MS);
			const staged = await staging;

			expect(staged.unverified).toMatchObject([{ node: "slave0", reason: "ERR_CONNECTOR_TIMEOUT" }]);
			discardPools(listPools(staged));
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("does not wait for its answer longer than for any other, and closes the connection", async () => {
			reader.answerMs = NEVER_MS;
			const staging = stagePools(live, request({ slaveCount: 1 }));
			await settle();

			await clock.advance(VERIFY_DEADLINE_MS);
			const { unverified } = await staging;
			await settle();

			expect(unverified).toMatchObject([{ node: "slave0", reason: "ERR_CONNECTOR_TIMEOUT" }]);
			expect(reader.openCount).toBe(0);
		});

		it("fails when the factory made no pool for it", async () => {
			const { createPool } = dataSource.driver;
			dataSource.driver.createPool = async function (options, credentials) {
				if (credentials.host === "reader") throw new Error("no pool today");
				return createPool.call(this, options, credentials);
			};

			const failure = await failureOf(stagePools(live, request({ slaveCount: 1 })));

			expect(failure).toMatchObject({ cause: { message: "no pool today" }, node: "slave0", phase: "connect" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});
	});

	describe("with a server that is read-only", () => {
		beforeEach(() => (master.isReadOnly = true));

		it("fails when the live side is writable", async () => {
			const failure = await failureOf(stagePools(live, request({ isLiveReadOnly: false })));

			expect(failure).toMatchObject({ node: "master", phase: "verify" });
			expect((failure as Error).message).toContain("it is read-only and the live one is not");
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it.each([true, undefined])("goes on when the live side's answer is %s", async (isLiveReadOnly) => {
			await expect(stagePools(live, request({ isLiveReadOnly }))).resolves.toBeDefined();
		});

		it("goes on when it is a replica", async () => {
			master.isReadOnly = false;
			reader.isReadOnly = true;

			await expect(stagePools(live, request({ slaveCount: 1 }))).resolves.toBeDefined();
		});
	});

	describe("when the application shuts down", () => {
		const closing = (): { abort: () => void; request: StagingRequest } => {
			const controller = new AbortController();
			return { abort: () => controller.abort(), request: request({ signal: controller.signal }) };
		};

		it("starts nothing afterwards", async () => {
			const { abort, request: closed } = closing();
			abort();

			expect(await failureOf(stagePools(live, closed))).toBeInstanceOf(ConnectorClosedError);
			expect(master.acceptedCount).toBe(0);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("cuts a connection that is being opened", async () => {
			master.loginMs = 100;
			const { abort, request: open } = closing();
			const failure = failureOf(stagePools(live, open));
			await settle();

			abort();

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("cuts a connection that is being asked", async () => {
			master.answerMs = 100;
			const { abort, request: open } = closing();
			const failure = failureOf(stagePools(live, open));
			await settle();

			abort();

			expect(await failure).toBeInstanceOf(ConnectorClosedError);
			await clock.advance(VERIFY_DEADLINE_MS);
			expect(await findTraces()).toEqual(NO_TRACE);
		});
	});
});

describe("recheckReplicas", () => {
	/** What a staging says of a replica that nobody could reach. */
	async function miss(): Promise<readonly UnverifiedReplica[]> {
		reader.isReachable = false;
		const { unverified } = await stagePools(live, request({ slaveCount: 1 }));
		expect(unverified).toHaveLength(1);
		return unverified;
	}

	it("connects those that are there now and asks them SELECT 1", async () => {
		const unverified = await miss();
		reader.isReachable = true;

		expect(await recheckReplicas(unverified, request())).toEqual([]);
		expect(reader.statements).toContain("SELECT 1");
		expect(unverified[0]?.pool).toMatchObject({ idleCount: 1, totalCount: 1 });
		expect(clock.pendingCount).toBe(0);
	});

	it("opens no other connection where one is idle", async () => {
		const unverified = await miss();
		reader.isReachable = true;
		await unverified[0]?.pool.connect();

		expect(await recheckReplicas(unverified, request())).toEqual([]);
		expect(reader.acceptedCount).toBe(1);
	});

	it("gives those that are still out of reach, each with its reason of now", async () => {
		const unverified = await miss();
		reader.isReachable = true;
		reader.passwords.set("app", "three");

		expect(await recheckReplicas(unverified, request())).toEqual([{ ...unverified[0], reason: "28P01" }]);
	});

	it.each<[string, (server: FakePostgresServer) => number, number]>([
		["a login", (server) => (server.loginMs = NEVER_MS), CONNECT_DEADLINE_MS],
		["an answer", (server) => (server.answerMs = NEVER_MS), VERIFY_DEADLINE_MS],
	])("does not wait for ever for %s", async (_, hang, deadlineMs) => {
		const unverified = await miss();
		reader.isReachable = true;
		hang(reader);
		const checking = recheckReplicas(unverified, request());
		await settle();

		await clock.advance(deadlineMs);

		expect(await checking).toMatchObject([{ node: "slave0", reason: "ERR_CONNECTOR_TIMEOUT" }]);
	});

	it("has nothing to do where none was missed", async () => {
		expect(await recheckReplicas([], request())).toEqual([]);
	});
});

describe("discardPools", () => {
	it("closes each pool at once, also when the server does not answer the goodbye", async () => {
		const staged = await stagePools(live, request({ slaveCount: 1 }));
		master.closeMs = NEVER_MS;

		discardPools(listPools(staged));

		expect(await findTraces()).toEqual(NO_TRACE);
	});
});
