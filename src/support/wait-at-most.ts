/** A wait with a bound that is no failure. */
import { type Clock, sleep } from "./clock.js";

/**
 * Resolves when `promise` is settled, after `patienceMs`, or when `signal` aborts. Never rejects, and leaves no timer
 * and no listener behind.
 */
export async function waitAtMost(promise: Promise<unknown>, clock: Clock, patienceMs: number, signal?: AbortSignal): Promise<void> {
	const over = new AbortController();
	const stop = (): void => over.abort();
	promise.then(stop, stop);
	signal?.addEventListener("abort", stop, { once: true });
	if (signal?.aborted === true) stop();
	await sleep(clock, patienceMs, over.signal);
	signal?.removeEventListener("abort", stop);
}
