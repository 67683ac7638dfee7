/** Parameter Store without its Nest module. */
import type { ParameterSource } from "../connector/sources.js";
import type { IParameterStoreConfigProperties } from "../parameter-store/parameter-store.options.js";
import {
	ParameterStoreConfigParametersProvider,
	ParameterStoreConfigPropertiesProvider,
	ParameterStoreConfigSSMProvider,
} from "../parameter-store/parameter-store.providers.js";
import { ParameterStoreConfigService } from "../parameter-store/parameter-store-config.service.js";
import { ParameterStoreService } from "../parameter-store/parameter-store.service.js";

/** A source of parameters, and its end. */
export interface OpenParameters {
	/** Closes what was made here; a source that was given stays open. */
	close(): void;
	readonly source: ParameterSource | undefined;
}

/**
 * The source itself, or one made from properties, which reads on demand by default.
 * @throws OptionInvalidError; ParameterStoreUnavailableError where everything is read at once.
 */
export async function openParameters(given: IParameterStoreConfigProperties | ParameterSource | undefined): Promise<OpenParameters> {
	if (given === undefined || isSource(given)) return { close: () => undefined, source: given };
	const { useValue: properties } = ParameterStoreConfigPropertiesProvider({ shouldLoadOnDemand: true, ...given });
	const client = await ParameterStoreConfigSSMProvider.useFactory(properties);
	const store = new ParameterStoreService(client);
	try {
		const parameters = await ParameterStoreConfigParametersProvider.useFactory(properties, store);
		const source = new ParameterStoreConfigService(properties, parameters, store);
		return {
			close: () => {
				source.onApplicationShutdown();
				store.onApplicationShutdown();
			},
			source,
		};
	} catch (error) {
		store.onApplicationShutdown();
		throw error;
	}
}

function isSource(given: IParameterStoreConfigProperties | ParameterSource): given is ParameterSource {
	return typeof (given as Partial<ParameterSource>).get === "function";
}
