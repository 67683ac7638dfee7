/** Every field with its value, its source and the place of its parameter. A problem is part of the answer: nothing here throws for a configuration. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../configuration/connector-fields.js";
import { isTargetInSecret, SECRET_TARGET_FIELDS } from "../configuration/secret-target.js";
import { isTypeOrmAwsConnectorError, type TConnectorErrorCode, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ParameterInvalidError, ParameterNotFoundError } from "../errors/errors.js";
import { cleanText } from "../errors/clean-text.js";
import { buildFieldLookup } from "./field-lookup.js";
import { describeKind, type FieldValue } from "./parse-value.js";
import {
	ALL_FIELDS,
	type FieldSource,
	isNeeded,
	listReplicaFields,
	type ParameterReader,
	resolveField,
	toReplicaConfig,
} from "./resolve-settings.js";

/**
 * One field. `source` says where its value came from: `code`, `parameter`, `default`, the `secret`, or a `token` made for each connection. It is `missing` where
 * there is none or it cannot be used, `unread` where Parameter Store could not be asked, and `unneeded` where nothing asks for it.
 * @example
 * { field: "port", isRequired: true, label: "port", path: "/shop/production/aws-rds/aurora-postgres/port", source: "parameter", value: 5432 }
 */
export interface ExplainedField {
	/** Key of the field in `ssmLookups`; `username` or `password` for the two parts of a login. Of a replica with `replicas[0].` before it. */
	readonly field: string;
	/** Whether the connector cannot do without it. */
	readonly isRequired: boolean;
	/** Name of the field in messages. */
	readonly label: string;
	/** Full name of its parameter, whether or not the value came from there; `undefined` where it has none. */
	readonly path: string | undefined;
	/** Where the value came from. */
	readonly source: FieldSource | "missing" | "secret" | "token" | "unneeded" | "unread";
	/** The value; `"[hidden]"` for a password, `undefined` where there is none. */
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

/** What the fields come to. */
interface ExplainedFields {
	readonly fields: readonly ExplainedField[];
	readonly problems: readonly ExplainedProblem[];
}

/** The connector itself or one of its replicas, in the shape of a connector. */
interface FieldOwner {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly names: readonly FieldName[];
	/** What stands before the names of its fields. */
	readonly owner: string;
}

interface FieldParts extends Omit<FieldOwner, "names"> {
	readonly isRead: boolean;
	readonly name: FieldName;
	/** Takes the problem, when there is one. */
	readonly problems: ExplainedProblem[];
	readonly reader: ParameterReader | undefined;
}

/**
 * Explains all fields of the table, then those that are the replicas' own.
 * @param isRead `false` when Parameter Store could not be asked: what is not given in code is then not known, which is no problem of the field.
 */
export function explainFields(config: ITypeOrmAwsConnectorConfig, reader: ParameterReader | undefined, isRead: boolean): ExplainedFields {
	const problems: ExplainedProblem[] = [];
	const explain = ({ config: own, names, owner }: FieldOwner): ExplainedField[] =>
		names.map((name) => explainField({ config: own, isRead, name, owner, problems, reader }));
	const replicas = (config.replicas ?? []).map((replica, index) => ({
		config: toReplicaConfig(config, replica),
		names: listReplicaFields(replica),
		owner: `replicas[${String(index)}].`,
	}));
	return { fields: [{ config, names: ALL_FIELDS, owner: "" }, ...replicas].flatMap(explain), problems };
}

/**
 * A text without the user and the password of an address in it, whatever they are made of: nothing is shown between `://` and the last `@`, nor before the
 * last `@` of a text with a colon before it. An ARN is no address.
 */
export function hideLogin(text: string): string {
	const at = text.lastIndexOf("@");
	if (at === -1 || text.startsWith("arn:")) return text;
	const scheme = text.indexOf("://");
	if (scheme !== -1 && scheme < at) return `${text.slice(0, scheme)}://[hidden]${text.slice(at)}`;
	const colon = text.indexOf(":");
	return colon !== -1 && colon < at ? `[hidden]${text.slice(at)}` : text;
}

/** A word for a POSIX shell. */
export function quoteForShell(text: string): string {
	return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function explainField({ config, isRead, name, owner, problems, reader }: FieldParts): ExplainedField {
	const { defaultValue, findDefault, label: ownLabel }: FieldDefinition = CONNECTOR_FIELDS[name];
	const label = `${owner}${ownLabel}`;
	const path = findPath(name, config, reader);
	const explain = (source: ExplainedField["source"], value?: FieldValue): ExplainedField => ({
		field: `${owner}${name}`,
		isRequired: (findDefault?.(config) ?? defaultValue) === undefined,
		label,
		path,
		source,
		value: typeof value === "string" ? cleanText(hideLogin(value)) : value,
	});
	if (!isNeeded(name, config)) return explain("unneeded");
	const isGiven = CONNECTOR_FIELDS[name].readRaw(config) !== undefined;
	// The secret is not asked: what it lacks is looked up, which shows at the start.
	if (!isGiven && isTargetInSecret(config) && SECRET_TARGET_FIELDS.some((field) => field === name)) return explain("secret");
	if (!isRead && !isGiven) return explain("unread");
	try {
		const { source, value } = resolveField(name, config, reader, owner);
		return explain(source, value);
	} catch (problem) {
		if (!isTypeOrmAwsConnectorError(problem)) throw problem;
		problems.push({ code: problem.code, label, message: problem.message, path, remedy: findRemedy(problem, name, owner, path) });
		return explain("missing");
	}
}

function findPath(name: FieldName, config: ITypeOrmAwsConnectorConfig, reader: ParameterReader | undefined): string | undefined {
	try {
		return reader?.describePath?.(buildFieldLookup(name, config));
	} catch {
		// Whoever needs the path is told so by the look-up itself.
		return undefined;
	}
}

function findRemedy(problem: TypeOrmAwsConnectorError, name: FieldName, owner: string, path: string | undefined): string {
	const { accepts, option: ownOption }: FieldDefinition = CONNECTOR_FIELDS[name];
	const option = `${owner}${ownOption}`;
	const isInParameter = problem instanceof ParameterInvalidError || problem instanceof ParameterNotFoundError;
	if (isInParameter && path === undefined) return `Correct the parameter, or give the option "${option}".`;
	if (isInParameter && path !== undefined) {
		const mode = problem instanceof ParameterInvalidError ? "--overwrite" : "--type String";
		return `aws ssm put-parameter --name ${quoteForShell(path)} ${mode} --value '<${describeKind(accepts)}>'`;
	}
	if (problem.code === "ERR_CONNECTOR_LOOKUP_INVALID") {
		return `Name the segment in ${owner}ssmLookups.${name}, in ssmLookupDefaults or where the ParameterStoreConfigModule is registered.`;
	}
	return `Correct the option "${option}".`;
}
