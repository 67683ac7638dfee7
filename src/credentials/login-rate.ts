/** How many logins may begin in a second: those beyond wait for their turn. */
import { type Clock, sleep, systemClock } from "../support/clock.js";

const SECOND_MS = 1_000;

/** A bucket that holds the logins of one second and fills at the same pace. */
export class LoginRate {
	private readonly intervalMs: number;
	private nextFreeAtMs = -Infinity;

	constructor(
		private readonly loginsPerSecond: number,
		private readonly clock: Clock = systemClock,
	) {
		this.intervalMs = SECOND_MS / loginsPerSecond;
	}

	/** Resolves when this login may begin, at once as long as fewer than that have begun within the last second. */
	async waitForTurn(): Promise<void> {
		const nowMs = this.clock.nowMs();
		const earliestMs = nowMs - (this.loginsPerSecond - 1) * this.intervalMs;
		const atMs = Math.max(this.nextFreeAtMs, earliestMs);
		this.nextFreeAtMs = atMs + this.intervalMs;
		// A query waits for it.
		if (atMs > nowMs) await sleep(this.clock, atMs - nowMs, undefined, false);
	}
}
