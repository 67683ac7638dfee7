/** What a connector would do with its configuration: every value, its source, and every problem at once. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { chooseSource, isIam } from "../configuration/credentials-source.js";
import type { GivenLogin } from "../configuration/given-login.js";
import { validateConfig } from "../configuration/validate-config.js";
import { DSQL_ADMIN } from "../credentials/dsql-token.js";
import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError } from "../errors/errors.js";
import { describeFault } from "../events/describe-fault.js";
import { type ExplainedField, type ExplainedProblem, explainFields, type FieldScope } from "../resolution/explain-fields.js";
import { type ExplainedLogin, explainLogin, type LoginRequest } from "../resolution/explain-login.js";
import type { FieldValue } from "../resolution/parse-value.js";
import type { ParameterReader } from "../resolution/read-parameter.js";
import type { OpenConnection } from "../resolution/resolve-field.js";
import { checkRawLogin } from "../resolution/resolve-login.js";
import { describeGivenOptions, type ExplainedOption } from "./describe-given-options.js";
import { findAwsRemedy } from "./find-aws-remedy.js";

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
	const remedy = isTypeOrmAwsConnectorError(error)
		? findAwsRemedy(error, "ssm:GetParameters on these parameters")
		: "Look at the provider behind parameterStoreToken.";
	return { code, label: undefined, message, path: undefined, remedy };
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
