/** Which driver errors mean that the server refused the credentials. Decided by code and errno, never by text. */

/** PostgreSQL: invalid password, invalid authorization. Also unknown roles, expired passwords and NOLOGIN. */
const REFUSED_SQLSTATES = new Set(["28000", "28P01"]);

/**
 * Whether the server refused the login. True before any SQL has run, so that opening the connection again is safe.
 * PostgreSQL reports a missing TLS connection (no pg_hba.conf entry) with the same 28000; asking for fresh credentials then does no harm.
 */
export function isAuthenticationFailure(error: unknown): boolean {
	if (typeof error !== "object" || error === null) return false;
	const { code } = error as { code?: unknown };
	return typeof code === "string" && REFUSED_SQLSTATES.has(code);
}
