/** A primary and its replica: each takes new credentials by itself, and a replica that lags or is out of reach holds up nothing. */
import type { DataSource, ReplicationMode } from "typeorm";

import { sampleConnections } from "../../support/connection-sampler.js";
import { countPoolsOf } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { readLedger, startLedgerWorkload } from "../../support/ledger-workload.js";
import { startNestApplication } from "../../support/nest-application.js";
import { createSceneDatabase, type Scene } from "../../support/rotating-database.js";
import type { DatabaseReplica, DatabaseServer } from "../../support/server/database-server.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 4;

type AnyScene = Scene<DatabaseServer>;

async function readBoth({ findUser }: AnyScene): Promise<string[]> {
	return [await findUser("master"), await findUser("slave")];
}

async function waitForBoth(scene: AnyScene, user: string): Promise<void> {
	await scene.waitForUser(user, "master");
	await scene.waitForUser(user, "slave");
}

async function query(dataSource: DataSource, mode: ReplicationMode, sql = "SELECT 1 AS one"): Promise<unknown> {
	const runner = dataSource.createQueryRunner(mode);
	try {
		return await runner.query(sql);
	} catch (error) {
		return (error as { code?: unknown }).code;
	} finally {
		await runner.release();
	}
}

describeEngines("A replica", { hasReplica: true }, ({ dialect, engine, getServers, start, version }) => {
	let masterProxy: TcpProxy;
	let replica: DatabaseReplica;
	let replicaProxy: TcpProxy;

	beforeEach(async () => {
		replica = getServers().replica as DatabaseReplica;
		masterProxy = await startTcpProxy({ target: getServers().server });
		replicaProxy = await startTcpProxy({ target: replica });
	});

	afterEach(async () => replica.resumeReplay());

	async function startBehindProxies(options: Parameters<typeof start>[0] = {}): Promise<AnyScene> {
		const scene = await start({
			...options,
			config: { poolSize: POOL_SIZE, ...options.config },
			endpoint: masterProxy,
			replicaEndpoint: replicaProxy,
		});
		await replica.catchUp();
		return scene;
	}

	it("rotates with its primary under load, within poolSize + 1 connections to each", async () => {
		const scene = await startBehindProxies();
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: 12 });
		const samplers = [
			await sampleConnections(scene.server, masterProxy, scene.database),
			await sampleConnections(replica, replicaProxy, scene.database),
		];

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 6; rotation += 1) {
			await scene.alternate();
			await replica.catchUp();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
			await waitForBoth(scene, scene.current().username);
		}
		const [masterPeaks, replicaPeaks] = await Promise.all(samplers.map(async (sampler) => sampler.stop()));
		const { acknowledged, failures } = await workload.stop();
		const stored = await readLedger(scene.dataSource);
		const isReader = await isReadOnly(scene);
		await waitUntil("the retired pools are closed", () => scene.rotator.describe().includes("draining=0"));

		expect(failures).toEqual([]);
		expect(outcomes).toEqual(outcomes.map(() => "rotated"));
		expect(new Set(stored)).toEqual(new Set(acknowledged));
		expect(isReader).toEqual([false, true]);
		await eventually(async () => expect(await scene.server.connections(scene.users[1])).toEqual([]));
		await eventually(async () => expect(await replica.connections(scene.users[1])).toEqual([]));
		for (const peaks of [masterPeaks, replicaPeaks]) {
			expect(peaks?.client).toBeLessThanOrEqual(POOL_SIZE + 1);
			expect(peaks?.server).toBeLessThanOrEqual(POOL_SIZE + 1);
			expect(peaks?.client).toBeGreaterThan(1);
		}
	});

	it("that lags behind the change of the password keeps its credentials until it follows, and no query fails", async () => {
		const scene = await startBehindProxies();
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: 4 });
		await replica.pauseReplay();
		await scene.alternate();

		const result = await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1], "master");
		await waitUntil("the replica has refused", async () => (await replica.refusedLogins(scene.users[1])) >= 1, 60_000);
		const userMeanwhile = await scene.findUser("slave");
		await replica.resumeReplay();
		await scene.waitForUser(scene.users[1], "slave");
		const { failures } = await workload.stop();
		const refusedCount = await replica.refusedLogins(scene.users[1]);

		expect(failures).toEqual([]);
		expect(result).toMatchObject({ outcome: "rotated", waitingServers: ["replica0"] });
		expect(userMeanwhile).toBe(scene.users[0]);
		// At 0, 1, 3, 7 and 15 s.
		expect(refusedCount).toBeLessThanOrEqual(5);
	});

	it.each([
		{ cut: async () => replicaProxy.refuse(), reason: "ECONNREFUSED", title: "refuses connections" },
		{ cut: async () => replicaProxy.hold(), reason: "ERR_CONNECTOR_TIMEOUT", title: "is a black hole" },
	])("that $title holds up nothing, is reported once, and follows when it can be reached", async ({ cut, reason }) => {
		const scene = await startBehindProxies({ rotatorOptions: { deadlines: { connectMs: 1_000 } } });
		const listReports = (): unknown[] =>
			scene.events.flatMap((event) => {
				if (event.type === "replica.verified") return [[event.type, event.server]];
				return event.type === "replica.unverified" ? [[event.type, event.server, event.reason]] : [];
			});
		await cut();
		await scene.alternate();

		const result = await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await waitUntil("the replica is reported", () => listReports().length > 0, 60_000);
		await replicaProxy.thaw();
		await replica.catchUp();
		await waitForBoth(scene, scene.users[1]);

		expect(result).toMatchObject({ outcome: "rotated", waitingServers: ["replica0"] });
		expect(listReports()).toEqual([
			["replica.unverified", "replica0", reason],
			["replica.verified", "replica0"],
		]);
	});

	it("recovers with its primary when a password changes without notice", async () => {
		const scene = await startBehindProxies({ config: { rotation: { intervalMs: MONTH_MS, isEnabled: true } } });
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await replica.catchUp();
		await Promise.all([scene.server.terminate(username), replica.terminate(username)]);
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });

		const answers = await Promise.all(
			Array.from({ length: 30 }, async (_, index) => query(scene.dataSource, index % 2 === 0 ? "master" : "slave")),
		);
		const refusedCounts = [await scene.server.refusedLogins(username), await replica.refusedLogins(username)];
		await scene.stop();

		expect(answers).toEqual(answers.map(() => [{ one: 1 }]));
		for (const count of refusedCounts) expect(count).toBeLessThanOrEqual(2);
	});

	it("keeps its place and that of its master however often a stale password is refused, and so does a transaction", async () => {
		const { driver, pools } = countPoolsOf(engine);
		const scene = await startBehindProxies({
			config: { rotation: { intervalMs: MONTH_MS, isEnabled: true, shouldRotateOnAuthFailure: false } },
			override: (options) => ({ ...options, driver }),
		});
		const { username } = scene.current();
		const transaction = scene.dataSource.createQueryRunner();
		await transaction.startTransaction();
		await transaction.query(dialect.insertEntry, ["held", 0]);
		const [{ pid: heldPid }] = (await transaction.query(dialect.selectPid)) as [{ pid: number | string }];
		await scene.server.setPassword(username, "changed");
		await replica.catchUp();
		const others = (await scene.server.connections(username)).filter(({ pid }) => pid !== Number(heldPid));
		for (const { pid } of others) await scene.server.admin.query(dialect.killConnection(pid));
		await replica.terminate(username);
		await waitUntil("the pools have noticed", () => pools.every(({ idleCount }) => idleCount === 0));

		const refusals: unknown[] = [];
		for (let call = 0; call < 24; call += 1) refusals.push(await query(scene.dataSource, call % 2 === 0 ? "master" : "slave"));
		await transaction.commitTransaction();
		await transaction.release();
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		// The replica follows by itself. Until then it refuses the login, as it does without the library.
		await waitUntil("the replica takes the new password", async () => readBoth(scene).then(Boolean, () => false));
		const users = await readBoth(scene);
		const stored = await readLedger(scene.dataSource);
		await scene.stop();

		expect(new Set(refusals)).toEqual(new Set([dialect.refusalCode]));
		expect([outcome, ...users]).toEqual(["rotated", username, username]);
		expect(stored).toEqual(["held"]);
	});

	it("may have a secret of its own, whose rotation is one of all pools", async () => {
		const database = await createSceneDatabase(getServers());
		const [masterUser, replicaUser] = database.users;
		const secretId = `${database.secretId}-replica`;
		database.aws.secrets.put(secretId, { password: "password-0", username: replicaUser });
		const { application, dataSource, rotator } = await startNestApplication({
			config: { ...database.config, replicas: [{ host: replica.host, port: replica.port, secretId }] },
			version,
		});
		const listUsers = async (): Promise<unknown> => [
			await query(dataSource, "master", dialect.selectUser),
			await query(dataSource, "slave", dialect.selectUser),
		];

		const before = await listUsers();
		await database.server.setPassword(replicaUser, "next");
		await replica.catchUp();
		database.aws.secrets.put(secretId, { password: "next", username: replicaUser });
		const outcomes = [(await rotator.rotateDatabaseConnection()).outcome, (await rotator.rotateDatabaseConnection()).outcome];
		await waitUntil("the retired pools are closed", () => rotator.describe().includes("draining=0"));
		const after = await listUsers();
		await application.close();

		expect(outcomes).toEqual(["rotated", "unchanged"]);
		expect(before).toEqual([[{ user: masterUser }], [{ user: replicaUser }]]);
		expect(after).toEqual(before);
	});
});

/** Of the master and of the replica, as their servers say. */
async function isReadOnly({ dataSource, server }: AnyScene): Promise<boolean[]> {
	const sql = server.engine === "postgres" ? "SELECT pg_is_in_recovery()::int AS answer" : "SELECT @@global.read_only AS answer";
	const answers = [await query(dataSource, "master", sql), await query(dataSource, "slave", sql)];
	return answers.map((rows) => (rows as [{ answer: number | string }])[0].answer).map((answer) => Number(answer) === 1);
}
