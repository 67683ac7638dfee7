/** One login as the application would make it, and `SELECT 1`. */
import { DataSource, type DataSourceOptions } from "typeorm";

import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { quoteForShell } from "../resolution/explain-fields.js";
import { withDeadline } from "../support/with-deadline.js";
import { type Examination, fail, type FoundProblem, pass, readPath, readValue } from "./diagnosis.js";
import type { Session } from "./open-session.js";

/** Longer than this, and it is no answer for somebody who waits at a terminal. */
const DEADLINE_MS = 15_000;

/** What a server's code means: the field that is to blame, and what to do. */
interface Meaning {
	readonly field: string;
	readonly remedy: (session: Session) => string;
	readonly what: string;
}

const WRONG_PASSWORD: Meaning = { field: "password", remedy: correctLogin, what: "does not accept the password" };
const NO_DATABASE: Meaning = {
	field: "databaseName",
	remedy: (session) => correctParameter(session, "databaseName", "the name of a database on this server"),
	what: "has no such database",
};
const NO_RIGHT: Meaning = {
	field: "databaseName",
	remedy: () => "Have an administrator GRANT CONNECT ON DATABASE … TO the user (MySQL: GRANT … ON database.*).",
	what: "does not let this user into the database",
};
const FULL: Meaning = {
	field: "poolSize",
	remedy: () => "Raise the limit of the server, the database or the role, or lower the poolSize of its clients.",
	what: "has no connection left",
};

/** By SQLSTATE, or by the driver's code. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
	"28000": {
		field: "tls",
		remedy: ({ config }) =>
			config.tls === undefined || config.tls === false
				? "Set tls: {}: most servers that refuse a login so want TLS. If it is set, look at pg_hba.conf and at the role's right to log in."
				: "Look at pg_hba.conf (rds.force_ssl and the like) and at the role's right to log in.",
		what: "lets nobody in this way",
	},
	"28P01": WRONG_PASSWORD,
	"3D000": NO_DATABASE,
	"42501": NO_RIGHT,
	"53300": FULL,
	ER_ACCESS_DENIED_ERROR: WRONG_PASSWORD,
	ER_BAD_DB_ERROR: NO_DATABASE,
	ER_CON_COUNT_ERROR: FULL,
	ER_DBACCESS_DENIED_ERROR: NO_RIGHT,
};

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
	const meaning = MEANINGS[code];
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
		path: readPath(session, meaning.field === "password" ? "secretId" : meaning.field),
		remedy: meaning.remedy(session),
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
