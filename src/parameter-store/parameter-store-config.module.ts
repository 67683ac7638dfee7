/** The Nest module that reads Parameter Store. By default one registration serves the whole application. */
import { type DynamicModule, Module, type ModuleMetadata, type Provider } from "@nestjs/common";

import { createOptionsProvider, listOptionsClass } from "../support/options-provider.js";
import { ParameterStoreConfigService } from "./parameter-store-config.service.js";
import type {
	IParameterStoreConfigAsyncModuleProperties,
	IParameterStoreConfigModuleOptions,
	IParameterStoreConfigProperties,
} from "./parameter-store.options.js";
import {
	ParameterStoreConfigParametersProvider,
	ParameterStoreConfigPropertiesProvider,
	ParameterStoreConfigSSMProvider,
} from "./parameter-store.providers.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import { PARAMETER_STORE_CONFIG_PARAMETERS, PARAMETER_STORE_CONFIG_PROPERTIES } from "./parameter-store.tokens.js";
import { validateProperties } from "./validate-properties.js";

let registrationCount = 0;

/**
 * Reads Parameter Store at start, or on demand, for structured lookups through ParameterStoreConfigService.
 * @example
 * ParameterStoreConfigModule.register({
 * 	application: "shop",
 * 	environment: EEnvironment.PRODUCTION,
 * 	namespace: ENamespace.POSTGRES,
 * 	instanceName: "main",
 * 	shouldDecryptParameters: true,
 * });
 */
@Module({})
export class ParameterStoreConfigModule {
	/**
	 * Registers with properties known in code.
	 * @throws OptionInvalidError naming the option that cannot be used.
	 * @example
	 * ParameterStoreConfigModule.register({ application: "shop", environment: "production", namespace: "api", instanceName: "main" });
	 */
	static register({ isGlobal, ...properties }: IParameterStoreConfigModuleOptions): DynamicModule {
		const { provide, useValue } = ParameterStoreConfigPropertiesProvider(properties);
		// A factory keeps an AWS identity out of the texts that Nest and loggers make of a module.
		return assembleModule([{ provide, useFactory: () => useValue }], isGlobal);
	}

	/**
	 * Registers with properties made when the application starts; they are checked then.
	 * @throws OptionInvalidError when there is no `useFactory`, `useExisting` or `useClass`.
	 * @example
	 * ParameterStoreConfigModule.registerAsync({ inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow("store") });
	 */
	static registerAsync<FactoryArguments extends unknown[] = unknown[]>(
		properties: IParameterStoreConfigAsyncModuleProperties<FactoryArguments>,
	): DynamicModule {
		const provider = createOptionsProvider<IParameterStoreConfigProperties>(properties, {
			accept: (made) => {
				validateProperties(made);
				return made;
			},
			method: "createOptions",
			provide: PARAMETER_STORE_CONFIG_PROPERTIES,
		});
		const { extraProviders = [], imports, isGlobal } = properties;
		return assembleModule([...extraProviders, provider, ...listOptionsClass(properties)], isGlobal, imports);
	}
}

function assembleModule(
	propertiesProviders: Provider[],
	isGlobal = true,
	imports: NonNullable<ModuleMetadata["imports"]> = [],
): DynamicModule {
	registrationCount += 1;
	return {
		exports: [ParameterStoreConfigService, PARAMETER_STORE_CONFIG_PARAMETERS],
		global: isGlobal,
		imports,
		module: ParameterStoreConfigModule,
		providers: [
			...propertiesProviders,
			ParameterStoreConfigParametersProvider,
			ParameterStoreConfigSSMProvider,
			ParameterStoreConfigService,
			ParameterStoreService,
			// Nest 8 to 10 take two dynamic modules of the same text for one, and two factories made by one helper have the same
			// text.
			{ provide: `PARAMETER_STORE_CONFIG_REGISTRATION_${String(registrationCount)}`, useValue: registrationCount },
		],
	};
}
