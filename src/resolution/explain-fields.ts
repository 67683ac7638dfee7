/**
 * Every field with its value, its source and the place of its parameter. A problem is part of the answer: nothing here
 * throws for a configuration.
 */
import { describePutParameter } from "../aws/aws-command.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../configuration/connector-fields.js";
import { isTargetInSecret, SECRET_TARGET_FIELDS } from "../configuration/secret-target.js";
import { isTypeOrmAwsConnectorError, type TConnectorErrorCode, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ParameterInvalidError, ParameterNotFoundError } from "../errors/errors.js";
import { cleanText } from "../errors/clean-text.js";
import type { TParameterLookup } from "../parameter-store/parameter-store.options.js";
import { buildFieldLookup, buildLoginLookup } from "./field-lookup.js";
import { isInConnection, isNeeded } from "./list-lookups.js";
import { describeKind, type FieldValue } from "./parse-value.js";
import { canRead, type ParameterReader } from "./read-parameter.js";
import { describePrefix, listReplicaFields, toReplicaConfig } from "./replica-fields.js";
import { type FieldSource, type OpenConnection, resolveField } from "./resolve-field.js";
import { ALL_FIELDS, openConnection } from "./resolve-settings.js";

/**
 * One field. `source` says where its value came from: `code`, `parameter`, `default`, the `secret`, or a `token` made
 * for each connection. It is `missing` where there is none or it cannot be used, `not-loaded` where Parameter Store
 * could not be asked, and `not-required` where nothing asks for it.
 * @example
 * { field: "port", isRequired: true, label: "port", path: "/shop/production/aws-rds/aurora-postgres/port", source: "parameter", value: 5432 }
 */
export interface ExplainedField {
	/**
	 * Key of the field in `ssmLookups`; `username` or `password` for the two parts of a login. Of a replica with
	 * `replicas[0].` before it.
	 */
	readonly field: string;
	/** Whether the connector cannot do without it. */
	readonly isRequired: boolean;
	/** Name of the field in messages. */
	readonly label: string;
	/** Full name of its parameter, whether or not the value came from there; `undefined` where it has none. */
	readonly path: string | undefined;
	/** Where the value came from. */
	readonly source: FieldSource | "missing" | "secret" | "token" | "not-required" | "not-loaded";
	/** The value; `"[hidden]"` for a password and for what is in a SecureString, `undefined` where there is none. */
	readonly value: FieldValue | undefined;
}

/**
 * One problem, with what ends it.
 * @example
 * problems.map(({ label, path, remedy }) => `${label} at ${path}: ${remedy}`);
 */
export interface ExplainedProblem {
	/** The stable code of the error, or `ERR_UNEXPECTED`. */
	readonly code: TConnectorErrorCode | "ERR_UNEXPECTED";
	/** Name of the field concerned, where it is one. */
	readonly label: string | undefined;
	/** What is wrong. */
	readonly message: string;
	/** Full name of the parameter concerned, where there is one. */
	readonly path: string | undefined;
	/** What to do: a sentence, or a command of the AWS command line. Never holds a value. */
	readonly remedy: string;
}

/** The connector itself or one of its replicas, in the shape of a connector. */
export interface FieldScope {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly connection: OpenConnection;
	readonly names: readonly FieldName[];
	/** What stands before the names of its fields. */
	readonly prefix: string;
}

/** What the fields come to. */
interface ExplainedFields {
	readonly fields: readonly ExplainedField[];
	readonly scopes: readonly FieldScope[];
	readonly problems: readonly ExplainedProblem[];
	/** The values as they are, by field. */
	readonly values: ReadonlyMap<string, FieldValue>;
}

interface FieldParts extends Omit<FieldScope, "names"> {
	readonly isRead: boolean;
	readonly name: FieldName;
	/** Takes the problem, when there is one. */
	readonly problems: ExplainedProblem[];
	readonly reader: ParameterReader | undefined;
	/** Takes the value, when there is one. */
	readonly values: Map<string, FieldValue>;
}

/** What is shown of a secret value. */
export const HIDDEN = "[hidden]";

/** What `--value` names for the parameter of a connection. */
const CONNECTION_FILE = `file://connection.json   # {"engine": …, "host": …, "port": …, "dbname": …, "username": …, "password": …}`;

/**
 * Explains all fields of the table, then those that are the replicas' own.
 * @param isRead `false` when Parameter Store could not be asked: what is not given in code is then not known, which is
 * no problem of the field.
 */
export function explainFields(config: ITypeOrmAwsConnectorConfig, reader: ParameterReader | undefined, isRead: boolean): ExplainedFields {
	const problems: ExplainedProblem[] = [];
	const values = new Map<string, FieldValue>();
	const open = (own: ITypeOrmAwsConnectorConfig, prefix: string): OpenConnection => {
		const found: TypeOrmAwsConnectorError[] = [];
		const connection = isRead ? openConnection(own, reader, found, config, prefix) : { isUsable: false, stored: undefined };
		for (const problem of found) problems.push(explainConnection(problem, own, reader, prefix));
		return connection;
	};
	const replicas = (config.replicas ?? []).map((replica, index) => {
		const own = toReplicaConfig(config, replica);
		return {
			config: own,
			connection: open(own, describePrefix(index)),
			names: listReplicaFields(replica),
			prefix: describePrefix(index),
		};
	});
	const scopes: FieldScope[] = [{ config, connection: open(config, ""), names: ALL_FIELDS, prefix: "" }, ...replicas];
	const fields = scopes.flatMap(({ names, ...prefix }) =>
		names.map((name) => explainField({ ...prefix, isRead, name, problems, reader, values })),
	);
	return { fields, scopes, problems, values };
}

/**
 * A text without the user and the password of an address in it, whatever they are made of: nothing is shown between
 * `://` and the last `@`, nor before the last `@` of a text with a colon before it. An ARN is no address.
 */
export function hideLogin(text: string): string {
	const at = text.lastIndexOf("@");
	if (at === -1 || text.startsWith("arn:")) return text;
	const scheme = text.indexOf("://");
	if (scheme !== -1 && scheme < at) return `${text.slice(0, scheme)}://[hidden]${text.slice(at)}`;
	const colon = text.indexOf(":");
	return colon !== -1 && colon < at ? `[hidden]${text.slice(at)}` : text;
}

function explainField({ config, connection, isRead, name, prefix, problems, reader, values }: FieldParts): ExplainedField {
	const { defaultValue, findDefault, label: ownLabel }: FieldDefinition = CONNECTOR_FIELDS[name];
	const field = `${prefix}${name}`;
	const label = `${prefix}${ownLabel}`;
	const path = findPath(name, config, reader);
	const explain = (source: ExplainedField["source"], value?: FieldValue): ExplainedField => ({
		field,
		isRequired: (findDefault?.(config) ?? defaultValue) === undefined,
		label,
		path,
		source,
		value: typeof value === "string" ? cleanText(hideLogin(value)) : value,
	});
	if (!isNeeded(name, config)) return explain("not-required");
	const isGiven = CONNECTOR_FIELDS[name].readRaw(config) !== undefined;
	// The secret is not asked: what it lacks is looked up, which shows at the start.
	if (!isGiven && isTargetInSecret(config) && SECRET_TARGET_FIELDS.some((target) => target === name)) return explain("secret");
	if (!isRead && !isGiven) return explain("not-loaded");
	// What is wrong with the connection has been said.
	if (!isGiven && !connection.isUsable && isInConnection(name, config)) return explain("missing");
	try {
		const { isSecure, source, value } = resolveField(name, { config, connection, prefix, reader });
		values.set(field, value);
		return explain(source, isSecure === true ? HIDDEN : value);
	} catch (problem) {
		if (!isTypeOrmAwsConnectorError(problem)) throw problem;
		problems.push({ code: problem.code, label, message: problem.message, path, remedy: findRemedy(problem, name, prefix, path) });
		return explain("missing");
	}
}

/** The full name of the parameter that a field has, or would have. */
function findPath(name: FieldName, config: ITypeOrmAwsConnectorConfig, reader: ParameterReader | undefined): string | undefined {
	const lookup = isInConnection(name, config) ? buildLoginLookup("connection", config) : buildFieldLookup(name, config);
	return lookup === undefined ? undefined : describeLookupPath(lookup, reader);
}

/**
 * The full name that a lookup stands for; `undefined` where it stands for none, which is told where the lookup is used.
 */
export function describeLookupPath(lookup: TParameterLookup, reader: ParameterReader | undefined): string | undefined {
	try {
		return canRead(reader, lookup) ? reader.describePath?.(lookup) : undefined;
	} catch {
		return undefined;
	}
}

function explainConnection(
	problem: TypeOrmAwsConnectorError,
	config: ITypeOrmAwsConnectorConfig,
	reader: ParameterReader | undefined,
	prefix: string,
): ExplainedProblem {
	const { code, message } = problem;
	const lookup = buildLoginLookup("connection", config);
	const path = lookup && describeLookupPath(lookup, reader);
	const remedy =
		path === undefined
			? `Correct the option "${prefix}ssmLookups.connection".`
			: describePutParameter(path, CONNECTION_FILE, problem instanceof ParameterNotFoundError ? "SecureString" : undefined);
	return { code, label: `${prefix}connection`, message, path, remedy };
}

function findRemedy(problem: TypeOrmAwsConnectorError, name: FieldName, prefix: string, path: string | undefined): string {
	const { accepts, option: ownOption }: FieldDefinition = CONNECTOR_FIELDS[name];
	const option = `${prefix}${ownOption}`;
	const isInParameter = problem instanceof ParameterInvalidError || problem instanceof ParameterNotFoundError;
	if (isInParameter && path === undefined) return `Correct the parameter, or give the option "${option}".`;
	if (isInParameter && path !== undefined) {
		const type = problem instanceof ParameterNotFoundError ? "String" : undefined;
		return describePutParameter(path, `'<${describeKind(accepts)}>'`, type);
	}
	if (problem.code === "ERR_CONNECTOR_LOOKUP_INVALID") {
		return `Name the segment in ${prefix}ssmLookups.${name}, in ssmLookupDefaults or where the ParameterStoreConfigModule is registered.`;
	}
	return `Correct the option "${option}".`;
}
