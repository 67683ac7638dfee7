/** What a driver's error says about a login: refused, or no room for it. Decided by code and errno, never by text. */

/** PostgreSQL: invalid password, invalid authorization. Also unknown roles, expired passwords and NOLOGIN. */
const REFUSED_SQLSTATES = new Set(["28000", "28P01"]);

/** PostgreSQL: invalid password. */
const WRONG_PASSWORD_SQLSTATE = "28P01";

/**
 * Whether the server refused the login. True before any SQL has run, so that opening the connection again is safe.
 * PostgreSQL reports a missing TLS connection (no pg_hba.conf entry) with the same 28000; asking for fresh credentials then does no harm.
 */
export function isAuthenticationFailure(error: unknown): boolean {
	return REFUSED_SQLSTATES.has(readCode(error));
}

/** Whether it was the password, and nothing else about the login, that the server refused. */
export function isWrongPassword(error: unknown): boolean {
	return readCode(error) === WRONG_PASSWORD_SQLSTATE;
}

/** PostgreSQL: the limit of the role, the database or the server is reached. */
const LIMIT_SQLSTATES = new Set(["53300"]);

/** Whether the server has no room for another connection. */
export function isConnectionLimit(error: unknown): boolean {
	return LIMIT_SQLSTATES.has(readCode(error));
}

function readCode(error: unknown): string {
	if (typeof error !== "object" || error === null) return "";
	const { code } = error as { code?: unknown };
	return typeof code === "string" ? code : "";
}
