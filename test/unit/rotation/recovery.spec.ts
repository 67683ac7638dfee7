/** Recovery as a whole: how many logins a server refuses, how soon callers are served, and what is reported. */
import { FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";
import { type Loan, RotatorScene, type RotatorSceneOptions } from "./rotator-scene.js";

/** An account that is locked after refused logins in a row, as with `max_password_errors` of MariaDB. */
class LockingServer extends FakePostgresServer {
	lockCount = 0;
	maxPasswordErrors = Number.POSITIVE_INFINITY;
	private readonly errors = new Map<string, number>();

	override authenticate(login: { password?: string; user?: string }): Error | undefined {
		const { user = "" } = login;
		const count = this.errors.get(user) ?? 0;
		if (count >= this.maxPasswordErrors) {
			this.refusedCount += 1;
			this.lockCount += 1;
			return Object.assign(new Error("User is blocked because of too many credential errors"), {
				code: "ER_USER_IS_BLOCKED",
				errno: 4_150,
			});
		}
		const refusal = super.authenticate(login);
		this.errors.set(user, refusal === undefined ? 0 : count + 1);
		return refusal;
	}

	unlock(): void {
		this.errors.clear();
	}
}

/** Numbers from 0 up to 1 that are the same in each run. */
function createRandom(seed: number): () => number {
	let state = seed;
	return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

let scene: RotatorScene;

async function start(options: RotatorSceneOptions = {}): Promise<LockingServer> {
	scene = await new RotatorScene({
		random: createRandom(11),
		servers: (clock) => ({ db: new LockingServer(clock, { app: "one" }) }),
		...options,
	}).start();
	return scene.server as LockingServer;
}

afterEach(async () => scene.stop());

/** Callers that ask for a connection every `pauseMs` and give it back at once. */
async function callFor(durationMs: number, pauseMs: number): Promise<void> {
	for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs += pauseMs) {
		void scene.borrow().then(
			(loan) => loan.release(),
			() => undefined,
		);
		await scene.pass(pauseMs);
	}
}

/** A caller, and when it was served. */
function watchCaller(): { servedAtMs?: number; failure?: unknown } {
	const outcome: { servedAtMs?: number; failure?: unknown } = {};
	scene.borrow().then(
		(loan: Loan) => {
			outcome.servedAtMs = scene.clock.nowMs();
			loan.release();
		},
		(error: unknown) => (outcome.failure = error),
	);
	return outcome;
}

describe("a mass disconnect with a changed password", () => {
	it.each([0, 50, 300])("costs one refused login for 40 callers when the secret is right after %d ms", async (rightAfterMs) => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();
		const callers = Array.from({ length: 40 }, watchCaller);
		await scene.pass(rightAfterMs);

		scene.connector.current = { password: "two" };
		await scene.pass(500);

		expect(callers.every(({ servedAtMs }) => servedAtMs !== undefined)).toBe(true);
		expect(server.refusedCount).toBe(1);
	});

	it.each([100, 1_000, 2_500, 4_700])(
		"serves callers within 2 s when the secret is right after %d ms, within their time",
		async (rightAfterMs) => {
			await start();
			scene.server.passwords.set("app", "two");
			await scene.cutConnections();
			await callFor(rightAfterMs, 100);
			const caller = watchCaller();
			const rightAtMs = scene.clock.nowMs();

			scene.connector.current = { password: "two" };
			await scene.pass(2_000);

			expect((caller.servedAtMs ?? Infinity) - rightAtMs).toBeLessThanOrEqual(2_000);
		},
	);

	it("serves callers also when the database is corrected and not the secret", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();
		await callFor(2_000, 200);

		server.passwords.set("app", "one");
		const caller = watchCaller();
		await scene.pass(1_500);

		expect(caller.servedAtMs).toBeDefined();
		expect(scene.find("recovery.finished")).toHaveLength(1);
	});

	it("gives callers the server's refusal when their time is over, and never the timeout of the pool", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();
		const callers = Array.from({ length: 5 }, watchCaller);

		await scene.pass(5_000);

		expect(callers.map(({ failure }) => (failure as { code?: string } | undefined)?.code)).toEqual(Array(5).fill("28P01"));
		expect(new Set(callers.map(({ failure }) => failure)).size).toBe(5);
	});
});

describe("a secret that stays wrong", () => {
	it.each([
		["callers all the time", undefined],
		["callers all the time and a wrong AWSPENDING of the same user", { password: "three" }],
	])("costs at most 12 refused logins in 10 s and 200 in an hour, with %s", async (_, pending) => {
		const server = await start();
		server.passwords.set("app", "two");
		scene.connector.pending = pending;
		await scene.cutConnections();

		await callFor(10_000, 250);
		expect(server.refusedCount).toBeLessThanOrEqual(12);
		await callFor(3_590_000, 4_000);

		expect(server.refusedCount).toBeGreaterThanOrEqual(60);
		expect(server.refusedCount).toBeLessThanOrEqual(200);
	});

	it("is asked about ever more seldom, down to twice a minute", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();
		await callFor(120_000, 4_000);
		const { fetchCount } = scene.connector;

		await callFor(300_000, 4_000);

		expect(scene.connector.fetchCount - fetchCount).toBeGreaterThanOrEqual(9);
		expect(scene.connector.fetchCount - fetchCount).toBeLessThanOrEqual(14);
	});

	it("is not asked about when no caller waits", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();
		watchCaller();
		await scene.pass(6_000);
		const { fetchCount } = scene.connector;
		const { refusedCount } = server;

		await scene.pass(600_000);

		expect(scene.connector.fetchCount).toBe(fetchCount);
		expect(server.refusedCount).toBe(refusedCount);
	});

	it("is reported by one warn, one error and at most one more a minute, and by one log at its end", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();
		await callFor(190_000, 1_000);

		scene.connector.current = { password: "two" };
		await callFor(31_000, 1_000);

		expect(scene.find("recovery.started")).toHaveLength(1);
		expect(scene.find("recovery.overdue").map(({ durationMs }) => Math.round(durationMs / 1_000))).toEqual([10, 70, 130, 190]);
		expect(scene.find("recovery.finished")).toHaveLength(1);
		expect(scene.find("rotation.failed").every(({ trigger }) => trigger !== "schedule")).toBe(true);
	});
});

describe("a server that locks accounts", () => {
	it.each([
		["AWSCURRENT alone", undefined],
		["a wrong AWSPENDING of the same user", { password: "three" }],
	])("is recovered from with at most 4 refused logins when the secret is right after 5 s, with %s", async (_, pending) => {
		const server = await start({ dataSource: { connectTimeoutMS: 10_000 } });
		server.maxPasswordErrors = 5;
		server.passwords.set("app", "two");
		scene.connector.pending = pending;
		await scene.cutConnections();
		await callFor(5_000, 100);

		scene.connector.current = { password: "two" };
		const caller = watchCaller();
		await scene.pass(2_000);

		expect(caller.servedAtMs).toBeDefined();
		expect(server.refusedCount).toBeLessThanOrEqual(4);
		expect(server.lockCount).toBe(0);
	});

	it("is asked every 15–30 s while the account is locked, also with another version of its password", async () => {
		const server = await start();
		server.maxPasswordErrors = 0;
		await scene.cutConnections();
		await callFor(60_000, 1_000);
		scene.changePassword("two");

		await callFor(240_000, 1_000);

		expect(server.lockCount).toBeGreaterThanOrEqual(9);
		expect(server.lockCount).toBeLessThanOrEqual(21);
		expect(scene.find("recovery.started")).toMatchObject([{ code: "ER_USER_IS_BLOCKED", isLocked: true }]);
	});

	it("is asked with the credentials of another user at once", async () => {
		const server = await start();
		server.passwords.set("app_green", "green");
		server.maxPasswordErrors = 1;
		server.passwords.set("app", "two");
		await scene.cutConnections();
		await callFor(3_000, 250);

		scene.connector.current = { password: "green", username: "app_green" };
		const caller = watchCaller();
		await scene.pass(1_000);

		expect(caller.servedAtMs).toBeDefined();
	});

	it("serves again within half a minute after the account was unlocked", async () => {
		const server = await start({ dataSource: { connectTimeoutMS: 40_000 } });
		server.maxPasswordErrors = 0;
		await scene.cutConnections();
		await callFor(45_000, 5_000);

		server.maxPasswordErrors = 5;
		server.unlock();
		const caller = watchCaller();
		await scene.pass(30_000);

		expect(caller.servedAtMs).toBeDefined();
	});
});

describe("the pace of refused logins", () => {
	/** Only the named trigger logs in: callers have a connection. */
	async function startWithWrongSecret(): Promise<LockingServer> {
		const server = await start();
		scene.connector.current = { password: "wrong" };
		return server;
	}

	it("is kept by rotations by hand", async () => {
		const server = await startWithWrongSecret();

		for (let time = 0; time < 60; time += 1) {
			expect(await rotateByHand()).toBe("failed");
			await scene.pass(1_000);
		}

		// At 0, 1, 3, 7, 15, 27 s, then every 15–30 s.
		expect(server.refusedCount).toBeGreaterThanOrEqual(7);
		expect(server.refusedCount).toBeLessThanOrEqual(8);
	});

	it("is kept by events of the secret and by the emergency recovery", async () => {
		const server = await startWithWrongSecret();
		const event = { detail: { name: "app/database" }, "detail-type": "Secret Label Updated" };

		for (let time = 0; time < 60; time += 1) {
			await scene.rotator.notifySecretChanged(event);
			await scene.pass(1_000);
		}

		expect(scene.find("rotation.started").filter(({ trigger }) => trigger === "emergency-recovery")).toHaveLength(1);
		expect(server.refusedCount).toBeLessThanOrEqual(8);
	});

	it("is kept by the schedule", async () => {
		const server = await start({ connector: { current: { password: "wrong" }, intervalMs: 1_000 } });
		await scene.pass(60_000);

		expect(server.refusedCount).toBeGreaterThanOrEqual(5);
		expect(server.refusedCount).toBeLessThanOrEqual(8);
	});

	it("is shared by callers and every other reason for a login", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		await scene.cutConnections();

		for (let elapsedMs = 0; elapsedMs < 30_000; elapsedMs += 500) {
			watchCaller();
			void scene.rotator.rotateDatabaseConnection();
			await scene.pass(500);
		}

		expect(server.refusedCount).toBeLessThanOrEqual(7);
	});

	it("says when the server is asked again, without asking", async () => {
		const server = await startWithWrongSecret();
		await rotateByHand();

		const result = await scene.rotator.rotateDatabaseConnection();

		expect(result).toMatchObject({ error: { cause: { code: "28P01" } }, outcome: "failed" });
		expect((result as { error: Error }).error.message).toContain("is not asked again for 1 s");
		expect(server.refusedCount).toBe(1);
	});

	it.each([
		["a new version of the password", { password: "two" }],
		["another user", { password: "green", username: "app_green" }],
	])("lets %s be tried at once", async (_, version) => {
		const server = await startWithWrongSecret();
		server.passwords.set("app", "two");
		server.passwords.set("app_green", "green");
		for (let time = 0; time < 30; time += 1) {
			await rotateByHand();
			await scene.pass(1_000);
		}

		scene.connector.current = version;

		expect(await rotateByHand()).toBe("rotated");
	});

	it("lets another endpoint be tried at once", async () => {
		scene = await new RotatorScene({
			servers: (clock) => ({
				db: new FakePostgresServer(clock, { app: "one" }),
				moved: new FakePostgresServer(clock, { app: "wrong" }),
			}),
		}).start();
		scene.connector.current = { password: "wrong" };
		for (let time = 0; time < 20; time += 1) {
			await rotateByHand();
			await scene.pass(1_000);
		}

		scene.connector.current = { host: "moved", password: "wrong" };

		expect(await rotateByHand()).toBe("rotated");
	});

	it("begins anew after a successful login", async () => {
		const server = await startWithWrongSecret();
		for (let time = 0; time < 20; time += 1) {
			await rotateByHand();
			await scene.pass(1_000);
		}
		scene.changePassword("two");
		await rotateByHand();
		await scene.pass(5_000);
		const { refusedCount } = server;

		scene.connector.current = { password: "wrong" };
		await rotateByHand();
		await scene.pass(1_000);
		await rotateByHand();

		expect(server.refusedCount - refusedCount).toBe(2);
	});

	it.each([
		["AWSCURRENT", "two", 15_000],
		["AWSCURRENT", "two", 120_000],
		["AWSPENDING", "three", 15_000],
		["AWSPENDING", "three", 120_000],
		["the live version", "one", 15_000],
		["the live version", "one", 120_000],
	])("lets refused versions take turns: the database is corrected to %s (%s) after %d ms", async (_, password, afterMs) => {
		const server = await start({ dataSource: { connectTimeoutMS: 10_000 } });
		server.passwords.set("app", "unknown");
		scene.connector.current = { password: "two" };
		scene.connector.pending = { password: "three" };
		await scene.cutConnections();
		await callFor(afterMs, 1_000);
		const { refusedCount } = server;

		server.passwords.set("app", password);
		const correctedAtMs = scene.clock.nowMs();
		let servedAtMs: number | undefined;
		while (servedAtMs === undefined && scene.clock.nowMs() - correctedAtMs < 600_000) {
			const caller = watchCaller();
			await scene.pass(1_000);
			({ servedAtMs } = caller);
		}

		// Three turns of at most 30 s, and one fetch that comes every 30 s.
		expect((servedAtMs ?? Infinity) - correctedAtMs).toBeLessThanOrEqual(120_000);
		expect(server.refusedCount - refusedCount).toBeLessThanOrEqual(6);
	});
});

describe("an AWS that does not answer", () => {
	it("does not keep the server from being tried again with the live credentials", async () => {
		const server = await start();
		server.passwords.set("app", "two");
		scene.connector.fetchMs = NEVER_MS;
		await scene.cutConnections();
		const caller = watchCaller();
		await scene.pass(500);

		server.passwords.set("app", "one");
		await scene.pass(1_000);

		expect(caller.servedAtMs).toBeDefined();
	});
});

async function rotateByHand(): Promise<string> {
	return (await scene.rotator.rotateDatabaseConnection()).outcome;
}
