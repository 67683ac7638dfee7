/**
 * One parameter for a whole connection: a JSON object with the keys of a secret of RDS. Nothing of its text gets into
 * an error.
 */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { ISecretKeys } from "../configuration/credentials.options.js";
import type { StoredLoginParts } from "../configuration/credentials-source.js";
import { completeSecretKeys, readOwnValue, readTargetValues, type TargetValues } from "../configuration/secret-target.js";
import { OptionInvalidError, ParameterInvalidError, ParameterNotFoundError } from "../errors/errors.js";
import type { TParameterLookup } from "../parameter-store/parameter-store.options.js";
import { buildLoginLookup } from "./field-lookup.js";
import { canRead, type ParameterReader, type ParameterTrace, readParameter, trace } from "./read-parameter.js";

/** What the parameter says. */
export interface StoredConnection {
	/** Whether it holds a password and is no SecureString. */
	readonly isExposed: boolean;
	/** Names of the values in it. */
	readonly keys: Required<ISecretKeys>;
	/** The values of the parts that were asked for, whatever they are. */
	readonly login: { readonly [Part in keyof StoredLoginParts]: { readonly isRequired: boolean; readonly value: unknown } };
	readonly trace: ParameterTrace;
	readonly values: TargetValues;
	readonly version: number | undefined;
}

/** Which parameter is read, and for what. */
export interface ConnectionRequest {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly keys: ISecretKeys | undefined;
	/** What stands before `ssmLookups` in messages, with its dot: nothing, or a replica. */
	readonly prefix: string;
	readonly parts: StoredLoginParts;
	readonly reader: ParameterReader | undefined;
}

/**
 * Reads the parameter; `undefined` where the configuration names none.
 * @throws OptionInvalidError, LookupInvalidError, ParameterNotFoundError, ParameterInvalidError.
 */
export function readConnection({ config, keys, prefix, parts, reader }: ConnectionRequest): StoredConnection | undefined {
	const lookup = buildLoginLookup("connection", config);
	if (lookup === undefined) return undefined;
	const label = `${prefix}connection`;
	requireReader(reader, lookup, `${prefix}ssmLookups.connection`);
	const parameter = readParameter(reader, lookup, label);
	const place = trace(reader, lookup);
	if (parameter === null) throw new ParameterNotFoundError(label, place);
	const stored = parseObject(parameter.text);
	if (stored === undefined) throw new ParameterInvalidError(label, "must be a JSON object with the keys of a secret of RDS", place);
	const names = completeSecretKeys(keys);
	const refuse = (key: string): Error => new ParameterInvalidError(label, `must have a text or a number as its "${key}"`, place);
	const login = Object.entries(parts).map(([part, need]) => {
		const value = readOwnValue(stored, names[part as keyof StoredLoginParts]);
		return [part, { isRequired: need === "required", value }];
	});
	return {
		isExposed: parameter.type === "String" && ![undefined, null, ""].includes(readOwnValue(stored, names.password) as undefined),
		keys: names,
		login: Object.fromEntries(login) as StoredConnection["login"],
		trace: place,
		values: readTargetValues(stored, keys, refuse),
		version: parameter.version,
	};
}

/** @throws OptionInvalidError where nothing can answer the lookup. */
export function requireReader(
	reader: ParameterReader | undefined,
	lookup: TParameterLookup,
	option: string,
): asserts reader is ParameterReader {
	if (!canRead(reader, lookup)) {
		throw new OptionInvalidError(option, "is a structured lookup, and no ParameterStoreConfigModule is registered to answer it");
	}
}

/** A byte order mark before the object does not count. */
function parseObject(text: string): object | undefined {
	try {
		const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
		return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
	} catch {
		return undefined;
	}
}
