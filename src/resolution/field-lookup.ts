/**
 * Where a value is looked up: its own lookup, then the canonical one, then the connector's defaults, segment by
 * segment.
 */
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldName } from "../configuration/connector-fields.js";
import type { LoginLookupName } from "../configuration/credentials-source.js";
import { LEADING_SEGMENTS } from "../parameter-store/parameter-path.js";
import type { TParameterLookup } from "../parameter-store/parameter-store.options.js";

/** The lookup of one field. Segments that nothing names are left out: the parameter store has defaults of its own. */
export function buildFieldLookup(name: FieldName, config: ITypeOrmAwsConnectorConfig): TParameterLookup {
	const own = config.ssmLookups?.[name];
	return typeof own === "string" ? own : complete(own, CONNECTOR_FIELDS[name].lookup, config);
}

/** The lookup of the connection, or of a part of the login; `undefined` where it has none. */
export function buildLoginLookup(name: LoginLookupName, config: ITypeOrmAwsConnectorConfig): TParameterLookup | undefined {
	const own = config.ssmLookups?.[name];
	return own === undefined || typeof own === "string" ? own : complete(own, own, config);
}

function complete(
	own: IStructuredLookup | undefined,
	canonical: IStructuredLookup,
	{ ssmLookupDefaults }: ITypeOrmAwsConnectorConfig,
): IStructuredLookup {
	const lookup: IStructuredLookup = { path: own?.path ?? canonical.path };
	for (const segment of LEADING_SEGMENTS) {
		const value = own?.[segment] ?? canonical[segment] ?? ssmLookupDefaults?.[segment];
		if (value !== undefined) lookup[segment] = value;
	}
	return lookup;
}
