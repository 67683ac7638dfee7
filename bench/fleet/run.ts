/**
 * `npm run fleet`: what a fleet asks of AWS and of its databases, on a virtual clock. `npm run fleet -- 1000 100000`
 * names other sizes (100,000 take about six minutes), `--figures docs/figures` writes plots.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { drawPlot, type Series } from "./plot.js";
import { type RecoveryOutcome, type RecoveryScene, simulateRecovery } from "./recovery.js";
import { type ScheduleOutcome, type ScheduleScene, simulateSchedule } from "./schedule.js";
import { SECRETS_READS_PER_SECOND } from "./services.js";

const POOL_SIZE = 10;
const LOGINS_PER_SECOND = 200;
const DEFAULT_INTERVAL_MS = 3_600_000;
const INTERVAL_MS = 300_000;

type Named<Outcome> = readonly [name: string, outcome: Outcome];

async function run(): Promise<void> {
	const { positionals, values } = parseArgs({ allowPositionals: true, options: { figures: { type: "string" } } });
	const sizes = positionals.length === 0 ? [1_000] : positionals.map(Number);
	if (!sizes.every((size) => Number.isInteger(size) && size > 0)) throw new Error("Name the numbers of instances, such as 1000");
	for (const instanceCount of sizes) {
		const schedules = await runSchedules(instanceCount);
		const recoveries = await runRecoveries(instanceCount);
		if (values.figures !== undefined) writeFigures(values.figures, instanceCount, schedules, recoveries);
	}
}

async function runSchedules(instanceCount: number): Promise<readonly Named<ScheduleOutcome>[]> {
	const base = { instanceCount, intervalMs: INTERVAL_MS, loginsPerSecond: LOGINS_PER_SECOND, poolSize: POOL_SIZE };
	const scenes: readonly Named<ScheduleScene>[] = [
		["schedule, 1 h (default), one at a time", { ...base, exchange: "gradual", intervalMs: DEFAULT_INTERVAL_MS, trigger: "schedule" }],
		["schedule, 5 min, one at a time", { ...base, exchange: "gradual", trigger: "schedule" }],
		["schedule, 5 min, whole pool", { ...base, exchange: "whole-pool", trigger: "schedule" }],
		["lock-step, 5 min, one at a time", { ...base, exchange: "gradual", trigger: "lock-step" }],
		["lock-step, 5 min, whole pool", { ...base, exchange: "whole-pool", trigger: "lock-step" }],
		["event to all, one at a time", { ...base, exchange: "gradual", trigger: "event" }],
		["event to all, whole pool", { ...base, exchange: "whole-pool", trigger: "event" }],
	];
	const outcomes: Named<ScheduleOutcome>[] = [];
	for (const [name, scene] of scenes) outcomes.push([name, await simulateSchedule(scene)]);
	print(`Alternating rotation, ${format(instanceCount)} instances, pools of ${POOL_SIZE}, ${LOGINS_PER_SECOND} logins/s per database`, [
		[
			"",
			"reads/s mean",
			"reads/s peak",
			"logins/s peak",
			"longest wait of a login",
			"connections peak",
			"all use it after",
			"exchanged after",
		],
		...outcomes.map(([name, outcome]) => [
			name,
			outcome.readMean.toFixed(1),
			format(outcome.readPeak),
			format(outcome.loginPeak),
			formatSeconds(outcome.loginWaitMs),
			format(outcome.peakConnectionCount),
			formatSeconds(outcome.convergedAfterMs),
			formatSeconds(outcome.exchangedAfterMs),
		]),
	]);
	return outcomes;
}

async function runRecoveries(instanceCount: number): Promise<readonly Named<RecoveryOutcome>[]> {
	const base = { instanceCount, poolSize: POOL_SIZE, windowMs: 3_000 };
	const fast = { ...base, loginsPerSecond: 1_000 };
	const slow = { ...base, loginsPerSecond: LOGINS_PER_SECOND };
	const scenes: readonly Named<RecoveryScene>[] = [
		["1,000 logins/s, AWSPENDING read", { ...fast, canReadPending: true, isPaced: true }],
		["1,000 logins/s, AWSPENDING denied", { ...fast, canReadPending: false, isPaced: true }],
		["1,000 logins/s, without the pace", { ...fast, canReadPending: false, isPaced: false }],
		...(instanceCount > 10_000
			? []
			: ([
					["200 logins/s, AWSPENDING read", { ...slow, canReadPending: true, isPaced: true }],
					["200 logins/s, AWSPENDING denied", { ...slow, canReadPending: false, isPaced: true }],
					["200 logins/s, without the pace", { ...slow, canReadPending: false, isPaced: false }],
				] satisfies readonly Named<RecoveryScene>[])),
	];
	const outcomes: Named<RecoveryOutcome>[] = [];
	for (const [name, scene] of scenes) outcomes.push([name, await simulateRecovery(scene)]);
	print(`All connections lost in a single-user window of 3 s, ${format(instanceCount)} instances, pools of ${POOL_SIZE}`, [
		["", "reads/s peak", "reads each", "throttled", "logins/s peak", "refused each", "all serve after", "pools full after"],
		...outcomes.map(([name, outcome]) => [
			name,
			format(outcome.readPeak),
			outcome.readsPerInstance.toFixed(1),
			format(outcome.throttledCount),
			format(outcome.loginPeak),
			outcome.refusedPerInstance.toFixed(1),
			formatSeconds(outcome.recoveredAfterMs),
			formatSeconds(outcome.refilledAfterMs),
		]),
	]);
	return outcomes;
}

function writeFigures(
	folder: string,
	instanceCount: number,
	schedules: readonly Named<ScheduleOutcome>[],
	recoveries: readonly Named<RecoveryOutcome>[],
): void {
	mkdirSync(folder, { recursive: true });
	const limit = { name: "Secrets Manager: 10,000 reads per second", value: SECRETS_READS_PER_SECOND };
	const size = format(instanceCount);
	const select = <Outcome>(
		named: readonly Named<Outcome>[],
		names: readonly string[],
		read: (outcome: Outcome) => readonly number[],
		secondCount: number,
	): readonly Series[] =>
		names.flatMap((name, index) => {
			const found = named.find(([each]) => each === name);
			if (found === undefined) return [];
			return [{ colour: index === 0 ? "#0a6" : "#36c", name, values: read(found[1]).slice(0, secondCount) }];
		});
	const write = (name: string, text: string): void => writeFileSync(join(folder, `fleet-${name}-${instanceCount}.svg`), text);
	const reads = select(
		schedules,
		["schedule, 5 min, one at a time", "lock-step, 5 min, one at a time"],
		({ readsPerSecond }) => readsPerSecond,
		601,
	);
	write("reads", drawPlot({ limit, series: reads, title: `Reads of ${size} instances over two intervals`, unit: "reads per second" }));
	const logins = select(
		schedules,
		["event to all, one at a time", "event to all, whole pool"],
		({ loginsPerSecond }) => loginsPerSecond,
		61,
	);
	const of = "at one database after an event that reaches all instances at once";
	write("logins", drawPlot({ series: logins, title: `Logins ${of}`, unit: "logins per second" }));
	const recovery = select(
		recoveries,
		["1,000 logins/s, AWSPENDING denied", "1,000 logins/s, AWSPENDING read"],
		({ readsPerSecond }) => readsPerSecond,
		61,
	);
	write("recovery", drawPlot({ limit, series: recovery, title: `Reads of ${size} instances in a recovery`, unit: "reads per second" }));
}

/** Prints a table that Markdown takes as it is. */
function print(title: string, rows: readonly (readonly string[])[]): void {
	const [head = [], ...body] = rows;
	const lines = [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`);
	process.stdout.write(`\n${title}\n\n${lines.join("\n")}\n`);
}

function format(count: number): string {
	return count.toLocaleString("en");
}

function formatSeconds(durationMs: number): string {
	return `${(durationMs / 1_000).toFixed(durationMs < 10_000 ? 1 : 0)} s`;
}

run().catch((error: unknown) => {
	console.error(error);
	process.exitCode = 1;
});
