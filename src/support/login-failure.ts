/** What a driver's error says about a login: refused, or no room for it. Decided by SQLSTATE and error number, never by text. */

/** PostgreSQL, CockroachDB: invalid password, invalid authorization. Also unknown roles, expired passwords and NOLOGIN. */
const REFUSED_SQLSTATES = new Set(["28000", "28P01"]);

/**
 * MySQL and MariaDB: wrong password or unknown user, account without a password, locked account (MySQL, MariaDB), expired password (found at a statement,
 * at the login). By number: mysql2 names the numbers of MariaDB as MySQL would.
 */
const REFUSED_NUMBERS = new Set([1045, 1698, 3118, 4151, 1820, 1862]);

/** PostgreSQL: invalid password. */
const WRONG_PASSWORD_SQLSTATE = "28P01";

/** MySQL and MariaDB: wrong password or unknown user. */
const WRONG_PASSWORD_NUMBER = 1045;

/**
 * Whether the server refused the login. True before any SQL has run, so that opening the connection again is safe.
 * PostgreSQL reports a missing TLS connection (no pg_hba.conf entry) with the same 28000; asking for fresh credentials then does no harm.
 */
export function isAuthenticationFailure(error: unknown): boolean {
	return REFUSED_SQLSTATES.has(readCode(error)) || REFUSED_NUMBERS.has(readNumber(error));
}

/** Whether it was the password, and nothing else about the login, that the server refused. */
export function isWrongPassword(error: unknown): boolean {
	return readCode(error) === WRONG_PASSWORD_SQLSTATE || readNumber(error) === WRONG_PASSWORD_NUMBER;
}

/** PostgreSQL: the limit of the role, the database or the server is reached. */
const LIMIT_SQLSTATES = new Set(["53300"]);

/** MySQL and MariaDB: the limit of the server, of the user's connections, of the user's resources is reached. */
const LIMIT_NUMBERS = new Set([1040, 1203, 1226]);

/** Whether the server has no room for another connection. */
export function isConnectionLimit(error: unknown): boolean {
	return LIMIT_SQLSTATES.has(readCode(error)) || LIMIT_NUMBERS.has(readNumber(error));
}

function readCode(error: unknown): string {
	if (typeof error !== "object" || error === null) return "";
	const { code } = error as { code?: unknown };
	return typeof code === "string" ? code : "";
}

/** node-postgres has no numbers but those of the operating system, which are negative. */
function readNumber(error: unknown): number {
	if (typeof error !== "object" || error === null) return 0;
	const { errno } = error as { errno?: unknown };
	return typeof errno === "number" ? errno : 0;
}
