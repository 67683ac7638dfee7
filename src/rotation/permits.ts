/** Permits to hold a connection, shared by all generations of pools: what keeps old and new pools together within one pool's size. */
import { AcquireTimeoutError } from "../errors/errors.js";
import type { Clock, ScheduledCall } from "../support/clock.js";

interface Waiter {
	readonly grant: () => void;
}

/** A counting semaphore whose waiters are served in order and leave at their deadline. */
export class Permits {
	private taken = 0;
	private readonly waiters: Waiter[] = [];

	constructor(
		/** Permits that there are. May be infinite, as a pool of mysql2 without a limit. */
		readonly total: number,
		private readonly clock: Clock,
	) {}

	/** Permits left; below zero for the moment after {@link reserve}. */
	get freeCount(): number {
		return this.total - this.taken;
	}

	/** Permits in use; may pass `total` for the moment after {@link reserve}. */
	get takenCount(): number {
		return this.taken;
	}

	/** Callers that wait for a permit. */
	get waitingCount(): number {
		return this.waiters.length;
	}

	/** Takes a permit if one is free and nobody waits for it. */
	tryTake(): boolean {
		if (this.freeCount <= 0) return false;
		this.taken += 1;
		return true;
	}

	/** Waits for a permit, at most `deadlineMs` (0: for ever, as the drivers have it). */
	take(deadlineMs: number): Promise<void> {
		if (this.tryTake()) return Promise.resolve();
		return new Promise((resolve, reject) => {
			let timer: ScheduledCall | undefined;
			const waiter: Waiter = {
				grant: () => {
					timer?.cancel();
					resolve();
				},
			};
			if (deadlineMs > 0) {
				timer = this.clock.schedule(() => {
					this.waiters.splice(this.waiters.indexOf(waiter), 1);
					reject(new AcquireTimeoutError(this.total, deadlineMs));
				}, deadlineMs);
			}
			this.waiters.push(waiter);
		});
	}

	/** Counts connections that exist already, whether or not permits are left. */
	reserve(count: number): void {
		this.taken += count;
	}

	/** Gives one permit back; the caller who waits longest gets it. Never more than there were: connections that bypassed the gate bring none. */
	give(): void {
		if (this.taken > 0) this.taken -= 1;
		if (this.freeCount > 0 && this.waiters.length > 0) {
			this.taken += 1;
			this.waiters.shift()?.grant();
		}
	}

	/** Lets everybody in who waits, permits or not: the gate is going away and the driver decides from now on. */
	dismissWaiters(): void {
		for (const waiter of this.waiters.splice(0)) {
			this.taken += 1;
			waiter.grant();
		}
	}
}
