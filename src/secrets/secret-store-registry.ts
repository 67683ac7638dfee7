/** The stores of one application: readers that reach AWS in the same key share one. */
import type { ITypeOrmAwsConnectorAws } from "../aws/aws.options.js";
import { withAnySignal } from "../support/with-any-signal.js";
import { type FetchedSecret, SecretFetcher, type FetchSecretOptions } from "./secret-fetcher.js";
import { SecretStore } from "./secret-store.js";

type AwsClientKey = Omit<ITypeOrmAwsConnectorAws, "ssmClient"> & { readonly fallbackRegion: string | undefined };

/**
 * What distinguishes one key to AWS from another. Identities and clients are compared as objects, never by what is in
 * them.
 */
const KEY_PARTS = Object.keys({
	credentials: 1,
	endpoint: 1,
	fallbackRegion: 1,
	region: 1,
	secretsManagerClient: 1,
} satisfies Record<keyof AwsClientKey, 1>) as (keyof AwsClientKey)[];

/** Hands out stores and closes them together. */
export class SecretStoreRegistry {
	readonly #stores: { readonly store: SecretStore; readonly key: AwsClientKey }[] = [];

	/**
	 * The store for these settings.
	 * @param fallbackRegion The region where neither the settings nor the ARN of a secret name one. Default: as the SDK
	 * finds out.
	 */
	select(aws: ITypeOrmAwsConnectorAws = {}, fallbackRegion?: string): SecretStore {
		const key: AwsClientKey = { ...aws, fallbackRegion };
		const known = this.#stores.find((candidate) => KEY_PARTS.every((name) => candidate.key[name] === key[name]));
		if (known !== undefined) return known.store;
		const store = new SecretStore(new SecretFetcher({ ...aws, findRegion: () => fallbackRegion }));
		this.#stores.push({ store, key });
		return store;
	}

	/** Ends every request and destroys the clients that were made here. */
	close(): void {
		for (const { store } of this.#stores) store.close();
	}
}

/** One user's hold on a shared store: closing it ends the waits of that user only. */
export class SharedSecretReader implements Pick<SecretFetcher, "close" | "fetch" | "renew"> {
	private readonly closing = new AbortController();

	constructor(private readonly store: Pick<SecretStore, "fetch" | "renew">) {}

	/** See {@link SecretFetcher.fetch}. */
	async fetch(secretId: string, { signal, ...options }: FetchSecretOptions = {}): Promise<FetchedSecret> {
		const signals = signal === undefined ? [this.closing.signal] : [this.closing.signal, signal];
		return withAnySignal(signals, async (first) => this.store.fetch(secretId, { ...options, signal: first }));
	}

	/** See {@link SecretFetcher.renew}. It does no harm to the others. */
	renew(): void {
		this.store.renew();
	}

	/** Fetches fail from now on. */
	close(): void {
		this.closing.abort();
	}
}
