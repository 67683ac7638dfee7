/**
 * The circuit breaker in front of the logins of one server. While it is not known whether the server takes the
 * credentials, one login probes and the other callers wait for its outcome: a mass disconnect after a password change
 * costs one refused login instead of one for each caller.
 */
import type { LoginGate } from "../drivers/login-gate.js";
import type { ServerOptions } from "../drivers/loose-options.js";
import { SecretUnavailableError } from "../errors/errors.js";
import { type Clock, type ScheduledCall, startOfTurn } from "../support/clock.js";
import { isAuthenticationFailure, isConnectionLimit } from "../support/login-failure.js";
import { runInRootContext } from "../support/root-context.js";
import { findPace, fingerprint, type LoginPace } from "./login-pace.js";

/**
 * After a successful login, further logins skip the probe for this long: too short to outlast a change of the password.
 */
const PROVEN_MS = 100;

/** A probe that takes longer says nothing about the credentials; other callers do not wait for it. */
const PROBE_PATIENCE_MS = 1_000;

/**
 * A server counts a connection for some time after its client has closed it. Until then a full server is asked again.
 */
const AT_LIMIT_MS = 15_000;

/** A full server is asked again after 50 to 100 % of this. */
const LIMIT_PAUSE_MS = 200;

/** What a breaker is given. */
export interface LoginBreakerOptions {
	readonly clock: Clock;
	/** The credentials that serve now. */
	readonly getCredentials: () => ServerOptions;
	/** Whether another version of the secret can be fetched, so that callers wait for one. */
	readonly isRecoveryOn: boolean;
	/** A caller waits because the credentials are refused. */
	readonly onCallerHeld: (refusal: Error) => void;
	/** A login succeeded, or other credentials were promoted, after a refusal. */
	readonly onRecovered: () => void;
	/** The server refused a login. */
	readonly onRefused: (error: Error) => void;
	readonly random: () => number;
	/** Serves the callers that wait in the pool. */
	readonly wake: () => void;
}

/** A missing login token is asked for again after 50 to 100 % of this. */
const TOKEN_PAUSE_MS = 1_000;

/** State of a breaker: logins pass, wait, or one of them probes. */
export type BreakerState = "closed" | "halfOpen" | "open";

/** The breaker of one server. */
export class LoginBreaker implements LoginGate {
	private alarm: ScheduledCall | undefined;
	private atLimitUntilMs = 0;
	private isProbing = false;
	private isRecoveryOn: boolean;
	private limit: Error | undefined;
	private limitedUntilMs = 0;
	private provenUntilMs = 0;
	private refusedSinceMs = 0;
	private serverRefusal: Error | undefined;
	/** When a login without a token is tried again: the server has not counted it. */
	private tokenRetryAtMs: number | undefined;

	constructor(private readonly options: LoginBreakerOptions) {
		this.isRecoveryOn = options.isRecoveryOn;
	}

	get failure(): Error | undefined {
		return this.serverRefusal ?? this.limit;
	}

	get failureSinceMs(): number {
		return this.refusedSinceMs;
	}

	/** The server's refusal, while no login has succeeded since. */
	get refusal(): Error | undefined {
		return this.serverRefusal;
	}

	get state(): BreakerState {
		if (this.serverRefusal === undefined) return "closed";
		return this.isProbing ? "halfOpen" : "open";
	}

	callerHeld(): void {
		if (this.serverRefusal === undefined) return;
		// The alarm may have rung while no caller waited, and a staging has taken the turn since.
		if (!this.isProbing && !this.mayLogin()) this.armRetry();
		this.options.onCallerHeld(this.serverRefusal);
	}

	connectionLost(): void {
		this.provenUntilMs = 0;
	}

	mayLogin(): boolean {
		const nowMs = this.options.clock.nowMs();
		if (nowMs < this.limitedUntilMs) return false;
		if (!this.isRecoveryOn) return true;
		if (this.serverRefusal === undefined) return nowMs < this.provenUntilMs || !this.isProbing;
		if (this.isProbing) return false;
		if (this.tokenRetryAtMs !== undefined) return nowMs >= this.tokenRetryAtMs;
		const { pace, version } = this.findPace();
		return pace.mayTry(version);
	}

	loginStarted(isExchange: boolean): void {
		if (!this.isRecoveryOn) return;
		const isRefused = this.serverRefusal !== undefined;
		if (isRefused) {
			const { pace, version } = this.findPace();
			pace.begin(version);
		}
		if (!isRefused && (isExchange || this.options.clock.nowMs() < this.provenUntilMs)) return;
		this.isProbing = true;
		this.setAlarm(PROBE_PATIENCE_MS, () => (this.isProbing = false));
	}

	loginSucceeded(isCurrent: boolean): void {
		if (!isCurrent) return;
		const { pace } = this.findPace();
		if (pace.isRefused) pace.clear();
		this.close();
		this.wakeSoon();
	}

	loginFailed(error: unknown, isCurrent: boolean): boolean {
		// The login began with former credentials, so its outcome says nothing about those that serve.
		if (!isCurrent) return true;
		const { clock, random } = this.options;
		const nowMs = clock.nowMs();
		this.isProbing = false;
		if (isRefusal(error)) return this.open(error as Error);
		if (isConnectionLimit(error) && nowMs < this.atLimitUntilMs) {
			this.limit = error as Error;
			const pauseMs = LIMIT_PAUSE_MS * (1 - random() / 2);
			this.limitedUntilMs = nowMs + pauseMs;
			this.setAlarm(pauseMs, () => (this.limitedUntilMs = 0));
			return true;
		}
		this.limit = undefined;
		// An unreachable server says nothing about the credentials: each caller finds out for itself.
		this.provenUntilMs = nowMs + PROVEN_MS;
		this.wakeSoon();
		return false;
	}

	/** Other credentials serve, and a login with them has just succeeded. */
	credentialsPromoted(): void {
		this.close();
		this.options.wake();
	}

	/** A rotation opens and closes connections, so a full server may have room in a moment. */
	noteCrowd(): void {
		this.atLimitUntilMs = this.options.clock.nowMs() + AT_LIMIT_MS;
	}

	/** No other credentials can be fetched any more: refused logins are passed on. */
	stopRecovery(): void {
		this.isRecoveryOn = false;
		this.alarm?.cancel();
		this.limitedUntilMs = 0;
	}

	private open(error: Error): boolean {
		if (!this.isRecoveryOn) return false;
		const { clock, onRefused, random } = this.options;
		const { pace, version } = this.findPace();
		const isCounted = isAuthenticationFailure(error);
		if (isCounted) pace.recordAuthFailure(version, error);
		this.tokenRetryAtMs = isCounted ? undefined : clock.nowMs() + TOKEN_PAUSE_MS * (1 - random() / 2);
		if (this.serverRefusal === undefined) this.refusedSinceMs = clock.nowMs();
		this.serverRefusal = error;
		this.provenUntilMs = 0;
		this.armRetry();
		onRefused(error);
		return true;
	}

	private close(): void {
		const wasRefused = this.serverRefusal !== undefined;
		this.alarm?.cancel();
		this.isProbing = false;
		this.limit = undefined;
		this.limitedUntilMs = 0;
		this.provenUntilMs = this.options.clock.nowMs() + PROVEN_MS;
		this.serverRefusal = undefined;
		this.tokenRetryAtMs = undefined;
		if (wasRefused) this.options.onRecovered();
	}

	/** The same credentials again, in case the database was corrected. */
	private armRetry(): void {
		const { clock } = this.options;
		const { pace, version } = this.findPace();
		const atMs = Math.max(this.limitedUntilMs, this.tokenRetryAtMs ?? pace.nextAtMs(version));
		this.setAlarm(Math.max(1, atMs - clock.nowMs()), () => undefined);
	}

	private findPace(): { pace: LoginPace; version: string } {
		const { clock, getCredentials, random } = this.options;
		const credentials = getCredentials();
		const pace = findPace(credentials, clock, random);
		return { pace, version: fingerprint(credentials) };
	}

	private setAlarm(delayMs: number, callback: () => unknown): void {
		this.alarm?.cancel();
		const ring = (): void => {
			callback();
			// A staging of the same user may have taken the turn.
			if (this.serverRefusal !== undefined && !this.mayLogin()) this.armRetry();
			this.options.wake();
		};
		this.alarm = runInRootContext(() => this.options.clock.schedule(ring, delayMs));
	}

	/** Not in this turn: the driver is about to hand the outcome of the login to its caller. */
	private wakeSoon(): void {
		void startOfTurn().then(() => this.options.wake());
	}
}

/**
 * Whether other credentials may be the cure, or the same ones a little later: the server refuses them, or there is no
 * login token at the moment.
 */
export function isRefusal(error: unknown): boolean {
	// mysql2 makes an error of its own of what an authentication plugin throws.
	const reasons = [error, (error as Error | undefined)?.cause];
	return isAuthenticationFailure(error) || reasons.some((reason) => reason instanceof SecretUnavailableError && reason.isTransient);
}
