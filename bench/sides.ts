/** Measures several sides against one another in one run: short turns in rotating order, so that whatever else the machine does meets all alike. */

/** A figure of several rounds: the median, and between which values the middle half of them lies. */
export interface Ratio {
	readonly lower: number;
	readonly median: number;
	readonly upper: number;
}

/** What a piece of work took. */
export interface Times {
	readonly elapsedMs: number;
	/** Does not grow when other programs keep the machine busy. */
	readonly processorMs: number;
}

/** Rounds that are measured but not counted, so that the code is compiled when it matters. */
const WARM_UP_COUNT = 2;

/** Lets every side have a turn in each round, and returns what each measured, round by round. */
export async function measureSides<Side extends string, Value>(
	turns: Readonly<Record<Side, () => Promise<Value>>>,
	{ roundCount, warmUpCount = WARM_UP_COUNT }: { roundCount: number; warmUpCount?: number },
): Promise<Readonly<Record<Side, readonly Value[]>>> {
	const sides = Object.keys(turns) as Side[];
	const measured = Object.fromEntries(sides.map((side) => [side, [] as Value[]])) as Record<Side, Value[]>;
	for (let round = 0; round < warmUpCount + roundCount; round += 1) {
		for (let turn = 0; turn < sides.length; turn += 1) {
			const side = sides[(round + turn) % sides.length] as Side;
			const value = await turns[side]();
			if (round >= warmUpCount) measured[side].push(value);
		}
	}
	return measured;
}

/** Runs `work` and returns how long it took, and how much processor time this process needed for it. */
export async function measureTimes(work: () => Promise<void> | void): Promise<Times> {
	const startedAtMs = performance.now();
	const before = process.cpuUsage();
	await work();
	const { system, user } = process.cpuUsage(before);
	return { elapsedMs: performance.now() - startedAtMs, processorMs: (system + user) / 1_000 };
}

/** Compares what two sides measured in the same rounds. */
export function compare(values: readonly number[], baseline: readonly number[]): Ratio {
	return summarize(values.map((value, round) => value / (baseline[round] as number)));
}

/** By how much one side exceeds another in the same rounds. */
export function subtract(values: readonly number[], baseline: readonly number[]): Ratio {
	return summarize(values.map((value, round) => value - (baseline[round] as number)));
}

/** The median of the rounds and its spread. */
export function summarize(values: readonly number[]): Ratio {
	return { lower: findQuantile(values, 0.25), median: findQuantile(values, 0.5), upper: findQuantile(values, 0.75) };
}

/** The middle one. */
export function findMedian(values: readonly number[]): number {
	return findQuantile(values, 0.5);
}

/** The value below which `fraction` of the values lie, between two of them where need be. */
export function findQuantile(values: readonly number[], fraction: number): number {
	const sorted = values.toSorted((left, right) => left - right);
	const position = (sorted.length - 1) * fraction;
	const below = sorted[Math.floor(position)] ?? Number.NaN;
	const above = sorted[Math.ceil(position)] ?? Number.NaN;
	return below + (above - below) * (position - Math.floor(position));
}
