/** The two rotations of AWS under load, played on this library and on what others do. */
import { setTimeout as sleep } from "node:timers/promises";

import { createSceneDatabase, startSceneServers } from "../../test/support/rotating-database.js";
import { startTcpProxy, type TcpProxy } from "../../test/support/tcp-proxy.js";
import { measureSides, summarize } from "../sides.js";
import type { Result, Row } from "../table.js";
import { type Application, APPLICATIONS, type Place, POOL_SIZE, type Side, SIDE_TITLES } from "./applications.js";

const CALLER_COUNT = 40;
const HOLD = "SELECT pg_sleep(0.005)";
const WINDOW_MS = 3_000;
/** After the last step, so that the slowest side can recover. */
const REST_MS = 3_000;
/** A caller that got an error comes again after this. */
const RETRY_MS = 50;
const SAMPLE_MS = 10;
const ROUND_COUNT = 3;
/** A caller without an answer at the end counts as failed after this. */
const PATIENCE_MS = 2_000;
/** A refusal is in the server's log a moment after its client hears of it. */
const LOG_DELAY_MS = 200;

interface Play {
	readonly failureCount: number;
	/** The longest time that a caller went without an answer other than an error. */
	readonly longestMs: number;
	readonly operationCount: number;
	/** Errors that would have ended the process. */
	readonly uncaughtCount: number;
	readonly peakSockets: number;
	readonly readCount: number;
	readonly refusedCount: number;
}

interface Scenario {
	readonly sides: readonly Side[];
	readonly steps: (place: Place, application: Application) => Promise<void>;
	readonly title: string;
}

/** The server takes another password, all connections are cut, and AWSCURRENT follows after the window. */
async function playWindow({ scene }: Place, canReadPending: boolean): Promise<void> {
	const { username } = scene.current();
	const next = { password: "next", username };
	const { aws, secretId, server } = scene;
	const pending = aws.secrets.put(secretId, next, { stages: ["AWSPENDING"] });
	const isPending = ({ SecretId, VersionStage }: Readonly<Record<string, unknown>>): boolean =>
		SecretId === secretId && VersionStage === "AWSPENDING";
	const denial = canReadPending ? undefined : aws.faults.inject({ kind: "denied", when: isPending });
	await server.setPassword(username, next.password);
	await server.terminate(username);
	await sleep(WINDOW_MS);
	aws.secrets.moveStage(secretId, "AWSCURRENT", pending);
	await sleep(REST_MS);
	denial?.clear();
}

/**
 * The users alternate three times, so that AWSCURRENT ends with the other one, and the server then ends all connections,
 * as a failover does.
 */
async function playAlternation({ scene }: Place, application: Application): Promise<void> {
	for (let turn = 0; turn < 3; turn += 1) {
		await scene.alternate();
		await application.rotate?.();
		await sleep(1_200);
	}
	await Promise.all(scene.users.map(async (user) => scene.server.terminate(user)));
	await sleep(REST_MS);
}

/** All connections end; the credentials stay as they are. */
async function playFailover({ scene }: Place): Promise<void> {
	await sleep(500);
	await scene.server.terminate(scene.current().username);
	await sleep(1_000);
}

const PEERS: readonly Side[] = ["library", "wrapper", "timer", "passwordFunction"];

const SCENARIOS: readonly Scenario[] = [
	{ sides: ["library"], steps: async (place) => playWindow(place, true), title: "window, AWSPENDING readable" },
	{ sides: PEERS, steps: async (place) => playWindow(place, false), title: "window, AWSPENDING denied" },
	{ sides: PEERS, steps: playAlternation, title: "alternating three times, then a failover" },
	{ sides: ["library", "plain", "passwordFunction"], steps: playFailover, title: "a failover only" },
];

/** Runs the bench on PostgreSQL. */
export async function benchRotation(): Promise<Result> {
	const servers = await startSceneServers();
	try {
		const play = async (side: Side, { steps }: Scenario): Promise<Play> => {
			const scene = await createSceneDatabase(servers);
			const proxy = await startTcpProxy({ target: servers.server });
			try {
				return await playOnce({ endpoint: proxy, scene }, side, steps);
			} finally {
				await proxy.stop();
			}
		};
		const turns = Object.fromEntries(
			SCENARIOS.flatMap((scenario) =>
				scenario.sides.map((side) => [`${scenario.title}: ${SIDE_TITLES[side]}`, async () => play(side, scenario)]),
			),
		) as Readonly<Record<string, () => Promise<Play>>>;
		const measured = await measureSides(turns, { roundCount: ROUND_COUNT, warmUpCount: 0 });
		return {
			explanation: [
				`PostgreSQL, pools of ${POOL_SIZE}, ${CALLER_COUNT} callers, operations of 5 ms. A cut ends up to ${POOL_SIZE} operations that are under way, on every side.`,
				"The times are those of delays of known size: a window of 3 s, a timer of 1 s.",
			].join("\n"),
			rows: Object.entries(measured).map(([what, plays]) => describe(what, plays)),
			title: "Rotation",
		};
	} finally {
		await servers.stop();
	}
}

async function playOnce(place: Place & { readonly endpoint: TcpProxy }, side: Side, steps: Scenario["steps"]): Promise<Play> {
	const { aws, secretId, server, users } = place.scene;
	const { endpoint: proxy } = place;
	const application = await APPLICATIONS[side](place);
	await Promise.all(Array.from({ length: POOL_SIZE }, async () => application.query("SELECT pg_sleep(0.1)")));
	const countReads = (): number => aws.calls.list.filter(({ input }) => input["SecretId"] === secretId).length;
	const countRefused = async (): Promise<number> => {
		const counts = await Promise.all(users.map(async (user) => server.refusedLogins(user)));
		return counts.reduce((sum, count) => sum + count, 0);
	};
	const [readsBefore, refusedBefore] = [countReads(), await countRefused()];
	let [failureCount, isStopping, longestMs, operationCount, peakSockets] = [0, false, 0, 0, 0];

	let uncaughtCount = 0;
	const noteUncaught = (): void => void (uncaughtCount += 1);
	process.on("uncaughtException", noteUncaught);
	const waitingSince = new Map<number, number>();

	const call = async (caller: number): Promise<void> => {
		let servedAtMs = performance.now();
		while (!isStopping) {
			waitingSince.set(caller, servedAtMs);
			try {
				await application.query(HOLD);
				longestMs = Math.max(longestMs, performance.now() - servedAtMs);
				servedAtMs = performance.now();
				operationCount += 1;
			} catch {
				failureCount += 1;
				await sleep(RETRY_MS);
			}
		}
		waitingSince.delete(caller);
		longestMs = Math.max(longestMs, performance.now() - servedAtMs);
	};
	const sample = async (): Promise<void> => {
		while (!isStopping) {
			peakSockets = Math.max(peakSockets, proxy.openCount);
			await sleep(SAMPLE_MS);
		}
	};
	const running = [...Array.from({ length: CALLER_COUNT }, async (_, caller) => call(caller)), sample()];
	await steps(place, application);
	isStopping = true;
	await Promise.race([Promise.all(running), sleep(PATIENCE_MS)]);
	// A caller in the queue of a pool that was ended is never answered.
	failureCount += waitingSince.size;
	for (const servedAtMs of waitingSince.values()) longestMs = Math.max(longestMs, performance.now() - servedAtMs);
	await Promise.race([application.stop(), sleep(PATIENCE_MS)]);
	await sleep(LOG_DELAY_MS);
	process.off("uncaughtException", noteUncaught);
	return {
		uncaughtCount,
		failureCount,
		longestMs,
		operationCount,
		peakSockets,
		readCount: countReads() - readsBefore,
		refusedCount: (await countRefused()) - refusedBefore,
	};
}

function describe(what: string, plays: readonly Play[]): Row {
	const spread = (read: (play: Play) => number): string => {
		const { lower, median, upper } = summarize(plays.map(read));
		return `${median.toFixed(0)} (${lower.toFixed(0)} – ${upper.toFixed(0)})`;
	};
	return {
		figure: `${spread(({ failureCount }) => failureCount)} failed`,
		note: [
			`longest wait ${spread(({ longestMs }) => longestMs)} ms`,
			`refused logins ${spread(({ refusedCount }) => refusedCount)}`,
			`reads at AWS ${spread(({ readCount }) => readCount)}`,
			`sockets ${spread(({ peakSockets }) => peakSockets)}`,
			`errors that would end the process ${spread(({ uncaughtCount }) => uncaughtCount)}`,
			`operations ${spread(({ operationCount }) => operationCount)}`,
		].join("; "),
		what,
	};
}
