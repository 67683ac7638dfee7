/** The public shape of what a user gives the Secrets Manager module, and of one read. */
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency, Provider, Type } from "@nestjs/common";

import type { ITypeOrmAwsConnectorAws } from "../configuration/connector.options.js";

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
	 * For how much longer the last value is served while AWS does not answer: throttled, out of reach, without an identity. An answer that says no
	 * (denied, not found, KMS) ends it at once. Default 3,600,000 (1 hour); 0 never serves it.
	 */
	staleIfErrorMs?: number;
	/**
	 * For how much longer a value is served while a fresh one is fetched behind it, but never for longer than the ttl itself. Default 60,000; 0 makes
	 * the caller wait for the fresh one.
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

/**
 * Options of `SecretsManagerModule.register()`.
 * @example
 * { cacheTtlMs: 60_000, isGlobal: false }
 */
export interface ISecretsManagerModuleOptions extends ISecretsManagerOptions {
	/** Whether SecretsManagerService can be injected everywhere, and connectors share it. Default `true`. */
	isGlobal?: boolean;
}

/**
 * A class that makes the options, for `useClass` and `useExisting`.
 * @example
 * class SecretsConfig implements ISecretsManagerOptionsFactory {
 * 	createSecretsManagerOptions() {
 * 		return { cacheTtlMs: 60_000 };
 * 	}
 * }
 */
export interface ISecretsManagerOptionsFactory {
	/** Called once, when the application starts. */
	createSecretsManagerOptions(): ISecretsManagerOptions | Promise<ISecretsManagerOptions>;
}

/**
 * Options of `SecretsManagerModule.registerAsync()`: one of `useFactory`, `useExisting`, `useClass`, looked at in this order.
 * @example
 * { inject: [ConfigService], useFactory: (config: ConfigService) => ({ cacheTtlMs: config.get("SECRETS_TTL_MS") }) }
 */
// A factory with typed parameters is not assignable to one that takes `unknown`.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface ISecretsManagerModuleAsyncOptions<TFactoryArguments extends unknown[] = any[]> extends Pick<ModuleMetadata, "imports"> {
	/** Providers that the factory or the class needs, besides those of `imports`. */
	extraProviders?: Provider[];
	/** What the factory is given. */
	inject?: (InjectionToken | OptionalFactoryDependency)[];
	/** Whether SecretsManagerService can be injected everywhere, and connectors share it. Default `true`. */
	isGlobal?: boolean;
	/** A class to make the options, instantiated for this registration. */
	useClass?: Type<ISecretsManagerOptionsFactory>;
	/** A provider of an imported module that makes the options. */
	useExisting?: InjectionToken;
	/** A function that makes the options. */
	useFactory?: (...factoryArguments: TFactoryArguments) => ISecretsManagerOptions | Promise<ISecretsManagerOptions>;
}
