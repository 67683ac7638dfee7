/** What to do about a failure of AWS, of Parameter Store and of Secrets Manager alike. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { type AwsFailureKind, classifyAwsFailure } from "../aws/aws-failure.js";

/** How the AWS command line says who is asking. */
const WHO_AM_I = "aws sts get-caller-identity";

const REMEDIES: Readonly<Record<AwsFailureKind, string>> = {
	denied: "",
	invalid: "Look at the name, the region and the endpoint; the message is the service's own.",
	"malformed-response": "Something between here and AWS answers in its place: look at the endpoint and at proxies.",
	"no-identity": `Give this process an AWS identity that is valid; to see which it has: ${WHO_AM_I}`,
	"not-found": "Look at the name and at the region.",
	throttled: "Wait, then ask again. Where it comes back: raise the quota, or set shouldLoadOnDemand.",
	unavailable: "Look at the network, the region and the endpoint: a private subnet needs a NAT gateway or a VPC endpoint.",
};

/** @param permission What the identity must be allowed, such as `ssm:GetParameters on these parameters`. */
export function findAwsRemedy(error: TypeOrmAwsConnectorError, permission: string): string {
	// A deadline has no cause: the service did not answer in time.
	const kind = error.cause === undefined ? "unavailable" : classifyAwsFailure(error.cause).kind;
	return kind === "denied"
		? `Allow ${permission}; the command "policy" prints the statement. To see who was denied: ${WHO_AM_I}`
		: REMEDIES[kind];
}
