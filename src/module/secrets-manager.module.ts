/** The Nest module that reads secrets at run time. */
import { type DynamicModule, type FactoryProvider, Logger, Module } from "@nestjs/common";

import { type ConfigReader, readRegion } from "../connector/sources.js";
import { SecretStoreRegistry } from "../secrets/secret-store-registry.js";
import type { ISecretsManagerOptions } from "../secrets/secrets-manager.options.js";
import { SecretsManagerService } from "../secrets/secrets-manager.service.js";
import { validateSecretsManagerOptions } from "../secrets/validate-secrets-options.js";
import { createOptionsProvider, listOptionsClass } from "../support/options-provider.js";
import { loadNestConfig } from "./optional-packages.js";
import type { ISecretsManagerModuleAsyncOptions, ISecretsManagerModuleOptions } from "./secrets-manager-module.options.js";
import { SecretStoreRegistryModule } from "./secret-store-registry.module.js";

const SECRETS_MANAGER_OPTIONS = "SECRETS_MANAGER_OPTIONS";

let registrationCount = 0;

/**
 * Provides SecretsManagerService, to the whole application by default. Connectors without an `aws` option then reach
 * AWS as it does; with the same `aws` they share its requests, and what one of them reads is in its cache.
 * @example
 * SecretsManagerModule.register({ cacheTtlMs: 60_000 });
 */
@Module({})
export class SecretsManagerModule {
	/**
	 * Registers with options known in code; they are checked when the application starts.
	 * @example
	 * SecretsManagerModule.register({ aws: { region: "eu-west-1" } });
	 */
	static register({ isGlobal, ...options }: ISecretsManagerModuleOptions = {}): DynamicModule {
		return SecretsManagerModule.registerAsync({ ...(isGlobal === undefined ? {} : { isGlobal }), useFactory: () => options });
	}

	/**
	 * Registers with options made when the application starts, and checked then.
	 * @throws OptionInvalidError when there is no `useFactory`, `useExisting` or `useClass`.
	 * @example
	 * SecretsManagerModule.registerAsync({ inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow("secrets") });
	 */
	static registerAsync<FactoryArguments extends unknown[] = unknown[]>({
		extraProviders = [],
		imports = [],
		isGlobal = true,
		...options
	}: ISecretsManagerModuleAsyncOptions<FactoryArguments>): DynamicModule {
		registrationCount += 1;
		const nestConfig = loadNestConfig();
		return {
			exports: [SecretsManagerService],
			global: isGlobal,
			imports: [...imports, SecretStoreRegistryModule, ...(nestConfig === undefined ? [] : [nestConfig.ConfigModule])],
			module: SecretsManagerModule,
			providers: [
				...extraProviders,
				createOptionsProvider<ISecretsManagerOptions>(options, {
					accept: validateSecretsManagerOptions,
					method: "createSecretsManagerOptions",
					provide: SECRETS_MANAGER_OPTIONS,
				}),
				...listOptionsClass(options),
				createServiceProvider(),
				// Nest 8 to 10 take two dynamic modules of the same text for one, and two factories made by one helper have the
				// same text.
				{ provide: `SECRETS_MANAGER_REGISTRATION_${String(registrationCount)}`, useValue: registrationCount },
			],
		};
	}
}

function createServiceProvider(): FactoryProvider<SecretsManagerService> {
	const nestConfig = loadNestConfig();
	const logger = new Logger(SecretsManagerService.name);
	return {
		inject: [SECRETS_MANAGER_OPTIONS, SecretStoreRegistry, ...(nestConfig === undefined ? [] : [nestConfig.ConfigService])],
		provide: SecretsManagerService,
		useFactory: (options: ISecretsManagerOptions, sources: SecretStoreRegistry, configService?: ConfigReader) =>
			new SecretsManagerService(options, {
				sharedStore: sources.select(options.aws, readRegion(configService)),
				warn: (message) => logger.warn(message),
			}),
	};
}
