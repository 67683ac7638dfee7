/**
 * What an AWS SDK error means for us, and a copy of it that is safe to keep: decided by name and HTTP status, never by
 * message.
 */

import { cleanText, toClause } from "../errors/clean-text.js";

/** The kinds of failure that lead to different next moves. */
export type AwsFailureKind = "denied" | "invalid" | "malformed-response" | "no-identity" | "not-found" | "throttled" | "unavailable";

/** An AWS SDK error, classified. */
export interface AwsFailure {
	/** A copy without the response body, which may hold the value that was asked for. */
	readonly cause: Error;
	/** Whether the same call may succeed later without any change. */
	readonly isTransient: boolean;
	readonly kind: AwsFailureKind;
	/** One clause for a message: the SDK's error name and its own words where those cannot quote a value. */
	readonly reason: string;
}

const THROTTLED = new Set([
	"ProvisionedThroughputExceededException",
	"RequestLimitExceeded",
	"Throttling",
	"ThrottlingException",
	"TooManyRequestsException",
]);
const NOT_FOUND = new Set(["ParameterNotFound", "ParameterVersionNotFound", "ResourceNotFoundException"]);
const DENIED = new Set([
	"AccessDenied",
	"AccessDeniedException",
	"DecryptionFailure",
	"InvalidKeyId",
	"KMSAccessDeniedException",
	"NotAuthorized",
]);
const NO_IDENTITY = new Set([
	"CredentialsProviderError",
	"ExpiredToken",
	"ExpiredTokenException",
	"IncompleteSignature",
	"InvalidClientTokenId",
	"InvalidSignatureException",
	"RequestExpired",
	"SignatureDoesNotMatch",
	"TokenProviderError",
	"UnrecognizedClientException",
]);
/** Expired identities are renewed by their providers; the others need a person. */
const RENEWABLE_IDENTITY = new Set([
	"ExpiredToken",
	"ExpiredTokenException",
	"InvalidSignatureException",
	"RequestExpired",
	"UnrecognizedClientException",
]);

/** Classifies whatever an AWS SDK v3 client threw. */
export function classifyAwsFailure(error: unknown): AwsFailure {
	const { code, message, name, status } = readFields(error);
	const kind = chooseKind(name, status);
	const isTransient =
		kind === "throttled" ||
		kind === "unavailable" ||
		kind === "malformed-response" ||
		(kind === "no-identity" && RENEWABLE_IDENTITY.has(name));
	const text = describeSafely(name, message);
	const label = code === undefined ? name : `${name}, ${code}`;
	const cause = Object.assign(new Error(cleanText(text)), {
		name,
		...(code === undefined ? {} : { code }),
		...(status === undefined ? {} : { httpStatusCode: status }),
	});
	return { cause, isTransient, kind, reason: `${toClause(text)} (${label})` };
}

/** The service's own words, as far as they cannot quote a secret. */
function describeSafely(name: string, message: string): string {
	// It quotes the body that it could not read, and the body may be the secret.
	if (name === "SyntaxError") return "the response is not valid JSON";
	// AWS quotes the headers that it was sent, the session token among them.
	if (name.includes("Signature")) return "AWS does not accept the signature of the request";
	return message;
}

function chooseKind(name: string, status: number | undefined): AwsFailureKind {
	if (THROTTLED.has(name) || status === 429) return "throttled";
	if (status !== undefined && status >= 500) return "unavailable";
	if (NOT_FOUND.has(name)) return "not-found";
	if (DENIED.has(name)) return "denied";
	if (NO_IDENTITY.has(name)) return "no-identity";
	if (name === "SyntaxError") return "malformed-response";
	// Without a status the request was never answered: refused, reset, timed out, aborted, no such host.
	return status === undefined ? "unavailable" : "invalid";
}

function readFields(error: unknown): { code: string | undefined; message: string; name: string; status: number | undefined } {
	if (!(error instanceof Error)) return { code: undefined, message: "unknown failure", name: "Error", status: undefined };
	const { $metadata, code } = error as { $metadata?: { httpStatusCode?: unknown }; code?: unknown } & Error;
	const status = $metadata?.httpStatusCode;
	return {
		code: typeof code === "string" ? cleanText(code) : undefined,
		message: error.message,
		name: cleanText(error.name),
		status: typeof status === "number" ? status : undefined,
	};
}
