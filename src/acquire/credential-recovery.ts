/**
 * While callers wait because a server refuses the credentials, fetches credentials that work: quickly at first, then
 * patiently.
 */
import type { EventChannel } from "../events/event-channel.js";
import { type Clock, type ScheduledCall, sleep } from "../support/clock.js";
import { isAccountLocked } from "../support/login-failure.js";
import { runInRootContext } from "../support/root-context.js";

/**
 * Pauses between two fetches while the first caller waits: 75 to 100 % of this, growing by the factor up to the cap.
 */
const PAUSE_MS = 25;
const PAUSE_FACTOR = 1.6;
const PAUSE_CAP_MS = 1_000;
const JITTER_FRACTION = 0.25;
/** Instances of a fleet that AWS throttles together must not come back together. */
const THROTTLED_JITTER_FRACTION = 0.5;

/** Afterwards the pauses double up to this. */
const SLOW_PAUSE_CAP_MS = 30_000;

/** Once the first caller's time is over, an error is reported at most this often. */
const REPORT_PAUSE_MS = 60_000;

/** What a recovery is given. */
export interface CredentialRecoveryOptions {
	/** Time of the first caller. */
	readonly budgetMs: () => number;
	readonly clock: Clock;
	readonly closed: AbortSignal;
	readonly events: EventChannel;
	/** Whether callers wait for credentials. */
	readonly isWanted: () => boolean;
	/** Whether AWS throttled the last fetch. Default: never. */
	readonly isThrottled?: () => boolean;
	readonly random: () => number;
	/** Fetches, and promotes what works. @returns Whether the secret has changed. */
	readonly refresh: () => Promise<boolean>;
}

interface Episode {
	readonly code: string;
	isLocked: boolean;
	fastPauses: number;
	notBeforeMs: number;
	slowPauses: number;
	readonly startedAtMs: number;
}

/** The recovery of one DataSource. */
export class CredentialRecovery {
	private episode: Episode | undefined;
	/** Set while a report waits for the next caller. */
	private isReportDue = false;
	private poke = new AbortController();
	private report: ScheduledCall | undefined;
	private running: Promise<void> | undefined;

	constructor(private readonly options: CredentialRecoveryOptions) {}

	/** When the recovery began, on the monotonic clock; `undefined` while no server refuses the credentials. */
	get startedAtMs(): number | undefined {
		return this.episode?.startedAtMs;
	}

	/** A server refuses the credentials and a caller waits. Calling it again while that is so does nothing. */
	start(error: Error): void {
		const { clock, closed, events } = this.options;
		if (closed.aborted) return;
		const isLocked = isAccountLocked(error);
		if (this.episode === undefined) {
			const { code = error.name } = error as { code?: string };
			this.episode = { code, fastPauses: 0, isLocked, notBeforeMs: 0, slowPauses: 0, startedAtMs: clock.nowMs() };
			events.publish({ code, isLocked, type: "recovery.started" });
			this.reportLater(this.options.budgetMs());
		} else {
			this.episode.isLocked = isLocked;
			if (this.isReportDue) this.reportOverdue(this.episode);
		}
		this.running ??= runInRootContext(async () => this.run()).finally(() => (this.running = undefined));
	}

	/** Every server takes its credentials again. */
	finish(): void {
		const { clock, events } = this.options;
		if (this.episode === undefined) return;
		const durationMs = clock.nowMs() - this.episode.startedAtMs;
		this.stop();
		events.publish({ durationMs, type: "recovery.finished" });
	}

	/** Ends the timers. */
	stop(): void {
		this.episode = undefined;
		this.isReportDue = false;
		this.report?.cancel();
		this.report = undefined;
		this.poke.abort();
		this.poke = new AbortController();
	}

	private async run(): Promise<void> {
		const { clock, closed, isWanted, refresh } = this.options;
		for (;;) {
			const { episode, poke } = this;
			if (episode === undefined || closed.aborted) return;
			await sleep(clock, episode.notBeforeMs - clock.nowMs(), poke.signal);
			if (this.episode !== episode) continue;
			// Without a caller nothing is fetched; the pauses go on where they were when one comes.
			if (!isWanted()) return;
			const hasChanged = await refresh();
			if (hasChanged) Object.assign(episode, { fastPauses: 0, slowPauses: 0 });
			episode.notBeforeMs = clock.nowMs() + this.choosePauseMs(episode);
		}
	}

	private choosePauseMs(episode: Episode): number {
		const { budgetMs, clock, isThrottled, random } = this.options;
		const isHeldOff = isThrottled?.() === true;
		const isFast = !isHeldOff && clock.nowMs() - episode.startedAtMs < budgetMs();
		const pauseMs = isFast
			? Math.min(PAUSE_CAP_MS, PAUSE_MS * PAUSE_FACTOR ** episode.fastPauses)
			: Math.min(SLOW_PAUSE_CAP_MS, PAUSE_CAP_MS * 2 ** episode.slowPauses);
		if (isFast) episode.fastPauses += 1;
		else episode.slowPauses += 1;
		return pauseMs * (1 - (isHeldOff ? THROTTLED_JITTER_FRACTION : JITTER_FRACTION) * random());
	}

	private reportLater(delayMs: number): void {
		const { clock, isWanted } = this.options;
		const isFirst = this.report === undefined;
		const check = (): void => {
			if (this.episode === undefined) return;
			// The first caller may have received the refusal a moment ago.
			if (isFirst || isWanted()) this.reportOverdue(this.episode);
			else this.isReportDue = true;
		};
		this.report = runInRootContext(() => clock.schedule(check, delayMs));
	}

	private reportOverdue({ code, isLocked, startedAtMs }: Episode): void {
		const { clock, events } = this.options;
		this.isReportDue = false;
		events.publish({ code, durationMs: clock.nowMs() - startedAtMs, isLocked, type: "recovery.overdue" });
		this.reportLater(REPORT_PAUSE_MS);
	}
}
