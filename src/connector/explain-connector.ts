/** What a connector would do with its configuration: every value, its source, and every problem at once. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { chooseSource } from "../configuration/credentials-source.js";
import { validateConfig } from "../configuration/validate-config.js";
import { DSQL_ADMIN } from "../credentials/dsql-token.js";
import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConfigurationError } from "../errors/errors.js";
import { describeFault } from "../events/describe-fault.js";
import { type ExplainedField, type ExplainedProblem, explainFields } from "../resolution/explain-fields.js";
import { checkRawLogin, type ParameterReader } from "../resolution/resolve-settings.js";
import { describeGivenOptions, type ExplainedOption } from "./describe-given-options.js";
import { findAwsRemedy } from "./find-aws-remedy.js";

/**
 * The answer of `explain()`: plain data that `JSON.stringify()` takes as it is, without a password, a token or the text of a secret.
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

/** Explains. Never rejects for a configuration that is wrong, nor for a Parameter Store that does not answer. */
export async function explainConnector({ config, connector, load, source }: ExplanationParts): Promise<ConnectorExplanation> {
	const shape = findShapeProblems(config);
	const outage: ExplainedProblem[] = [];
	const reader = await load().catch((error: unknown) => {
		outage.push(explainOutage(error));
		return source;
	});
	const { fields, problems } = explainFields(config, reader, outage.length === 0);
	// A look-up whose shape is wrong fails once more when it is used.
	const isShapeOfLookup = shape.some(({ code }) => code === "ERR_CONNECTOR_LOOKUP_INVALID");
	const own = problems.filter(({ code }) => !(isShapeOfLookup && code === "ERR_CONNECTOR_LOOKUP_INVALID"));
	const login = [
		...checkRawLogin(config),
		...(config.replicas ?? []).flatMap((replica, index) => checkRawLogin(replica, `replicas[${String(index)}].`)),
	].map(explainOption);
	const all = [...shape, ...outage, ...own, ...login];
	return {
		connector,
		fields: [...fields, ...explainLogins(config)],
		isValid: all.length === 0,
		options: describeGivenOptions(config),
		problems: all,
	};
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

/** The two parts of the login, and of each replica's that has one of its own. */
function explainLogins(config: ITypeOrmAwsConnectorConfig): ExplainedField[] {
	const replicas = (config.replicas ?? []).flatMap((replica, index) => {
		const hasLogin = [replica.password, replica.secretId, replica.ssmLookups?.secretId, replica.username].some(Boolean);
		return hasLogin ? explainLogin(`replicas[${String(index)}].`, replica, "secret") : [];
	});
	const { source } = chooseSource(config);
	const kept = source === "rds-iam" || source === "dsql-iam" ? "token" : "secret";
	return [...explainLogin("", config, kept, source === "dsql-iam" ? DSQL_ADMIN : undefined), ...replicas];
}

function explainLogin(
	owner: string,
	{ password, username }: Pick<ITypeOrmAwsConnectorConfig, "password" | "username">,
	kept: "secret" | "token",
	defaultUser?: string,
): ExplainedField[] {
	const row = { isRequired: true, path: undefined };
	const name = `${owner}username`;
	const secret = `${owner}password`;
	const isNamed = typeof username === "string";
	const nameSource = isNamed ? "code" : defaultUser === undefined ? "secret" : "default";
	return [
		{ ...row, field: name, label: name, source: nameSource, value: isNamed ? username : defaultUser },
		{ ...row, field: secret, label: secret, source: password === undefined ? kept : "code", value: "[hidden]" },
	];
}
