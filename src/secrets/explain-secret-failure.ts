/** Whatever a request to Secrets Manager ended with → one of our errors, in which nothing of a secret is left. */
import { SecretsManagerServiceException } from "@aws-sdk/client-secrets-manager";

import { isTypeOrmAwsConnectorError, type TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConnectorTimeoutError, SecretUnavailableError, SecretNotFoundError } from "../errors/errors.js";
import type { RequestProgress } from "../aws/aws-causes.js";
import { classifyAwsFailure } from "../aws/aws-failure.js";

/**
 * Secrets Manager does not know the identity: it was deleted or deactivated. One that has merely expired is renewed.
 */
const REVOCATIONS: ReadonlySet<string> = new Set(["InvalidClientTokenId", "UnrecognizedClientException"]);

/** Errors by which Secrets Manager itself, and not the service that gives out identities, refused an identity. */
const revoked = new WeakSet<Error>();

/** What was asked for, and how far the request got. */
export interface SecretRequest {
	readonly progress?: RequestProgress | undefined;
	/** The region that was asked. */
	readonly region?: string | undefined;
	readonly verb: "loaded" | "stored";
}

/** The error to throw for a secret that was not loaded, or not stored. */
export function explainSecretFailure(
	error: unknown,
	secretId: string,
	{ progress, region, verb }: SecretRequest,
): TypeOrmAwsConnectorError {
	const isUnsent = error instanceof ConnectorTimeoutError && progress === "preparing";
	if (isTypeOrmAwsConnectorError(error) && !isUnsent) return error;
	const action = verb === "loaded" ? "secretsmanager:GetSecretValue" : "secretsmanager:PutSecretValue";
	const permission = `${action} on this secret`;
	const { cause, isTransient, kind, reason, remedy } = classifyAwsFailure(error, { permission, progress, secretId });
	if (kind === "not-found") return new SecretNotFoundError(secretId, { cause, region });
	// A service that refuses a value quotes it.
	if (kind === "invalid" && verb === "stored") {
		const refusal = `Secrets Manager refuses the request (${cause.name})`;
		// The words of the remedy send to a message that is withheld, except where the secret is to be restored.
		const restoration = cause.name === "InvalidRequestException" ? remedy : undefined;
		return new SecretUnavailableError(secretId, refusal, false, { kind, remedy: restoration, verb });
	}
	const options = { cause, kind, remedy, verb };
	if (REVOCATIONS.has(cause.name) && isOwnAnswer(error)) {
		const revocation = new SecretUnavailableError(secretId, reason, false, options);
		revoked.add(revocation);
		return revocation;
	}
	return new SecretUnavailableError(secretId, reason, isTransient, options);
}

/**
 * Whether AWS gave no answer, as opposed to one that says no: what was known before is then as good as it was. To an
 * identity that was revoked Secrets Manager has said no.
 */
export function isSecretOutage(error: unknown): boolean {
	if (error instanceof SecretUnavailableError) {
		return error.isTransient || error.kind === "unavailable" || (error.kind === "no-identity" && !revoked.has(error));
	}
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
