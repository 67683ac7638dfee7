/** The public shape of how AWS is reached. */
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/**
 * The part of an AWS identity that the SDK accepts as `credentials`: an identity, or a function that fetches one.
 * @see https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/setting-credentials-node.html
 */
export type TAwsCredentials = NonNullable<ConstructorParameters<typeof SecretsManagerClient>[0]>["credentials"];

/**
 * How AWS is reached.
 * @example
 * { region: "eu-west-1", endpoint: "https://vpce-1234.secretsmanager.eu-west-1.vpce.amazonaws.com" }
 */
export interface ITypeOrmAwsConnectorAws {
	/** An AWS identity or a function that fetches one: to ask AWS with, and to sign login tokens with. Default: the SDK's own chain. */
	credentials?: TAwsCredentials;
	/** Another address of Secrets Manager, such as a VPC endpoint. Default: the SDK's own choice. */
	endpoint?: string;
	/**
	 * Region of the secret. Default: the region in the secret's ARN, then `AWS_REGION` of ConfigService, then the SDK's own chain. For IAM logins, that of a
	 * database whose host does not name one.
	 */
	region?: string;
	/** A ready-made client. It is used as it is, never replaced and never destroyed. */
	secretsManagerClient?: SecretsManagerClient;
}
