/** The public shape of how AWS is reached. */
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SSMClient } from "@aws-sdk/client-ssm";

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
	/**
	 * An AWS identity or a function that fetches one: to ask AWS with, and to sign login tokens with. Default: the SDK's
	 * own chain.
	 */
	credentials?: TAwsCredentials;
	/**
	 * Another address of Secrets Manager, such as a VPC endpoint. One that is no name of AWS, such as that of an emulator,
	 * also serves the parameters that the connector reads by full name. Default: the SDK's own choice.
	 */
	endpoint?: string;
	/**
	 * Region of secrets and parameters that are not named by an ARN, which has a region of its own, and of databases with
	 * IAM logins whose host does not name one. Default: `AWS_REGION` of ConfigService, then `AWS_REGION` or
	 * `AWS_DEFAULT_REGION` of the environment, then the SDK's own chain.
	 */
	region?: string;
	/** A ready-made client of Secrets Manager. It is used as it is, never replaced and never destroyed. */
	secretsManagerClient?: SecretsManagerClient;
	/**
	 * A ready-made client for parameters that the connector reads by full name. It is used as it is, never replaced and
	 * never destroyed.
	 */
	ssmClient?: SSMClient;
}
