/** A fetcher that remembers what it read last of each secret, for everyone who reaches AWS in the same way. */
import { type Clock, lastingClock } from "../support/clock.js";
import type { FetchedSecret, FetchSecretOptions, SecretFetcher } from "./secret-fetcher.js";

/** The secret used least recently gives way to one more. */
const MAXIMUM_ENTRY_COUNT = 1_000;

/**
 * How long a value is kept that nothing reads from here: a service that is made a moment later finds what the
 * connectors have read.
 */
const UNREAD_AGE_MS = 60_000;

/** The current version of a secret, as it was read last. */
export interface KeptSecret extends FetchedSecret {
	readonly readAtMs: number;
	/** Set while AWS gives no answer: when to ask again. */
	retryAtMs: number | undefined;
}

/** The part of a {@link SecretFetcher} that a store needs. */
type Fetcher = Pick<SecretFetcher, "close" | "fetch" | "put" | "renew">;

/** Reads always ask AWS, or join a request in flight, and leave what they find of AWSCURRENT behind. */
export class SecretStore implements Fetcher {
	/** In the order of use. Private to the language, so that an inspected store does not show them. */
	readonly #entries = new Map<string, KeptSecret & { readonly turn: number }>();
	/** Older values are of no use to any reader. `undefined`: there is none. */
	private maximumAgeMs: number | undefined;
	private turn = 0;

	constructor(
		private readonly fetcher: Fetcher,
		private readonly clock: Clock = lastingClock,
	) {}

	/** Of how many secrets something is kept. */
	get entryCount(): number {
		this.#dropOld();
		return this.#entries.size;
	}

	/**
	 * Keeps values for at least as long from now on, for a reader that can use them until then. Without readers they are
	 * kept for a minute.
	 */
	keepFor(ageMs: number): void {
		this.maximumAgeMs = Math.max(this.maximumAgeMs ?? 0, ageMs);
	}

	/** What is kept of the secret, as long as it is of use to any reader. */
	find(secretId: string): KeptSecret | undefined {
		this.#dropOld();
		const entry = this.#entries.get(secretId);
		if (entry !== undefined) this.#keep(secretId, entry);
		return entry;
	}

	/** See {@link SecretFetcher.fetch}. */
	async fetch(secretId: string, options: FetchSecretOptions = {}): Promise<FetchedSecret> {
		this.#dropOld();
		const turn = ++this.turn;
		const secret = await this.fetcher.fetch(secretId, options);
		if ((options.versionStage ?? "AWSCURRENT") === "AWSCURRENT") this.remember(secretId, secret, turn);
		return secret;
	}

	/** See {@link SecretFetcher.put}. What is kept under other names of the same secret is as old as before. */
	async put(secretId: string, text: string): Promise<string | undefined> {
		const versionId = await this.fetcher.put(secretId, text);
		this.remember(secretId, { text, versionId }, ++this.turn);
		return versionId;
	}

	/** Forgets what is kept of the secret. */
	forget(secretId: string): void {
		this.#entries.delete(secretId);
	}

	/** See {@link SecretFetcher.renew}. */
	renew(): void {
		this.fetcher.renew();
	}

	/** See {@link SecretFetcher.close}. Forgets everything. */
	close(): void {
		this.fetcher.close();
		this.#entries.clear();
	}

	/** A read that began before a write, or before a later read, must not undo what that one left behind. */
	private remember(secretId: string, secret: FetchedSecret, turn: number): void {
		if (turn < (this.#entries.get(secretId)?.turn ?? 0)) return;
		this.#keep(secretId, { ...secret, readAtMs: this.clock.nowMs(), retryAtMs: undefined, turn });
		if (this.#entries.size <= MAXIMUM_ENTRY_COUNT) return;
		const [oldest] = this.#entries.keys();
		if (oldest !== undefined) this.#entries.delete(oldest);
	}

	/** On the way of each call, since no timer runs. */
	#dropOld(): void {
		const oldestMs = this.clock.nowMs() - (this.maximumAgeMs ?? UNREAD_AGE_MS);
		for (const [secretId, { readAtMs }] of this.#entries) {
			if (readAtMs < oldestMs) this.#entries.delete(secretId);
		}
	}

	#keep(secretId: string, entry: KeptSecret & { readonly turn: number }): void {
		this.#entries.delete(secretId);
		this.#entries.set(secretId, entry);
	}
}
