/** What a connector would do with its configuration: every value, its source, and every problem at once. */
import { CONNECTOR_FIELDS } from "../configuration/connector-fields.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { chooseSource, isIam } from "../configuration/credentials-source.js";
import type { GivenLogin } from "../configuration/given-login.js";
import { validateConfig } from "../configuration/normalize-config.js";
import { DSQL_ADMIN } from "../credentials/dsql-token.js";
import { cleanText } from "../errors/clean-text.js";
import { isTypeOrmAwsConnectorError, readFault, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError } from "../errors/errors.js";
import { describeFault } from "../events/describe-fault.js";
import { type ExplainedField, type ExplainedProblem, explainFields, type FieldScope, hideLogin } from "../resolution/explain-fields.js";
import { type ExplainedLogin, explainLogin, type LoginRequest } from "../resolution/explain-login.js";
import type { FieldValue } from "../resolution/parse-value.js";
import type { ParameterReader } from "../resolution/read-parameter.js";
import type { OpenConnection } from "../resolution/resolve-field.js";
import { checkRawLogin } from "../resolution/resolve-login.js";

/**
 * The answer of `explain()`: plain data that `JSON.stringify()` takes as it is, without a password, a token or the text
 * of a secret.
 * @example
 * const { isValid, problems } = await connector.explain();
 */
export interface ConnectorExplanation {
	/** Name of the connector. */
	readonly connector: string;
	/** Every field in the order of the documentation, then the two parts of the login. */
	readonly fields: readonly ExplainedField[];
	/** Whether there is no problem. */
	readonly isValid: boolean;
	/** What else is given in code. */
	readonly options: readonly ExplainedOption[];
	/** Every problem of options and parameters. The secret and the server are not asked. */
	readonly problems: readonly ExplainedProblem[];
}

/** What is explained. */
export interface ExplanationParts {
	readonly config: ITypeOrmAwsConnectorConfig;
	readonly connector: string;
	/** Reads the parameters of all fields. */
	readonly load: () => Promise<ParameterReader | undefined>;
	/** Knows the names of parameters also when they cannot be read. */
	readonly source: ParameterReader | undefined;
}

/** An explanation, and the values behind it, which are not to be shown. */
export interface ExaminedConnector {
	readonly explanation: ConnectorExplanation;
	/** What is known of each login without a secret, by what stands before the names of its rows. */
	readonly logins: ReadonlyMap<string, GivenLogin | undefined>;
	/** By field, as they are. */
	readonly values: ReadonlyMap<string, FieldValue>;
}

/** Explains. Never rejects for a configuration that is wrong, nor for a Parameter Store that does not answer. */
export async function explainConnector(parts: ExplanationParts): Promise<ConnectorExplanation> {
	return (await examineConnector(parts)).explanation;
}

/** The same with the values. */
export async function examineConnector({ config, connector, load, source }: ExplanationParts): Promise<ExaminedConnector> {
	const shape = findShapeProblems(config);
	const outage: ExplainedProblem[] = [];
	const reader = await load().catch((error: unknown) => {
		outage.push(explainOutage(error));
		return source;
	});
	const isRead = outage.length === 0;
	const { fields, scopes, problems, values } = explainFields(config, reader, isRead);
	const logins = explainLogins(config, scopes, { isRead, reader });
	// A lookup whose shape is wrong fails once more when it is used.
	const isShapeOfLookup = shape.some(({ code }) => code === "ERR_CONNECTOR_LOOKUP_INVALID");
	const own = [...problems, ...logins.flatMap((login) => login.problems)].filter(
		({ code }) => !(isShapeOfLookup && code === "ERR_CONNECTOR_LOOKUP_INVALID"),
	);
	const raw = scopes.flatMap((prefix) => checkRawLogin(prefix.config, prefix.prefix)).map(explainOption);
	const all = [...shape, ...outage, ...own, ...raw];
	const explanation = {
		connector,
		fields: [...fields, ...logins.flatMap((login) => login.fields)],
		isValid: all.length === 0,
		options: describeGivenOptions(config),
		problems: all,
	};
	return { explanation, logins: new Map(logins.map(({ login, prefix }) => [prefix, login])), values };
}

function findShapeProblems(config: ITypeOrmAwsConnectorConfig): ExplainedProblem[] {
	try {
		validateConfig(config);
		return [];
	} catch (error) {
		if (error instanceof ConfigurationError) return error.problems.map(explainOption);
		throw error;
	}
}

function explainOption(problem: TypeOrmAwsConnectorError): ExplainedProblem {
	const { code, message } = problem;
	return { code, label: undefined, message, path: undefined, remedy: "Correct it where the connector is registered." };
}

function explainOutage(error: unknown): ExplainedProblem {
	const { code, message } = describeFault(error);
	if (!isTypeOrmAwsConnectorError(error)) {
		return { code, label: undefined, message, path: undefined, remedy: "Look at the provider behind parameterStoreToken." };
	}
	return {
		code,
		label: undefined,
		message: readFault(error),
		path: undefined,
		remedy: error.remedy ?? "Look at the message, then try again.",
	};
}

/** The login of the connector, and of each replica that has something of its own. */
function explainLogins(
	config: ITypeOrmAwsConnectorConfig,
	scopes: readonly FieldScope[],
	{ isRead, reader }: Pick<LoginRequest, "isRead" | "reader">,
): ExplainedLogin[] {
	const defaultUser = chooseSource(config).source === "dsql-iam" ? DSQL_ADMIN : undefined;
	return scopes
		.filter(({ config: own, connection, prefix }) => prefix === "" || hasOwnLogin(own, connection))
		.map((prefix) => {
			const isConnector = prefix.prefix === "";
			const kept = isConnector && isIam(config) ? "token" : "secret";
			return explainLogin(prefix, { defaultUser: isConnector ? defaultUser : undefined, isRead, kept, reader });
		});
}

function hasOwnLogin({ password, secretId, ssmLookups = {}, username }: ITypeOrmAwsConnectorConfig, { stored }: OpenConnection): boolean {
	const isStored = Object.values(stored?.login ?? {}).some(({ value }) => typeof value === "string");
	return isStored || [password, secretId, ssmLookups.password, ssmLookups.secretId, ssmLookups.username, username].some(Boolean);
}

/**
 * One option that is no field.
 * @example
 * { option: "rotation.drainTimeoutMs", value: 120_000 }
 */
export interface ExplainedOption {
	/** As its user writes it, such as `aws.region`. */
	readonly option: string;
	/**
	 * A number or a truth value as it is, a text where its name is known to hold no secret, a description of anything
	 * else.
	 */
	readonly value: boolean | number | string | null;
}

/** Names of options whose text may be shown. */
const OPEN_NAMES = new Set([
	"applicationName",
	"charset",
	"database",
	"databaseName",
	"endpoint",
	"host",
	"instanceName",
	"mode",
	"namespace",
	"region",
	"schema",
	"secretId",
	"servername",
	"source",
	"timezone",
	"type",
]);

/** Shown elsewhere: fields by their rows, lookups by the paths they make, the login by the rows of its two parts. */
const SHOWN_ELSEWHERE = new Set([
	...Object.values(CONNECTOR_FIELDS).map(({ option }) => option as string),
	"password",
	"ssmLookupDefaults",
	"ssmLookups",
	"username",
]);

/** A replica has fields and a login as a connector has. */
const REPLICA = /^replicas\[\d+\]\./;

/** How deep groups within groups are gone through. */
const MAXIMUM_DEPTH = 3;

/** Every option that is given and no field. */
export function describeGivenOptions(config: object, prefix = "", depth = 0): ExplainedOption[] {
	return Object.entries(config).flatMap(([name, value]: [string, unknown]) => {
		const option = `${prefix}${name}`;
		if (value === undefined || SHOWN_ELSEWHERE.has(option.replace(REPLICA, ""))) return [];
		if (depth < MAXIMUM_DEPTH && isGroup(value)) return describeGivenOptions(value, `${option}.`, depth + 1);
		if (depth < MAXIMUM_DEPTH && isListOfGroups(value)) {
			return value.flatMap((group, index) => describeGivenOptions(group, `${option}[${String(index)}].`, depth + 1));
		}
		return [{ option, value: describeValue(name, value) }];
	});
}

function isGroup(value: unknown): value is object {
	if (typeof value !== "object" || value === null) return false;
	const prototype: unknown = Object.getPrototypeOf(value);
	return prototype === Object.prototype || prototype === null;
}

function isListOfGroups(value: unknown): value is object[] {
	return Array.isArray(value) && value.length > 0 && value.every(isGroup);
}

function describeValue(name: string, value: unknown): ExplainedOption["value"] {
	if (typeof value === "boolean" || typeof value === "number" || value === null) return value;
	if (typeof value === "string") return OPEN_NAMES.has(name) ? cleanText(hideLogin(value)) : "[hidden]";
	if (Array.isArray(value)) return value.length === 1 ? "1 entry" : `${String(value.length)} entries`;
	if (typeof value === "function") return "a function or class";
	return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
