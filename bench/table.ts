/** What the benches print: one table per bench, the goal of each figure beside it. */
import { cpus, platform, release, totalmem } from "node:os";

import type { Ratio } from "./sides.js";

/** A bound for a figure. */
export interface Goal {
	readonly isMet: boolean;
	/** Such as `≤ 1 ms`. */
	readonly text: string;
}

/** One line of a result. */
export interface Row {
	/** What was measured, with its spread where it has one. */
	readonly figure: string;
	/** Absent where the figure is for orientation. */
	readonly goal?: Goal;
	/** The values behind the figure in this run. */
	readonly note: string;
	readonly what: string;
}

/** Results under one heading. */
export interface Result {
	readonly explanation: string;
	readonly rows: readonly Row[];
	readonly title: string;
}

const GAP = "  ";

/** Prints one result as a table and returns how many goals were missed. */
export function printResult({ explanation, rows, title }: Result): number {
	const cells = [
		["", "figure (middle half)", "goal", "in this run"],
		...rows.map(({ figure, goal, note, what }) => [what, figure, describeGoal(goal), note]),
	];
	const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => (row[column] as string).length)));
	const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP));
	process.stdout.write(`${["", title.toUpperCase(), explanation, ...lines].join("\n")}\n`);
	return rows.filter(({ goal }) => goal?.isMet === false).length;
}

/** Prints on what the figures were measured. */
export function printMachine(): void {
	const [first, ...others] = cpus();
	const memoryGib = Math.round(totalmem() / 2 ** 30);
	process.stdout.write(
		`Node ${process.versions.node}, ${platform()} ${release()}, ${others.length + 1} × ${first?.model.trim() ?? "unknown"}, ${memoryGib} GiB\n`,
	);
}

/** A goal that is met by values up to `bound`. */
export function atMost(value: number, bound: number, unit = ""): Goal {
	return { isMet: value <= bound, text: `≤ ${bound}${unit}` };
}

/** `1.23 ms`, or `12.3 µs` where it is less than a tenth. */
export function formatDuration(durationMs: number): string {
	const size = Math.abs(durationMs);
	return size >= 0.1 ? `${durationMs.toFixed(size >= 100 ? 0 : 2)} ms` : `${(durationMs * 1_000).toFixed(2)} µs`;
}

/** `1.02 (0.98 – 1.05)` */
export function formatRatio({ lower, median, upper }: Ratio): string {
	const format = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(2));
	return `${format(median)} (${format(lower)} – ${format(upper)})`;
}

/** `0.40 ms (0.20 ms – 0.60 ms)` */
export function formatSpread({ lower, median, upper }: Ratio): string {
	return `${formatDuration(median)} (${formatDuration(lower)} – ${formatDuration(upper)})`;
}

function describeGoal(goal: Goal | undefined): string {
	return goal === undefined ? "" : `${goal.text} ${goal.isMet ? "met" : "MISSED"}`;
}
