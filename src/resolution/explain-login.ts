/** The two parts of a login with their sources, and every problem of those that are in parameters. */
import { describePutParameter } from "../aws/aws-command.js";
import type { GivenLogin } from "../configuration/given-login.js";
import { LOGIN_LOOKUPS } from "../configuration/credentials-source.js";
import { cleanText } from "../errors/clean-text.js";
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ParameterInvalidError, ParameterNotFoundError } from "../errors/errors.js";
import { describeLookupPath, type ExplainedField, type ExplainedProblem, type FieldScope, HIDDEN } from "./explain-fields.js";
import { buildLoginLookup } from "./field-lookup.js";
import type { ParameterReader } from "./read-parameter.js";
import { resolveLogin } from "./resolve-login.js";

type LoginPart = (typeof LOGIN_LOOKUPS)[number];

/** What is explained, and what stands where nothing is known of a part. */
export interface LoginRequest {
	/** The user where none is named. */
	readonly defaultUser: string | undefined;
	/** `false` when Parameter Store could not be asked. */
	readonly isRead: boolean;
	/** Where the rest of the login comes from. */
	readonly kept: "secret" | "token";
	readonly reader: ParameterReader | undefined;
}

/** Two rows, and the problems of what they were read from. */
export interface ExplainedLogin {
	readonly fields: readonly ExplainedField[];
	/** What stands before the names of the rows. */
	readonly prefix: string;
	readonly problems: readonly ExplainedProblem[];
	/** What is known without a secret, as it is; `undefined` where Parameter Store could not be asked. */
	readonly login: GivenLogin | undefined;
}

/** Explains what is known of a login without its secret. */
export function explainLogin(
	{ config, connection, prefix }: FieldScope,
	{ defaultUser, isRead, kept, reader }: LoginRequest,
): ExplainedLogin {
	const found: TypeOrmAwsConnectorError[] = [];
	const login = isRead ? resolveLogin({ config, connection: connection.stored, prefix, reader }, found) : undefined;
	const fields = LOGIN_LOOKUPS.map((part): ExplainedField => {
		const field = `${prefix}${part}`;
		const path = findPath(part, { config, connection, reader });
		const row = { field, isRequired: true, label: field, path };
		if (config[part] !== undefined) return { ...row, path: undefined, source: "code", value: show(part, config[part]) };
		if (path !== undefined) {
			if (!isRead) return { ...row, source: "not-loaded", value: undefined };
			const value = login?.[part];
			const isHidden = part === "username" && login?.isUsernameSecure === true;
			return {
				...row,
				source: value === undefined ? "missing" : "parameter",
				value: value && (isHidden ? HIDDEN : show(part, value)),
			};
		}
		if (part === "username" && defaultUser !== undefined) return { ...row, source: "default", value: defaultUser };
		return part === "password" ? { ...row, source: kept, value: HIDDEN } : { ...row, source: "secret", value: undefined };
	});
	return { fields, login, prefix, problems: found.map((problem) => explainProblem(problem, fields, prefix)) };
}

function show(part: LoginPart, value: unknown): string | undefined {
	if (part === "password") return HIDDEN;
	return typeof value === "string" ? cleanText(value) : undefined;
}

/** The parameter that the part is read from; `undefined` where it is in none. */
function findPath(
	part: LoginPart,
	{ config, connection, reader }: Pick<FieldScope, "config" | "connection"> & Pick<LoginRequest, "reader">,
): string | undefined {
	const lookup = buildLoginLookup(part, config);
	if (lookup !== undefined) return describeLookupPath(lookup, reader);
	const { login, trace } = connection.stored ?? {};
	const isStored = login?.[part] !== undefined && (login[part].isRequired || typeof login[part].value === "string");
	return isStored ? trace?.path : undefined;
}

function explainProblem(problem: TypeOrmAwsConnectorError, fields: readonly ExplainedField[], prefix: string): ExplainedProblem {
	const { code, message } = problem;
	const isParameter = problem instanceof ParameterInvalidError || problem instanceof ParameterNotFoundError;
	const label = isParameter ? problem.field : undefined;
	const path = fields.find((row) => row.label === label)?.path ?? fields.find((row) => row.path !== undefined)?.path;
	return { code, label, message, path, remedy: findRemedy(problem, label, path, prefix) };
}

function findRemedy(problem: TypeOrmAwsConnectorError, label: string | undefined, path: string | undefined, prefix: string): string {
	if (path === undefined) return `Correct "${prefix}ssmLookups".`;
	if (label === `${prefix}username`) {
		return describePutParameter(path, "'<the user>'", problem instanceof ParameterNotFoundError ? "String" : undefined);
	}
	const file = "file://value.txt   # the text alone, without a line break at its end";
	if (problem instanceof ParameterNotFoundError) return describePutParameter(path, file, "SecureString");
	const isPlain = problem.message.includes("is a String,") || problem.message.includes("is a StringList");
	// Parameter Store changes the type of no parameter.
	return isPlain ? `Delete the parameter, then: ${describePutParameter(path, file, "SecureString")}` : describePutParameter(path, file);
}
