/** The text of a secret → a login. Nothing of the text gets into an error: V8 quotes it in its own messages. */
import type { IAwsDatabaseCredentialsSecret } from "../configuration/connector.options.js";
import { SecretMalformedError } from "../errors/errors.js";

const BYTE_ORDER_MARK = "\uFEFF";

/** Parts of a login that are given in code. */
export type GivenLogin = { readonly [Field in keyof IAwsDatabaseCredentialsSecret]?: string | undefined };

/**
 * Reads user name and password, verbatim. What is given in code wins and need not be in the secret.
 * @throws SecretMalformedError when the text is no JSON object, or lacks one of them as a string of its own that is not empty.
 */
export function parseSecret(text: string, secretId: string, given: GivenLogin = {}): IAwsDatabaseCredentialsSecret {
	const secret = parseObject(text, secretId);
	return {
		username: given.username ?? readField(secret, "username", secretId),
		password: given.password ?? readField(secret, "password", secretId),
	};
}

function parseObject(text: string, secretId: string): object {
	let value: unknown;
	try {
		value = JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
	} catch {
		throw new SecretMalformedError(secretId, "not-json");
	}
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SecretMalformedError(secretId, "not-object");
	return value;
}

/** Own fields only: a key "__proto__" must not supply what the secret itself does not say. */
function readField(secret: object, field: keyof IAwsDatabaseCredentialsSecret, secretId: string): string {
	const value: unknown = Object.hasOwn(secret, field) ? (secret as Record<string, unknown>)[field] : undefined;
	if (typeof value !== "string" || value === "") throw new SecretMalformedError(secretId, "missing-field", field);
	return value;
}
