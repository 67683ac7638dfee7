/** Whatever a request to Secrets Manager ended with → one of our errors, in which nothing of a secret is left. */
import { SecretsManagerServiceException } from "@aws-sdk/client-secrets-manager";

import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConnectorTimeoutError, SecretUnavailableError, SecretNotFoundError } from "../errors/errors.js";
import { classifyAwsFailure } from "../aws/aws-failure.js";

const KEY_FAILURES: ReadonlySet<string> = new Set(["DecryptionFailure", "EncryptionFailure", "KMSAccessDeniedException"]);

/**
 * Secrets Manager does not know the identity: it was deleted or deactivated. One that has merely expired is renewed.
 */
const REVOCATIONS: ReadonlySet<string> = new Set(["InvalidClientTokenId", "UnrecognizedClientException"]);

/** Errors by which Secrets Manager itself, and not the service that gives out identities, refused an identity. */
const revoked = new WeakSet<Error>();

/** The error to throw for a secret that was not loaded, or not stored. */
export function explainSecretFailure(error: unknown, secretId: string, verb: "loaded" | "stored"): TypeOrmAwsConnectorError {
	if (isTypeOrmAwsConnectorError(error)) return error;
	const { cause, isTransient, kind, reason } = classifyAwsFailure(error);
	if (kind === "not-found") return new SecretNotFoundError(secretId, { cause });
	// A service that refuses a value quotes it.
	if (kind === "invalid" && verb === "stored") {
		return new SecretUnavailableError(secretId, `Secrets Manager refuses the request (${cause.name})`, false, { kind, verb });
	}
	if (REVOCATIONS.has(cause.name) && isOwnAnswer(error)) {
		const revocation = new SecretUnavailableError(secretId, reason, false, { cause, kind, verb });
		revoked.add(revocation);
		return revocation;
	}
	const exactKind = KEY_FAILURES.has(cause.name) ? "decryption" : kind;
	return new SecretUnavailableError(secretId, reason, isTransient, { cause, kind: exactKind, verb });
}

/**
 * Whether AWS gave no answer, as opposed to one that says no: what was known before is then as good as it was. To an
 * identity that was revoked Secrets Manager has said no.
 */
export function isSecretOutage(error: unknown): boolean {
	if (error instanceof SecretUnavailableError) return error.isTransient || (error.kind === "no-identity" && !revoked.has(error));
	return error instanceof ConnectorTimeoutError;
}

/** By class, and by its name where the client comes from another copy of the SDK. */
function isOwnAnswer(error: unknown): boolean {
	if (error instanceof SecretsManagerServiceException) return true;
	for (let made: unknown = error; typeof made === "object" && made !== null; made = Object.getPrototypeOf(made)) {
		if (made.constructor.name === "SecretsManagerServiceException") return true;
	}
	return false;
}
