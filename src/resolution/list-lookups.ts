/** What resolving a configuration asks Parameter Store for. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../configuration/connector-fields.js";
import { LOGIN_LOOKUPS } from "../configuration/credentials-source.js";
import { SECRET_TARGET_FIELDS } from "../configuration/secret-target.js";
import type { TParameterLookup } from "../parameter-store/parameter-store.options.js";
import { buildFieldLookup, buildLoginLookup } from "./field-lookup.js";
import { listReplicaFields, toReplicaConfig } from "./replica-fields.js";

/** Whether the field is read at all. */
export function isNeeded(name: FieldName, config: ITypeOrmAwsConnectorConfig): boolean {
	const { isNeeded: isFieldNeeded }: FieldDefinition = CONNECTOR_FIELDS[name];
	return isFieldNeeded?.(config) ?? true;
}

/** Whether the field is taken from the parameter of the whole connection: it has no place of its own. */
export function isInConnection(name: FieldName, { ssmLookups = {} }: ITypeOrmAwsConnectorConfig): boolean {
	if (ssmLookups.connection === undefined || ssmLookups[name] !== undefined) return false;
	return SECRET_TARGET_FIELDS.some((field) => field === name);
}

/**
 * The lookups of these fields, of those whose value is not given in code. Replicas belong to the host, the login to the
 * secret id, and the connection to whatever is in it.
 */
export function listLookups(config: ITypeOrmAwsConnectorConfig, names: readonly FieldName[]): TParameterLookup[] {
	const replicas = names.includes("host") ? (config.replicas ?? []) : [];
	return [
		...listOwnLookups(config, names, names.includes("secretId")),
		...replicas.flatMap((replica) => listOwnLookups(toReplicaConfig(config, replica), listReplicaFields(replica), true)),
	];
}

function listOwnLookups(config: ITypeOrmAwsConnectorConfig, names: readonly FieldName[], isLoginRead: boolean): TParameterLookup[] {
	const fields = names.filter((name) => isNeeded(name, config) && CONNECTOR_FIELDS[name].readRaw(config) === undefined);
	const parts = LOGIN_LOOKUPS.filter((part) => isLoginRead && config[part] === undefined);
	const isConnectionRead = isLoginRead || fields.some((name) => isInConnection(name, config));
	return [
		...fields.filter((name) => !isInConnection(name, config)).map((name) => buildFieldLookup(name, config)),
		...[...(isConnectionRead ? (["connection"] as const) : []), ...parts].flatMap((name) => buildLoginLookup(name, config) ?? []),
	];
}
