/** A clock that stands still until a test moves it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, ScheduledCall } from "../../src/support/clock.js";

interface PendingCall {
	readonly callback: () => void;
	readonly dueAtMs: number;
	readonly isBackground: boolean;
}

/**
 * A {@link Clock} whose time passes only in `advance()`. Starts at 0.
 *
 * Network and file system do not follow it: give it to code whose only waiting is on timers and promises.
 * @example
 * const clock = new FakeClock();
 * const nap = sleep(clock, 60_000);
 * await clock.advance(60_000);
 * await nap;
 */
export class FakeClock implements Clock {
	private currentMs = 0;
	private readonly pending = new Set<PendingCall>();

	/** Milliseconds until the earliest pending call; `undefined` when nothing is pending. */
	get nextDelayMs(): number | undefined {
		const next = this.findNext();
		return next && next.dueAtMs - this.currentMs;
	}

	/** Whether a process would stay alive for what is pending. */
	get isProcessKept(): boolean {
		return [...this.pending].some(({ isBackground }) => !isBackground);
	}

	/** How many calls are scheduled and neither made nor cancelled. */
	get pendingCount(): number {
		return this.pending.size;
	}

	nowMs(): number {
		return this.currentMs;
	}

	schedule(callback: () => void, delayMs: number, isBackground = true): ScheduledCall {
		const call: PendingCall = { callback, dueAtMs: this.currentMs + Math.max(0, delayMs), isBackground };
		this.pending.add(call);
		return { cancel: () => void this.pending.delete(call) };
	}

	/**
	 * Lets `durationMs` pass: makes every call that falls due, the earliest first, and lets promises settle after each, so that a call
	 * scheduled by a call is made too when it falls due within the same stretch.
	 */
	async advance(durationMs: number): Promise<void> {
		const endMs = this.currentMs + durationMs;
		await nextTurn();
		for (let next = this.findNext(); next !== undefined && next.dueAtMs <= endMs; next = this.findNext()) {
			this.pending.delete(next);
			this.currentMs = Math.max(this.currentMs, next.dueAtMs);
			next.callback();
			await nextTurn();
		}
		this.currentMs = endMs;
	}

	/** Lets time pass in which the process does not run: calls that fall due are made late, when it goes on. */
	async freeze(durationMs: number): Promise<void> {
		this.jump(durationMs);
		await this.advance(0);
	}

	/** The first half of {@link freeze}: no call is made yet. */
	jump(durationMs: number): void {
		this.currentMs += durationMs;
	}

	/** Of calls due at the same moment, the one scheduled first: a Set keeps the order of insertion. */
	private findNext(): PendingCall | undefined {
		let next: PendingCall | undefined;
		for (const call of this.pending) if (next === undefined || call.dueAtMs < next.dueAtMs) next = call;
		return next;
	}
}
