/** What the benches print. */
import { cpus, platform, release, totalmem } from "node:os";

import type { Ratio } from "./sides.js";

/** One line of a result. */
export interface Row {
	/** What the values themselves were in this run, for orientation. */
	readonly note: string;
	readonly ratio: Ratio;
	readonly what: string;
}

/** Results under one heading. */
export interface Result {
	readonly explanation: string;
	readonly rows: readonly Row[];
	readonly title: string;
}

const WHAT_WIDTH = 62;
const RATIO_WIDTH = 22;

/** Prints one result as a table. */
export function printResult({ explanation, rows, title }: Result): void {
	const lines = [
		"",
		title.toUpperCase(),
		explanation,
		`${"".padEnd(WHAT_WIDTH)}${"ratio (middle half)".padEnd(RATIO_WIDTH)}in this run`,
		...rows.map(describeRow),
	];
	process.stdout.write(`${lines.join("\n")}\n`);
}

/** Prints on what the figures were measured. */
export function printMachine(): void {
	const [first, ...others] = cpus();
	const memoryGib = Math.round(totalmem() / 2 ** 30);
	process.stdout.write(
		`Node ${process.versions.node}, ${platform()} ${release()}, ${String(others.length + 1)} × ${first?.model.trim() ?? "unknown"}, ${String(memoryGib)} GiB\n`,
	);
}

/** `1.23 ms`, or `12.3 µs` where it is less than a tenth. */
export function formatDuration(durationMs: number): string {
	return durationMs >= 0.1 ? `${durationMs.toFixed(durationMs >= 100 ? 0 : 2)} ms` : `${(durationMs * 1_000).toFixed(2)} µs`;
}

/** `1.02 (0.98 – 1.05)` */
export function formatRatio({ lower, median, upper }: Ratio): string {
	const format = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(2));
	return `${format(median)} (${format(lower)} – ${format(upper)})`;
}

function describeRow({ note, ratio, what }: Row): string {
	return `${what.padEnd(WHAT_WIDTH)}${formatRatio(ratio).padEnd(RATIO_WIDTH)}${note}`;
}
