/** Each failure of Secrets Manager becomes one of our errors, in which nothing of a secret is left. */
import { inspect } from "node:util";

import { readFault } from "../../../src/errors/connector.error.js";
import {
	ConnectorTimeoutError,
	SecretUnavailableError,
	ConnectorClosedError,
	SecretMalformedError,
	SecretNotFoundError,
} from "../../../src/errors/errors.js";
import { explainSecretFailure, isSecretOutage } from "../../../src/secrets/explain-secret-failure.js";

function failure(name: string, httpStatusCode?: number, message = "What AWS said."): Error {
	return Object.assign(new Error(message), { $metadata: { httpStatusCode }, name });
}

it.each([
	["decryption", "DecryptionFailure", 400],
	["decryption", "EncryptionFailure", 400],
	["decryption", "KMSAccessDeniedException", 400],
	["denied", "AccessDeniedException", 400],
	["invalid", "InvalidRequestException", 400],
	["malformed-response", "SyntaxError", 200],
	["no-identity", "CredentialsProviderError", undefined],
	["throttled", "ThrottlingException", 400],
	["unavailable", "InternalServiceError", 500],
])("is of the kind %s for %s", (kind, name, status) => {
	const error = explainSecretFailure(failure(name, status), "app/key", { verb: "loaded" });

	expect(error).toBeInstanceOf(SecretUnavailableError);
	expect(error).toMatchObject({ cause: { name }, kind, secretId: "app/key" });
	expect(error.message).toMatch(/^Secret "app\/key" could not be loaded: /);
});

it("is a class of its own for a secret that is not there", () => {
	expect(explainSecretFailure(failure("ResourceNotFoundException", 400), "app/key", { verb: "loaded" })).toBeInstanceOf(
		SecretNotFoundError,
	);
});

it("leaves an error of this library as it is", () => {
	const error = new ConnectorClosedError();

	expect(explainSecretFailure(error, "app/key", { verb: "loaded" })).toBe(error);
});

it("says that a secret was not stored, and keeps the words of a refusal to itself, since they quote the value", () => {
	const denied = explainSecretFailure(failure("AccessDeniedException", 400), "app/key", { verb: "stored" });
	const refused = explainSecretFailure(failure("ValidationException", 400, "Value 'hunter2' is wrong"), "app/key", { verb: "stored" });

	expect(readFault(denied)).toBe('Secret "app/key" could not be stored: What AWS said (AccessDeniedException).');
	expect(denied.remedy).toMatch(/^Allow secretsmanager:PutSecretValue on this secret;/);
	expect(refused).toMatchObject({ isTransient: false, kind: "invalid" });
	expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain("hunter2");
});

it.each<[boolean, unknown]>([
	[true, new ConnectorTimeoutError("The fetch", 10_000)],
	[true, new SecretUnavailableError("s", "down", true)],
	[true, new SecretUnavailableError("s", "none", false, { kind: "no-identity" })],
	[false, new SecretUnavailableError("s", "denied", false, { kind: "denied" })],
	[false, new SecretNotFoundError("s")],
	[false, new SecretMalformedError("s", "empty")],
	[false, new ConnectorClosedError()],
	[false, new Error("no")],
])("takes for an outage: %p, of %p", (isOutage, error) => {
	expect(isSecretOutage(error)).toBe(isOutage);
});
