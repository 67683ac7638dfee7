/** Retired pools finish their work and are ended exactly once: idle connections at once, lent ones when they come back, the rest at the deadline. */
import type { EventChannel } from "../events/event-channel.js";
import { ConnectorTimeoutError } from "../errors/errors.js";
import { type Clock, sleep } from "../support/clock.js";
import { type ConnectionPool, countBusy, type PoolEnd } from "./connection-pool.js";

/** How often a draining pool is looked at. Drivers have no event for "nobody waits any more". */
const POLL_MS = 20;

/** How long an idle connection may take to close; a server that is gone never answers, and a place in the pool waits for it. */
const IDLE_CLOSE_MS = 1_000;

/** How long sockets that were cut may take to close. */
const FORCE_MS = 5_000;

/** What a drain needs to know. */
export interface DrainRequest {
	readonly clock: Clock;
	readonly deadlineMs: number;
	readonly events: EventChannel;
	/** Number of the generation that is retired. */
	readonly generation: number;
	/** Called while draining: gives back connections that TypeORM forgot. */
	readonly releaseAbandoned: () => void;
}

/** One retired generation on its way out. */
export class Drain {
	/** Resolves when every connection of the generation is closed, or given up on after it was cut. Never rejects. */
	readonly done: Promise<void>;

	private readonly hurry = new AbortController();

	constructor(
		private readonly pools: readonly ConnectionPool[],
		private readonly request: DrainRequest,
	) {
		this.done = this.run();
	}

	/** Cuts what is left without waiting for the deadline. */
	force(): void {
		this.hurry.abort();
	}

	private async run(): Promise<void> {
		const { clock, deadlineMs, events, generation } = this.request;
		const startedAtMs = clock.nowMs();
		events.publish({ busyCount: this.countBusy(), generation, type: "drain.started" });

		const ends = new Map<ConnectionPool, PoolEnd>();
		const cutIdleLate = (end: PoolEnd): void => {
			void sleep(clock, IDLE_CLOSE_MS, this.hurry.signal).then(() => end.cutIdle());
		};
		const isDone = (): boolean => ends.size === this.pools.length && [...ends.values()].every((end) => end.isDone);
		while (!isDone() && clock.nowMs() - startedAtMs < deadlineMs && !this.hurry.signal.aborted) {
			this.request.releaseAbandoned();
			for (const pool of this.pools) {
				if (ends.has(pool) || pool.waitingCount > 0) continue;
				const end = pool.beginEnd();
				ends.set(pool, end);
				cutIdleLate(end);
			}
			if (!isDone()) await sleep(clock, POLL_MS, this.hurry.signal);
		}

		if (!isDone()) {
			events.publish({ busyCount: this.countBusy(), deadlineMs, generation, type: "drain.forced" });
			await this.cut(ends, isDone);
		}
		// Nothing is left to be cut late.
		this.hurry.abort();
		events.publish({ durationMs: clock.nowMs() - startedAtMs, generation, type: "drain.finished" });
	}

	private async cut(ends: Map<ConnectionPool, PoolEnd>, isDone: () => boolean): Promise<void> {
		const { clock } = this.request;
		for (const pool of this.pools) {
			pool.rejectWaiting(new ConnectorTimeoutError("The wait for a connection of a retired pool", this.request.deadlineMs));
			const end = ends.get(pool) ?? pool.beginEnd();
			ends.set(pool, end);
			end.force();
		}
		const cutAtMs = clock.nowMs();
		while (!isDone() && clock.nowMs() - cutAtMs < FORCE_MS) await sleep(clock, POLL_MS);
	}

	private countBusy(): number {
		return this.pools.reduce((count, pool) => count + countBusy(pool), 0);
	}
}
