/**
 * The parts of a login that are known without a secret: from code, from parameters of their own, from the parameter of
 * the whole connection.
 */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { GivenLogin } from "../configuration/given-login.js";
import { LOGIN_LOOKUPS } from "../configuration/credentials-source.js";
import { type TypeOrmAwsConnectorError, isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { findControlFault } from "../errors/clean-text.js";
import { OptionInvalidError, ParameterInvalidError, ParameterNotFoundError } from "../errors/errors.js";
import { buildLoginLookup } from "./field-lookup.js";
import { type ParameterReader, readParameter, trace } from "./read-parameter.js";
import { requireReader, type StoredConnection } from "./stored-connection.js";

type LoginPart = (typeof LOGIN_LOOKUPS)[number];

/** One part, and the version of the parameter that it came from. */
interface ReadPart {
	/** Whether it is in a SecureString of its own. */
	readonly isSecure?: boolean;
	readonly text: string | undefined;
	readonly version?: number | undefined;
}

/** What a login is read from. */
export interface LoginSources {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly connection: StoredConnection | undefined;
	/** What stands before an option in messages, with its dot: nothing, or a replica. */
	readonly prefix: string;
	readonly reader: ParameterReader | undefined;
}

/**
 * Both parts, as far as they are known.
 * @param problems takes what is missing or invalid.
 */
export function resolveLogin(sources: LoginSources, problems: TypeOrmAwsConnectorError[]): GivenLogin {
	const parts = LOGIN_LOOKUPS.map((part): ReadPart => {
		try {
			return resolvePart(part, sources);
		} catch (problem) {
			if (!isTypeOrmAwsConnectorError(problem)) throw problem;
			problems.push(problem);
			return { text: undefined };
		}
	});
	const [username, password] = parts;
	const versions = new Set(parts.flatMap(({ version }) => (version === undefined ? [] : [String(version)])));
	const versionId = versions.size === 0 ? undefined : [...versions].join("+");
	return new GivenLogin({
		isUsernameSecure: username?.isSecure === true,
		password: password?.text,
		username: username?.text,
		versionId,
	});
}

/**
 * What is wrong with a login given in code. Never quoted, never trimmed: a password may begin and end with anything.
 */
export function checkRawLogin(
	{ password, username }: Pick<ITypeOrmAwsConnectorConfig, "password" | "username">,
	prefix = "",
): TypeOrmAwsConnectorError[] {
	return Object.entries({ username, password }).flatMap(([part, value]: [string, unknown]) => {
		if (value === undefined) return [];
		const fault = typeof value === "string" && value !== "" ? findPartFault(part, value) : "must be a string that is not empty";
		return fault === undefined ? [] : [new OptionInvalidError(`${prefix}${part}`, fault)];
	});
}

/** A password may hold anything. */
function findPartFault(part: string, text: string): string | undefined {
	return part === "username" ? findControlFault(text) : undefined;
}

function resolvePart(part: LoginPart, { config, connection, prefix, reader }: LoginSources): ReadPart {
	const raw = config[part];
	// What is wrong with it is found by checkRawLogin().
	if (raw !== undefined) return { text: typeof raw === "string" && raw !== "" ? raw : undefined };
	const lookup = buildLoginLookup(part, config);
	if (lookup === undefined) return readStored(part, connection, prefix);
	const label = `${prefix}${part}`;
	requireReader(reader, lookup, `${prefix}ssmLookups.${part}`);
	const parameter = readParameter(reader, lookup, label);
	if (parameter === null) throw new ParameterNotFoundError(label, trace(reader, lookup));
	const refuse = (fault: string): ParameterInvalidError => new ParameterInvalidError(label, fault, trace(reader, lookup));
	const { text, type, version } = parameter;
	if (part === "password" && type === "String") throw refuse("is a String, but a password must be in a SecureString");
	const fault = text.trim() === "" ? "must not be empty" : findPartFault(part, text.trim());
	if (fault !== undefined) throw refuse(fault);
	return { isSecure: type === "SecureString", text: part === "password" ? text : text.trim(), version };
}

function readStored(part: LoginPart, connection: StoredConnection | undefined, prefix: string): ReadPart {
	const stored = connection?.login[part];
	if (connection === undefined || stored === undefined) return { text: undefined };
	const key = connection.keys[part];
	const refuse = (fault: string): ParameterInvalidError => new ParameterInvalidError(`${prefix}connection`, fault, connection.trace);
	if (typeof stored.value === "string" && stored.value !== "") {
		const fault = findPartFault(part, stored.value);
		if (fault !== undefined) throw refuse(`has a "${key}" that ${fault}`);
		return { text: stored.value, version: connection.version };
	}
	if (!stored.isRequired && (stored.value === undefined || stored.value === null)) return { text: undefined };
	throw refuse(`must have a text that is not empty as its "${key}"`);
}
