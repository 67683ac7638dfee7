/** A password that changes without notice: whoever needs a new connection waits for credentials that work, and the server is not flooded with logins. */
import { setTimeout as delay } from "node:timers/promises";

import { type CountedPool, countPools } from "../../support/counted-pools.js";
import { beginTransaction } from "../../support/lasting-work.js";
import { type Scene, type SceneOptions, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const CALLER_COUNT = 40;
const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 5;

interface HealingScene extends Scene {
	/** Takes the new password in the secret. */
	changeSecret(): void;
	/** Takes the new password in the database and kills what is idle, as a failover or an operator does. */
	changeDatabase(): Promise<void>;
	readonly pools: readonly CountedPool[];
}

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
}, 60_000);

afterAll(async () => servers.stop());

async function startHealing(version: SceneOptions["version"], config: SceneOptions["config"] = {}): Promise<HealingScene> {
	const { driver, pools } = countPools();
	const scene = await startScene(servers, {
		config: { poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true }, ...config },
		override: (options) => ({ ...options, driver }),
		version,
	});
	const { username } = scene.current();
	return {
		...scene,
		changeDatabase: async () => {
			await scene.server.setPassword(username, "changed");
			await scene.server.admin.query(
				"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1 AND state = 'idle'",
				[username],
			);
			await waitUntil("the pool has noticed", () => pools[0]?.pool.idleCount === 0);
		},
		changeSecret: () => void scene.aws.secrets.put(scene.secretId, { password: "changed", username }),
		pools,
	};
}

async function query({ dataSource }: Scene): Promise<unknown> {
	return dataSource.query("SELECT 1 AS one").catch((error: unknown) => (error as { code?: unknown }).code ?? error);
}

function callAtOnce(scene: Scene, callerCount = CALLER_COUNT): Promise<unknown[]> {
	return Promise.all(Array.from({ length: callerCount }, async () => query(scene)));
}

const ANSWER = [{ one: 1 }];
const ALL_ANSWERED = Array.from({ length: CALLER_COUNT }, () => ANSWER);

describe.each(TYPEORM_VERSIONS)("A password changed without notice on TypeORM $label", (version) => {
	it("costs 40 callers no error and the server at most two refused logins", async () => {
		const scene = await startHealing(version);
		scene.changeSecret();
		await scene.changeDatabase();
		scene.aws.calls.clear();

		const answers = await callAtOnce(scene);
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		const fetches = scene.aws.calls.list.filter(({ input }) => input["VersionStage"] === "AWSCURRENT");
		await scene.stop();

		expect(answers).toEqual(ALL_ANSWERED);
		expect(refusedCount).toBeLessThanOrEqual(2);
		expect(fetches).toHaveLength(1);
	}, 60_000);

	it("lets callers wait until the secret follows half a second later", async () => {
		const scene = await startHealing(version);
		await scene.changeDatabase();

		const calls = callAtOnce(scene);
		await delay(500);
		scene.changeSecret();
		const answers = await calls;
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		await scene.stop();

		expect(answers).toEqual(ALL_ANSWERED);
		expect(refusedCount).toBeLessThanOrEqual(2);
		expect(scene.events.filter(({ type }) => type === "acquire.healed").length).toBeGreaterThan(0);
	}, 60_000);

	it("gives callers the server's own refusal when their time is up, at about one login a second", async () => {
		const scene = await startHealing(version, { connectionTimeoutMs: 2_000 });
		await scene.changeDatabase();

		const startedAtMs = performance.now();
		const answers = await callAtOnce(scene);
		const durationMs = performance.now() - startedAtMs;
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		scene.changeSecret();
		const answerAfterwards = await query(scene);
		await scene.stop();

		expect(answers).toEqual(Array.from({ length: CALLER_COUNT }, () => "28P01"));
		expect(durationMs).toBeGreaterThanOrEqual(1_900);
		// One at once, and one after each pause of at least 750 ms.
		expect(refusedCount).toBeLessThanOrEqual(2 + durationMs / 750);
		// Within its own 2 s.
		expect(answerAfterwards).toEqual(ANSWER);
	}, 60_000);

	it("is healed also where the database is corrected and not the secret", async () => {
		const scene = await startHealing(version);
		await scene.changeDatabase();

		const calls = callAtOnce(scene);
		await waitUntil("a login was refused", async () => (await scene.server.refusedLogins(scene.users[0])) > 0);
		await scene.server.setPassword(scene.users[0], scene.current().password);
		const answers = await calls;
		await scene.stop();

		expect(answers).toEqual(ALL_ANSWERED);
	}, 60_000);

	it("lets a half-filled pool grow, and leaves a transaction in peace that began before", async () => {
		const scene = await startHealing(version);
		const transaction = await beginTransaction(scene.dataSource, "before", 500);
		scene.changeSecret();
		await scene.changeDatabase();

		const runners = Array.from({ length: POOL_SIZE - 1 }, () => scene.dataSource.createQueryRunner());
		const answers = await Promise.all(runners.map(async (runner): Promise<unknown> => runner.query("SELECT 1 AS one")));
		const connectionCount = (await scene.server.connections(scene.users[0])).length;
		const seen = await transaction.result;
		await Promise.all(runners.map(async (runner) => runner.release()));
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		await scene.stop();

		expect(answers).toEqual(runners.map(() => ANSWER));
		expect(connectionCount).toBe(POOL_SIZE);
		expect(seen.pids).toEqual([transaction.pid]);
		expect(refusedCount).toBeLessThanOrEqual(2);
	}, 60_000);

	it("is passed on at once where shouldRotateOnAuthFailure is false", async () => {
		const scene = await startHealing(version, {
			rotation: { intervalMs: MONTH_MS, isEnabled: true, shouldRotateOnAuthFailure: false },
		});
		scene.changeSecret();
		await scene.changeDatabase();
		scene.aws.calls.clear();

		const answer = await query(scene);
		const fetchCount = scene.aws.calls.count();
		const byHand = await scene.rotator.rotateDatabaseConnection();
		const answerAfterwards = await query(scene);
		await scene.stop();

		expect([answer, fetchCount]).toEqual(["28P01", 0]);
		expect([byHand.outcome, answerAfterwards]).toEqual(["rotated", ANSWER]);
	}, 60_000);
});
