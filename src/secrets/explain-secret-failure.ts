/** Whatever a request to Secrets Manager ended with → one of our errors, in which nothing of a secret is left. */
import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConnectorTimeoutError, SecretUnavailableError, SecretNotFoundError } from "../errors/errors.js";
import { classifyAwsFailure } from "../aws/aws-failure.js";

const KEY_FAILURES: ReadonlySet<string> = new Set(["DecryptionFailure", "EncryptionFailure", "KMSAccessDeniedException"]);

/** The error to throw for a secret that was not loaded, or not stored. */
export function explainSecretFailure(error: unknown, secretId: string, verb: "loaded" | "stored"): TypeOrmAwsConnectorError {
	if (isTypeOrmAwsConnectorError(error)) return error;
	const { cause, isTransient, kind, reason } = classifyAwsFailure(error);
	if (kind === "not-found") return new SecretNotFoundError(secretId, { cause });
	// A service that refuses a value quotes it.
	if (kind === "invalid" && verb === "stored") {
		return new SecretUnavailableError(secretId, `Secrets Manager refuses the request (${cause.name})`, false, { kind, verb });
	}
	const exactKind = KEY_FAILURES.has(cause.name) ? "decryption" : kind;
	return new SecretUnavailableError(secretId, reason, isTransient, { cause, kind: exactKind, verb });
}

/** Whether AWS gave no answer, as opposed to one that says no: what was known before is then as good as it was. */
export function isSecretOutage(error: unknown): boolean {
	if (error instanceof SecretUnavailableError) return error.isTransient || error.kind === "no-identity";
	return error instanceof ConnectorTimeoutError;
}
