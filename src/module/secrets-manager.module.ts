/** The Nest module that reads secrets at run time. */
import { type DynamicModule, type FactoryProvider, Module, type Provider } from "@nestjs/common";

import { type ConfigReader, readRegion } from "../connector/config-reader.js";
import { OptionInvalidError } from "../errors/errors.js";
import { SecretSources } from "../secrets/secret-sources.js";
import type {
	ISecretsManagerModuleAsyncOptions,
	ISecretsManagerModuleOptions,
	ISecretsManagerOptions,
	ISecretsManagerOptionsFactory,
} from "../secrets/secrets-manager.options.js";
import { SecretsManagerService } from "../secrets/secrets-manager.service.js";
import { validateSecretsManagerOptions } from "../secrets/validate-secrets-options.js";
import { loadNestConfig } from "./optional-packages.js";
import { SecretSourcesModule } from "./secret-sources.module.js";

const SECRETS_MANAGER_OPTIONS = "SECRETS_MANAGER_OPTIONS";

type OptionsFactory = (...dependencies: unknown[]) => ISecretsManagerOptions | Promise<ISecretsManagerOptions>;

let registrationCount = 0;

/**
 * Provides SecretsManagerService, to the whole application by default. Connectors without an `aws` option then reach AWS as it does; with the same `aws`
 * they share its requests, and what one of them reads is in its cache.
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
		imports = [],
		isGlobal = true,
		...options
	}: ISecretsManagerModuleAsyncOptions<FactoryArguments>): DynamicModule {
		registrationCount += 1;
		const nestConfig = loadNestConfig();
		return {
			exports: [SecretsManagerService],
			global: isGlobal,
			imports: [...imports, SecretSourcesModule, ...(nestConfig === undefined ? [] : [nestConfig.ConfigModule])],
			module: SecretsManagerModule,
			providers: [
				...createOptionsProviders(options),
				createServiceProvider(),
				// Nest 8 to 10 take two dynamic modules of the same text for one, and two factories made by one helper have the same text.
				{ provide: `SECRETS_MANAGER_REGISTRATION_${String(registrationCount)}`, useValue: registrationCount },
			],
		};
	}
}

function createOptionsProviders<FactoryArguments extends unknown[]>({
	inject = [],
	useClass,
	useExisting,
	useFactory,
}: ISecretsManagerModuleAsyncOptions<FactoryArguments>): Provider[] {
	if (useFactory !== undefined) return [createOptionsProvider(inject, useFactory as OptionsFactory)];
	const maker = useExisting ?? useClass;
	if (maker === undefined) throw new OptionInvalidError("useFactory", "is missing, and so are useExisting and useClass");
	const provider = createOptionsProvider([maker], (factory) => (factory as ISecretsManagerOptionsFactory).createSecretsManagerOptions());
	return useExisting === undefined && useClass !== undefined ? [provider, useClass] : [provider];
}

function createOptionsProvider(
	inject: NonNullable<FactoryProvider["inject"]>,
	makeOptions: OptionsFactory,
): FactoryProvider<ISecretsManagerOptions> {
	return {
		inject,
		provide: SECRETS_MANAGER_OPTIONS,
		useFactory: async (...dependencies: unknown[]) => validateSecretsManagerOptions(await makeOptions(...dependencies)),
	};
}

function createServiceProvider(): FactoryProvider<SecretsManagerService> {
	const nestConfig = loadNestConfig();
	return {
		inject: [SECRETS_MANAGER_OPTIONS, SecretSources, ...(nestConfig === undefined ? [] : [nestConfig.ConfigService])],
		provide: SecretsManagerService,
		useFactory: (options: ISecretsManagerOptions, sources: SecretSources, configService?: ConfigReader) =>
			new SecretsManagerService(options, sources.select(options.aws, readRegion(configService))),
	};
}
