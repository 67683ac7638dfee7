/** What a connector would do with its configuration: every value, its source, and every problem at once. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { validateConfig } from "../configuration/validate-config.js";
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
	const login = checkRawLogin(config).map(explainOption);
	const all = [...shape, ...outage, ...own, ...login];
	return {
		connector,
		fields: [...fields, ...explainLogin(config)],
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

/** The two parts of the login. Where the connector signs tokens, the password is one. */
function explainLogin({ credentials, password, username }: ITypeOrmAwsConnectorConfig): ExplainedField[] {
	const kept = credentials?.source === "rds-iam" || credentials?.source === "dsql-iam" ? "token" : "secret";
	const explain = (field: string, given: string | undefined, source: ExplainedField["source"], value?: string): ExplainedField => ({
		field,
		isRequired: true,
		label: field,
		path: undefined,
		source: given === undefined ? source : "code",
		value,
	});
	const isNamed = typeof username === "string";
	return [
		explain("username", username, kept === "secret" ? "secret" : "default", isNamed ? username : undefined),
		explain("password", password, kept, "[hidden]"),
	];
}
