/** What is printed while the story goes on: chapters, events, and a line of figures every second. */
import type { Figures } from "./figures.js";

const WIDTHS = [8, 9, 8, 8, 9, 12, 14];
const TITLES = ["time", "queries", "failed", "p50 ms", "p99 ms", "generation", "plain: failed"];

/** Prints to standard output, in plain text. */
export class Timeline {
	private startedAtMs = performance.now();

	/** Lines without a time, before and after the story. */
	print(...lines: readonly string[]): void {
		for (const line of lines) process.stdout.write(`${line}\n`);
	}

	/** Sets the clock to zero. */
	start(): void {
		this.startedAtMs = performance.now();
	}

	/** Begins a chapter. */
	chapter(title: string, explanation: string): void {
		this.print("", title.toUpperCase(), explanation, `${alignRight(TITLES, WIDTHS)}  connections`);
	}

	/** Something happened. */
	event(text: string): void {
		this.print(`${alignRight([this.time], WIDTHS)}  ${text}`);
	}

	/** The figures of the last second, of both applications. */
	status(figures: Figures, plain: Figures, { connections, generation }: { connections: string; generation: number }): void {
		const { failedCount, p50Ms, p99Ms, queryCount } = figures;
		const counts = [formatCount(queryCount), formatCount(failedCount)];
		const plainFailed = `${formatCount(plain.failedCount)} of ${formatCount(plain.queryCount)}`;
		const cells = [this.time, ...counts, formatMs(p50Ms), formatMs(p99Ms), String(generation), plainFailed];
		this.print(`${alignRight(cells, WIDTHS)}  ${connections}`);
	}

	private get time(): string {
		return `${((performance.now() - this.startedAtMs) / 1_000).toFixed(1)} s`;
	}
}

/** One line of a table. */
export function alignRight(cells: readonly string[], widths: readonly number[]): string {
	return cells.map((cell, index) => cell.padStart(widths[index] ?? 0)).join("");
}

/** `12,345` */
export function formatCount(count: number): string {
	return count.toLocaleString("en");
}

/** `12.3`, and a dash where nothing was measured. */
export function formatMs(durationMs: number): string {
	return Number.isNaN(durationMs) ? "-" : durationMs.toFixed(1);
}

/** `app 10, app_clone 0` */
export function formatConnections(counts: Readonly<Record<string, number>>): string {
	return Object.entries(counts)
		.map(([user, count]) => `${user} ${String(count)}`)
		.join(", ");
}
