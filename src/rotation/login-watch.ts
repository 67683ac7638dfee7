/**
 * Who may log in now. While it is not known whether the server takes the credentials of this generation, one caller tries and the others wait for what
 * comes of it: a mass disconnect after a password change costs one refused login instead of one for each caller.
 */
import type { Clock, ScheduledCall } from "../support/clock.js";

/** How long a successful login vouches for the next ones: long enough for those who waited for it, too short to outlast a change of the password. */
const PROVEN_MS = 100;

/** A refused login is not tried again before this, whoever asks: too seldom to lock an account. */
const MINIMUM_PAUSE_MS = 500;

/** Without anybody's asking it is tried again after 75 to 100 % of this, so that a corrected database is noticed also while AWS does not answer. */
const PROBE_PAUSE_MS = 2_000;
const PROBE_JITTER_FRACTION = 0.25;

/** A login that takes longer says nothing about the credentials; the others do not wait for it any more. */
const PROBE_PATIENCE_MS = 1_000;

/** What a caller may do: take the connection that is idle, log in, or wait. */
export type Turn = "login" | "probe" | "wait";

/** The logins of one pool, or of one side of replicas. */
export class LoginWatch {
	private alarm: ScheduledCall | undefined;
	private isClosed = false;
	/** A refused login is not tried again before the alarm. A flag and no time: timers may fire before the clock says so. */
	private isPausing = false;
	private isProbing = false;
	/** The others wait for the probe no longer than to the alarm. */
	private isProbeSlow = false;
	/** Counts while nothing is refused. The login with which the driver connected once is too long ago for it. */
	private provenUntilMs = 0;
	private refusalError: Error | undefined;
	private refusedAtMs = 0;
	private readonly sleepers = new Set<() => void>();

	constructor(
		private readonly clock: Clock,
		private readonly random: () => number,
	) {}

	/** The server's last refusal, while no login has succeeded since. */
	get refusal(): Error | undefined {
		return this.refusalError;
	}

	/** Callers that wait for their turn. */
	get waitingCount(): number {
		return this.sleepers.size;
	}

	/** Whether the refused login may be tried again now. */
	get isProbeDue(): boolean {
		return this.refusalError !== undefined && !this.isPausing && (!this.isProbing || this.isProbeSlow);
	}

	/** What somebody who needs a new connection may do at this moment. A `probe` must end in one of the `note…` methods. */
	takeTurn(): Turn {
		const isRefused = this.refusalError !== undefined;
		if (!isRefused && this.clock.nowMs() < this.provenUntilMs) return "login";
		if (this.isProbing && !this.isProbeSlow) return "wait";
		if (this.isProbing && !isRefused) return "login";
		// A probe that hangs does not keep the next one from trying what was refused.
		if (isRefused && this.isPausing) return "wait";
		this.isProbing = true;
		this.isProbeSlow = false;
		this.setAlarm(PROBE_PATIENCE_MS);
		return "probe";
	}

	/** A login succeeded, here or at the staging of this generation: everybody may go. */
	noteSuccess(): void {
		this.isProbing = false;
		this.refusalError = undefined;
		this.provenUntilMs = this.clock.nowMs() + PROVEN_MS;
		this.wakeAll();
	}

	/**
	 * The server refused the credentials.
	 * @returns Whether this is the first refusal since a login succeeded.
	 */
	noteRefusal(error: Error): boolean {
		const isFirst = this.refusalError === undefined;
		this.isProbing = false;
		const pauseMs = PROBE_PAUSE_MS * (1 - PROBE_JITTER_FRACTION * this.random());
		this.refusalError = error;
		this.refusedAtMs = this.clock.nowMs();
		this.isPausing = true;
		this.setAlarm(pauseMs);
		return isFirst;
	}

	/** There are no other credentials to go to at the moment: the refused ones may be tried again, in case the database was corrected. */
	allowProbe(): void {
		if (!this.isPausing || this.clock.nowMs() - this.refusedAtMs < MINIMUM_PAUSE_MS) return;
		this.isPausing = false;
		this.wakeAll();
	}

	/** The login ended in another fault, such as an unreachable server. That is no statement about the credentials: the others find out themselves. */
	noteOtherFault(): void {
		this.isProbing = false;
		this.provenUntilMs = this.clock.nowMs() + PROVEN_MS;
		this.wakeAll();
	}

	/** The caller whose turn it was to probe got a connection that had become idle meanwhile; nothing is known of the credentials yet. */
	noteProbeEnd(): void {
		this.isProbing = false;
		this.wakeOne();
	}

	/** A connection came back and is idle now: the one who waits longest may have it. */
	wakeOne(): void {
		const [first] = this.sleepers;
		first?.();
	}

	/** Lets everybody look again. */
	wakeAll(): void {
		for (const wake of [...this.sleepers]) wake();
	}

	/** Waits until something changed or `timeoutMs` is over. Keeps the process alive: a query waits for it, and nothing else may be going on. */
	sleep(timeoutMs: number): Promise<void> {
		return new Promise((resolve) => {
			const wake = (): void => {
				timer.cancel();
				this.sleepers.delete(wake);
				resolve();
			};
			const timer = this.clock.schedule(wake, timeoutMs, false);
			this.sleepers.add(wake);
		});
	}

	/** Ends the timers. Whoever still waits is let go. */
	close(): void {
		this.isClosed = true;
		this.alarm?.cancel();
		this.wakeAll();
	}

	/** Whoever waits looks again then. */
	private setAlarm(delayMs: number): void {
		if (this.isClosed) return;
		this.alarm?.cancel();
		this.alarm = this.clock.schedule(() => {
			this.isPausing = false;
			this.isProbeSlow = true;
			this.wakeAll();
		}, delayMs);
	}
}
