/** What ran into its deadline while the process itself stood still has said nothing: it is asked once more. */
import { type Clock, systemClock } from "./clock.js";

/** More than a busy event loop delays a timer. */
const SLACK_MS = 1_000;
/** A function that is frozen after each answer must not ask for ever. */
const MAXIMUM_REPEATS = 10;

/** A task that ends within its deadline, as long as the process runs. */
export interface BoundedTask {
	readonly clock?: Clock;
	readonly deadlineMs: number;
}

/**
 * Runs a task without side effects, and again where it failed long after its deadline: the process was frozen,
 * suspended or blocked meanwhile.
 * @throws What the task throws.
 */
export async function repeatAfterPause<Result>(
	task: () => Promise<Result>,
	{ clock = systemClock, deadlineMs }: BoundedTask,
): Promise<Result> {
	for (let count = 0; ; count += 1) {
		const startedAtMs = clock.nowMs();
		try {
			return await task();
		} catch (error) {
			if (count === MAXIMUM_REPEATS || !hasPaused(startedAtMs, { clock, deadlineMs })) throw error;
		}
	}
}

/** Whether what was started then should have ended long ago. */
export function hasPaused(startedAtMs: number, { clock = systemClock, deadlineMs }: BoundedTask): boolean {
	return clock.nowMs() - startedAtMs > deadlineMs + SLACK_MS;
}
