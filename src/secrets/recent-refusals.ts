/** What AWS said no to a moment ago, so that a burst of reads of a secret that is not there is one request. */
import type { Clock } from "../support/clock.js";

/** How long a secret that does not exist, or may not be read, is not asked for again. */
const TTL_MS = 1_000;
const MAXIMUM_COUNT = 1_000;

interface Refusal {
	readonly atMs: number;
	readonly error: unknown;
}

/** Refusals by the id of the secret, each for a second. No timer runs. */
export class RecentRefusals {
	readonly #entries = new Map<string, Refusal>();

	constructor(private readonly clock: Clock) {}

	/** The refusal, where it is younger than a value would have to be; `undefined` where there is none. */
	find(secretId: string, maximumAgeMs: number): Refusal | undefined {
		const refusal = this.#entries.get(secretId);
		return refusal !== undefined && this.measureAgeMs(refusal) < Math.min(maximumAgeMs, TTL_MS) ? refusal : undefined;
	}

	/** Keeps the error of a refusal. */
	remember(secretId: string, error: unknown): void {
		for (const [id, refusal] of this.#entries) if (this.measureAgeMs(refusal) >= TTL_MS) this.#entries.delete(id);
		if (this.#entries.size < MAXIMUM_COUNT) this.#entries.set(secretId, { atMs: this.clock.nowMs(), error });
	}

	/** Forgets every refusal. */
	clear(): void {
		this.#entries.clear();
	}

	private measureAgeMs({ atMs }: Refusal): number {
		return this.clock.nowMs() - atMs;
	}
}
