/** `app.close()` ends everything within bounds, whatever the rotation was about to do. */
import { ConnectorClosedError } from "../../../src/errors/errors.js";
import { countPoolsOf } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { countResources, findLeaks } from "../../support/leak-check.js";
import { type NestApplication, startNestApplication } from "../../support/nest-application.js";
import { createSceneDatabase, type SceneDatabase } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

/** Much longer than any of it takes, much shorter than the deadlines of what hangs (10 s and more). */
const CLOSE_WITHIN_MS = 8_000;

describeEngines("app.close()", {}, ({ dialect, engine, getServers, version }) => {
	let database: SceneDatabase<DatabaseServer>;

	beforeEach(async () => {
		database = await createSceneDatabase(getServers());
	});

	afterEach(() => getServers().aws.faults.clear());

	/** Closes the application. Rejects when that takes too long. */
	async function close({ application }: NestApplication): Promise<void> {
		let isClosed = false;
		void application.close().then(() => (isClosed = true));
		await waitUntil("the application is closed", () => isClosed, CLOSE_WITHIN_MS);
	}

	/** The server notices the end of a connection in its own time. */
	async function expectNoConnection(...users: readonly string[]): Promise<void> {
		for (const user of users) await eventually(async () => expect(await database.server.connections(user)).toEqual([]));
	}

	function startWith(overrides: Partial<SceneDatabase["config"]> = {}, typeOrm: object = {}): Promise<NestApplication> {
		return startNestApplication({ config: { ...database.config, ...overrides }, typeOrm, version });
	}

	it.each(["hang", "stall-body"] as const)("calls off a rotation whose fetch meets a %s", async (kind) => {
		const before = await countResources();
		const running = await startWith();
		const fault = getServers().aws.faults.inject({ kind });
		const rotation = running.rotator.rotateDatabaseConnection();
		rotation.catch(() => undefined);
		await waitUntil("the request has arrived", () => fault.hitCount > 0);

		await close(running);

		await expect(rotation).rejects.toThrow(ConnectorClosedError);
		await expectNoConnection(...database.users);
		expect(getServers().aws.openConnectionCount).toBe(0);
		expect(await findLeaks(before)).toEqual([]);
	});

	describe("behind a proxy", () => {
		let proxy: TcpProxy;

		beforeEach(async () => {
			proxy = await startTcpProxy({ target: getServers().server });
		});

		it("calls off a rotation whose connect hangs", async () => {
			const before = await countResources();
			const running = await startWith({ port: proxy.port });
			await database.alternate();
			proxy.hold();
			const rotation = running.rotator.rotateDatabaseConnection();
			rotation.catch(() => undefined);
			await waitUntil("the replacement tries to connect", () => running.rotator.describe().includes("state=staging"));

			await close(running);

			await expect(rotation).rejects.toThrow(ConnectorClosedError);
			await expectNoConnection(...database.users);
			expect(await findLeaks(before)).toEqual([]);
		});

		it("calls off a rotation whose SELECT 1 hangs", async () => {
			const before = await countResources();
			// The live side goes to the server itself; only what is staged meets the proxy, which freezes when the login has succeeded.
			const { driver } = countPoolsOf(engine, (counted, index) => {
				if (index === 0) return;
				counted.port = proxy.port;
				counted.onceConnected(() => proxy.freeze());
			});
			const running = await startWith({}, { driver });
			await database.alternate();
			const rotation = running.rotator.rotateDatabaseConnection();
			rotation.catch(() => undefined);
			await waitUntil("the replacement is asked", () => running.rotator.describe().includes("state=verifying"));

			await close(running);
			await proxy.thaw();

			await expect(rotation).rejects.toThrow(ConnectorClosedError);
			expect(await findLeaks(before)).toEqual([]);
			await expectNoConnection(...database.users);
		});
	});

	it("cuts a runner that is never released, on the live pool and on a retired one", async () => {
		const before = await countResources();
		const running = await startWith();
		const [first, second] = [running.dataSource.createQueryRunner(), running.dataSource.createQueryRunner()];
		await first.startTransaction();
		await database.alternate();
		await running.rotator.rotateDatabaseConnection();
		await second.startTransaction();

		await close(running);

		await expectNoConnection(...database.users);
		expect(await findLeaks(before)).toEqual([]);
	});

	it("does not wait for a statement that still runs on a retired pool", async () => {
		const before = await countResources();
		const running = await startWith();
		const runner = running.dataSource.createQueryRunner();
		const statement = runner.query(dialect.sleepSeconds(60));
		statement.catch(() => undefined);
		await waitUntil("the statement runs", async () => {
			const connections = await database.server.connections(database.users[0]);
			return connections.some(({ state }) => state === dialect.busyState);
		});
		await database.alternate();
		await running.rotator.rotateDatabaseConnection();

		await close(running);

		await expect(statement).rejects.toThrow();
		expect(await findLeaks(before)).toEqual([]);
	});

	it("ends the schedule, also while AWS hangs", async () => {
		const before = await countResources();
		const running = await startWith({ rotation: { intervalMs: 20, isEnabled: true } });
		const fault = getServers().aws.faults.inject({ kind: "hang" });
		await waitUntil("a scheduled request has arrived", () => fault.hitCount > 0);

		await close(running);
		const requestCount = getServers().aws.calls.count();
		await new Promise((resolve) => setTimeout(resolve, 200));

		await expectNoConnection(...database.users);
		expect(getServers().aws.calls.count()).toBe(requestCount);
		expect(await findLeaks(before)).toEqual([]);
	});

	it("refuses rotations afterwards, and completes the events", async () => {
		const running = await startWith();
		let isComplete = false;
		running.rotator.events$.subscribe({ complete: () => (isComplete = true) });

		await close(running);

		await expect(running.rotator.rotateDatabaseConnection()).rejects.toThrow(ConnectorClosedError);
		expect(isComplete).toBe(true);
	});

	it("may be called while callers wait for credentials that work: they get the server's refusal", async () => {
		const before = await countResources();
		const running = await startWith({ rotation: { intervalMs: 2_592_000_000, isEnabled: true } });
		await database.server.setPassword(database.users[0], "not in any secret");
		await database.server.terminate(database.users[0]);
		const query = running.dataSource.query("SELECT 1");
		query.catch(() => undefined);
		await waitUntil("the caller waits", () => running.rotator.describe().includes("waiting=1"));

		await close(running);

		await expect(query).rejects.toMatchObject({ code: dialect.refusalCode });
		await expectNoConnection(...database.users);
		expect(await findLeaks(before)).toEqual([]);
	});
});
