/** What may be shown of an error: everything of our own, nothing but the name of errors of others. */
import { inspect } from "node:util";
import * as fc from "fast-check";
import { SecretUnavailableError, ConnectorClosedError, SecretMalformedError, StagingFailedError } from "../../../src/errors/errors.js";
import { describeFault } from "../../../src/events/describe-fault.js";

const SECRET = "hunter2-secret";

/** The error that V8 raises for this text, which it quotes. */
function parseError(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		return error;
	}
}

describe("describeFault", () => {
	it.each([
		[new StagingFailedError("connect", "master", "refused"), "ERR_CONNECTOR_STAGING_FAILED", true],
		[new ConnectorClosedError(), "ERR_CONNECTOR_CLOSED", false],
		[new SecretMalformedError("app/db", "not-json"), "ERR_CONNECTOR_SECRET_MALFORMED", false],
		[new SecretUnavailableError("app/db", "throttled", true), "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", true],
		[new SecretUnavailableError("app/db", "denied", false), "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", false],
	])("shows an error of this library as it is (%#)", (error, code, isTransient) => {
		expect(describeFault(error)).toEqual({ code, isTransient, message: error.message });
	});

	it("shows nothing of a cause", () => {
		const error = new StagingFailedError("connect", "master", "refused", { cause: new Error(SECRET) });

		expect(inspect(describeFault(error), { depth: null })).not.toContain(SECRET);
	});

	it("shows no more of any other error than its name", () => {
		const error = Object.assign(new TypeError(SECRET), { cause: SECRET, code: SECRET });

		expect(describeFault(error)).toEqual({
			code: "ERR_UNEXPECTED",
			isTransient: true,
			message: "TypeError from outside of this library; its text is withheld, since it may quote a secret",
		});
	});

	it("shows nothing of a secret that Node quotes when it cannot parse it", () => {
		const error = parseError(SECRET);
		expect((error as Error).message).toContain("hunter2");

		expect(describeFault(error)).toMatchObject({
			code: "ERR_UNEXPECTED",
			message: expect.stringMatching(/^SyntaxError from outside/) as string,
		});
	});

	it.each([[SECRET], [null], [undefined], [42], [{ message: SECRET, name: SECRET }], [[SECRET]]])(
		"calls what is no error at all an Error: %j",
		(thrown) => {
			expect(describeFault(thrown).message).toBe(
				"Error from outside of this library; its text is withheld, since it may quote a secret",
			);
		},
	);

	it("never shows the text of whatever is thrown", () => {
		const secrets = fc.string({ maxLength: 40, minLength: 8 }).map((text) => `§${text}§`);
		fc.assert(
			fc.property(secrets, fc.integer({ max: 3, min: 0 }), (secret, kind) => {
				const thrown = [secret, new Error(secret), parseError(secret), { message: secret, stack: secret }][kind];

				expect(inspect(describeFault(thrown), { depth: null })).not.toContain(inspect(secret).slice(1, -1));
			}),
		);
	});
});
