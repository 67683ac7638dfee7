/** What an error of the AWS SDK means, by its name and status alone, and that nothing of a response gets into the result. */
import { inspect } from "node:util";
import { type AwsFailureKind, classifyAwsFailure } from "../../../src/aws/aws-failure.js";

const SECRET = "hunter2-correct-horse";

function serviceError(name: string, status?: number, message = "Something happened."): Error {
	return Object.assign(new Error(message), { name, ...(status === undefined ? {} : { $metadata: { httpStatusCode: status } }) });
}

it.each<[AwsFailureKind, boolean, string, number | undefined]>([
	["throttled", true, "ProvisionedThroughputExceededException", 400],
	["throttled", true, "RequestLimitExceeded", 400],
	["throttled", true, "Throttling", 400],
	["throttled", true, "ThrottlingException", 400],
	["throttled", true, "TooManyRequestsException", 400],
	["throttled", true, "ThrottlingException", 503],
	["throttled", true, "UnknownError", 429],
	["unavailable", true, "InternalServiceError", 500],
	["unavailable", true, "InternalServerError", 500],
	["unavailable", true, "ServiceUnavailable", 503],
	["unavailable", true, "AccessDeniedException", 500],
	["unavailable", true, "SyntaxError", 503],
	["unavailable", true, "TimeoutError", undefined],
	["unavailable", true, "AbortError", undefined],
	["unavailable", true, "Error", undefined],
	["not-found", false, "ParameterNotFound", 400],
	["not-found", false, "ParameterVersionNotFound", 400],
	["not-found", false, "ResourceNotFoundException", 404],
	["denied", false, "AccessDenied", 403],
	["denied", false, "AccessDeniedException", 400],
	["denied", false, "DecryptionFailure", 400],
	["denied", false, "InvalidKeyId", 400],
	["denied", false, "KMSAccessDeniedException", 400],
	["denied", false, "NotAuthorized", 400],
	["no-identity", false, "CredentialsProviderError", undefined],
	["no-identity", false, "IncompleteSignature", 400],
	["no-identity", false, "InvalidClientTokenId", 403],
	["no-identity", false, "SignatureDoesNotMatch", 403],
	["no-identity", false, "TokenProviderError", undefined],
	["no-identity", true, "ExpiredToken", 400],
	["no-identity", true, "ExpiredTokenException", 400],
	["no-identity", true, "InvalidSignatureException", 400],
	["no-identity", true, "RequestExpired", 400],
	["no-identity", true, "UnrecognizedClientException", 400],
	["malformed-response", true, "SyntaxError", 200],
	["invalid", false, "ValidationException", 400],
	["invalid", false, "InvalidRequestException", 400],
])("is %s (another attempt may succeed: %s) for %s with status %s", (kind, isTransient, name, status) => {
	expect(classifyAwsFailure(serviceError(name, status))).toMatchObject({ isTransient, kind });
});

it("gives the SDK's words without their full stop, and its name", () => {
	const { cause, reason } = classifyAwsFailure(serviceError("AccessDeniedException", 400, "You may not read this secret.\n"));

	expect(reason).toBe("You may not read this secret (AccessDeniedException)");
	expect(cause).toBeInstanceOf(Error);
	expect(cause).toMatchObject({ httpStatusCode: 400, name: "AccessDeniedException" });
});

it("keeps the code of a failed connection, and makes up neither a code nor a status", () => {
	const withCode = classifyAwsFailure(Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" }));
	const without = classifyAwsFailure(new Error("socket hang up"));

	expect(withCode.reason).toBe("connect ECONNREFUSED 127.0.0.1:1 (Error, ECONNREFUSED)");
	expect(withCode.cause).toMatchObject({ code: "ECONNREFUSED" });
	expect(Object.keys(withCode.cause).sort()).toEqual(["code", "name"]);
	expect(Object.keys(without.cause)).toEqual(["name"]);
});

it("ignores a code and a status that are of the wrong type", () => {
	const { cause, kind } = classifyAwsFailure(Object.assign(new Error("odd"), { $metadata: { httpStatusCode: "503" }, code: 7 }));

	expect(kind).toBe("unavailable");
	expect(Object.keys(cause)).toEqual(["name"]);
});

it.each([undefined, null, "a string", { message: SECRET }])("copes with %p, which is no error, and repeats nothing of it", (thrown) => {
	const failure = classifyAwsFailure(thrown);

	expect(failure).toMatchObject({ isTransient: true, kind: "unavailable", reason: "unknown failure (Error)" });
	expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(SECRET);
});

it("repeats nothing of a body that is not JSON, although the parser quotes it", () => {
	const error = catchFrom(() => JSON.parse(SECRET));
	Object.defineProperty(error, "$response", { value: { body: SECRET } });
	Object.assign(error, { $metadata: { httpStatusCode: 200 }, $responseBodyText: SECRET });
	const quotedPart = SECRET.slice(0, 7);

	const failure = classifyAwsFailure(error);

	expect(error.message).toContain(quotedPart);
	expect(failure.reason).toBe("the response is not valid JSON (SyntaxError)");
	expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(quotedPart);
	expect(String(failure.cause.stack)).not.toContain(quotedPart);
	expect(failure.cause.cause).toBeUndefined();
});

it("leaves the response of any other error behind as well", () => {
	const error = Object.assign(serviceError("InternalServiceError", 500), { $response: { body: SECRET }, SecretString: SECRET });

	expect(inspect(classifyAwsFailure(error), { depth: null, showHidden: true })).not.toContain(SECRET);
});

function catchFrom(action: () => unknown): Error {
	try {
		action();
	} catch (error) {
		return error as Error;
	}
	throw new Error("The action succeeded.");
}

it.each(["IncompleteSignatureException", "InvalidSignatureException", "SignatureDoesNotMatch"])(
	"does not repeat the headers that %s quotes",
	(name) => {
		const message =
			"The signature does not match.\n\nThe Canonical String for this request should have been\n'POST\nx-amz-security-token:a-token'";

		const { cause, reason } = classifyAwsFailure(serviceError(name, 403, message));

		expect(reason).toBe(`AWS does not accept the signature of the request (${name})`);
		expect(inspect(cause, { depth: null, showHidden: true })).not.toContain("a-token");
	},
);
