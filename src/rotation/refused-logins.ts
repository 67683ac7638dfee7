/** Logins that the server refused, remembered without keeping them: neither a user's name nor a password can be read out of this. */
import { createHmac, randomBytes } from "node:crypto";

import type { Clock } from "../support/clock.js";
import type { CredentialPlan } from "./plan-credentials.js";

/** A refused login may be tried again after this, while callers wait for one that works. */
const PAUSE_MS = 500;

/** The refused logins of one DataSource, since the last version that AWSCURRENT named worked. */
export class RefusedLogins {
	private readonly key = randomBytes(32);
	private readonly refusedAtMs = new Map<string, number>();

	constructor(private readonly clock: Clock) {}

	/** Forgets them all. */
	clear(): void {
		this.refusedAtMs.clear();
	}

	/** Whether the login was refused. */
	has(plan: CredentialPlan): boolean {
		return this.refusedAtMs.has(this.fingerprint(plan));
	}

	/** Whether the login was refused so lately that another try would only bring an account closer to being locked. */
	isTooSoon(plan: CredentialPlan): boolean {
		const atMs = this.refusedAtMs.get(this.fingerprint(plan));
		return atMs !== undefined && this.clock.nowMs() - atMs < PAUSE_MS;
	}

	/** Remembers a refusal. */
	note(plan: CredentialPlan): void {
		this.refusedAtMs.set(this.fingerprint(plan), this.clock.nowMs());
	}

	private fingerprint({ master, slaves }: CredentialPlan): string {
		const logins = [master, ...slaves].map(({ host, password, port, username }) => [host, port, username, password]);
		return createHmac("sha256", this.key).update(JSON.stringify(logins)).digest("base64");
	}
}
