/** A password that changes without notice: a caller that needs a new connection waits for credentials that work, and the server is not flooded with logins. */
import { countPoolsOf } from "../../support/counted-pools.js";
import { ALL_ENGINES, type EngineCase, describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { beginTransaction } from "../../support/lasting-work.js";
import type { Scene, SceneOptions } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

const CALLER_COUNT = 40;
const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 5;

interface HealingScene extends Scene<DatabaseServer> {
	/** Takes the new password in the secret. */
	changeSecret(): void;
	/** Takes the new password in the database and kills what is idle, as a failover or an operator does. */
	changeDatabase(exceptPid?: number): Promise<void>;
}

async function startHealing({ dialect, engine, start }: EngineCase, config: SceneOptions["config"] = {}): Promise<HealingScene> {
	const { driver, pools } = countPoolsOf(engine);
	const scene = await start({
		config: { poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true }, ...config },
		override: (options) => ({ ...options, driver }),
	});
	const { username } = scene.current();
	return {
		...scene,
		changeDatabase: async (exceptPid) => {
			await scene.server.setPassword(username, "changed");
			const others = (await scene.server.connections(username)).filter(({ pid }) => pid !== exceptPid);
			for (const { pid } of others) await scene.server.admin.query(dialect.killConnection(pid));
			await waitUntil("the pool has noticed", () => pools[0]?.idleCount === 0);
		},
		changeSecret: () => void scene.aws.secrets.put(scene.secretId, { password: "changed", username }),
	};
}

async function query({ dataSource }: Scene<DatabaseServer>): Promise<unknown> {
	return dataSource.query("SELECT 'yes' AS answer").catch((error: unknown) => (error as { code?: unknown }).code ?? error);
}

function callAtOnce(scene: Scene<DatabaseServer>, callerCount = CALLER_COUNT): Promise<unknown[]> {
	return Promise.all(Array.from({ length: callerCount }, async () => query(scene)));
}

const ANSWER = [{ answer: "yes" }];
const ALL_ANSWERED = Array.from({ length: CALLER_COUNT }, () => ANSWER);

describeEngines("A password changed without notice", { engines: ALL_ENGINES }, (engineCase) => {
	const { dialect } = engineCase;

	it("costs 40 callers no error and the server at most two refused logins", async () => {
		const scene = await startHealing(engineCase);
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
	});

	it("lets callers wait until the secret follows", async () => {
		const scene = await startHealing(engineCase);
		await scene.changeDatabase();

		const calls = callAtOnce(scene);
		await waitUntil("a login was refused", async () => (await scene.server.refusedLogins(scene.users[0])) > 0);
		scene.changeSecret();
		const answers = await calls;
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		await scene.stop();

		expect(answers).toEqual(ALL_ANSWERED);
		expect(refusedCount).toBeLessThanOrEqual(2);
		expect(scene.events.filter(({ type }) => type === "recovery.finished").length).toBeGreaterThan(0);
	});

	it("gives callers the server's own refusal when their time is up, at about one login a second", async () => {
		const scene = await startHealing(engineCase, { connectionTimeoutMs: 1_000 });
		await scene.changeDatabase();

		const startedAtMs = performance.now();
		const answers = await callAtOnce(scene);
		const durationMs = performance.now() - startedAtMs;
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		scene.changeSecret();

		expect(answers).toEqual(Array.from({ length: CALLER_COUNT }, () => dialect.refusalCode));
		// Answered before the pool's own timer can hide the refusal.
		expect(durationMs).toBeGreaterThanOrEqual(850);
		// One at once, and one after each pause of at least a second.
		expect(refusedCount).toBeLessThanOrEqual(2 + durationMs / 1_000);
		await eventually(async () => expect(await query(scene)).toEqual(ANSWER));
	});

	it("recovers also where the database is corrected and not the secret", async () => {
		const scene = await startHealing(engineCase);
		await scene.changeDatabase();

		const calls = callAtOnce(scene);
		await waitUntil("a login was refused", async () => (await scene.server.refusedLogins(scene.users[0])) > 0);
		await scene.server.setPassword(scene.users[0], scene.current().password);
		const answers = await calls;
		await scene.stop();

		expect(answers).toEqual(ALL_ANSWERED);
	});

	it("lets a half-filled pool grow, and leaves a transaction in peace that began before", async () => {
		const scene = await startHealing(engineCase);
		const transaction = await beginTransaction(scene.dataSource, "before");
		scene.changeSecret();
		await scene.changeDatabase(transaction.pid);

		const runners = Array.from({ length: POOL_SIZE - 1 }, () => scene.dataSource.createQueryRunner());
		const answers = await Promise.all(runners.map(async (runner): Promise<unknown> => runner.query("SELECT 'yes' AS answer")));
		await eventually(async () => expect(await scene.server.connections(scene.users[0])).toHaveLength(POOL_SIZE));
		const seen = await transaction.commit();
		await Promise.all(runners.map(async (runner) => runner.release()));
		const refusedCount = await scene.server.refusedLogins(scene.users[0]);
		await scene.stop();

		expect(answers).toEqual(runners.map(() => ANSWER));
		expect(seen.pids).toEqual([transaction.pid]);
		expect(refusedCount).toBeLessThanOrEqual(2);
	});

	it("is passed on at once where shouldRotateOnAuthFailure is false", async () => {
		const scene = await startHealing(engineCase, {
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

		expect([answer, fetchCount]).toEqual([dialect.refusalCode, 0]);
		expect([byHand.outcome, answerAfterwards]).toEqual(["rotated", ANSWER]);
	});
});
