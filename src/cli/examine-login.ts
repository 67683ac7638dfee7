/** One login to each server as the application would make it, and `SELECT 1`. */
import { DataSource, type DataSourceOptions } from "typeorm";

import { isAwsDatabaseHost } from "../aws/database-host.js";
import { isTargetInSecret } from "../configuration/secret-target.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { cleanText, toClause } from "../errors/clean-text.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { HIDDEN, hideLogin } from "../resolution/explain-fields.js";
import { quoteForShell } from "../aws/aws-command.js";
import { isAuthenticationFailure, isConnectionLimit, isWrongPassword } from "../support/login-failure.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import { withDeadline } from "../support/with-deadline.js";
import {
	capitalize,
	type Examination,
	fail,
	findRow,
	type FoundProblem,
	listPrefixes,
	pass,
	readLabel,
	readPath,
	readValue,
	skip,
} from "./diagnosis.js";
import { examineExposure, listServers } from "./exposed-hosts.js";
import type { Session } from "./open-session.js";

/** A person at a terminal does not wait longer than this. */
const DEADLINE_MS = 15_000;

/** The longest name of an error of MySQL has 68 characters. */
const MAXIMUM_CODE_LENGTH = 80;

/** A server that did not let in. */
interface LoginFailure {
	readonly error: unknown;
	readonly prefix: string;
	readonly session: Session;
}

/** What an answer of the server means: the field that is to blame, and what to do. */
interface ErrorRule {
	readonly field: string;
	readonly isMeant: (error: unknown, code: string) => boolean;
	readonly remedy: (failure: LoginFailure) => string;
	readonly what: string;
}

/** Node's names for a server that cannot be reached. */
const UNREACHABLE = new Set(["EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "ETIMEDOUT"]);

/** In the order in which they are looked for. */
const ERROR_RULES: readonly ErrorRule[] = [
	{
		field: "tls",
		isMeant: (error) => findTlsRemedy(error) !== undefined,
		remedy: ({ error, prefix, session }) =>
			capitalize(findTlsRemedy(error, isAwsDatabaseHost(String(readValue(session, "host", prefix)))) ?? ""),
		what: "wants another kind of TLS",
	},
	{ field: "password", isMeant: isWrongPassword, remedy: correctLogin, what: "does not accept the password" },
	{
		field: "databaseName",
		isMeant: (_, code) => ["3D000", "ER_BAD_DB_ERROR"].includes(code),
		remedy: correctDatabase,
		what: "has no such database",
	},
	{
		field: "databaseName",
		isMeant: (_, code) => ["42501", "ER_DBACCESS_DENIED_ERROR"].includes(code),
		remedy: () => "Have an administrator GRANT CONNECT ON DATABASE … TO the user (MySQL: GRANT … ON database.*).",
		what: "does not let this user into the database",
	},
	{
		field: "poolSize",
		isMeant: isConnectionLimit,
		remedy: () => "Raise the limit of the server, the database or the role, or lower the poolSize of its clients.",
		what: "has no connection left",
	},
	{
		field: "host",
		isMeant: (_, code) => UNREACHABLE.has(code),
		remedy: () => "Look at host and port, the security group and the route: a host from the secret is only tried here.",
		what: "does not answer",
	},
	{
		field: "username",
		isMeant: isAuthenticationFailure,
		remedy: () => "Look at the user's right to log in from here: pg_hba.conf and LOGIN, or the account's host and lock.",
		what: "does not let the user log in",
	},
];

/** The master, then each replica. Needs settings without a problem and secrets that can be read. */
export async function examineLogins(session: Session): Promise<Examination[]> {
	const exposures = isTargetInSecret(session.config) ? await examineExposure(session) : [];
	if (exposures.length > 0) return exposures;
	const connector = new TypeOrmAwsConnectorService(session.configService, session.survey, session.config);
	try {
		const servers = listServers(await connector.getTypeOrmOptions());
		return await Promise.all(listPrefixes(session).map(async (prefix, index) => examine(session, prefix, servers[index])));
	} catch (error) {
		return [fail("login", explain(session, "", error))];
	} finally {
		connector.close();
	}
}

async function examine(session: Session, prefix: string, options: DataSourceOptions | undefined): Promise<Examination> {
	const name = `${prefix}login`;
	if (options === undefined) return skip(name, "is not known");
	try {
		await logIn(options);
		return pass(name, `user "${readUser(options)}" is let into "${readDatabase(options)}" and SELECT 1 answers`);
	} catch (error) {
		return fail(name, explain(session, prefix, error, options));
	}
}

async function logIn(options: DataSourceOptions): Promise<void> {
	// The driver alone: initialize() would synchronize, migrate and install extensions.
	const { driver } = new DataSource({
		...options,
		dropSchema: false,
		entities: [],
		logging: false,
		migrationsRun: false,
		subscribers: [],
		synchronize: false,
	});
	const disconnect = async (): Promise<void> => driver.disconnect().catch(() => undefined);
	const ask = async (): Promise<void> => {
		await driver.connect();
		const runner = driver.createQueryRunner("master");
		await runner.query("SELECT 1").finally(async () => runner.release());
	};
	try {
		await withDeadline(ask, { deadlineMs: DEADLINE_MS, disposeLate: disconnect, subject: "The login" });
	} finally {
		await disconnect();
	}
}

function explain(session: Session, prefix: string, error: unknown, options?: DataSourceOptions): FoundProblem {
	if (isTypeOrmAwsConnectorError(error)) {
		return {
			code: error.code,
			label: undefined,
			message: error.message,
			path: undefined,
			remedy: "Look at the message, then try again.",
		};
	}
	const { code: given, message, name } = error as { readonly code?: unknown; readonly message?: unknown; readonly name?: unknown };
	const rawCode = typeof given === "string" ? given : String(name);
	// A server names it, and PostgreSQL lets it be any text.
	const code = cleanText(hideLoginOf(rawCode, options), MAXIMUM_CODE_LENGTH);
	const meaning = ERROR_RULES.find(({ isMeant }) => isMeant(error, rawCode));
	const place = prefix === "" ? "" : ` of ${prefix.slice(0, -1)}`;
	const user = options === undefined ? "" : ` of user "${readUser(options)}" to database "${readDatabase(options)}"${place}`;
	if (meaning === undefined) {
		return {
			code,
			label: undefined,
			message: `The login${user} fails: ${toClause(hideLoginOf(String(message), options))} (${code}).`,
			path: undefined,
			remedy: "The words are the driver's own: look them up in the documentation of the server.",
		};
	}
	const isLogin = ["password", "username"].includes(meaning.field);
	return {
		code,
		label: readLabel(session, meaning.field, prefix),
		message: `The login${user} fails: the server ${meaning.what} (${code}).`,
		path: isLogin && isGiven(session, prefix) ? undefined : readPath(session, isLogin ? "secretId" : meaning.field, prefix),
		remedy: meaning.remedy({ error, prefix, session }),
	};
}

function readUser(options: DataSourceOptions): string {
	return String((options as { readonly username?: unknown }).username);
}

/** An address in the wrong place may hold a password. */
function readDatabase(options: DataSourceOptions): string {
	return cleanText(hideLogin(String(options.database)));
}

/** Drivers quote no password, but servers may, and they name the database that they do not have. */
function hideLoginOf(text: string, options: DataSourceOptions | undefined): string {
	const { database, password } = (options ?? {}) as { readonly database?: unknown; readonly password?: unknown };
	const hidden = typeof password === "string" && password !== "" ? text.replaceAll(password, HIDDEN) : text;
	return typeof database === "string" && database !== "" ? hidden.replaceAll(database, hideLogin(database)) : hidden;
}

/** Whether both parts of the login are in code. */
function isGiven(session: Session, prefix: string): boolean {
	return ["username", "password"].every((part) => findRow(session, part, prefix)?.source === "code");
}

function correctLogin({ prefix, session }: LoginFailure): string {
	if (findRow(session, "password", prefix)?.source === "token") {
		return "Allow this identity to log in as that user: the statement is printed by: npx nestjs-typeorm-aws-connector policy --resource-id <id>. In an RDS database the user needs the role rds_iam.";
	}
	const secretId = readValue(session, "secretId", prefix);
	if (isGiven(session, prefix) || typeof secretId !== "string") {
		return `Correct the options "${readLabel(session, "username", prefix)}" and "${readLabel(session, "password", prefix)}".`;
	}
	const id = quoteForShell(secretId);
	return (
		`Secret and database disagree. If a rotation is under way, it passes: aws secretsmanager describe-secret --secret-id ${id}\n` +
		`     Otherwise set the user's password in the database to the secret's, or: aws secretsmanager rotate-secret --secret-id ${id}`
	);
}

/** All servers have the database of one name. */
function correctDatabase({ session }: LoginFailure): string {
	const path = readPath(session, "databaseName");
	return path === undefined
		? 'Correct the option "databaseName".'
		: `aws ssm put-parameter --name ${quoteForShell(path)} --overwrite --value '<the name of a database on this server>'`;
}
