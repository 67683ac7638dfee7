/** Counts and latencies of a set of queries. */
import type { Sample } from "./load.js";

/** What can be said of some queries. */
export interface Figures {
	readonly failedCount: number;
	readonly longestMs: number;
	readonly p50Ms: number;
	readonly p99Ms: number;
	readonly queryCount: number;
	readonly transferCount: number;
}

/** Sums up. Latencies of no queries are `NaN`. */
export function sumUp(samples: readonly Sample[]): Figures {
	const durationsMs = samples.map(({ durationMs }) => durationMs).sort((left, right) => left - right);
	return {
		failedCount: samples.filter(({ hasFailed }) => hasFailed).length,
		longestMs: durationsMs.at(-1) ?? Number.NaN,
		p50Ms: findPercentile(durationsMs, 0.5),
		p99Ms: findPercentile(durationsMs, 0.99),
		queryCount: samples.length,
		transferCount: samples.filter(({ kind }) => kind === "transfer").length,
	};
}

/** The nearest rank: a latency that was measured, not one between two. */
function findPercentile(sortedMs: readonly number[], fraction: number): number {
	return sortedMs[Math.ceil(sortedMs.length * fraction) - 1] ?? Number.NaN;
}
