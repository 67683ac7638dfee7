/** The Nest module that reads Parameter Store: global, so that one registration serves the application. */
import { type DynamicModule, type FactoryProvider, Global, Module, type ModuleMetadata, type Provider } from "@nestjs/common";

import { OptionInvalidError } from "../errors/errors.js";
import { ParameterStoreConfigService } from "./parameter-store-config.service.js";
import type {
	IParameterStoreConfigAsyncModuleProperties,
	IParameterStoreConfigProperties,
	IParameterStoreConfigPropertiesFactory,
} from "./parameter-store.options.js";
import {
	ParameterStoreConfigParametersProvider,
	ParameterStoreConfigPropertiesProvider,
	ParameterStoreConfigSSMProvider,
} from "./parameter-store.providers.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import { PARAMETER_STORE_CONFIG_PARAMETERS, PARAMETER_STORE_CONFIG_PROPERTIES } from "./parameter-store.tokens.js";
import { validateProperties } from "./validate-properties.js";

type PropertiesFactory = (...dependencies: unknown[]) => IParameterStoreConfigProperties | Promise<IParameterStoreConfigProperties>;

let registrationCount = 0;

/**
 * Reads Parameter Store at start, or on demand, for structured look-ups through ParameterStoreConfigService.
 * @example
 * ParameterStoreConfigModule.register({
 * 	application: "shop",
 * 	environment: EEnvironment.PRODUCTION,
 * 	namespace: ENamespace.POSTGRES,
 * 	instanceName: "main",
 * 	shouldDecryptParameters: true,
 * });
 */
@Global()
@Module({})
export class ParameterStoreConfigModule {
	/**
	 * Registers with properties known in code.
	 * @throws OptionInvalidError naming the option that cannot be used.
	 * @example
	 * ParameterStoreConfigModule.register({ application: "shop", environment: "production", namespace: "api", instanceName: "main" });
	 */
	static register(properties: IParameterStoreConfigProperties): DynamicModule {
		return assembleModule([ParameterStoreConfigPropertiesProvider(properties)]);
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
		return assembleModule(createPropertiesProviders(properties), properties.imports);
	}
}

function assembleModule(propertiesProviders: Provider[], imports: ModuleMetadata["imports"] = []): DynamicModule {
	registrationCount += 1;
	return {
		exports: [ParameterStoreConfigService, PARAMETER_STORE_CONFIG_PARAMETERS],
		imports,
		module: ParameterStoreConfigModule,
		providers: [
			...propertiesProviders,
			ParameterStoreConfigParametersProvider,
			ParameterStoreConfigSSMProvider,
			ParameterStoreConfigService,
			ParameterStoreService,
			// Nest 8 to 10 take two dynamic modules of the same text for one, and two factories made by one helper have the same text.
			{ provide: `PARAMETER_STORE_CONFIG_REGISTRATION_${String(registrationCount)}`, useValue: registrationCount },
		],
	};
}

function createPropertiesProviders<FactoryArguments extends unknown[]>({
	inject = [],
	useClass,
	useExisting,
	useFactory,
}: IParameterStoreConfigAsyncModuleProperties<FactoryArguments>): Provider[] {
	if (useFactory !== undefined) return [createPropertiesProvider(inject, useFactory as PropertiesFactory)];
	const maker = useExisting ?? useClass;
	if (maker === undefined) throw new OptionInvalidError("useFactory", "is missing, and so are useExisting and useClass");
	const provider = createPropertiesProvider([maker], (factory) => (factory as IParameterStoreConfigPropertiesFactory).createOptions());
	return useExisting === undefined && useClass !== undefined ? [provider, useClass] : [provider];
}

function createPropertiesProvider(
	inject: NonNullable<IParameterStoreConfigAsyncModuleProperties["inject"]>,
	makeProperties: PropertiesFactory,
): FactoryProvider<IParameterStoreConfigProperties> {
	return {
		inject,
		provide: PARAMETER_STORE_CONFIG_PROPERTIES,
		useFactory: async (...dependencies: unknown[]) => {
			const properties = await makeProperties(...dependencies);
			validateProperties(properties);
			return properties;
		},
	};
}
