/** Refused, full, or something else: by code alone. */
import { isAuthenticationFailure, isConnectionLimit, isWrongPassword } from "../../../src/support/login-failure.js";

/** What the driver throws in each case of a login that fails. */
const CASES: readonly (readonly [text: string, error: unknown, isRefused: boolean, isFull: boolean])[] = [
	["a wrong password or an unknown role", { code: "28P01" }, true, false],
	["a role that may not log in, or a login without TLS", { code: "28000" }, true, false],
	["a limit of the role, the database or the server", { code: "53300" }, false, true],
	["a database that does not exist", { code: "3D000" }, false, false],
	["a database without the right to connect", { code: "42501" }, false, false],
	["a server that starts", { code: "57P03" }, false, false],
	["a server that nobody runs", { code: "ECONNREFUSED" }, false, false],
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
	it.each(CASES)("judges %s", (_, error) => {
		expect(isWrongPassword(error)).toBe((error as { code?: unknown } | null | undefined)?.code === "28P01");
	});
});
