/** Where a field is looked up: its own look-up, then the canonical one, then the connector's defaults, segment by segment. */
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldName } from "../configuration/connector-fields.js";
import { LEADING_SEGMENTS } from "../parameter-store/parameter-path.js";

/** The look-up of one field. Segments that nobody names are left out: the parameter store has defaults of its own. */
export function buildFieldLookup(name: FieldName, { ssmLookupDefaults, ssmLookups }: ITypeOrmAwsConnectorConfig): IStructuredLookup {
	const canonical: IStructuredLookup = CONNECTOR_FIELDS[name].lookup;
	const own = ssmLookups?.[name];
	const lookup: IStructuredLookup = { path: own?.path ?? canonical.path };
	for (const segment of LEADING_SEGMENTS) {
		const value = own?.[segment] ?? canonical[segment] ?? ssmLookupDefaults?.[segment];
		if (value !== undefined) lookup[segment] = value;
	}
	return lookup;
}
