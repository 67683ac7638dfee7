/**
 * Secrets at run time: cached, shared, and there while AWS is not. Nothing of Nest is loaded or named here, for the
 * entry `/secrets`.
 */
import { readFault, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConnectorClosedError } from "../errors/errors.js";
import { type Clock, lastingClock } from "../support/clock.js";
import { hasPaused } from "../support/repeat-after-pause.js";
import { isSecretOutage } from "./explain-secret-failure.js";
import { FETCH_DEADLINE_MS } from "./secret-fetcher.js";
import { RecentRefusals } from "./recent-refusals.js";
import { SecretStoreRegistry } from "./secret-store-registry.js";
import type { KeptSecret, SecretStore } from "./secret-store.js";
import { parseJson, parseWhateverItIs, renderSecret } from "./secret-text.js";
import type { IGetSecretOptions, ISecretsManagerOptions, ISecretsManagerStatistics } from "./secrets-manager.options.js";
import { validateRead, validateSecretsManagerOptions } from "./validate-secrets-options.js";

const DEFAULT_TTL_MS = 300_000;
const DEFAULT_STALE_IF_ERROR_MS = 3_600_000;
const DEFAULT_STALE_WHILE_REVALIDATE_MS = 60_000;
/** While AWS does not answer, it is asked again this long after it was asked last. */
const RETRY_INTERVAL_MS = 5_000;

/** @internal What an application of Nest exchanges. */
export interface SecretsManagerParts {
	readonly clock?: Clock;
	/** Used together with connectors, and closed by the application. */
	readonly sharedStore?: SecretStore;
	/** Default: a warning of the process, since this file does without Nest. */
	readonly warn?: (message: string) => void;
}

/**
 * Reads and writes secrets. A value is kept for 5 minutes by default, concurrent readers share one request, and the
 * last value is served for a while when AWS does not answer. At most 1,000 secrets are kept, in memory only; no timer
 * runs.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/intro.html
 * @example
 * const { signingKey } = await secrets.getJson<{ signingKey: string }>("jwt-configuration");
 */
export class SecretsManagerService {
	private readonly counts = { failureCount: 0, hitCount: 0, missCount: 0, staleCount: 0 };
	private isClosed = false;
	private readonly isStoreShared: boolean;
	/** One refresh at a time for each secret, so that a failure counts once. */
	readonly #refreshes = new Map<string, { readonly refresh: Promise<string>; readonly startedAtMs: number }>();
	readonly #refusals: RecentRefusals;
	private readonly clock: Clock;
	private readonly staleIfErrorMs: number;
	private readonly staleWhileRevalidateMs: number;
	private readonly ttlMs: number;
	private readonly warn: (message: string) => void;

	/** @internal Also asked by the connectors that reach AWS in the same way. */
	readonly store: SecretStore;

	/**
	 * @param options Default: those of {@link ISecretsManagerOptions}.
	 * @throws OptionInvalidError naming the first option that is unknown or of a wrong kind.
	 */
	constructor(options?: ISecretsManagerOptions);
	/** @internal */
	// Not one signature with the first, which is all that is published.
	// eslint-disable-next-line @typescript-eslint/unified-signatures
	constructor(options?: ISecretsManagerOptions, parts?: SecretsManagerParts);
	constructor(
		options: ISecretsManagerOptions = {},
		{ clock = lastingClock, sharedStore, warn = emitProcessWarning }: SecretsManagerParts = {},
	) {
		const { aws, cacheTtlMs, staleIfErrorMs, staleWhileRevalidateMs } = validateSecretsManagerOptions(options);
		this.clock = clock;
		this.#refusals = new RecentRefusals(clock);
		this.store = sharedStore ?? new SecretStoreRegistry().select(aws);
		this.isStoreShared = sharedStore !== undefined;
		this.warn = warn;
		this.staleIfErrorMs = staleIfErrorMs ?? DEFAULT_STALE_IF_ERROR_MS;
		this.staleWhileRevalidateMs = staleWhileRevalidateMs ?? DEFAULT_STALE_WHILE_REVALIDATE_MS;
		this.ttlMs = cacheTtlMs ?? DEFAULT_TTL_MS;
		this.keepFor(this.ttlMs);
	}

	/**
	 * The secret as an object or a list where its text is JSON of one, otherwise the text as it is: `0123` keeps its zero.
	 * @throws SecretNotFoundError; SecretUnavailableError, whose `kind` tells denied, throttled, KMS and other reasons
	 * apart; SecretMalformedError when it has no value or is no text; ConnectorTimeoutError after 10 s;
	 * ConnectorClosedError after `close()`; OptionInvalidError.
	 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
	 * @example
	 * const settings = await secrets.get("app/settings", { cache: false });
	 */
	async get<Value = unknown>(secretId: string, options: IGetSecretOptions = {}): Promise<Value> {
		return parseWhateverItIs(await this.getString(secretId, options)) as Value;
	}

	/**
	 * The secret as JSON. Each call gives a value of its own.
	 * @throws What {@link get} throws; SecretMalformedError when it is not JSON.
	 * @example
	 * const { stripe } = await secrets.getJson<{ stripe: string }>("external-api-keys", { ttl: 60_000 });
	 */
	async getJson<Value = unknown>(secretId: string, options: IGetSecretOptions = {}): Promise<Value> {
		return parseJson(await this.getString(secretId, options), secretId, "getString() gives it as it is.") as Value;
	}

	/**
	 * The text of the secret, verbatim.
	 * @throws What {@link get} throws.
	 * @example
	 * const key = await secrets.getString("stripe-api-key");
	 */
	async getString(secretId: string, options: IGetSecretOptions = {}): Promise<string> {
		validateRead(secretId, options);
		this.assertOpen();
		const { cache: isCached = true, ttl = this.ttlMs } = options;
		this.keepFor(ttl);
		const refusal = isCached ? this.#refusals.find(secretId, ttl) : undefined;
		if (refusal !== undefined) {
			this.counts.missCount += 1;
			throw refusal.error;
		}
		const kept = isCached ? this.store.find(secretId) : undefined;
		if (kept !== undefined && this.measureAgeMs(kept) < ttl) {
			this.counts.hitCount += 1;
			return kept.text;
		}
		if (kept !== undefined && this.measureAgeMs(kept) < ttl + this.findGraceMs(kept, ttl)) {
			this.counts.staleCount += 1;
			this.refreshBehind(secretId, kept);
			return kept.text;
		}
		return this.refreshFor(secretId, isCached ? ttl : undefined);
	}

	/**
	 * Makes `value` the current version of a secret that exists: a text as it is, anything else as JSON. Later reads give
	 * it without asking AWS.
	 * @throws SecretNotFoundError when the secret does not exist; SecretMalformedError beyond 65,536 bytes;
	 * OptionInvalidError for what JSON cannot hold; SecretUnavailableError, ConnectorTimeoutError and ConnectorClosedError
	 * as {@link get} does.
	 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
	 * @example
	 * await secrets.set("external-api-keys", { stripe: newKey });
	 */
	async set(secretId: string, value: unknown): Promise<void> {
		validateRead(secretId, {});
		this.assertOpen();
		const text = renderSecret(value);
		try {
			await this.store.put(secretId, text);
		} catch (error) {
			this.counts.failureCount += 1;
			throw error;
		} finally {
			// They may bring what it was before.
			this.#refreshes.clear();
			this.#refusals.clear();
		}
	}

	/**
	 * What has happened since the start.
	 * @example
	 * const { failureCount, staleCount } = secrets.getStatistics();
	 */
	getStatistics(): ISecretsManagerStatistics {
		return { ...this.counts, entryCount: this.store.entryCount };
	}

	/**
	 * Ends every request, destroys the AWS client made here, and forgets every value. Calls fail from now on with a
	 * ConnectorClosedError. In a Nest application this happens by itself.
	 * @example
	 * process.once("SIGTERM", () => secrets.close());
	 */
	close(): void {
		this.isClosed = true;
		this.#refusals.clear();
		if (!this.isStoreShared) this.store.close();
	}

	/** @internal Late in the shutdown: whatever is destroyed with its module may still read a secret. */
	onApplicationShutdown(): void {
		this.close();
	}

	private assertOpen(): void {
		if (this.isClosed) throw new ConnectorClosedError("The secrets manager is closed. It reads no secret any more.");
	}

	private measureAgeMs({ readAtMs }: KeptSecret): number {
		return this.clock.nowMs() - readAtMs;
	}

	/**
	 * For how long past its ttl a value is served at once. While AWS does not answer, no caller waits for the same failure
	 * again.
	 */
	private findGraceMs({ retryAtMs }: KeptSecret, ttlMs: number): number {
		const revalidationMs = Math.min(this.staleWhileRevalidateMs, ttlMs);
		return retryAtMs === undefined ? revalidationMs : Math.max(revalidationMs, this.staleIfErrorMs);
	}

	private refreshBehind(secretId: string, { retryAtMs }: KeptSecret): void {
		if (retryAtMs !== undefined && this.clock.nowMs() < retryAtMs) return;
		// The failure is counted, and the next reader who has to wait gets it.
		this.refresh(secretId).catch(() => undefined);
	}

	/** @param staleTtlMs How old the value should be; `undefined` when only a fresh one will do. */
	private async refreshFor(secretId: string, staleTtlMs: number | undefined): Promise<string> {
		try {
			const text = await this.refresh(secretId);
			this.counts.missCount += 1;
			return text;
		} catch (error) {
			const last = staleTtlMs !== undefined && isSecretOutage(error) ? this.store.find(secretId) : undefined;
			if (last === undefined || this.measureAgeMs(last) >= (staleTtlMs ?? 0) + this.staleIfErrorMs) {
				this.counts.missCount += 1;
				throw error;
			}
			this.counts.staleCount += 1;
			return last.text;
		}
	}

	private refresh(secretId: string): Promise<string> {
		const known = this.#refreshes.get(secretId);
		const { clock } = this;
		if (known !== undefined && !hasPaused(known.startedAtMs, { clock, deadlineMs: FETCH_DEADLINE_MS })) return known.refresh;
		const refresh = this.fetch(secretId).finally(() => {
			if (this.#refreshes.get(secretId)?.refresh === refresh) this.#refreshes.delete(secretId);
		});
		this.#refreshes.set(secretId, { refresh, startedAtMs: clock.nowMs() });
		return refresh;
	}

	private async fetch(secretId: string): Promise<string> {
		try {
			const { text } = await this.store.fetch(secretId);
			return text;
		} catch (error) {
			this.counts.failureCount += 1;
			if (isSecretOutage(error)) {
				this.reportOutage(secretId, error as TypeOrmAwsConnectorError);
			} else {
				// A value that was there until now is asked for once more before that counts.
				if (this.store.find(secretId) === undefined && !this.isClosed) this.#refusals.remember(secretId, error);
				this.store.forget(secretId);
			}
			throw error;
		}
	}

	/** A value is of use until an outage has lasted for too long. */
	private keepFor(ttlMs: number): void {
		this.store.keepFor(ttlMs + Math.max(this.staleIfErrorMs, this.staleWhileRevalidateMs));
	}

	/** One warning for each outage, however long it lasts. */
	private reportOutage(secretId: string, error: TypeOrmAwsConnectorError): void {
		const kept = this.store.find(secretId);
		if (kept === undefined) return;
		if (kept.retryAtMs === undefined && this.staleIfErrorMs > 0) {
			const ageSeconds = Math.round(this.measureAgeMs(kept) / 1_000);
			const limitSeconds = Math.round(this.staleIfErrorMs / 1_000);
			const notice = `Its value of ${String(ageSeconds)} s ago is served meanwhile, until ${String(limitSeconds)} s past its ttl.`;
			this.warn([readFault(error), notice, error.remedy ?? []].flat().join(" "));
		}
		kept.retryAtMs = this.clock.nowMs() + RETRY_INTERVAL_MS;
	}
}

function emitProcessWarning(message: string): void {
	process.emitWarning(message, { type: "SecretsManagerWarning" });
}

/**
 * The service without Nest, as for a Lambda function: make it once, outside of the handler.
 * @throws OptionInvalidError naming the first option that is unknown or of a wrong kind.
 * @example
 * const secrets = createSecretsManager({ cacheTtlMs: 60_000 });
 * export const handler = async () => charge(await secrets.getString("stripe-api-key"));
 */
export function createSecretsManager(options: ISecretsManagerOptions = {}): SecretsManagerService {
	return new SecretsManagerService(options);
}
