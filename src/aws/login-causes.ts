/**
 * Why a server does not let in: one table of cause, sign, field and remedy, for the application's log and the doctor
 * alike. Codes decide; the text only where a server has one code for several causes.
 */
import { isAuthenticationFailure, isConnectionLimit, isWrongPassword } from "../support/login-failure.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import { describePutParameter, quoteForShell } from "./aws-command.js";
import { findRegionInHost, isAwsDatabaseHost } from "./database-host.js";

/** The fields that a server can find fault with. */
export type LoginField = "databaseName" | "host" | "password" | "poolSize" | "tls" | "username";

/** What is known of a login. */
export interface LoginContext {
	/** The host that was connected to. */
	readonly host: string | undefined;
	/** Whether the user is given in code. */
	readonly isUserInCode: boolean;
	/** The name of a field in messages. */
	readonly readLabel: (field: LoginField | "port" | "secretId") => string;
	/** The parameter that the value comes from; `undefined` where it comes from elsewhere. */
	readonly readPath: (field: LoginField | "port" | "secretId") => string | undefined;
	/** Where the password comes from. */
	readonly passwordSource: "code" | "parameter" | "secret" | "token";
	/** Region that tokens are signed for, where the options name it. */
	readonly region: string | undefined;
	readonly secretId: string | undefined;
	/** The name that the certificate has to have, where that is not the host. */
	readonly servername: string | undefined;
	readonly service: "dsql" | "rds";
	readonly user: string;
}

/** An error of a driver, and its code: that of the server, of the driver or of Node. */
export interface LoginFailure {
	readonly code: string;
	readonly error: unknown;
}

/** One row. */
export interface LoginCause {
	readonly field: LoginField;
	readonly id: string;
	readonly isMeant: (failure: LoginFailure, context: LoginContext) => boolean;
	readonly remedy: (context: LoginContext, failure: LoginFailure) => string;
	/** The end of a sentence about the server. */
	readonly what: string;
}

const NAME_FAULTS = new Set(["EAI_AGAIN", "ENOTFOUND"]);
const UNREACHABLE = new Set(["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);
/** pg has no code for it. */
const SILENCE = /^timeout expired$|connection timeout|handshake inactivity timeout/;
const POLICY = "npx nestjs-typeorm-aws-connector policy";

/** In the order in which they are looked for: the first that is meant counts. */
export const LOGIN_CAUSES: readonly LoginCause[] = [
	{
		field: "tls",
		id: "tls",
		isMeant: ({ error }) => findTlsRemedy(error) !== undefined,
		remedy: correctTls,
		what: "wants another kind of TLS",
	},
	{
		field: "username",
		id: "token",
		isMeant: ({ error }, { passwordSource }) => passwordSource === "token" && isAuthenticationFailure(error),
		remedy: correctToken,
		what: "does not take the token",
	},
	{
		field: "password",
		id: "token-expected",
		isMeant: ({ error }) => isAuthenticationFailure(error) && readMessage(error).startsWith("PAM authentication failed"),
		remedy: ({ user }) =>
			'The user has the role rds_iam, so that the server takes tokens only: give credentials: { source: "rds-iam" }, or run: ' +
			`REVOKE rds_iam FROM ${quoteForSql(user)};`,
		what: "takes no password of this user",
	},
	{
		field: "password",
		id: "password",
		isMeant: ({ error }) => isWrongPassword(error),
		remedy: correctLogin,
		what: "does not accept the password",
	},
	{
		field: "databaseName",
		id: "database",
		isMeant: ({ code }) => ["3D000", "ER_BAD_DB_ERROR"].includes(code),
		remedy: correctDatabase,
		what: "has no such database",
	},
	{
		field: "databaseName",
		id: "no-access",
		isMeant: ({ code }) => ["42501", "ER_DBACCESS_DENIED_ERROR"].includes(code),
		remedy: () => "Have an administrator GRANT CONNECT ON DATABASE … TO the user (MySQL: GRANT … ON database.*).",
		what: "does not let this user into the database",
	},
	{
		field: "poolSize",
		id: "limit",
		isMeant: ({ error }) => isConnectionLimit(error),
		remedy: () => "Raise the limit of the server, the database or the role, or lower the poolSize of its clients.",
		what: "has no connection left",
	},
	{
		field: "host",
		id: "no-address",
		isMeant: ({ code }) => NAME_FAULTS.has(code),
		remedy: (context) => `${correctHost(context)}   # is the name right?`,
		what: "has a name that leads nowhere",
	},
	{
		field: "host",
		id: "unreachable",
		isMeant: ({ code }) => UNREACHABLE.has(code),
		remedy: (context) => `${correctHost(context)}   # are the security group, the route and the port right?`,
		what: "does not answer",
	},
	{
		field: "host",
		id: "silent",
		isMeant: ({ code, error }) => code === "ERR_CONNECTOR_TIMEOUT" || SILENCE.test(readMessage(error)),
		remedy: (context) => `${correctHost(context)}   # is it this server that listens there, and has it room for one more login?`,
		what: "takes the connection and says nothing",
	},
	{
		field: "username",
		id: "user",
		isMeant: ({ error }) => isAuthenticationFailure(error),
		remedy: () => "Look at the user's right to log in from here: pg_hba.conf and LOGIN, or the account's host and lock.",
		what: "does not let the user log in",
	},
];

function correctTls({ host }: LoginContext, { error }: LoginFailure): string {
	const clause = findTlsRemedy(error, host === undefined ? undefined : isAwsDatabaseHost(host)) ?? "";
	return `${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}`;
}

function correctDatabase({ readLabel, readPath }: LoginContext): string {
	const path = readPath("databaseName");
	return path === undefined
		? `Correct the option "${readLabel("databaseName")}".`
		: describePutParameter(path, "'<the name of a database on this server>'");
}

/** Everything that IAM can mind, since the server says no more than "no". */
function correctToken({ host = "", region, servername, service, user }: LoginContext): string {
	const isDsql = service === "dsql";
	const alias = servername !== undefined && isAwsDatabaseHost(servername) ? `give host: "${servername}"` : "give that one";
	const place = region ?? findRegionInHost(host);
	return [
		isDsql
			? `Allow dsql:DbConnect (of admin: dsql:DbConnectAdmin); the statement is printed by: ${POLICY}.`
			: `Allow rds-db:connect; the statement is printed by: ${POLICY} --resource-id <db-… or cluster-…>.`,
		isDsql
			? `Give the role to the user: AWS IAM GRANT ${quoteForSql(user)} TO '<ARN of the role>';`
			: `Give the user the role: GRANT rds_iam TO ${quoteForSql(user)}; (MySQL: IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS')`,
		isAwsDatabaseHost(host)
			? "The token is for this host and port alone."
			: `The token is for the database's own AWS name, and "${host}" is none (a CNAME, a tunnel): ${alias}.`,
		`The region of the token is ${place ?? "not known"}.`,
		"The clock of this machine has to be right: AWS corrects requests by its own, tokens are not corrected: date -u",
	].join(" ");
}

function correctLogin({ isUserInCode, passwordSource, readLabel, readPath, secretId }: LoginContext): string {
	const password = readLabel("password");
	const path = readPath("password");
	if (passwordSource === "parameter" && path !== undefined) {
		return describePutParameter(path, "file://value.txt   # the password alone, without a line break at its end");
	}
	if (isUserInCode && passwordSource === "code") return `Correct the options "${readLabel("username")}" and "${password}".`;
	if (passwordSource !== "secret" || secretId === undefined)
		return `Correct the option "${password}": it is given in code, and no secret is asked.`;
	const id = quoteForShell(secretId);
	return [
		`Secret and database disagree. If a rotation is under way, it passes: aws secretsmanager describe-secret --secret-id ${id}`,
		`     Otherwise set the user's password in the database to the secret's, or: aws secretsmanager rotate-secret --secret-id ${id}`,
	].join("\n");
}

function correctHost({ readLabel, readPath }: LoginContext): string {
	const path = readPath("host");
	return path === undefined
		? `Correct the options "${readLabel("host")}" and "${readLabel("port")}".`
		: describePutParameter(path, "'<a host name>'");
}

/** A name in a statement that an administrator pastes: a quotation mark in it must not end it. */
function quoteForSql(name: string): string {
	return `"${name.replaceAll('"', '""')}"`;
}

function readMessage(error: unknown): string {
	const { message } = (error ?? {}) as { readonly message?: unknown };
	return typeof message === "string" ? message : "";
}
