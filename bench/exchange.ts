/**
 * What callers meet while the connections of a full pool are exchanged and every login is slow: the same load calm and rotating, in turns.
 * The application is a process of its own; a proxy delays its logins and counts its sockets.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { createSceneDatabase, type SceneDatabase, type SceneServers } from "../test/support/rotating-database.js";
import { type LoginProxy, startLoginProxy } from "../test/support/login-proxy.js";
import type { DatabaseServer } from "../test/support/server/database-server.js";
import { waitUntil } from "../test/support/wait-until.js";
import { ApplicationProcess } from "./application-process.js";
import { ENGINE_TITLES, type EngineServers, VERSIONS } from "./engine-servers.js";
import type { ApplicationCommand, ApplicationSetup, LoadReport, RotationReport } from "./exchange-application.js";
import { openSessionCensus, readAbortedClients, type SessionCensus } from "./session-census.js";
import { compare, findMedian, findQuantile, measureSides, subtract, summarize } from "./sides.js";
import { atMost, formatDuration, formatRatio, formatSpread, type Result, type Row } from "./table.js";

const POOL_SIZES = [10, 5];
const LOGIN_DELAY_MS = 150;
const HOLD_MS = 10;
const PAUSE_MS = 1;
/** A caller that waits so long waits for a login. */
const LOGIN_WAIT_MS = 100;
const ROTATIONS_PER_TURN = 2;
const ROUND_COUNT = 5;
const WARM_UP_COUNT = 1;
const CENSUS_INTERVAL_MS = 25;
const FIRST_CALM_MS = 3_000;
/** A bound for what is broken: exchanges of ten connections at 150 ms each take 2 s. */
const EXCHANGE_LIMIT_MS = 60_000;

/** One turn of the load. */
interface Turn extends LoadReport {
	/** How far MariaDB's `Aborted_clients` grew; `undefined` on other engines. */
	readonly abortedCount: number | undefined;
	/** Times until the server had no session of the former user any more. */
	readonly exchangesMs: readonly number[];
	readonly peakCount: number;
}

/** Runs the bench on both engines, the latest TypeORM of both major lines, and two sizes of the pool. */
export async function benchExchange(servers: EngineServers): Promise<Result> {
	const rows = await servers.forEach(async (own) => {
		const ownRows: Row[] = [];
		for (const poolSize of POOL_SIZES) {
			for (const { label } of VERSIONS) ownRows.push(...(await benchCell(own, { poolSize, typeorm: label })));
		}
		return ownRows;
	});
	const load = `As many workers as connections, each holding one for ${HOLD_MS} ms`;
	return {
		explanation: `${load}; logins delayed by ${LOGIN_DELAY_MS} ms, users alternate, ${ROTATIONS_PER_TURN * ROUND_COUNT} rotations in a row.`,
		rows,
		title: "Exchange of connections under load",
	};
}

interface Cell {
	readonly poolSize: number;
	readonly typeorm: string;
}

async function benchCell(servers: SceneServers<DatabaseServer>, { poolSize, typeorm }: Cell): Promise<Row[]> {
	const scene = await createSceneDatabase(servers);
	const proxy = await startLoginProxy({ loginDelayMs: LOGIN_DELAY_MS, target: scene.server });
	const census = await openSessionCensus(scene.server, scene.database);
	const setup: ApplicationSetup = {
		config: {
			...scene.config,
			// Pools that close idle connections log in again by themselves, calm or not.
			idleTimeoutMs: 0,
			poolSize,
			port: proxy.port,
			rotation: { intervalMs: 3_600_000, isEnabled: true },
		},
		holdMs: HOLD_MS,
		pauseMs: PAUSE_MS,
		typeorm,
		workerCount: poolSize,
	};
	const application = await ApplicationProcess.start<ApplicationCommand>("exchange-application.ts", setup);
	try {
		const load = new Load({ application, census, poolSize, proxy, scene });
		const turns = { calm: async () => load.runCalm(), rotating: async () => load.runRotating() };
		const measured = await measureSides(turns, { roundCount: ROUND_COUNT, warmUpCount: WARM_UP_COUNT });
		await application.ask("finish");
		await application.waitForExit();
		const title = `${ENGINE_TITLES[scene.server.engine]}, ${typeorm}, pool of ${poolSize}`;
		return listRows(title, { ...measured, poolSize });
	} finally {
		application.kill();
		await Promise.all([census.end(), proxy.stop()]);
	}
}

interface LoadParts {
	readonly application: ApplicationProcess<ApplicationCommand>;
	readonly census: SessionCensus;
	readonly poolSize: number;
	readonly proxy: LoginProxy;
	readonly scene: SceneDatabase<DatabaseServer>;
}

/** The load of one cell, in turns. Sessions are counted in either turn, so that both cost the machine the same. */
class Load {
	private turnMs = FIRST_CALM_MS;

	constructor(private readonly parts: LoadParts) {}

	async runCalm(): Promise<Turn> {
		return this.run(async () => {
			const endAtMs = performance.now() + this.turnMs;
			await this.waitForSessions("the turn is over", () => performance.now() >= endAtMs);
			return [];
		});
	}

	async runRotating(): Promise<Turn> {
		const turn = await this.run(async () => {
			const exchangesMs: number[] = [];
			for (let rotation = 0; rotation < ROTATIONS_PER_TURN; rotation += 1) exchangesMs.push(await this.rotate());
			return exchangesMs;
		});
		this.turnMs = turn.durationMs;
		return turn;
	}

	private async run(work: () => Promise<number[]>): Promise<Turn> {
		const { application, proxy, scene } = this.parts;
		await this.waitForExchange();
		const abortedBefore = await readAbortedClients(scene.server);
		proxy.resetPeak();
		await application.ask("begin");
		const exchangesMs = await work();
		const report = await application.ask<LoadReport>("end");
		const abortedAfter = await readAbortedClients(scene.server);
		const abortedCount = abortedAfter === undefined ? undefined : abortedAfter - (abortedBefore ?? 0);
		return { ...report, abortedCount, exchangesMs, peakCount: proxy.peakCount };
	}

	private async rotate(): Promise<number> {
		const { application, scene } = this.parts;
		await scene.alternate();
		const startedAtMs = performance.now();
		const outcome = await application.ask<RotationReport>("rotate");
		if (outcome !== "rotated") throw new Error(`The rotation ended as "${outcome}"`);
		await this.waitForExchange();
		return performance.now() - startedAtMs;
	}

	/** The pool is full, and every session is one of the current user. */
	private async waitForExchange(): Promise<void> {
		const { poolSize, scene } = this.parts;
		await this.waitForSessions(
			"the exchange is finished",
			(counts) => counts.size === 1 && counts.get(scene.current().username) === poolSize,
		);
	}

	private async waitForSessions(what: string, isTrue: (counts: ReadonlyMap<string, number>) => boolean): Promise<void> {
		const check = async (): Promise<boolean> => {
			await sleep(CENSUS_INTERVAL_MS);
			return isTrue(await this.parts.census.count());
		};
		await waitUntil(what, check, EXCHANGE_LIMIT_MS);
	}
}

interface Measured {
	readonly calm: readonly Turn[];
	readonly poolSize: number;
	readonly rotating: readonly Turn[];
}

function listRows(title: string, { calm, poolSize, rotating }: Measured): Row[] {
	const quantiles = (turns: readonly Turn[], fraction: number): number[] => turns.map(({ waitsMs }) => findQuantile(waitsMs, fraction));
	const rates = (turns: readonly Turn[]): number[] => turns.map(({ durationMs, waitsMs }) => (waitsMs.length / durationMs) * 1_000);
	const countLate = (turns: readonly Turn[]): number =>
		turns.flatMap(({ waitsMs }) => waitsMs).filter((ms) => ms >= LOGIN_WAIT_MS).length;
	const describeBoth = (describe: (turns: readonly Turn[]) => string): string => `${describe(rotating)} against ${describe(calm)}`;

	const exchangesMs = rotating.flatMap((turn) => turn.exchangesMs);
	const latePerRotation = countLate(rotating) / exchangesMs.length;
	const extraWaits = subtract(quantiles(rotating, 0.99), quantiles(calm, 0.99));
	const failures = [...calm, ...rotating].flatMap((turn) => turn.failures);
	const operationCount = [...calm, ...rotating].flatMap(({ waitsMs }) => waitsMs).length;
	const peakCount = Math.max(...[...calm, ...rotating].map((turn) => turn.peakCount));
	const longestMs = (turns: readonly Turn[]): string => formatDuration(Math.max(...turns.flatMap(({ waitsMs }) => waitsMs)));
	return [
		{
			figure: latePerRotation.toFixed(1),
			goal: atMost(latePerRotation, 0.2),
			note: `${countLate(rotating)} in ${exchangesMs.length} rotations, ${countLate(calm)} calm`,
			what: `${title}: operations that waited for a login, per rotation`,
		},
		{
			figure: formatSpread(extraWaits),
			goal: atMost(extraWaits.median, 1, " ms"),
			note: [
				`p99 ${describeBoth((turns) => formatDuration(findMedian(quantiles(turns, 0.99))))}`,
				`p50 ${describeBoth((turns) => formatDuration(findMedian(quantiles(turns, 0.5))))}`,
				`longest ${describeBoth(longestMs)}`,
			].join("; "),
			what: `${title}: wait for a connection at p99, rotating − calm`,
		},
		{
			figure: formatRatio(compare(rates(calm), rates(rotating))),
			note: describeBoth((turns) => `${findMedian(rates(turns)).toFixed(0)}/s`),
			what: `${title}: operations per second, calm ÷ rotating`,
		},
		{
			figure: String(peakCount),
			goal: atMost(peakCount, poolSize + 1),
			note: "",
			what: `${title}: sockets at the peak`,
		},
		{
			figure: String(failures.length),
			goal: atMost(failures.length, 0),
			note: failures[0] ?? `${operationCount} operations`,
			what: `${title}: failed operations`,
		},
		{
			figure: formatSpread(summarize(exchangesMs)),
			note: "",
			what: `${title}: until the last old connection is closed and the pool is full`,
		},
		...listAborted(title, { calm, rotating }, exchangesMs.length),
	];
}

/** Connections that were closed without a goodbye. */
function listAborted(title: string, { calm, rotating }: Pick<Measured, "calm" | "rotating">, rotationCount: number): Row[] {
	if (calm.some(({ abortedCount }) => abortedCount === undefined)) return [];
	const [calmCount, rotatingCount] = [calm, rotating].map((turns) =>
		turns.reduce((sum, { abortedCount = 0 }) => sum + abortedCount, 0),
	) as [number, number];
	return [
		{
			figure: (rotatingCount / rotationCount).toFixed(1),
			goal: atMost(rotatingCount / rotationCount, 0),
			note: `${rotatingCount} in ${rotationCount} rotations, ${calmCount} calm`,
			what: `${title}: Aborted_clients per rotation`,
		},
	];
}
