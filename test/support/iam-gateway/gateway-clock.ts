/** The time by which a gateway judges tokens: the machine's, and what a test puts on top of it. */

/** See above. Time passes in it by itself. */
export class GatewayClock {
	private offsetMs = 0;

	get nowMs(): number {
		return Date.now() + this.offsetMs;
	}

	/** From now on it is that much later; earlier, where it is negative. */
	advance(durationMs: number): void {
		this.offsetMs += durationMs;
	}
}
