/** A password that is wrong in the secret and in the database for a while: callers get the server's refusal in time, the account is not hammered, and it heals. */
import { setTimeout as delay } from "node:timers/promises";

import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { TYPEORM_VERSIONS, type TypeOrmVersion } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const BUDGET_MS = 3_000;
const CALLER_COUNT = 40;
const HOUR_MS = 3_600_000;
const OUTAGE_MS = 10_000;
const POOL_SIZE = 5;
/** For a machine that has other things to do. */
const TOLERANCE_MS = 1_500;
const LATEST = TYPEORM_VERSIONS.at(-1) as TypeOrmVersion;

/** One call and what came of it. */
interface Call {
	readonly beganAtMs: number;
	readonly durationMs: number;
	readonly error: unknown;
}

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
}, 60_000);

afterAll(async () => servers.stop());

async function start(version: TypeOrmVersion): Promise<Scene> {
	return startScene(servers, {
		config: { connectionTimeoutMs: BUDGET_MS, poolSize: POOL_SIZE, rotation: { intervalMs: HOUR_MS, isEnabled: true } },
		version,
	});
}

/** Callers who ask again and again, whatever the answer is. */
function startCallers({ dataSource }: Scene): { readonly calls: readonly Call[]; stop(): Promise<void> } {
	const calls: Call[] = [];
	let isStopping = false;
	const call = async (): Promise<void> => {
		while (!isStopping) {
			const beganAtMs = performance.now();
			const error: unknown = await dataSource.query("SELECT 1").then(
				() => undefined,
				(failure: unknown) => failure,
			);
			calls.push({ beganAtMs, durationMs: performance.now() - beganAtMs, error });
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

const correctSecret = async ({ aws, current, secretId }: Scene): Promise<void> => {
	aws.secrets.put(secretId, { password: "nobody knows", username: current().username });
	return Promise.resolve();
};
const correctDatabase = async ({ current, server }: Scene): Promise<void> => server.setPassword(current().username, current().password);

describe.each([
	{ correct: correctSecret, place: "the secret", version: TYPEORM_VERSIONS[1] as TypeOrmVersion },
	{ correct: correctSecret, place: "the secret", version: LATEST },
	{ correct: correctDatabase, place: "the database", version: LATEST },
])("A password that is wrong everywhere until it is corrected in $place, on TypeORM $version.label", ({ correct, version }) => {
	it("costs the server at most 60 refused logins in 10 s, the callers no more than their time, and heals by itself", async () => {
		const scene = await start(version);
		const { username } = scene.current();
		await scene.server.setPassword(username, "nobody knows");
		await scene.server.terminate(username);

		const callers = startCallers(scene);
		await delay(OUTAGE_MS);
		const callsDuring = [...callers.calls];
		const refusedCount = await scene.server.refusedLogins(username);
		await correct(scene);
		const correctedAtMs = performance.now();
		const startCountBefore = countStarts(scene);
		await waitUntil("a caller is served", () => callers.calls.some(({ error }) => error === undefined));
		const startCount = countStarts(scene) - startCountBefore;
		await delay(500);
		await callers.stop();
		await scene.stop();

		const failuresDuring = listFailures(callsDuring);
		expect(callsDuring.length).toBeGreaterThanOrEqual(CALLER_COUNT);
		expect(failuresDuring).toHaveLength(callsDuring.length);
		expect(new Set(failuresDuring.map(({ error }) => (error as { code?: unknown }).code))).toEqual(new Set(["28P01"]));
		expect(Math.max(...failuresDuring.map(({ durationMs }) => durationMs))).toBeLessThan(BUDGET_MS + TOLERANCE_MS);
		expect(refusedCount).toBeGreaterThan(0);
		expect(refusedCount).toBeLessThanOrEqual(60);
		// About one a second: the one that was under way, the one that found the correction, and one for a slow machine.
		expect(startCount).toBeLessThanOrEqual(3);
		expect(listFailures(callers.calls.filter(({ beganAtMs }) => beganAtMs > correctedAtMs))).toEqual([]);
	}, 60_000);
});

it("A password that is wrong everywhere costs nobody anything while some connections are open, and the pool grows when it is right", async () => {
	const scene = await start(LATEST);
	const { username } = scene.current();
	const runners = [scene.dataSource.createQueryRunner(), scene.dataSource.createQueryRunner()];
	await Promise.all(runners.map(async (runner): Promise<unknown> => runner.connect()));
	await Promise.all(runners.map(async (runner) => runner.release()));
	await scene.server.setPassword(username, "nobody knows");

	const callers = startCallers(scene);
	await delay(BUDGET_MS + 1_000);
	const failuresDuring = listFailures(callers.calls);
	const refusedCount = await scene.server.refusedLogins(username);
	const countBefore = (await scene.server.connections(username)).length;
	await correctSecret(scene);
	await waitUntil("the pool has its size", async () => (await scene.server.connections(username)).length === POOL_SIZE);
	await callers.stop();
	await scene.stop();

	expect(failuresDuring).toEqual([]);
	expect(refusedCount).toBeGreaterThan(0);
	expect(refusedCount).toBeLessThanOrEqual(30);
	expect(countBefore).toBe(2);
	expect(listFailures(callers.calls)).toEqual([]);
}, 60_000);

/** Rotations that were started because callers wait. */
function countStarts({ events }: Scene): number {
	return events.filter((event) => event.type === "rotation.started" && event.trigger === "authentication-failure").length;
}
