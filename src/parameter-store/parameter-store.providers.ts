/**
 * The providers of a registration. They are public, as users of the companion module put them into modules of their
 * own.
 */
import type { Parameter, SSMClient } from "@aws-sdk/client-ssm";
import type { FactoryProvider, ValueProvider } from "@nestjs/common";

import { buildTreePath } from "./parameter-path.js";
import type { IParameterStoreConfigProperties } from "./parameter-store.options.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import {
	PARAMETER_STORE_CONFIG_PARAMETERS,
	PARAMETER_STORE_CONFIG_PROPERTIES,
	PARAMETER_STORE_SSM_CLIENT,
} from "./parameter-store.tokens.js";
import { createSsmClient } from "./ssm-client.js";
import { validateProperties } from "./validate-properties.js";

/**
 * Provides the parameters under `/<application>/<environment>`, or none when loading on demand.
 * @throws OptionInvalidError; ParameterStoreUnavailableError when they cannot be read within 60 s.
 * @example
 * providers: [ParameterStoreConfigPropertiesProvider(properties), ParameterStoreConfigSSMProvider, ParameterStoreService, ParameterStoreConfigParametersProvider]
 */
export const ParameterStoreConfigParametersProvider: FactoryProvider<Parameter[]> = {
	inject: [PARAMETER_STORE_CONFIG_PROPERTIES, ParameterStoreService],
	provide: PARAMETER_STORE_CONFIG_PARAMETERS,
	useFactory: async (properties: IParameterStoreConfigProperties, store: ParameterStoreService) => {
		const path = buildTreePath(validateProperties(properties));
		const { isVerbose, shouldDecryptParameters, shouldLoadOnDemand, shouldUseRecursiveLoading } = properties;
		return shouldLoadOnDemand === true
			? []
			: store.getParametersByPath(path, shouldDecryptParameters, shouldUseRecursiveLoading, isVerbose);
	},
};

/**
 * Provides the properties of a registration.
 * @throws OptionInvalidError naming the option that cannot be used.
 * @example
 * ParameterStoreConfigPropertiesProvider({ application: "shop", environment: "production", namespace: "postgres", instanceName: "main" });
 */
export const ParameterStoreConfigPropertiesProvider = (
	properties: IParameterStoreConfigProperties,
): ValueProvider<IParameterStoreConfigProperties> => {
	validateProperties(properties);
	return { provide: PARAMETER_STORE_CONFIG_PROPERTIES, useValue: properties };
};

/**
 * Provides the client: the one in the properties, or one made from their `config`.
 * @example
 * providers: [ParameterStoreConfigPropertiesProvider(properties), ParameterStoreConfigSSMProvider, ParameterStoreService]
 */
export const ParameterStoreConfigSSMProvider: FactoryProvider<SSMClient> = {
	inject: [PARAMETER_STORE_CONFIG_PROPERTIES],
	provide: PARAMETER_STORE_SSM_CLIENT,
	useFactory: createSsmClient,
};
