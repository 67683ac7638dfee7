/** One login as the application would make it, and `SELECT 1`. */
import { DataSource, type DataSourceOptions } from "typeorm";

import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { quoteForShell } from "../resolution/explain-fields.js";
import { isAuthenticationFailure, isConnectionLimit, isWrongPassword } from "../support/login-failure.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import { withDeadline } from "../support/with-deadline.js";
import { capitalize, type Examination, fail, type FoundProblem, pass, readPath, readValue } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** Longer than this, and it is no answer for somebody who waits at a terminal. */
const DEADLINE_MS = 15_000;

/** What an answer of the server means: the field that is to blame, and what to do. */
interface Meaning {
	readonly field: string;
	readonly isMeant: (error: unknown, code: string) => boolean;
	readonly remedy: (session: Session, error: unknown) => string;
	readonly what: string;
}

/** Node's names for a server that nobody reaches. */
const UNREACHABLE = new Set(["EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "ETIMEDOUT"]);

/** In the order in which they are looked for. */
const MEANINGS: readonly Meaning[] = [
	{
		field: "tls",
		isMeant: (error) => findTlsRemedy(error) !== undefined,
		remedy: (_, error) => capitalize(findTlsRemedy(error) ?? ""),
		what: "wants another kind of TLS",
	},
	{ field: "password", isMeant: isWrongPassword, remedy: correctLogin, what: "does not accept the password" },
	{
		field: "databaseName",
		isMeant: (_, code) => ["3D000", "ER_BAD_DB_ERROR"].includes(code),
		remedy: (session) => correctParameter(session, "databaseName", "the name of a database on this server"),
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
		remedy: () => "Look at host and port, the security group and the route: replicas and a host from the secret are only tried here.",
		what: "does not answer",
	},
	{
		field: "username",
		isMeant: isAuthenticationFailure,
		remedy: () => "Look at the user's right to log in from here: pg_hba.conf and LOGIN, or the account's host and lock.",
		what: "does not let the user log in",
	},
];

/** Needs settings without a problem and a secret that can be read. */
export async function examineLogin(session: Session): Promise<Examination> {
	const connector = new TypeOrmAwsConnectorService(undefined, session.survey, session.config);
	let options: DataSourceOptions | undefined;
	try {
		options = await connector.getTypeOrmOptions();
		await logIn(options);
		return pass("login", `user "${readUser(options)}" is let into "${String(options.database)}" and SELECT 1 answers`);
	} catch (error) {
		return fail("login", explain(session, error, options));
	} finally {
		connector.close();
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

function explain(session: Session, error: unknown, options: DataSourceOptions | undefined): FoundProblem {
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
	const code = typeof given === "string" ? given : String(name);
	const meaning = MEANINGS.find(({ isMeant }) => isMeant(error, code));
	const user = options === undefined ? "" : ` of user "${readUser(options)}" to database "${String(options.database)}"`;
	if (meaning === undefined) {
		return {
			code,
			label: undefined,
			message: `The login${user} fails: ${hidePassword(String(message), options)} (${code}).`,
			path: undefined,
			remedy: "The words are the driver's own: look them up in the documentation of the server.",
		};
	}
	return {
		code,
		label: meaning.field,
		message: `The login${user} fails: the server ${meaning.what} (${code}).`,
		path: readPath(session, ["password", "username"].includes(meaning.field) ? "secretId" : meaning.field),
		remedy: meaning.remedy(session, error),
	};
}

function readUser(options: DataSourceOptions): string {
	return String((options as { readonly username?: unknown }).username);
}

/** Drivers do not quote passwords; this is for the one that will. */
function hidePassword(message: string, options: DataSourceOptions | undefined): string {
	const { password } = (options ?? {}) as { readonly password?: unknown };
	return typeof password === "string" && password !== "" ? message.replaceAll(password, "[hidden]") : message;
}

function correctLogin(session: Session): string {
	if (session.explanation.fields.some(({ field, source }) => field === "password" && source === "token")) {
		return 'Allow this identity to log in as that user: the command "policy" prints the statement. In an RDS database the user needs the role rds_iam.';
	}
	const secretId = readValue(session, "secretId");
	if (typeof secretId !== "string") return 'Correct the options "username" and "password".';
	const id = quoteForShell(secretId);
	return (
		`Secret and database disagree. If a rotation is under way, it passes: aws secretsmanager describe-secret --secret-id ${id}\n` +
		`     Otherwise set the user's password in the database to the secret's, or: aws secretsmanager rotate-secret --secret-id ${id}`
	);
}

function correctParameter(session: Session, field: string, what: string): string {
	const path = readPath(session, field);
	return path === undefined
		? `Correct the option "${field}".`
		: `aws ssm put-parameter --name ${quoteForShell(path)} --overwrite --value '<${what}>'`;
}
