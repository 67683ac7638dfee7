/**
 * The text of a secret → a login, and where to use it. Nothing of the text gets into an error: V8 quotes it in its own
 * messages.
 */
import type { IAwsDatabaseCredentialsSecret } from "../configuration/connector.options.js";
import type { ISecretKeys } from "../configuration/credentials.options.js";
import { completeSecretKeys, readOwnValue, readTargetValues, type SecretTarget } from "../configuration/secret-target.js";
import { findControlFault } from "../errors/clean-text.js";
import { SecretMalformedError } from "../errors/errors.js";
import { parseJson } from "../secrets/secret-text.js";

/** Parts of a login that are known without the secret. */
export type KnownLogin = Readonly<Partial<Record<keyof IAwsDatabaseCredentialsSecret, string | undefined>>>;

/**
 * Reads user name and password, verbatim. What is given in code wins and need not be in the secret.
 * @throws SecretMalformedError when the text is no JSON object, or lacks one of them as a string of its own that is not
 * empty, or names a user by control characters.
 */
export function parseSecret(text: string, secretId: string, given: KnownLogin = {}, keys?: ISecretKeys): IAwsDatabaseCredentialsSecret {
	const { password, username } = completeSecretKeys(keys);
	const expectation = `It must be a JSON object with the strings "${username}" and "${password}".`;
	const secret = parseObject(text, secretId, expectation);
	const read = (key: string): string => {
		const value = readOwnValue(secret, key);
		if (typeof value !== "string" || value === "") throw new SecretMalformedError(secretId, "missing-field", key, expectation);
		return value;
	};
	const login = { username: given.username ?? read(username), password: given.password ?? read(password) };
	const fault = findControlFault(login.username);
	if (fault !== undefined) throw new SecretMalformedError(secretId, "invalid-field", username, `It ${fault}.`);
	return login;
}

/**
 * Reads where the database is, as far as the secret says it: text or numbers. What it means is for those to find out
 * who need it.
 * @throws SecretMalformedError when the text is no JSON object, or one of the values is something else.
 */
export function parseSecretTarget(text: string, secretId: string, keys?: ISecretKeys): SecretTarget {
	const secret = parseObject(text, secretId, "It must be a JSON object.");
	const refuse = (key: string): Error => new SecretMalformedError(secretId, "invalid-field", key, "It must be a string or a number.");
	return { secretId, values: readTargetValues(secret, keys, refuse) };
}

function parseObject(text: string, secretId: string, expectation: string): object {
	const value = parseJson(text, secretId, expectation);
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
	throw new SecretMalformedError(secretId, "not-object", undefined, expectation);
}
