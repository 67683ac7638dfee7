/** The statistics of a rotator agree with the server and with what has happened. */
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { fillPool, holdConnections } from "../../support/held-connections.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 3;
const ROTATION = { intervalMs: MONTH_MS, isEnabled: true };

function findCurrentVersion({ aws, secretId }: Scene<DatabaseServer>): string | undefined {
	const versions = Object.entries(aws.secrets.versions(secretId));
	return versions.find(([, stages]) => stages.includes("AWSCURRENT"))?.[0];
}

describeEngines("The statistics of a rotator", {}, ({ getServers, start }) => {
	afterEach(() => getServers().aws.faults.clear());

	it("count the connections of each generation as the server does", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: ROTATION } });
		await fillPool(scene.dataSource, POOL_SIZE);
		const held = await holdConnections(scene.dataSource, 1);
		await scene.alternate();

		await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await waitUntil("only the connection in use is older", () => scene.rotator.getStatistics().servers[0]?.older === 1);
		const { servers } = scene.rotator.getStatistics();

		expect(servers).toEqual([
			{
				byGeneration: [
					{ generation: 1, idle: 0, inUse: 1 },
					{ generation: 2, idle: expect.any(Number) as number, inUse: 0 },
				],
				generation: 2,
				idle: expect.any(Number) as number,
				idleLimit: expect.any(Number) as number,
				inUse: 1,
				isExchanging: true,
				limit: POOL_SIZE,
				name: "primary",
				older: 1,
				refusedForMs: undefined,
				total: expect.any(Number) as number,
				waiting: 0,
			},
		]);
		await eventually(async () => {
			const [primary] = scene.rotator.getStatistics().servers;
			const [older, newer] = primary?.byGeneration ?? [];
			const counts = await Promise.all(scene.users.map(async (user) => (await scene.server.connections(user)).length));
			expect(counts).toEqual([(older?.idle ?? 0) + (older?.inUse ?? 0), (newer?.idle ?? 0) + (newer?.inUse ?? 0)]);
		});
		await held.release();
		await scene.rotator.waitForExchange();
		expect(scene.rotator.getStatistics().servers[0]).toMatchObject({ inUse: 0, isExchanging: false, older: 0 });
	});

	it("count rotations by trigger and outcome, reads of the secret by result, and tell the age of the credentials", async () => {
		const scene = await start({ config: { rotation: ROTATION } });
		const before = scene.rotator.getStatistics();
		const startVersion = findCurrentVersion(scene);
		await scene.exchange();
		await scene.rotator.rotateDatabaseConnection();
		scene.aws.faults.inject({ kind: "denied", service: "secretsmanager" });
		await scene.rotator.rotateDatabaseConnection();
		const { counters, credentials, ...after } = scene.rotator.getStatistics();
		const version = findCurrentVersion(scene);

		expect(before).toMatchObject({
			engine: scene.dataSource.options.type,
			failureCount: 0,
			generation: 1,
			lastSuccessAgeMs: undefined,
			recoveryForMs: undefined,
			rotationIntervalMs: MONTH_MS,
			state: "idle",
		});
		expect(before.credentials).toMatchObject({ versionIdPrefix: startVersion?.slice(0, 8), versionStage: "AWSCURRENT" });
		expect(before.nextRotationInMs).toBeLessThanOrEqual(MONTH_MS);
		expect(after).toMatchObject({ failureCount: 1, generation: 2, lastSuccessAgeMs: expect.any(Number) as number });
		expect(credentials).toMatchObject({ versionIdPrefix: version?.slice(0, 8), versionStage: "AWSCURRENT" });
		expect(credentials.ageMs).toBeLessThan(before.credentials.ageMs + 600_000);
		expect(counters.rotations.manual).toEqual({ failed: 1, rotated: 1, skipped: 0, unchanged: 1 });
		expect(counters).toMatchObject({ exchanges: 1, forcedCuts: 0, recoveries: 0, refusedLogins: 0 });
		expect(counters.secretReads.failed).toBe(1);
		expect(counters.secretReads.succeeded).toBeGreaterThanOrEqual(3);
	});

	it("tell of a recovery while it runs and afterwards", async () => {
		const callerCount = 8;
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: ROTATION } });
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		await waitUntil("the pool has noticed", () => scene.rotator.getStatistics().servers[0]?.total === 0);

		const callers = Array.from({ length: callerCount }, async (): Promise<unknown> => scene.dataSource.query("SELECT 1"));
		await waitUntil("a recovery runs", () => scene.rotator.getStatistics().servers[0]?.waiting === callerCount);
		const meanwhile = scene.rotator.getStatistics();
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		await Promise.all(callers);
		const { counters, recoveryForMs, servers } = scene.rotator.getStatistics();

		expect(meanwhile.recoveryForMs).toBeGreaterThanOrEqual(0);
		expect(meanwhile.servers[0]?.refusedForMs).toBeGreaterThanOrEqual(0);
		expect([recoveryForMs, servers[0]?.refusedForMs]).toEqual([undefined, undefined]);
		expect(counters).toMatchObject({ recoveredCallers: callerCount, recoveries: 1 });
		expect(counters.refusedLogins).toBeGreaterThanOrEqual(1);
		expect(counters.rotations["authentication-failure"].rotated).toBe(1);
	});
});
