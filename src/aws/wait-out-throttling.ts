/** Instances that start together are throttled together: each waits, longer each time, and asks again. */
import { type Clock, sleep, systemClock } from "../support/clock.js";
import { classifyAwsFailure } from "./aws-failure.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** How long to go on. */
export interface ThrottlingLimits {
	readonly clock?: Clock;
	/** No attempt starts later. */
	readonly deadlineMs: number;
	/** Told once, before the first pause. */
	readonly onWait?: (text: string) => void;
	readonly random?: () => number;
	/** Ends the wait; the last error is thrown. */
	readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a task, and again after a pause for as long as AWS throttles it. The SDK has made its own attempts each time.
 * @throws What the task throws: at once for any other failure, and for throttling when the time is over.
 */
export async function waitOutThrottling<Result>(
	task: () => Promise<Result>,
	{ clock = systemClock, deadlineMs, onWait, random = Math.random, signal }: ThrottlingLimits,
): Promise<Result> {
	const startedAtMs = clock.nowMs();
	for (let longestMs = FIRST_PAUSE_MS; ; longestMs = Math.min(2 * longestMs, LONGEST_PAUSE_MS)) {
		try {
			return await task();
		} catch (error) {
			// Half of it at random, so that the instances come apart.
			const pauseMs = longestMs * (0.5 + 0.5 * random());
			const isOver = clock.nowMs() + pauseMs - startedAtMs > deadlineMs || isAborted(signal);
			if (isOver || !isThrottled(error)) throw error;
			if (longestMs === FIRST_PAUSE_MS)
				onWait?.(`AWS throttles requests. They are repeated for up to ${String(deadlineMs / 1_000)} s.`);
			await sleep(clock, pauseMs, signal, false);
			if (isAborted(signal)) throw error;
		}
	}
}

function isAborted(signal: AbortSignal | undefined): boolean {
	return signal?.aborted === true;
}

/** Of an error of the SDK, or of one of ours that has such a cause. */
function isThrottled(error: unknown): boolean {
	const { cause } = (error ?? {}) as { readonly cause?: unknown };
	return [error, cause].some((fault) => fault !== undefined && classifyAwsFailure(fault).kind === "throttled");
}
