/** Refused, full, or something else: by code. */
import { isAccessDenied, isAuthenticationFailure, isConnectionLimit, isWrongPassword } from "../../../src/support/login-failure.js";

/** What the driver throws in each case of a login that fails. */
const CASES: readonly (readonly [text: string, error: unknown, isRefused: boolean, isFull: boolean, isWrong?: boolean])[] = [
	["a wrong password or an unknown role", { code: "28P01" }, true, false, true],
	["a role that may not log in, or a login without TLS", { code: "28000" }, true, false],
	["a wrong password, as PgBouncer says it", { code: "08P01", message: "SASL authentication failed" }, true, false, true],
	["a PgBouncer that is full", { code: "08P01", message: "no more connections allowed (max_client_conn)" }, false, false],
	["a violated protocol", { code: "08P01" }, false, false],
	["a limit of the role, the database or the server", { code: "53300" }, false, true],
	["a wrong password on MySQL and MariaDB", { code: "ER_ACCESS_DENIED_ERROR", errno: 1_045 }, true, false, true],
	["a password that has expired", { code: "ER_MUST_CHANGE_PASSWORD_LOGIN", errno: 1_862 }, true, false, true],
	["a password that has expired, as the first statement says", { code: "ER_MUST_CHANGE_PASSWORD", errno: 1_820 }, true, false, true],
	["an account that takes no password, or none at all", { code: "ER_ACCESS_DENIED_NO_PASSWORD_ERROR", errno: 1_698 }, true, false, true],
	["an account that is locked, on MySQL", { errno: 3_118 }, true, false],
	["an account that is locked by failed logins, on MySQL", { errno: 3_955 }, true, false],
	["an account that is blocked by failed logins, on MariaDB", { errno: 4_150 }, true, false],
	["an account that is locked, on MariaDB, by a wrong name", { code: "ER_OF_ANOTHER_SERVER", errno: 4_151 }, true, false],
	["a server that a cluster of mysql2 has dropped", { code: "POOL_NOEXIST" }, false, false],
	["servers that a cluster of mysql2 has put aside", { code: "POOL_NONEONLINE" }, false, false],
	["a limit of the MySQL server", { code: "ER_CON_COUNT_ERROR", errno: 1_040 }, false, true],
	["a limit of the MySQL user", { code: "ER_TOO_MANY_USER_CONNECTIONS", errno: 1_203 }, false, true],
	["a limit of what the MySQL user may use", { code: "ER_USER_LIMIT_REACHED", errno: 1_226 }, false, true],
	["a MySQL database without the right to use it", { code: "ER_DBACCESS_DENIED_ERROR", errno: 1_044 }, false, false],
	["a MySQL database that does not exist", { code: "ER_BAD_DB_ERROR", errno: 1_049 }, false, false],
	["a number that is a text", { errno: "1045" }, false, false],
	["the number of a system's error", { code: "ECONNREFUSED", errno: -111 }, false, false],
	["a database that does not exist", { code: "3D000" }, false, false],
	["a database without the right to connect", { code: "42501" }, false, false],
	["a server that starts", { code: "57P03" }, false, false],
	["a server that does not run", { code: "ECONNREFUSED" }, false, false],
	["a refusal that only its text tells of", new Error("password authentication failed for user"), false, false],
	["a code that is a number", { code: 28_000 }, false, false],
	["a code among others", { code: "28P01 53300" }, false, false],
	["an error without a code", new Error("SASL: client password must be a string"), false, false],
	["null", null, false, false],
	["nothing", undefined, false, false],
	["a text", "28P01", false, false],
];

describe("isAuthenticationFailure", () => {
	it.each(CASES)("judges %s", (_, error, isRefused) => {
		expect(isAuthenticationFailure(error)).toBe(isRefused);
	});
});

describe("isConnectionLimit", () => {
	it.each(CASES)("judges %s", (_, error, __, isFull) => {
		expect(isConnectionLimit(error)).toBe(isFull);
	});
});

describe("isWrongPassword", () => {
	it.each(CASES)("judges %s", (_, error, __, ___, isWrong = false) => {
		expect(isWrongPassword(error)).toBe(isWrong);
	});
});

describe("isAccessDenied", () => {
	const codesAndNumbers = CASES.filter(([, error]) => isAccessDenied(error)).map(([text]) => text);

	it("is so for a database that is missing or closed to the user, on each engine, and for nothing else", () => {
		expect(codesAndNumbers).toEqual([
			"a MySQL database without the right to use it",
			"a MySQL database that does not exist",
			"a database that does not exist",
			"a database without the right to connect",
		]);
	});
});
