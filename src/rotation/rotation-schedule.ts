/**
 * When the next rotation starts: spread over time so that a fleet does not move in step, sooner after a failure, never
 * two at once.
 */
import type { Clock, ScheduledCall } from "../support/clock.js";

/** First and longest back-off after failures. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 60_000;
/** A missing permission or a wrong name is corrected by a person: asking often does not help. */
const BACKOFF_CAP_PERMANENT_MS = 300_000;

/** A regular tick comes after 80 to 100 % of the interval. */
const JITTER_FRACTION = 0.2;

/** The part of @nestjs/schedule's SchedulerRegistry that is used; a stand-in may have only `addInterval`. */
export interface IntervalRegistry {
	/** Lists an interval by its name. */
	addInterval(name: string, interval: unknown): void;
	/** Removes it from the list. */
	deleteInterval?(name: string): void;
	/** Whether the name is taken. */
	doesExist?(type: "interval", name: string): boolean;
	/** All names. */
	getIntervals?(): string[];
}

/** How the last rotation ended, as far as the next delay depends on it. */
export interface LastOutcome {
	readonly failureCount: number;
	readonly isTransient: boolean;
}

/** What a schedule is given. */
export interface RotationScheduleOptions {
	readonly clock: Clock;
	readonly intervalMs: number;
	readonly intervalName: string;
	/** Called when the entry was deleted from the registry: no scheduled rotation starts any more. */
	readonly onUnscheduled: () => void;
	/** A number from 0 up to 1, as Math.random. */
	readonly random: () => number;
	readonly registry: IntervalRegistry | undefined;
	/** Rotates, and tells how it ended. Never rejects. */
	readonly run: () => Promise<LastOutcome>;
}

/** The timer of one rotator. */
export class RotationSchedule {
	private dueAtMs: number | undefined;
	private isRegistered = false;
	private isStopped = false;
	private next: ScheduledCall | undefined;

	constructor(private readonly options: RotationScheduleOptions) {}

	/** Time between two rotations. */
	get intervalMs(): number {
		return this.options.intervalMs;
	}

	/** When the next rotation starts, on the monotonic clock; `undefined` while one runs, and when none is to come. */
	get nextAtMs(): number | undefined {
		return this.dueAtMs;
	}

	/** Starts with a random phase, and shows up in the registry. */
	start(): void {
		this.register();
		this.plan(this.options.random() * this.options.intervalMs);
	}

	/** No tick starts afterwards. A rotation that runs is not stopped by it. Never throws: a shutdown has more to do. */
	stop(): void {
		this.isStopped = true;
		this.dueAtMs = undefined;
		this.next?.cancel();
		const { intervalName, registry } = this.options;
		try {
			if (this.isRegistered && this.isListed()) registry?.deleteInterval?.(intervalName);
		} catch {
			// The registry ends with the application anyway.
		}
		this.isRegistered = false;
	}

	private plan(delayMs: number): void {
		if (this.isStopped) return;
		this.dueAtMs = this.options.clock.nowMs() + delayMs;
		this.next = this.options.clock.schedule(() => void this.tick(), delayMs);
	}

	private async tick(): Promise<void> {
		this.dueAtMs = undefined;
		if (!this.isListed()) {
			this.options.onUnscheduled();
			return;
		}
		const outcome = await this.options.run();
		this.plan(chooseDelayMs(this.options.intervalMs, outcome, this.options.random));
	}

	private register(): void {
		const { intervalName, registry } = this.options;
		if (registry === undefined) return;
		// The registry wants a timer to call off. Ours is asked before each tick instead, so what it lists is a mere handle.
		registry.addInterval(intervalName, createHandle());
		this.isRegistered = true;
	}

	/** Whether the entry is still there. A registry that cannot be asked counts as yes. */
	private isListed(): boolean {
		const { intervalName, registry } = this.options;
		if (registry === undefined) return true;
		try {
			if (registry.doesExist !== undefined) return registry.doesExist("interval", intervalName);
			return registry.getIntervals?.().includes(intervalName) ?? true;
		} catch {
			return true;
		}
	}
}

/** The pause before the next tick. */
export function chooseDelayMs(intervalMs: number, { failureCount, isTransient }: LastOutcome, random: () => number): number {
	if (failureCount === 0) return intervalMs * (1 - JITTER_FRACTION * random());
	const capMs = isTransient ? BACKOFF_CAP_MS : BACKOFF_CAP_PERMANENT_MS;
	const backoffMs = random() * Math.min(capMs, BACKOFF_BASE_MS * 2 ** Math.min(failureCount, 20));
	return Math.min(intervalMs, backoffMs);
}

/** Something that clearInterval() accepts and that holds no timer. */
function createHandle(): object {
	return { hasRef: () => false, ref: () => undefined, unref: () => undefined };
}
