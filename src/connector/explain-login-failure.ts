/** What an error of a driver means for one configuration: the field, its place and the remedy. */
import type { DataSourceOptions } from "typeorm";

import { LOGIN_CAUSES, type LoginContext } from "../aws/login-causes.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { chooseSource } from "../configuration/credentials-source.js";
import { cleanText, toClause } from "../errors/clean-text.js";
import { type ExplainedField, HIDDEN, hideLogin } from "../resolution/explain-fields.js";

/** The longest name of an error of MySQL has 68 characters. */
const MAXIMUM_CODE_LENGTH = 80;

/** The login that failed. */
export interface FailedLogin {
	readonly config: ITypeOrmAwsConnectorConfig;
	/** The rows of the explanation. */
	readonly fields: readonly ExplainedField[];
	/** What the driver was given; `undefined` where it was not made. */
	readonly options?: DataSourceOptions | undefined;
	/** What stands before the fields of a replica. */
	readonly prefix?: string;
	readonly secretId: string | undefined;
}

/** What is said of it. */
export interface LoginFault {
	/** `false` where the words are the driver's own. */
	readonly isKnown: boolean;
	readonly problem: LoginProblem;
}

interface LoginProblem {
	/** Ours, the driver's, the server's or Node's. */
	readonly code: string;
	readonly label: string | undefined;
	readonly message: string;
	readonly path: string | undefined;
	readonly remedy: string;
}

/** Explains the error of a driver. Nothing in the answer is a password. */
export function explainLoginFailure(error: unknown, login: FailedLogin): LoginFault {
	const { options, prefix = "" } = login;
	const {
		code: given,
		message,
		name,
	} = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown; readonly name?: unknown };
	const rawCode = typeof given === "string" ? given : String(name);
	const context = describeContext(login);
	const cause = LOGIN_CAUSES.find(({ isMeant }) => isMeant({ code: rawCode, error }, context));
	// A server names it, and PostgreSQL lets it be any text.
	const code = cleanText(hideLoginOf(rawCode, options), MAXIMUM_CODE_LENGTH);
	const place = prefix === "" ? "" : ` of ${prefix.slice(0, -1)}`;
	const user = options === undefined ? "" : ` of user "${readUser(options)}" to database "${readDatabase(options)}"${place}`;
	if (cause === undefined) {
		const problem = {
			code,
			label: undefined,
			message: `The login${user} fails: ${toClause(hideLoginOf(String(message), options))} (${code}).`,
			path: undefined,
			remedy: "The words are the driver's own: look them up in the documentation of the server.",
		};
		return { isKnown: false, problem };
	}
	const { field, remedy, what } = cause;
	const isSecret = context.passwordSource === "secret" && ["password", "username"].includes(field);
	const problem = {
		code,
		label: context.readLabel(field),
		message: `The login${user} fails: the server ${what} (${code}).`,
		path: context.readPath(isSecret ? "secretId" : field),
		remedy: remedy(context, { code: rawCode, error }),
	};
	return { isKnown: true, problem };
}

/** The user of a login. */
export function readUser(options: DataSourceOptions): string {
	return cleanText(String((options as { readonly username?: unknown }).username));
}

/** The database of a login. An address in the wrong place may hold a password. */
export function readDatabase(options: DataSourceOptions): string {
	return cleanText(hideLogin(String(options.database)));
}

function describeContext({ config, fields, options, prefix = "", secretId }: FailedLogin): LoginContext {
	const findRow = (field: string): ExplainedField | undefined =>
		fields.find((row) => row.field === `${prefix}${field}`) ?? fields.find((row) => row.field === field);
	const source = chooseSource(config);
	const { host } = (options ?? {}) as { readonly host?: string };
	const { servername } = (config.tls ?? {}) as { readonly servername?: string };
	return {
		host,
		isUserInCode: findRow("username")?.source === "code",
		passwordSource: readSource(findRow("password")),
		readLabel: (field) => findRow(field)?.label ?? field,
		readPath: (field) => {
			const row = findRow(field);
			return row?.source === "parameter" || row?.source === "missing" ? row.path : undefined;
		},
		region: "region" in source ? source.region : undefined,
		secretId,
		servername,
		service: source.source === "dsql-iam" ? "dsql" : "rds",
		user: options === undefined ? "<user>" : readUser(options),
	};
}

function readSource(row: ExplainedField | undefined): LoginContext["passwordSource"] {
	const source = row?.source;
	return source === "code" || source === "parameter" || source === "token" ? source : "secret";
}

/** Drivers quote no password, but servers may, and they name the database that they do not have. */
function hideLoginOf(text: string, options: DataSourceOptions | undefined): string {
	const { database, password } = (options ?? {}) as { readonly database?: unknown; readonly password?: unknown };
	const hidden = typeof password === "string" && password !== "" ? text.replaceAll(password, HIDDEN) : text;
	return typeof database === "string" && database !== "" ? hidden.replaceAll(database, hideLogin(database)) : hidden;
}
