/**
 * What a driver's error says about a login: refused, or no room for it. Decided by code and errno, never by text alone.
 */

/**
 * What tells one kind of failure: the codes of pg (SQLSTATE) and mysql2, and the numbers of MySQL and MariaDB, of which
 * mysql2 knows some by a wrong name.
 */
interface Failure {
	readonly codes: ReadonlySet<string>;
	readonly errnos: ReadonlySet<number>;
}

const WRONG_PASSWORD: Failure = {
	codes: new Set(["28P01"]),
	// Refused; refused by an account that takes no password, which is what MariaDB says of some users that it does not
	// know; expired as the first statement finds out, expired at the login.
	errnos: new Set([1_045, 1_698, 1_820, 1_862]),
};

/**
 * MySQL: locked by an administrator, by failed logins. MariaDB: by failed logins (max_password_errors), by an
 * administrator.
 */
const LOCKED: Failure = { codes: new Set(), errnos: new Set([3_118, 3_955, 4_150, 4_151]) };

const REFUSED: Failure = {
	// PostgreSQL: invalid authorization.
	codes: new Set([...WRONG_PASSWORD.codes, "28000"]),
	errnos: new Set([...WRONG_PASSWORD.errnos, ...LOCKED.errnos]),
};

const NO_ACCESS: Failure = {
	// No such database, no right to connect to it.
	codes: new Set(["3D000", "42501"]),
	errnos: new Set([1_044, 1_049]),
};

const LIMIT: Failure = {
	codes: new Set(["53300"]),
	// Of the server, of the user, of a resource of the user.
	errnos: new Set([1_040, 1_203, 1_226]),
};

/**
 * Whether the server refused the login. True before any SQL has run, so that opening the connection again is safe.
 * PostgreSQL reports a missing TLS connection (no pg_hba.conf entry) with the same 28000; asking for fresh credentials
 * then does no harm.
 */
export function isAuthenticationFailure(error: unknown): boolean {
	return matches(error, REFUSED) || isPoolersRefusal(error);
}

/** Whether it was the password, as far as the server says, and nothing else about the login that it refused. */
export function isWrongPassword(error: unknown): boolean {
	return matches(error, WRONG_PASSWORD) || isPoolersRefusal(error);
}

/** Whether the account is locked, so that no password helps until it is unlocked. */
export function isAccountLocked(error: unknown): boolean {
	return matches(error, LOCKED);
}

/**
 * Whether the server knows the user and does not let it into the database: the right, or the database, is not there.
 */
export function isAccessDenied(error: unknown): boolean {
	return matches(error, NO_ACCESS);
}

/** Whether the server has no room for another connection. */
export function isConnectionLimit(error: unknown): boolean {
	return matches(error, LIMIT);
}

/**
 * PgBouncer has one code, that of a violated protocol, for all it has to say; the text tells a refused login from a
 * full pooler.
 */
function isPoolersRefusal(error: unknown): boolean {
	if (typeof error !== "object" || error === null) return false;
	const { code, message } = error as { code?: unknown; message?: unknown };
	return code === "08P01" && typeof message === "string" && message.includes("authentication failed");
}

function matches(error: unknown, { codes, errnos }: Failure): boolean {
	if (typeof error !== "object" || error === null) return false;
	const { code, errno } = error as { code?: unknown; errno?: unknown };
	return (typeof code === "string" && codes.has(code)) || (typeof errno === "number" && errnos.has(errno));
}
