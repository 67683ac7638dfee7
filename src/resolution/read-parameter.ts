/** One parameter, from the parameter store in use: what it says, and whether it can be used. */
import { LookupInvalidError, ParameterInvalidError } from "../errors/errors.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import type { IParameterValue, TParameterLookup } from "../parameter-store/parameter-store.options.js";

/** Where parameters come from: ParameterStoreConfigService, or anything else with a synchronous `get`. */
export interface ParameterReader {
	/** Whether lookups of this kind can be answered at all. Default: they can. */
	canRead?(lookup: TParameterLookup): boolean;
	/** The full name that a lookup stands for, for messages. */
	describePath?(lookup: TParameterLookup): string | undefined;
	/** The text of the parameter, `null` where there is none. */
	get(lookup: TParameterLookup): string | null;
	/** The same with type and version, where the parameter store tells them. */
	read?(lookup: TParameterLookup): IParameterValue | null;
}

/** Where a value was looked for, for messages. */
export interface ParameterTrace {
	readonly lookup: TParameterLookup;
	readonly path: string | undefined;
}

/** Whether the reader can answer this lookup. */
export function canRead(reader: ParameterReader | undefined, lookup: TParameterLookup): reader is ParameterReader {
	return reader !== undefined && reader.canRead?.(lookup) !== false;
}

/**
 * The parameter; `null` where there is none.
 * @throws LookupInvalidError for a lookup that names none; ParameterInvalidError for a list, for a SecureString that
 * was not decrypted, and for more than 65,536 bytes.
 */
export function readParameter(reader: ParameterReader, lookup: TParameterLookup, label: string): IParameterValue | null {
	const value = request(reader, lookup, label);
	if (value === null) return null;
	const fault = findFault(value);
	if (fault !== undefined) throw new ParameterInvalidError(label, fault, trace(reader, lookup));
	return value;
}

/** Where it was looked for. */
export function trace(reader: ParameterReader, lookup: TParameterLookup): ParameterTrace {
	return { lookup, path: reader.describePath?.(lookup) };
}

function request(reader: ParameterReader, lookup: TParameterLookup, label: string): IParameterValue | null {
	try {
		if (reader.read !== undefined) return reader.read(lookup);
		return describeText(reader.get(lookup), reader, lookup, label);
	} catch (error) {
		if (isTypeOrmAwsConnectorError(error)) throw error;
		// Its text may quote the value.
		const threw =
			error instanceof Error
				? `the parameter store threw ${error.name}; its text is withheld, since it may quote a value`
				: undefined;
		throw new LookupInvalidError(label, threw ?? "the parameter store refused it", lookup);
	}
}

function describeText(text: unknown, reader: ParameterReader, lookup: TParameterLookup, label: string): IParameterValue | null {
	if (text === undefined || text === null) return null;
	if (typeof text === "string") return { isEncrypted: false, text, type: undefined, version: undefined };
	throw new ParameterInvalidError(
		label,
		`must be text, but get() of the parameter store returned a value of type ${typeof text}`,
		trace(reader, lookup),
	);
}

/** A parameter of its own has 8,192 at most; one that refers to a secret has what a secret may have. */
const MAXIMUM_VALUE_BYTES = 65_536;

function findFault({ isEncrypted, text, type }: IParameterValue): string | undefined {
	if (isEncrypted) return "is a SecureString that was not decrypted (shouldDecryptParameters: true decrypts it)";
	if (type === "StringList") return "is a StringList, but must be a String or a SecureString";
	const isTooLong = Buffer.byteLength(text) > MAXIMUM_VALUE_BYTES;
	return isTooLong ? `is longer than the ${MAXIMUM_VALUE_BYTES.toLocaleString("en-US")} bytes that a parameter can have` : undefined;
}
