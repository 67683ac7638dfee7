/** A password that is wrong in the secret and in the database for a while: callers get the server's refusal in time, the account is not hammered, and it recovers. */
import { setTimeout as delay } from "node:timers/promises";

import { type EngineCase, describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

const BUDGET_MS = 2_500;
const CALLER_COUNT = 40;
const HOUR_MS = 3_600_000;
const POOL_SIZE = 5;
/** Far below the default of 30 s, which a caller would wait whose own limit went unheard. */
const MAXIMUM_WAIT_MS = 10_000;
/** When the same credentials are tried again, after the first refusal. */
const TRIED_AGAIN_AFTER_MS = [1_000, 3_000, 7_000, 15_000, 27_000];
/** The shortest pause between two fetches once they have become slow. */
const MINIMUM_PAUSE_MS = 750;
/** A login that succeeds vouches for others for 100 ms. */
const REST_MS = 200;
/** How often each caller is refused while the password is wrong. */
const ROUND_COUNT = 2;

/** One call and what came of it. */
interface Call {
	readonly beganAtMs: number;
	readonly error: unknown;
}

async function startWrong({ start }: EngineCase): Promise<Scene<DatabaseServer>> {
	return start({
		config: { connectionTimeoutMs: BUDGET_MS, poolSize: POOL_SIZE, rotation: { intervalMs: HOUR_MS, isEnabled: true } },
	});
}

/** Callers who ask again and again, whatever the answer is. */
function startCallers({ dataSource }: Scene<DatabaseServer>): { readonly calls: readonly Call[]; stop(): Promise<void> } {
	const calls: Call[] = [];
	let isStopping = false;
	const call = async (): Promise<void> => {
		while (!isStopping) {
			const beganAtMs = performance.now();
			const error: unknown = await dataSource.query("SELECT 1").then(
				() => undefined,
				(failure: unknown) => failure,
			);
			calls.push({ beganAtMs, error });
			await delay(1);
		}
	};
	const callers = Array.from({ length: CALLER_COUNT }, async () => call());
	return {
		calls,
		stop: async () => {
			isStopping = true;
			await Promise.all(callers);
		},
	};
}

function listFailures(calls: readonly Call[]): Call[] {
	return calls.filter(({ error }) => error !== undefined);
}

const correctSecret = async ({ aws, current, secretId }: Scene<DatabaseServer>): Promise<void> => {
	aws.secrets.put(secretId, { password: "not in any secret", username: current().username });
	return Promise.resolve();
};
const correctDatabase = async ({ current, server }: Scene<DatabaseServer>): Promise<void> =>
	server.setPassword(current().username, current().password);

describeEngines("A password that is wrong everywhere", {}, (engineCase) => {
	const { dialect, engine } = engineCase;
	// The two places take turns.
	const [correct, place] = engine === "postgres" ? [correctDatabase, "the database"] : [correctSecret, "the secret"];

	it(`costs few refused logins, callers no more than their time, and recovers by itself when ${place} is corrected`, async () => {
		const scene = await startWrong(engineCase);
		const { username } = scene.current();
		await scene.server.setPassword(username, "not in any secret");
		await scene.server.terminate(username);

		const beganAtMs = performance.now();
		const callers = startCallers(scene);
		await waitUntil("callers are refused again and again", () => callers.calls.length >= CALLER_COUNT * ROUND_COUNT);
		const callsDuring = [...callers.calls];
		const refusedCount = await scene.server.refusedLogins(username);
		const durationMs = performance.now() - beganAtMs;
		const startCountBefore = countStarts(scene);
		await correct(scene);
		const correctedAtMs = performance.now();
		await waitUntil("a caller is served", () => callers.calls.some(({ error }) => error === undefined));
		const healingMs = performance.now() - correctedAtMs;
		const startCount = countStarts(scene) - startCountBefore;
		const servedCount = callers.calls.length;
		await waitUntil("callers are served again and again", () => callers.calls.length >= servedCount + CALLER_COUNT * ROUND_COUNT);
		await callers.stop();

		expect(listFailures(callsDuring)).toHaveLength(callsDuring.length);
		expect(new Set(callsDuring.map(({ error }) => (error as { code?: unknown }).code ?? String(error)))).toEqual(
			new Set([dialect.refusalCode]),
		);
		expect(durationMs).toBeLessThan(ROUND_COUNT * MAXIMUM_WAIT_MS);
		expect(refusedCount).toBeGreaterThan(0);
		expect(refusedCount).toBeLessThanOrEqual(countTries(durationMs));
		// The fetch that was under way, the one that found the correction, and one for a slow machine.
		expect(startCount).toBeLessThanOrEqual(3 + healingMs / MINIMUM_PAUSE_MS);
		expect(listFailures(callers.calls.slice(servedCount)).filter(({ beganAtMs }) => beganAtMs > correctedAtMs + healingMs)).toEqual([]);
	});
});

describeEngines("A password that is wrong everywhere while some connections are open", {}, (engineCase) => {
	it("costs no caller anything, and the pool grows when it is right", async () => {
		const scene = await startWrong(engineCase);
		const { username } = scene.current();
		const runners = [scene.dataSource.createQueryRunner(), scene.dataSource.createQueryRunner()];
		await Promise.all(runners.map(async (runner): Promise<unknown> => runner.connect()));
		await Promise.all(runners.map(async (runner) => runner.release()));
		await delay(REST_MS);
		await scene.server.setPassword(username, "not in any secret");

		const beganAtMs = performance.now();
		const callers = startCallers(scene);
		await waitUntil("logins are refused", async () => (await scene.server.refusedLogins(username)) >= 2);
		await waitUntil("callers are served meanwhile", () => callers.calls.length >= CALLER_COUNT * ROUND_COUNT);
		const failuresDuring = listFailures(callers.calls);
		const refusedCount = await scene.server.refusedLogins(username);
		const durationMs = performance.now() - beganAtMs;
		await eventually(async () => expect(await scene.server.connections(username)).toHaveLength(2));
		await correctSecret(scene);
		await waitUntil("the pool has its size", async () => (await scene.server.connections(username)).length === POOL_SIZE);
		await callers.stop();

		expect(failuresDuring).toEqual([]);
		expect(refusedCount).toBeLessThanOrEqual(countTries(durationMs));
		expect(listFailures(callers.calls)).toEqual([]);
	});

	it("hands out what is idle, also to callers who come at once", async () => {
		const scene = await startWrong(engineCase);
		const { username } = scene.current();
		const runners = Array.from({ length: 4 }, () => scene.dataSource.createQueryRunner());
		const [first, second, ...others] = runners;
		await Promise.all([first, second].map(async (runner): Promise<unknown> => runner?.connect()));
		await scene.server.setPassword(username, "not in any secret");
		const waiting = scene.dataSource.query("SELECT 1");
		await waitUntil("a login was refused", () => scene.events.some(({ type }) => type === "login.refused"));
		await Promise.all([first, second].map(async (runner) => runner?.release()));
		await waiting;
		await waitUntil("no recovery runs any more", () => scene.rotator.describe().includes("state=idle"));
		const startCountBefore = countStarts(scene);

		const answers = await Promise.all(
			others.map(async (runner): Promise<unknown> => runner.connect().then(async () => runner.query("SELECT 1 AS one"))),
		);
		const startCount = countStarts(scene) - startCountBefore;
		await Promise.all(others.map(async (runner) => runner.release()));
		await scene.stop();

		expect(answers).toEqual([[{ one: 1 }], [{ one: 1 }]]);
		// No caller had to wait for other credentials.
		expect(startCount).toBe(0);
	});
});

/** Logins that the server may have refused by then. */
function countTries(durationMs: number): number {
	return 1 + TRIED_AGAIN_AFTER_MS.filter((afterMs) => afterMs <= durationMs).length;
}

/** Rotations that were started because callers wait. */
function countStarts({ events }: Scene<DatabaseServer>): number {
	return events.filter((event) => event.type === "rotation.started" && event.trigger === "authentication-failure").length;
}
