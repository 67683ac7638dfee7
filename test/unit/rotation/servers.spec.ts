/** Each server is promoted for itself: a replica that lags or cannot be reached holds up no other, and older connections leave in the background. */
import { AsyncLocalStorage } from "node:async_hooks";

import { FakePostgresServer, NEVER_MS } from "../../support/fake-postgres-server.js";
import { RotatorScene, type RotatorSceneOptions } from "./rotator-scene.js";

const SERVER = { password: "one", port: 5_432, username: "app" };

let scene: RotatorScene;

afterEach(async () => scene.stop());

/** A primary and one replica. */
async function startWithReplica(): Promise<{ primary: FakePostgresServer; replica: FakePostgresServer }> {
	scene = await new RotatorScene({
		connector: { current: replicate("one") },
		dataSource: replicate("one"),
		servers: (clock) => ({ db: new FakePostgresServer(clock, { app: "one" }), reader: new FakePostgresServer(clock, { app: "one" }) }),
	}).start();
	return { primary: scene.server, replica: scene.servers["reader"] as FakePostgresServer };
}

function replicate(password: string): Record<string, unknown> {
	return {
		password,
		replication: { master: { ...SERVER, host: "db", password }, slaves: [{ ...SERVER, host: "reader", password }] },
	};
}

async function start(options: RotatorSceneOptions = {}): Promise<FakePostgresServer> {
	scene = await new RotatorScene(options).start();
	return scene.server;
}

describe("a replica", () => {
	it("that lags keeps its credentials, is reported, and takes the new ones when its server does", async () => {
		const { primary, replica } = await startWithReplica();
		primary.passwords.set("app", "two");
		scene.connector.current = replicate("two");

		expect(await scene.rotator.rotateDatabaseConnection()).toEqual({ generation: 2, outcome: "rotated", waitingServers: ["replica0"] });
		await scene.pass(500);
		expect(scene.find("replica.unverified")).toMatchObject([{ reason: "28P01", server: "replica0" }]);
		expect((await scene.borrowReplica()).client.login.password).toBe("one");
		expect((await scene.borrow()).client.login.password).toBe("two");

		replica.passwords.set("app", "two");
		await scene.pass(30_000);

		expect(scene.find("replica.verified")).toMatchObject([{ server: "replica0" }]);
		expect((await scene.borrowReplica()).client.login.password).toBe("two");
	});

	it.each([
		["cannot be reached", (replica: FakePostgresServer): unknown => (replica.isReachable = false)],
		["does not answer", (replica: FakePostgresServer): unknown => (replica.loginMs = NEVER_MS)],
	])("that %s does not hold up the primary", async (_, spoil) => {
		const { replica } = await startWithReplica();
		spoil(replica);
		for (const server of Object.values(scene.servers)) server.passwords.set("app", "two");
		scene.connector.current = replicate("two");

		expect(await scene.rotator.rotateDatabaseConnection()).toMatchObject({ outcome: "rotated", waitingServers: ["replica0"] });
		await scene.pass(1_000);
		expect((await scene.borrow()).client.login.password).toBe("two");
		replica.isReachable = true;
		replica.loginMs = 0;
		await scene.pass(60_000);

		expect(scene.find("replica.verified")).toHaveLength(1);
	});

	it("is never promoted with an older version after a newer one", async () => {
		const { primary, replica } = await startWithReplica();
		primary.passwords.set("app", "two");
		scene.connector.current = replicate("two");
		await scene.rotator.rotateDatabaseConnection();
		primary.passwords.set("app", "three");
		replica.passwords.set("app", "three");
		scene.connector.current = replicate("three");
		await scene.rotator.rotateDatabaseConnection();
		await scene.pass(1_000);

		// The follow-up of the second version would succeed now.
		replica.passwords.set("app", "two");
		await scene.pass(60_000);
		replica.passwords.set("app", "three");
		await scene.pass(60_000);

		expect((await scene.borrowReplica()).client.login.password).toBe("three");
	});

	it("is asked at the pace of refused logins, and no more after the shutdown has begun", async () => {
		const { primary, replica } = await startWithReplica();
		primary.passwords.set("app", "two");
		scene.connector.current = replicate("two");
		await scene.rotator.rotateDatabaseConnection();

		await scene.pass(60_000);
		expect(replica.refusedCount).toBeGreaterThanOrEqual(5);
		expect(replica.refusedCount).toBeLessThanOrEqual(8);
		const { refusedCount } = replica;
		await scene.rotator.onModuleDestroy();
		await scene.pass(120_000);

		expect(replica.refusedCount).toBe(refusedCount);
	});
});

describe("a promotion", () => {
	it("is refused for a read-only server when the live one is writable", async () => {
		scene = await new RotatorScene({
			servers: (clock) => ({
				db: new FakePostgresServer(clock, { app: "one" }),
				stale: new FakePostgresServer(clock, { app: "one" }),
			}),
		}).start();
		(scene.servers["stale"] as FakePostgresServer).isReadOnly = true;
		scene.connector.current = { host: "stale", password: "one" };

		const result = await scene.rotator.rotateDatabaseConnection();

		expect(result).toMatchObject({ error: { phase: "verify", server: "primary" }, outcome: "failed" });
		expect((await scene.borrow()).client.login.host).toBe("db");
	});

	it("warns once of a search_path that differs from the former one", async () => {
		const server = await start();
		const { execute } = server;
		jest.spyOn(server, "execute").mockImplementation((text, client) => {
			server.searchPath = client?.login.password === "one" ? "public" : "sales";
			return execute.call(server, text, client);
		});
		for (const password of ["two", "three"]) {
			scene.changePassword(password);
			await scene.rotator.rotateDatabaseConnection();
			await scene.pass(1_000);
		}

		expect(scene.find("warning")).toMatchObject([{ message: expect.stringContaining("search_path") as string }]);
	});

	it("leaves older connections to serve until each is exchanged, and reports the end of the exchange", async () => {
		const server = await start();
		const loans = [await scene.borrow(), await scene.borrow(), await scene.borrow()];
		loans.forEach(({ release }) => release());
		server.loginMs = 100;
		scene.changePassword("two");
		const rotating = scene.rotator.rotateDatabaseConnection();
		await scene.pass(100);
		await rotating;
		expect(scene.rotator.describe()).toContain("older=3");
		const exchanged = scene.rotator.waitForExchange();

		await scene.pass(2_000);
		await exchanged;

		expect(scene.rotator.describe()).toContain("connections=3 inUse=0 older=0");
		expect(scene.find("exchange.finished")).toMatchObject([{ generation: 2, server: "primary" }]);
		expect(server.openMaximum).toBeLessThanOrEqual(4);
	});

	it("closes idle older connections at once when a former password leaked", async () => {
		const server = await start();
		const loans = [await scene.borrow(), await scene.borrow()];
		loans[0]?.release();
		server.loginMs = 100;
		scene.changePassword("two");
		const rotating = scene.rotator.rotateDatabaseConnection({ mode: "at-once" });
		await scene.pass(101);
		await rotating;

		expect(scene.rotator.describe()).toContain("inUse=1 older=1");
		loans[1]?.release();
		await scene.pass(100);
		expect(scene.rotator.describe()).toContain("older=0");
	});
});

describe("the drain deadline", () => {
	it("cuts connections that are held for that long, and only those", async () => {
		await start({ connector: { rotationOptions: { drainTimeoutMs: 5_000 } } });
		await scene.borrow();
		const back = await scene.borrow();
		scene.changePassword("two");
		await scene.rotator.rotateDatabaseConnection();
		expect(scene.find("drain.started")).toMatchObject([{ busyCount: 2, generation: 1, server: "primary" }]);
		back.release();

		await scene.pass(4_999);
		expect(scene.find("drain.forced")).toEqual([]);
		await scene.pass(1);

		expect(scene.find("drain.forced")).toMatchObject([{ busyCount: 1, deadlineMs: 5_000, generation: 1, server: "primary" }]);
	});

	it("counts only time in which the process ran", async () => {
		await start({ connector: { rotationOptions: { drainTimeoutMs: 5_000 } } });
		await scene.borrow();
		scene.changePassword("two");
		await scene.rotator.rotateDatabaseConnection();
		await scene.pass(1_500);

		// The process was suspended: the clock has gone on, and the one timer that was due rings late.
		const suspended = jest.spyOn(scene.clock, "nowMs").mockImplementation(() => 3_600_000);
		await scene.clock.advance(500);

		expect(scene.find("drain.forced")).toEqual([]);
		suspended.mockRestore();
	});
});

describe("the async context of a request", () => {
	it("is not seen by fetches, sockets and events of a rotation that it started", async () => {
		const storage = new AsyncLocalStorage<string>();
		const server = await start();
		const contexts: [string, string | undefined][] = [];
		const { authenticate } = server;
		jest.spyOn(server, "authenticate").mockImplementation((login) => {
			contexts.push(["socket", storage.getStore()]);
			return authenticate.call(server, login);
		});
		const resolve = scene.connector.resolveConnection.bind(scene.connector);
		scene.connector.resolveConnection = async (request) => {
			contexts.push(["fetch", storage.getStore()]);
			return resolve(request);
		};
		scene.rotator.events$.subscribe(({ type }) => contexts.push([type, storage.getStore()]));
		scene.changePassword("two");

		await storage.run("request 1", async () => scene.rotator.rotateDatabaseConnection());
		await scene.pass(1_000);

		expect(contexts.length).toBeGreaterThan(4);
		expect(contexts.filter(([, context]) => context !== undefined)).toEqual([]);
	});
});
