/**
 * Why AWS gave no answer, or said no: one table of cause, sign, meaning and remedy, for errors of an application, its
 * log and the doctor alike.
 */
import { quoteForShell } from "./aws-command.js";

/** The kinds of failure that lead to different next moves. */
export type AwsFailureKind =
	"decryption" | "denied" | "invalid" | "malformed-response" | "no-identity" | "not-found" | "throttled" | "unavailable";

/** How far a request got: `preparing` while region and identity are looked for, `sent` from its first signature on. */
export type RequestProgress = "preparing" | "sent";

/** What is read of an error of the SDK. */
export interface AwsErrorFacts {
	readonly code: string | undefined;
	/** Whether the service that gives out identities has answered, and not the one that was asked. */
	readonly isFromIdentityService: boolean;
	readonly message: string;
	readonly name: string;
	/** `undefined` where nothing is known of the request. */
	readonly progress: RequestProgress | undefined;
	readonly status: number | undefined;
}

/** What was asked for, as far as a command needs it. */
export interface AwsRemedyContext {
	/** What the identity must be allowed, such as `ssm:GetParameters on these parameters`. */
	readonly permission?: string | undefined;
	readonly secretId?: string | undefined;
}

/** One row. */
export interface AwsCause {
	readonly id: string;
	readonly isMeant: (facts: AwsErrorFacts) => boolean;
	/** Whether the same call may succeed later without any change. */
	readonly isTransient: boolean;
	readonly kind: AwsFailureKind;
	/** The sentence and the command. */
	readonly remedy: (context: AwsRemedyContext, facts: AwsErrorFacts) => string;
}

const POLICY = "npx nestjs-typeorm-aws-connector policy";
/** How the AWS command line says who is asking. */
const WHO_AM_I = "aws sts get-caller-identity";

const THROTTLED = new Set([
	"ProvisionedThroughputExceededException",
	"RequestLimitExceeded",
	"Throttling",
	"ThrottlingException",
	"TooManyRequestsException",
]);
const NOT_FOUND = new Set(["ParameterNotFound", "ParameterVersionNotFound", "ResourceNotFoundException"]);
const DENIED = new Set(["AccessDenied", "AccessDeniedException", "NotAuthorized"]);
const KEY = new Set(["DecryptionFailure", "EncryptionFailure", "InvalidKeyId"]);
const POD_TOKEN = /^(?:IDPCommunicationError|IDPRejectedClaim|InvalidIdentityToken)(?:Exception)?$/;
const EXPIRED_IDENTITY = new Set(["ExpiredToken", "ExpiredTokenException"]);
const UNKNOWN_IDENTITY = new Set([
	"IncompleteSignature",
	"InvalidClientTokenId",
	"InvalidSignatureException",
	"SignatureDoesNotMatch",
	"UnrecognizedClientException",
]);
const NO_IDENTITY = new Set(["CredentialsProviderError", "TokenProviderError"]);
/** Their providers make new ones; the others need a person. */
const RENEWABLE = new Set(["InvalidSignatureException", "UnrecognizedClientException"]);
const CLOCK = /signature (?:expired|not yet current)|too skewed/i;
const FOREIGN_FORM = /^(?:Expected |Invalid RFC-?\d+ )|inspect the hidden field/;

const GIVE_IDENTITY = `Give this process an AWS identity that is valid; to see which it has: ${WHO_AM_I}`;
const OTHER_ANSWERS = "Something between here and AWS answers in its place: look at the endpoint and at proxies.";

/** In the order in which they are looked for: the first that is meant counts. */
export const AWS_CAUSES: readonly AwsCause[] = [
	{
		id: "role-refused",
		isMeant: ({ isFromIdentityService, message, name }) =>
			(DENIED.has(name) && isFromIdentityService) || (DENIED.has(name) && /\bsts:AssumeRole/.test(message)),
		isTransient: false,
		kind: "no-identity",
		remedy: (_, { message }) =>
			"Allow this process to assume the role: the role's trust policy must name it (for a pod: the identity provider, the namespace and the " +
			`service account). To see that policy: aws iam get-role --role-name ${readRole(message)} --query Role.AssumeRolePolicyDocument`,
	},
	{
		id: "pod-token",
		isMeant: ({ name }) => POD_TOKEN.test(name),
		// A claim that was rejected is so the next time.
		isTransient: true,
		kind: "no-identity",
		remedy: () =>
			"AWS STS could not check the token of this pod. It passes where the identity provider was slow; where it stays, look whether the " +
			"provider is known to IAM: aws iam list-open-id-connect-providers",
	},
	{
		id: "region-disabled",
		isMeant: ({ name }) => /^RegionDisabled(?:Exception)?$/.test(name),
		isTransient: false,
		kind: "no-identity",
		remedy: () =>
			"AWS STS is switched off for this region in the account: switch it on (console: IAM, account settings), or name another region. " +
			"To see whether the region itself is on: aws account get-region-opt-status --region-name <region>",
	},
	{
		id: "region-missing",
		isMeant: ({ message, status }) => status === undefined && message.startsWith("Region is missing"),
		isTransient: false,
		kind: "unavailable",
		remedy: () =>
			"Name the region: AWS_REGION or AWS_DEFAULT_REGION in the environment, aws.region in the options, or --region on the command line. " +
			"To see what the AWS command line would take: aws configure get region",
	},
	{
		id: "clock",
		isMeant: ({ message, name }) => ["RequestExpired", "RequestTimeTooSkewed"].includes(name) || CLOCK.test(message),
		isTransient: true,
		kind: "no-identity",
		remedy: () => "Set the clock of this machine: AWS takes a signature for five minutes only. To see its time: date -u",
	},
	{
		id: "identity-expired",
		isMeant: ({ name }) => EXPIRED_IDENTITY.has(name),
		isTransient: true,
		kind: "no-identity",
		remedy: () => `The session of the AWS identity is over: renew it (with a profile: aws sso login). To see which it is: ${WHO_AM_I}`,
	},
	{
		id: "identity-renewable",
		isMeant: ({ name }) => RENEWABLE.has(name),
		isTransient: true,
		kind: "no-identity",
		remedy: () => GIVE_IDENTITY,
	},
	{
		id: "identity-unknown",
		isMeant: ({ name }) => UNKNOWN_IDENTITY.has(name) || NO_IDENTITY.has(name),
		isTransient: false,
		kind: "no-identity",
		remedy: () => GIVE_IDENTITY,
	},
	{
		id: "identity-silent",
		isMeant: ({ name, progress }) => name === "ConnectorTimeoutError" && progress === "preparing",
		isTransient: true,
		kind: "no-identity",
		remedy: () =>
			"Look at what gives this process its identity: the agent behind AWS_CONTAINER_CREDENTIALS_FULL_URI, the instance's metadata " +
			`(a container needs a hop limit of 2), a credential_process, or the function in aws.credentials. To try it: ${WHO_AM_I}`,
	},
	{
		// Whatever the identity's provider threw: the service was not asked.
		id: "identity-failed",
		isMeant: ({ progress }) => progress === "preparing",
		isTransient: true,
		kind: "no-identity",
		remedy: () => GIVE_IDENTITY,
	},
	{
		id: "throttled",
		isMeant: ({ name, status }) => THROTTLED.has(name) || status === 429,
		isTransient: true,
		kind: "throttled",
		remedy: () => "Wait, then ask again. Where it comes back: raise the quota, or set shouldLoadOnDemand.",
	},
	{
		id: "out-of-order",
		isMeant: ({ status }) => status !== undefined && status >= 500,
		isTransient: true,
		kind: "unavailable",
		remedy: () => "The service is out of order, or a proxy on the way is: wait, then ask again; https://health.aws.amazon.com",
	},
	{
		id: "not-found",
		isMeant: ({ name }) => NOT_FOUND.has(name),
		isTransient: false,
		kind: "not-found",
		remedy: () => "Look at the name and at the region.",
	},
	{
		id: "key-denied",
		isMeant: ({ message, name }) =>
			KEY.has(name) || /^KMS\w*Exception$/.test(name) || (DENIED.has(name) && /\bkms:|\bKMS\b|ciphertext refers to/.test(message)),
		isTransient: false,
		kind: "decryption",
		remedy: ({ secretId }) =>
			`Allow kms:Decrypt on the key, in its own policy, too, where it belongs to another account; the statement is printed by: ${POLICY} ${
				secretId === undefined
					? "--parameter-kms-key <arn>. To see the keys: aws ssm describe-parameters --query 'Parameters[].[Name,KeyId]'"
					: `--secret-kms-key <arn>. To see the key: aws secretsmanager describe-secret --secret-id ${quoteForShell(secretId)} --query KmsKeyId`
			}`,
	},
	{
		id: "denied",
		isMeant: ({ name }) => DENIED.has(name),
		isTransient: false,
		kind: "denied",
		remedy: ({ permission = "the action that the message names" }) =>
			`Allow ${permission}; the statement is printed by: ${POLICY}. To see who was denied: ${WHO_AM_I}`,
	},
	{
		id: "secret-deleted",
		isMeant: ({ message, name }) =>
			name === "InvalidRequestException" && /marked for deletion|scheduled for deletion|marked deleted/.test(message),
		isTransient: false,
		kind: "invalid",
		remedy: ({ secretId = "<name>" }) =>
			`Restore the secret, or name another one: aws secretsmanager restore-secret --secret-id ${quoteForShell(secretId)}`,
	},
	{
		id: "not-json",
		isMeant: ({ name }) => name === "SyntaxError",
		isTransient: true,
		kind: "malformed-response",
		remedy: () => OTHER_ANSWERS,
	},
	{
		id: "foreign-form",
		isMeant: ({ message, name }) => FOREIGN_FORM.test(message) && ["Error", "RangeError", "TypeError"].includes(name),
		isTransient: true,
		kind: "malformed-response",
		remedy: () => `${OTHER_ANSWERS} An emulator that writes dates as text needs its newer version.`,
	},
	{
		id: "invalid",
		isMeant: ({ status }) => status !== undefined,
		isTransient: false,
		kind: "invalid",
		remedy: () => "Look at the name, the region and the endpoint; the message is the service's own.",
	},
	{
		id: "refused",
		isMeant: ({ code }) => code === "ECONNREFUSED",
		isTransient: true,
		kind: "unavailable",
		remedy: () =>
			"No program listens at that address: look at the endpoint in the options and in the environment (AWS_ENDPOINT_URL), and start the emulator.",
	},
	{
		// Without a status the request was never answered: reset, timed out, aborted, no such host.
		id: "unreachable",
		isMeant: () => true,
		isTransient: true,
		kind: "unavailable",
		remedy: () => "Look at the network, the region and the endpoint: a private subnet needs a NAT gateway or a VPC endpoint.",
	},
];

function readRole(message: string): string {
	return /:role\/(?:[\w+=,.@-]+\/)*([\w+=,.@-]+)/.exec(message)?.[1] ?? "<role>";
}
