/** What a connector reads of the application: its ConfigService, and its parameter store. */
import type { IStructuredLookup } from "../configuration/connector.options.js";
import type { IParameterStoreGetManyOptions, IParameterValue, TParameterLookup } from "../parameter-store/parameter-store.options.js";
import type { ParameterReader } from "../resolution/read-parameter.js";

/** The part of ConfigService that is used. */
export interface ConfigReader {
	/** The value of a setting such as `AWS_REGION`. */
	get(key: string): unknown;
}

/** `AWS_REGION`, where the application has configured it. */
export function readRegion(configService: ConfigReader | undefined): string | undefined {
	const region = configService?.get("AWS_REGION");
	return typeof region === "string" && region.trim() !== "" ? region : undefined;
}

/**
 * ParameterStoreConfigService, or another provider with `get`. Without `getMany` nothing can be read again. Full names
 * are asked for only where `canReadFullNames` says so; otherwise the connector reads them itself.
 * @example
 * const parameters: ParameterSource = { get: ({ path }) => process.env[path.join("_").toUpperCase()] ?? null };
 */
export interface ParameterSource {
	/** Whether full names are answered, too. Default `false`. */
	readonly canReadFullNames?: boolean;
	/** The full name that a lookup stands for, for messages. */
	describePath?(lookup: IStructuredLookup): string | undefined;
	/** The text of the parameter, `null` where there is none. */
	get(lookup: IStructuredLookup): string | null;
	/** The values of the lookups, in their order. */
	getMany?(lookups: readonly IStructuredLookup[], options: IParameterStoreGetManyOptions): Promise<readonly (string | null)[]>;
	/** The same as `get`, with type and version of the parameter. */
	read?(lookup: IStructuredLookup): IParameterValue | null;
	/** The same as `getMany`, with type and version of each parameter. */
	readMany?(lookups: readonly IStructuredLookup[], options: IParameterStoreGetManyOptions): Promise<readonly (IParameterValue | null)[]>;
}

/** The same for lookups of both kinds. */
export interface LookupSource extends ParameterReader {
	/** Whether the value of this lookup can be read again. Default: where there is `getMany`. */
	canReadAgain?(lookup: TParameterLookup): boolean;
	/** See {@link ParameterSource}. */
	readonly canReadFullNames?: boolean;
	/** See {@link ParameterSource}. */
	getMany?(lookups: readonly TParameterLookup[], options: IParameterStoreGetManyOptions): Promise<readonly (string | null)[]>;
	/** See {@link ParameterSource}. */
	readMany?(lookups: readonly TParameterLookup[], options: IParameterStoreGetManyOptions): Promise<readonly (IParameterValue | null)[]>;
}
