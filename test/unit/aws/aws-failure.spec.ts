/** What an error of the AWS SDK means, by its name and status alone, and that nothing of a response gets into the result. */
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import { AWS_CAUSES, type AwsFailureKind } from "../../../src/aws/aws-causes.js";
import { classifyAwsFailure } from "../../../src/aws/aws-failure.js";

const SECRET = "hunter2-correct-horse";

const ROLE_REFUSED =
	"User: arn:aws:sts::123456789012:assumed-role/node/i-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/apps/shop-role";

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
	["decryption", false, "DecryptionFailure", 400],
	["decryption", false, "InvalidKeyId", 400],
	["decryption", false, "KMSAccessDeniedException", 400],
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
	["no-identity", true, "RequestTimeTooSkewed", 403],
	["no-identity", true, "InvalidIdentityTokenException", 400],
	["no-identity", true, "IDPCommunicationError", 400],
	["no-identity", false, "IDPRejectedClaimException", 403],
	["no-identity", false, "RegionDisabledException", 403],
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

it("lets the first of several addresses speak for all", () => {
	const refused = ["::1", "127.0.0.1"].map((address) =>
		Object.assign(new Error(`connect ECONNREFUSED ${address}:4566`), { code: "ECONNREFUSED" }),
	);

	const { kind, reason, remedy } = classifyAwsFailure(Object.assign(new AggregateError(refused, ""), { code: "ECONNREFUSED" }));

	expect({ kind, reason }).toEqual({ kind: "unavailable", reason: "connect ECONNREFUSED ::1:4566 (Error, ECONNREFUSED)" });
	expect(remedy).toContain("AWS_ENDPOINT_URL");
});

it("reads through the SDK's wrapper around an error of another realm", () => {
	const { cause, reason } = classifyAwsFailure(new Error("AWS SDK error wrapper for Error: connect ECONNREFUSED 127.0.0.1:4566"));

	expect(reason).toBe("connect ECONNREFUSED 127.0.0.1:4566 (Error, ECONNREFUSED)");
	expect(cause).toMatchObject({ code: "ECONNREFUSED" });
});

it("reads an error of another realm as any other", () => {
	const foreign = runInNewContext('Object.assign(new Error("no such host"), { code: "ENOTFOUND" })') as object;

	expect(foreign).not.toBeInstanceOf(Error);
	expect(classifyAwsFailure(foreign).reason).toBe("no such host (Error, ENOTFOUND)");
});

it.each<[string, Error, boolean, RegExp]>([
	["a missing region", new Error("Region is missing"), false, /AWS_DEFAULT_REGION.*--region/],
	["a role that may not be assumed", serviceError("AccessDenied", 403, ROLE_REFUSED), false, /--role-name shop-role /],
	["a key", serviceError("AccessDeniedException", 400, "Access to KMS is not allowed"), false, /--secret-id app\/key --query KmsKeyId/],
	["a foreign key", serviceError("AccessDeniedException", 400, "The ciphertext refers to a customer key that …"), false, /kms:Decrypt/],
	[
		"deletion",
		serviceError("InvalidRequestException", 400, "You can't … because it was marked for deletion."),
		false,
		/restore-secret --secret-id app\/key$/,
	],
	[
		"the clock",
		serviceError("InvalidSignatureException", 403, "Signature expired: 20261201T090000Z is now earlier than …"),
		true,
		/date -u$/,
	],
	[
		"dates as text",
		new TypeError(
			"Expected real number, got implicit NaN\n  Deserialization error: to see the raw response, inspect the hidden field {error}.$response",
		),
		true,
		/emulator/,
	],
])("has a remedy of its own for %s", (_, error, isTransient, remedy) => {
	const failure = classifyAwsFailure(error, { secretId: "app/key" });

	expect(failure.isTransient).toBe(isTransient);
	expect(failure.remedy).toMatch(remedy);
	expect(failure.reason).not.toMatch(/hidden field|\.$/);
});

it("takes whatever kept a request from being sent for a missing identity", () => {
	const failure = classifyAwsFailure(new Error("no agent"), { progress: "preparing" });

	expect(failure).toMatchObject({ isTransient: true, kind: "no-identity" });
	expect(classifyAwsFailure(new Error("no agent"), { progress: "sent" }).kind).toBe("unavailable");
});

it("has a command or an address to look at in each row that is no matter of waiting", () => {
	const facts = { code: undefined, isFromIdentityService: false, message: "", name: "", progress: undefined, status: undefined };

	expect(new Set(AWS_CAUSES.map(({ id }) => id)).size).toBe(AWS_CAUSES.length);
	for (const { remedy } of AWS_CAUSES) expect(remedy({}, facts).length).toBeGreaterThan(20);
});
