/** Replacement pools are opened and asked before anything depends on them, and whatever fails leaves nothing open. */
import { RotatorClosedError, StagingFailedError } from "../../../src/errors/errors.js";
import { LiveDataSource, listPools } from "../../../src/rotation/live-data-source.js";
import { type NodeCredentials, toLooseOptions } from "../../../src/rotation/plan-credentials.js";
import type { PostgresPool } from "../../../src/rotation/postgres-pool.js";
import { discardPools, type StagingRequest, stagePools } from "../../../src/rotation/stage-pools.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, settle } from "../../support/fake-postgres-driver.js";
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

	it("says when every pool is connected, before it asks the first", async () => {
		reader.loginMs = 100;
		const states: unknown[] = [];
		const onConnected = (): void => void states.push(master.openCount, reader.openCount, master.statements.length);

		const staging = stagePools(live, request({ onConnected, slaveCount: 1 }));
		await settle();
		expect(states).toEqual([]);
		await clock.advance(100);
		await staging;

		expect(states).toEqual([1, 1, 0]);
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
			const plan = { ...request().plan, slaves: [node("reader"), node("nowhere")] };

			const failure = await failureOf(stagePools(live, request({ plan })));

			expect(failure).toMatchObject({ cause: { code: "ENOTFOUND" }, node: "slave1" });
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("and closes a connection that comes later than the failure of another one", async () => {
			reader.loginMs = 100;
			master.isReachable = false;

			await failureOf(stagePools(live, request({ slaveCount: 1 })));
			await clock.advance(100);

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

		it("when a replica does not answer, and closes the master's replacement, too", async () => {
			reader.answerMs = NEVER_MS;
			const failure = failureOf(stagePools(live, request({ slaveCount: 1 })));
			await settle();

			await clock.advance(VERIFY_DEADLINE_MS);

			expect(await failure).toMatchObject({ node: "slave0", phase: "verify" });
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

			expect(await failureOf(stagePools(live, closed))).toBeInstanceOf(RotatorClosedError);
			expect(master.acceptedCount).toBe(0);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("cuts a connection that is being opened", async () => {
			master.loginMs = 100;
			const { abort, request: open } = closing();
			const failure = failureOf(stagePools(live, open));
			await settle();

			abort();

			expect(await failure).toBeInstanceOf(RotatorClosedError);
			expect(await findTraces()).toEqual(NO_TRACE);
		});

		it("cuts a connection that is being asked", async () => {
			master.answerMs = 100;
			const { abort, request: open } = closing();
			const failure = failureOf(stagePools(live, open));
			await settle();

			abort();

			expect(await failure).toBeInstanceOf(RotatorClosedError);
			await clock.advance(VERIFY_DEADLINE_MS);
			expect(await findTraces()).toEqual(NO_TRACE);
		});
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
