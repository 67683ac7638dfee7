/** How soon callers are served again after all connections were cut with a changed password, and how many logins that costs. */
import { CALLER_COUNT, type Outage, type OutageReport, playOutage, POOL_SIZE } from "../test/support/outage.js";
import { type SceneServers, startScene, startSceneServers } from "../test/support/rotating-database.js";
import type { DatabaseServer } from "../test/support/server/database-server.js";
import { DIALECTS } from "../test/support/sql-dialects.js";
import { ENGINE_TITLES, type EngineServers, VERSIONS } from "./engine-servers.js";
import { findQuantile } from "./sides.js";
import { atMost, formatDuration, type Goal, type Result, type Row } from "./table.js";

const REFUSAL_CODES: ReadonlySet<unknown> = new Set(Object.values(DIALECTS).map(({ refusalCode }) => refusalCode));
const CONFIG = { poolSize: POOL_SIZE, rotation: { intervalMs: 3_600_000, isEnabled: true } };
const PENDINGS = [false, true];
/** MariaDB blocks an account after so many refused passwords in a row. */
const PASSWORD_ERROR_LIMIT = 5;

/** Bounds of the time until the first caller is served. */
interface TimeGoal {
	readonly p50Ms: number;
	readonly p90Ms: number;
}

/** An outage, how often it is played, and what is claimed of it. */
interface Case {
	readonly goals: {
		readonly first?: TimeGoal;
		readonly refusedCount: number;
	};
	readonly name: string;
	readonly outage: Omit<Outage, "hasWrongPending">;
	readonly runCount: number;
}

const CASES: readonly Case[] = [
	{
		goals: { first: { p50Ms: 150, p90Ms: 300 }, refusedCount: 2 },
		name: `${CALLER_COUNT} callers after the disconnect, secret right after 50 ms`,
		outage: { callers: "after", rightAfterMs: 50 },
		runCount: 10,
	},
	{
		goals: { refusedCount: 2 },
		name: `${CALLER_COUNT} callers in the pool's queue at the disconnect, secret right after 50 ms`,
		outage: { callers: "queued", rightAfterMs: 50 },
		runCount: 4,
	},
	{
		goals: { refusedCount: 12 },
		name: `${CALLER_COUNT} callers again and again, secret right after 10 s`,
		outage: { callers: "repeated", rightAfterMs: 10_000 },
		runCount: 2,
	},
];

const BLOCKED_CASE: Case = {
	goals: { first: { p50Ms: 10_000, p90Ms: 10_000 }, refusedCount: 4 },
	name: `max_password_errors = ${PASSWORD_ERROR_LIMIT}, secret right after 5 s`,
	outage: { callers: "repeated", rightAfterMs: 5_000 },
	runCount: 2,
};

/** Runs the bench on both engines; the latest TypeORM of both major lines take turns. */
export async function benchRecovery(servers: EngineServers): Promise<Result> {
	const rows = await servers.forEach(async (own) => {
		const ownRows: Row[] = [];
		for (const each of CASES) ownRows.push(...(await benchCase(own, each)));
		if (own.server.engine === "mariadb") ownRows.push(...(await benchPasswordErrorLimit()));
		return ownRows;
	});
	return {
		explanation: `A pool of ${POOL_SIZE}, ${CALLER_COUNT} callers. Times count from the moment the secret is right, delays from the first fetch.`,
		rows,
		title: "Recovery from a disconnect with a changed password",
	};
}

/** On a server of its own, since the limit is one of the whole server. */
async function benchPasswordErrorLimit(): Promise<Row[]> {
	const own = await startSceneServers({ engine: "mariadb", settings: { "max-password-errors": String(PASSWORD_ERROR_LIMIT) } });
	try {
		return await benchCase(own, BLOCKED_CASE);
	} finally {
		await own.stop();
	}
}

/** Runs without and with a wrong AWSPENDING take turns. */
async function benchCase(servers: SceneServers<DatabaseServer>, benched: Case): Promise<Row[]> {
	const reports = new Map<boolean, OutageReport[]>(PENDINGS.map((hasWrongPending) => [hasWrongPending, []]));
	for (let run = 0; run < benched.runCount; run += 1) {
		for (const [hasWrongPending, own] of reports) {
			const version = VERSIONS[run % VERSIONS.length];
			if (version === undefined) throw new Error("There are two versions of TypeORM");
			const scene = await startScene(servers, { config: CONFIG, version });
			own.push(await playOutage(scene, { ...benched.outage, hasWrongPending }).finally(async () => scene.stop()));
		}
	}
	const title = `${ENGINE_TITLES[servers.server.engine]}, ${benched.name}`;
	return [...reports].flatMap(([hasWrongPending, own]) =>
		listRows(`${title}${hasWrongPending ? ", wrong AWSPENDING" : ""}`, benched, own),
	);
}

function listRows(title: string, { goals, outage }: Case, reports: readonly OutageReport[]): Row[] {
	const refusedCounts = reports.map(({ refusedCount }) => refusedCount);
	const refusedCount = Math.max(...refusedCounts);
	const describeBoth = (times: readonly number[]): string =>
		`${describeTime(findQuantile(times, 0.5))} / ${describeTime(findQuantile(times, 0.9))}`;
	const firstsMs = reports.map(({ firstMs }) => firstMs);
	const lastsMs = reports.map(({ lastMs }) => lastMs);
	const failures = reports.flatMap((report) => report.failures);
	return [
		{
			figure: describeBoth(firstsMs),
			...(goals.first === undefined ? {} : { goal: checkTimes(firstsMs, goals.first) }),
			note: `${reports.length} runs; all callers served ${describeBoth(lastsMs)}`,
			what: `${title}: first caller served, p50 / p90`,
		},
		{
			figure: String(refusedCount),
			goal: atMost(refusedCount, goals.refusedCount),
			note: `${Math.min(...refusedCounts)} to ${refusedCount}`,
			what: `${title}: refused logins, most of all runs`,
		},
		...(outage.callers === "repeated" ? [] : [describeFailures(title, failures)]),
	];
}

function checkTimes(timesMs: readonly number[], { p50Ms, p90Ms }: TimeGoal): Goal {
	const isMet = findQuantile(timesMs, 0.5) <= p50Ms && findQuantile(timesMs, 0.9) <= p90Ms;
	return { isMet, text: p50Ms === p90Ms ? `≤ ${p50Ms} ms` : `≤ ${p50Ms} / ≤ ${p90Ms} ms` };
}

/** A statement that was sent on a connection which is lost fails on plain TypeORM as well, and is not repeated. */
function describeFailures(title: string, failures: readonly unknown[]): Row {
	const refusals = failures.filter((failure) => REFUSAL_CODES.has((failure as { code?: unknown }).code));
	const kinds = [...new Set(failures.map(String))];
	return {
		figure: String(refusals.length),
		goal: atMost(refusals.length, 0),
		note: failures.length === 0 ? "" : `${failures.length} errors: ${kinds.join("; ")}`,
		what: `${title}: callers that got a refusal`,
	};
}

function describeTime(timeMs: number): string {
	return Number.isFinite(timeMs) ? formatDuration(timeMs) : "never";
}
