/** The public shape of what the secrets manager is told, and of one read. Without Nest, as its published types are. */
import type { ITypeOrmAwsConnectorAws } from "../aws/aws.options.js";

/**
 * How secrets are read and for how long they are kept. Times are in milliseconds.
 * @example
 * { aws: { region: "eu-west-1" }, cacheTtlMs: 60_000 }
 */
export interface ISecretsManagerOptions {
	/** How AWS is reached. Default: as the AWS SDK finds out by itself. */
	aws?: ITypeOrmAwsConnectorAws;
	/** For how long a value is served without asking AWS. Default 300,000 (5 minutes). */
	cacheTtlMs?: number;
	/**
	 * For how much longer the last value is served while AWS does not answer: throttled, out of reach, without an
	 * identity. An answer that says no (denied, not found, KMS) ends it at once. Default 3,600,000 (1 hour); 0 never
	 * serves it.
	 */
	staleIfErrorMs?: number;
	/**
	 * For how much longer a value is served while a fresh one is fetched behind it, but never for longer than the ttl
	 * itself. Default 60,000; 0 makes the caller wait for the fresh one.
	 */
	staleWhileRevalidateMs?: number;
}

/**
 * How one secret is read. The two names are those that users of Nimbus know.
 * @example
 * await secrets.get("stripe", { ttl: 60_000 });
 */
export interface IGetSecretOptions {
	/** `false` asks AWS, and throws when AWS does not answer. The answer is kept for others. Default `true`. */
	cache?: boolean;
	/** How old the value may be, in milliseconds, instead of `cacheTtlMs`. */
	ttl?: number;
}

/**
 * What has happened since the start. Each read is one of hit, stale and miss.
 * @example
 * const { hitCount, missCount } = secrets.getStatistics();
 */
export interface ISecretsManagerStatistics {
	/** Secrets that are kept now, 1,000 at most. Connectors that reach AWS in the same way leave theirs here, too. */
	readonly entryCount: number;
	/** Requests that failed, writes included. */
	readonly failureCount: number;
	/** Reads that were served from the cache. */
	readonly hitCount: number;
	/** Reads that waited for AWS. */
	readonly missCount: number;
	/** Reads that were served a value past its ttl. */
	readonly staleCount: number;
}
