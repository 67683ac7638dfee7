/**
 * How often credentials that a server has refused are tried again. The pace belongs to a user at a server: all versions
 * of its password share it, and so do all reasons for a login, since servers lock accounts by the number of refused
 * logins.
 */
import { createHmac, randomBytes } from "node:crypto";

import type { ServerOptions } from "../drivers/loose-options.js";
import type { Clock } from "../support/clock.js";
import { isAccountLocked } from "../support/login-failure.js";
import { shareInProcess } from "../support/process-wide.js";

/** Pauses before the same credentials are tried again: 1, 3, 7, 15 and 27 s after the first refusal. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 12_000];

/** Every further pause is 50 to 100 % of this. A locked account has no other pauses. */
const SLOW_PAUSE_MS = 30_000;
const SLOW_JITTER_FRACTION = 0.5;

/** The attempts of one user at one server. */
export class LoginPace {
	private dueAtMs = 0;
	private isLocked = false;
	private pauseMs = 0;
	/** Refused versions. The one that waits longest comes first. */
	private readonly refused = new Map<string, Error>();
	private step = 0;

	constructor(
		private readonly clock: Clock,
		private readonly random: () => number,
	) {}

	/** Whether any version was refused since a login succeeded. */
	get isRefused(): boolean {
		return this.refused.size > 0;
	}

	/** The refusal of this version; `undefined` when it was not refused since a login succeeded. */
	findRefusal(version: string): Error | undefined {
		return this.refused.get(version);
	}

	/**
	 * Whether a login with this version may begin now. A version that was never refused may, unless the account is locked.
	 */
	mayTry(version: string): boolean {
		if (!this.refused.has(version) && !this.isLocked) return true;
		return this.clock.nowMs() >= this.nextAtMs(version);
	}

	/**
	 * When that will be, on the monotonic clock. Each refused version that has waited longer has a pause of time to take
	 * its turn first.
	 */
	nextAtMs(version: string): number {
		const rank = [...this.refused.keys()].indexOf(version);
		return this.dueAtMs + Math.max(0, rank) * this.pauseMs;
	}

	/** A login begins. Another one with refused credentials has to wait from now on. */
	begin(version: string): void {
		const refusal = this.refused.get(version);
		if (refusal === undefined && !this.isLocked) return;
		if (refusal !== undefined) this.queue(version, refusal);
		this.step += 1;
		this.delay();
	}

	/** The server refused the login. */
	recordAuthFailure(version: string, error: Error): void {
		// A new version starts the pauses anew; a new caller, a schedule or a request do not.
		if (!this.refused.has(version)) this.step = 0;
		this.queue(version, error);
		this.isLocked = isAccountLocked(error);
		this.delay();
	}

	/** Forgets the versions that no secret and no live pool holds any more, so that no version waits for their turn. */
	retain(versions: readonly string[]): void {
		for (const version of this.refused.keys()) if (!versions.includes(version)) this.refused.delete(version);
	}

	/** A login succeeded. */
	clear(): void {
		this.refused.clear();
		this.isLocked = false;
		this.step = 0;
		this.dueAtMs = 0;
	}

	/** The version that was tried last has to wait for all others. */
	private queue(version: string, refusal: Error): void {
		this.refused.delete(version);
		this.refused.set(version, refusal);
	}

	private delay(): void {
		const slowMs = SLOW_PAUSE_MS * (1 - SLOW_JITTER_FRACTION * this.random());
		this.pauseMs = (this.isLocked ? undefined : PAUSES_MS[this.step]) ?? slowMs;
		this.dueAtMs = this.clock.nowMs() + this.pauseMs;
	}
}

/** Different in each process, so that a fingerprint is of no use outside. */
const key = randomBytes(32);

/** What stands for a version of the password without telling it. */
export function fingerprint({ password }: ServerOptions): string {
	// A token function makes another token for each login, so all its tokens are one version.
	const text = typeof password === "string" ? password : "";
	return createHmac("sha256", key).update(text).digest("base64");
}

/** All paces of a process, by the clock that they follow. */
const paces = shareInProcess("login-paces", () => new WeakMap<Clock, Map<string, LoginPace>>());

/** The pace of the user at the server that these options name. */
export function findPace({ host, port, username }: ServerOptions, clock: Clock, random: () => number): LoginPace {
	let known = paces.get(clock);
	if (known === undefined) paces.set(clock, (known = new Map<string, LoginPace>()));
	const key = JSON.stringify([host, port, username]);
	let pace = known.get(key);
	if (pace === undefined) known.set(key, (pace = new LoginPace(clock, random)));
	return pace;
}
