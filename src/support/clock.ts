/** The only caller of timers and of the clock. Everything else is given one, so that tests can move time themselves. */

/** Node turns a delay of 2^31 ms and more into 1 ms, so longer ones are slept in slices of about twelve days. */
const MAXIMUM_SLICE_MS = 2 ** 30;

/** A timer that can be called off. */
export interface ScheduledCall {
	/** Calls it off; once it has run, this does nothing. */
	cancel(): void;
}

/** What the rest of the library knows of time. */
export interface Clock {
	/** Milliseconds on a clock that never jumps. */
	nowMs(): number;
	/**
	 * Calls `callback` once after `delayMs`, however long that is.
	 * @param isBackground `true` (default) when waiting for it must not keep the process alive.
	 */
	schedule(callback: () => void, delayMs: number, isBackground?: boolean): ScheduledCall;
}

/** The clock of the process. Timers are looked up when used, so that fake timers of a user's tests apply to it. */
export const systemClock: Clock = {
	nowMs: () => performance.now(),
	schedule(callback, delayMs, isBackground = true) {
		let timer: NodeJS.Timeout;
		let remainingMs = Math.max(0, delayMs);
		const sleepSlice = (): void => {
			const sliceMs = Math.min(remainingMs, MAXIMUM_SLICE_MS);
			remainingMs -= sliceMs;
			timer = globalThis.setTimeout(() => {
				if (remainingMs > 0) sleepSlice();
				else callback();
			}, sliceMs);
			// A patched setTimeout may return a bare number.
			if (isBackground) (timer as Partial<NodeJS.Timeout>).unref?.();
		};
		sleepSlice();
		return { cancel: () => globalThis.clearTimeout(timer) };
	},
};

const origin = { lastingMs: performance.now(), wallMs: Date.now() };
let suspendedMs = 0;

/**
 * The clock of the process, on which the time counts, too, that the machine was suspended: for the age of what is kept.
 * The system's own clock stands still meanwhile. A time of day that is set forward ages a value early, never late.
 */
export const lastingClock: Clock = {
	nowMs: () => {
		const runningMs = performance.now();
		suspendedMs = Math.max(suspendedMs, Date.now() - origin.wallMs - (runningMs - origin.lastingMs));
		return runningMs + suspendedMs;
	},
	schedule: (callback, delayMs, isBackground) => systemClock.schedule(callback, delayMs, isBackground),
};

/** The time of day in milliseconds since 1970, to compare with dates of others. It may jump. */
export function wallClockMs(): number {
	return Date.now();
}

/**
 * Resolves after `delayMs`; at once when `signal` aborts. Never rejects.
 * @param isBackground `false` when a query waits for it: the process must not end meanwhile as if all were done.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal, isBackground = true): Promise<void> {
	return new Promise((resolve) => {
		if (signal?.aborted === true) {
			resolve();
			return;
		}
		const wake = (): void => {
			timer.cancel();
			signal?.removeEventListener("abort", wake);
			resolve();
		};
		const timer = clock.schedule(wake, delayMs, isBackground);
		signal?.addEventListener("abort", wake, { once: true });
	});
}

/** Resolves at the start of a new turn of the event loop, before anything else of that turn has run. */
export function startOfTurn(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
