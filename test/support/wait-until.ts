/** Waits for what another process or a timer brings about. */
import { setTimeout as delay } from "node:timers/promises";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
const PAUSE_GROWTH = 1.3;

/**
 * Resolves as soon as `isTrue` says so.
 * @param withinMs How long to go on asking. Default 60,000: a bound for what is broken, not a claim about speed.
 * @throws Error naming `what` when it has not come true by then.
 * @example
 * await waitUntil("the pool is empty", () => pool.totalCount === 0);
 */
export async function waitUntil(what: string, isTrue: () => Promise<boolean> | boolean, withinMs = 60_000): Promise<void> {
	const deadlineAt = performance.now() + withinMs;
	for (let pauseMs = FIRST_PAUSE_MS; !(await isTrue()); pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * PAUSE_GROWTH)) {
		if (performance.now() > deadlineAt) throw new Error(`It did not come true within ${String(withinMs)} ms that ${what}.`);
		await delay(pauseMs);
	}
}
