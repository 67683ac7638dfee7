/** Puts together what a rotator, its pools and its credentials are like at one moment. */
import type { RotationSource } from "../connector/rotation-source.js";
import type { RotatedDataSource, RotatedServer } from "./rotation-context.js";
import type { RotationCounters } from "./rotation-counters.js";
import type { RotationSchedule } from "./rotation-schedule.js";
import type { RotationState } from "./rotation-state.js";
import type { IRotatorStatistics, IServerStatistics } from "./statistics.options.js";

/** What is looked at. Moments are on the monotonic clock. */
export interface StatisticsSources {
	readonly connector: string;
	readonly connectorService: RotationSource;
	readonly counters: RotationCounters;
	readonly live: RotatedDataSource | undefined;
	readonly nowMs: number;
	readonly recoveryStartedAtMs: number | undefined;
	readonly schedule: Pick<RotationSchedule, "intervalMs" | "nextAtMs"> | undefined;
	readonly state: RotationState;
}

const VERSION_PREFIX_LENGTH = 8;

/** A snapshot. */
export function readStatistics(sources: StatisticsSources): IRotatorStatistics {
	const { connector, connectorService, counters, live, nowMs, recoveryStartedAtMs, schedule, state } = sources;
	const { readCounts = { failed: 0, succeeded: 0 }, startVersion } = connectorService;
	const ageOf = (atMs: number | undefined): number | undefined => (atMs === undefined ? undefined : nowMs - atMs);
	return {
		connector,
		counters: counters.read(readCounts),
		credentials: counters.describeCredentials({
			versionIdPrefix: startVersion?.versionId.slice(0, VERSION_PREFIX_LENGTH),
			versionStage: startVersion?.stage,
		}),
		engine: live?.dataSourceOptions.type,
		failureCount: state.failureCount,
		generation: state.generation,
		lastSuccessAgeMs: ageOf(state.lastSuccessAtMs),
		nextRotationInMs: schedule?.nextAtMs === undefined ? undefined : Math.max(0, schedule.nextAtMs - nowMs),
		recoveryForMs: ageOf(recoveryStartedAtMs),
		rotationIntervalMs: schedule?.intervalMs,
		servers: (live?.servers ?? []).map((server) => describeServer(server, nowMs)),
		state: state.phase,
	};
}

function describeServer({ exchange, gate, name, pool }: RotatedServer, nowMs: number): IServerStatistics {
	const { idle, idleLimit, inUse, limit, older, total, waiting } = pool.counts;
	return {
		byGeneration: [...pool.countByGeneration()].map(([generation, counts]) => ({ generation, ...counts })),
		generation: pool.generation,
		idle,
		idleLimit,
		inUse,
		isExchanging: exchange.isRunning,
		limit,
		name,
		older,
		refusedForMs: gate.refusal === undefined ? undefined : nowMs - gate.failureSinceMs,
		total,
		waiting,
	};
}

/** One line. @param drainingCount promotions whose connections in use have not all come back. */
export function renderStatistics(statistics: IRotatorStatistics, drainingCount: number): string {
	const { failureCount, generation, lastSuccessAgeMs, servers, state } = statistics;
	const sum = (name: "inUse" | "older" | "total" | "waiting"): number => servers.reduce((count, server) => count + server[name], 0);
	const counters = {
		state,
		generation,
		connections: sum("total"),
		inUse: sum("inUse"),
		older: sum("older"),
		waiting: sum("waiting"),
		draining: drainingCount,
		failures: failureCount,
		lastSuccess: lastSuccessAgeMs === undefined ? "never" : `${String(Math.round(lastSuccessAgeMs / 1_000))}s`,
	};
	return Object.entries(counters)
		.map(([name, value]) => `${name}=${String(value)}`)
		.join(" ");
}
