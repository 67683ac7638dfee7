/** The public shape of what the Secrets Manager module is told. */
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency, Provider, Type } from "@nestjs/common";

import type { ISecretsManagerOptions } from "../secrets/secrets-manager.options.js";

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
 * Options of `SecretsManagerModule.registerAsync()`: one of `useFactory`, `useExisting`, `useClass`, looked at in this
 * order.
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
