/** A `Date` that can be moved ahead while timers stay real: what expires by the clock expires without being waited for. */

/** Everything but `Date`. */
const REAL_PARTS = [
	"cancelAnimationFrame",
	"cancelIdleCallback",
	"clearImmediate",
	"clearInterval",
	"clearTimeout",
	"hrtime",
	"nextTick",
	"performance",
	"queueMicrotask",
	"requestAnimationFrame",
	"requestIdleCallback",
	"setImmediate",
	"setInterval",
	"setTimeout",
] as const;

/**
 * Moves `Date` ahead, for this spec file, until `jest.useRealTimers()`. It goes on from there at its usual pace.
 * @example
 * moveDate(900_000);
 */
export function moveDate(milliseconds: number): void {
	const now = Date.now() + milliseconds;
	jest.useFakeTimers({ advanceTimers: true, doNotFake: [...REAL_PARTS], now });
}
