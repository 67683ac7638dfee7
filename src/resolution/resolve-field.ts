/**
 * One field from its sources: the value given in code wins, then the secret where it was asked, then the parameter,
 * then the default.
 */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../configuration/connector-fields.js";
import { SECRET_TARGET_FIELDS, type SecretTarget } from "../configuration/secret-target.js";
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { OptionInvalidError, ParameterInvalidError, ParameterNotFoundError, SecretMalformedError } from "../errors/errors.js";
import { buildFieldLookup } from "./field-lookup.js";
import { isInConnection } from "./list-lookups.js";
import { describeKind, type FieldValue, type Parsed, parseRaw, parseText } from "./parse-value.js";
import { canRead, type ParameterReader, readParameter, trace } from "./read-parameter.js";
import type { StoredConnection } from "./stored-connection.js";

/** Where a value came from. */
export type FieldSource = "code" | "default" | "parameter" | "secret";

/** The value of one field, and where it came from. */
export interface ResolvedField {
	/** Whether the value is that of a SecureString. */
	readonly isSecure?: boolean;
	readonly source: FieldSource;
	readonly value: FieldValue;
}

/** Where the values of fields come from. */
export interface FieldSources {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly connection?: OpenConnection;
	/** What stands before a field in messages, with its dot: nothing, or a replica. */
	readonly prefix: string;
	readonly reader: ParameterReader | undefined;
	/** What the secret says. */
	readonly target?: SecretTarget | undefined;
}

/** The parameter of a whole connection. Where it cannot be used, that is one problem, and its fields are none. */
export interface OpenConnection {
	readonly isUsable: boolean;
	readonly stored: StoredConnection | undefined;
}

/**
 * Resolves one field.
 * @throws The one problem that it has.
 */
export function resolveField(name: FieldName, { config, connection, prefix, reader, target }: FieldSources): ResolvedField {
	const field: FieldDefinition = CONNECTOR_FIELDS[name];
	const label = `${prefix}${field.label}`;
	const option = `${prefix}${field.option}`;
	const defaultValue = field.findDefault?.(config) ?? field.defaultValue;
	const raw = field.readRaw(config);
	if (raw !== undefined) {
		return { source: "code", value: accept(parseRaw(field.accepts, raw), (fault) => new OptionInvalidError(option, fault)) };
	}

	const stored = readTarget(name, target);
	if (stored !== undefined) return { source: "secret", value: accept(parseText(field.accepts, stored.text), stored.refuse(field)) };

	if (connection?.stored !== undefined && isInConnection(name, config))
		return resolveStored(name, label, connection.stored, defaultValue);
	const lookup = buildFieldLookup(name, config);
	if (!canRead(reader, lookup)) {
		if (defaultValue !== undefined) return { source: "default", value: defaultValue };
		throw new OptionInvalidError(option, describeUnreadable(prefix, name));
	}
	const parameter = readParameter(reader, lookup, label);
	if (parameter !== null) {
		const refuse = (fault: string): ParameterInvalidError => new ParameterInvalidError(label, fault, trace(reader, lookup));
		const isSecure = parameter.type === "SecureString";
		return { isSecure, source: "parameter", value: accept(parseText(field.accepts, parameter.text, isSecure), refuse) };
	}
	if (defaultValue !== undefined) return { source: "default", value: defaultValue };
	throw new ParameterNotFoundError(label, trace(reader, lookup));
}

function describeUnreadable(prefix: string, name: FieldName): string {
	return (
		"is not given, and no ParameterStoreConfigModule is registered to look it up; give the value here, or the full name of its parameter " +
		`as "${prefix}ssmLookups.${name}"`
	);
}

/** Of a value in the connection only its key gets into the error: the parameter may hold a password. */
function resolveStored(
	name: FieldName,
	label: string,
	{ keys, trace: place, values }: StoredConnection,
	defaultValue: FieldValue | undefined,
): ResolvedField {
	const { accepts }: FieldDefinition = CONNECTOR_FIELDS[name];
	const value = values[name as keyof typeof values];
	const key = value?.key ?? keys[name as keyof typeof values];
	const refuse = (): ParameterInvalidError =>
		new ParameterInvalidError(label, `must be in the connection as "${key}", which is ${describeKind(accepts)}`, place);
	if (value !== undefined) return { source: "parameter", value: accept(parseText(accepts, value.text), refuse) };
	if (defaultValue !== undefined) return { source: "default", value: defaultValue };
	throw refuse();
}

/** Only the kind of a value gets into the error, never the value: it stands in a secret. */
function readTarget(
	name: FieldName,
	target: SecretTarget | undefined,
): { refuse: (field: FieldDefinition) => () => SecretMalformedError; text: string } | undefined {
	const field = SECRET_TARGET_FIELDS.find((candidate) => candidate === name);
	const value = field && target?.values[field];
	if (target === undefined || value === undefined) return undefined;
	const { secretId } = target;
	return {
		refuse:
			({ accepts }) =>
			() =>
				new SecretMalformedError(secretId, "invalid-field", value.key, `It must be ${describeKind(accepts)}.`),
		text: value.text,
	};
}

function accept(parsed: Parsed, refuse: (fault: string) => TypeOrmAwsConnectorError): FieldValue {
	if ("fault" in parsed) throw refuse(parsed.fault);
	return parsed.value;
}
