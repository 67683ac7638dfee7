/**
 * The callers of one pool that wait for credentials: since when, and for how long. They stand in the driver's own
 * queue, or log in.
 */
import type { Clock, ScheduledCall } from "../support/clock.js";
import { copyError } from "../support/copy-error.js";
import { runInRootContext } from "../support/root-context.js";
import type { LoginGate } from "./login-gate.js";

/**
 * Timers of the driver must not answer a caller before the server's own refusal does: a caller is answered by this part
 * of its time earlier.
 */
const BUDGET_MARGIN_FRACTION = 0.1;
/** More than a busy event loop delays a timer. */
const BUDGET_MARGIN_CAP_MS = 250;

/** What callers are followed with. */
export interface WaitingCallersOptions<Waiter> {
	/** When the time of a caller begins at the earliest, on the monotonic clock. */
	readonly budgetStartMs: () => number;
	readonly clock: Clock;
	readonly gate: LoginGate;
	readonly getBudgetMs: () => number;
	readonly listQueue: () => readonly Waiter[];
	readonly reject: (waiter: Waiter, error: Error) => void;
	/** Takes a caller out of the driver's queue. */
	readonly remove: (waiter: Waiter) => void;
}

/** @typeParam Waiter what the driver queues for a caller. */
export class WaitingCallers<Waiter extends object> {
	/** Callers whose login is under way. */
	private readonly attempts = new Set<Waiter>();
	private readonly known = new WeakMap<Waiter, { readonly number: number; readonly sinceMs: number }>();
	private knownCount = 0;
	private timer: ScheduledCall | undefined;

	constructor(private readonly options: WaitingCallersOptions<Waiter>) {}

	get isEmpty(): boolean {
		return this.attempts.size === 0 && this.options.listQueue().length === 0;
	}

	/** Remembers since when a caller waits. */
	note(waiter: Waiter): void {
		if (!this.isKnown(waiter)) this.known.set(waiter, { number: (this.knownCount += 1), sinceMs: this.options.clock.nowMs() });
	}

	isKnown(waiter: Waiter): boolean {
		return this.known.has(waiter);
	}

	/** Place of a caller in the queue: behind those who came before. */
	findPlace(waiter: Waiter): number {
		const numberOf = (each: Waiter): number => this.known.get(each)?.number ?? Number.POSITIVE_INFINITY;
		return this.options.listQueue().filter((other) => numberOf(other) < numberOf(waiter)).length;
	}

	beginAttempt(waiter: Waiter): void {
		this.note(waiter);
		this.attempts.add(waiter);
	}

	/** @returns Whether the caller is still there: `false` when its time was over first. */
	endAttempt(waiter: Waiter): boolean {
		return this.attempts.delete(waiter);
	}

	/** While logins fail, keeps the process alive for the callers and answers each when its time is over. */
	watch(): void {
		const { clock, gate, listQueue } = this.options;
		if (gate.failure === undefined) this.stop();
		if (gate.failure === undefined || this.timer !== undefined) return;
		const dueAtMs = Math.min(...[...listQueue(), ...this.attempts].map((waiter) => this.dueAtMs(waiter)));
		if (!Number.isFinite(dueAtMs)) return;
		const check = (): void => {
			this.timer = undefined;
			const { failure } = gate;
			if (failure !== undefined) this.answer(failure, (waiter) => this.dueAtMs(waiter) <= clock.nowMs());
			this.watch();
		};
		this.timer = runInRootContext(() => clock.schedule(check, Math.max(0, dueAtMs - clock.nowMs()), false));
	}

	/** Answers every caller in the queue. */
	rejectQueue(error: Error): void {
		this.answer(this.options.gate.failure ?? error, (waiter) => !this.attempts.has(waiter));
	}

	/** Stops the timer. */
	stop(): void {
		this.timer?.cancel();
		this.timer = undefined;
	}

	private answer(error: Error, isMeant: (waiter: Waiter) => boolean): void {
		const { listQueue, reject, remove } = this.options;
		const queued = listQueue().filter(isMeant);
		const attempting = [...this.attempts].filter(isMeant);
		queued.forEach(remove);
		for (const waiter of attempting) this.attempts.delete(waiter);
		// Each gets an error of its own: what one caller adds to it stays there.
		for (const waiter of [...queued, ...attempting]) reject(waiter, copyError(error));
	}

	private dueAtMs(waiter: Waiter): number {
		const { budgetStartMs, clock, getBudgetMs } = this.options;
		const budgetMs = getBudgetMs();
		return (
			Math.max(this.known.get(waiter)?.sinceMs ?? clock.nowMs(), budgetStartMs()) +
			budgetMs -
			Math.min(BUDGET_MARGIN_CAP_MS, budgetMs * BUDGET_MARGIN_FRACTION)
		);
	}
}
