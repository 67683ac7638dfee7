/** From a connector's options to where its logins come from. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { SecretFetcher } from "../secrets/secret-fetcher.js";
import type { CredentialsProvider } from "./credentials-provider.js";
import { SecretsManagerCredentials } from "./secrets-manager-credentials.js";
import { StaticCredentials } from "./static-credentials.js";

/**
 * The login given in code when it is complete, Secrets Manager otherwise.
 * @param findRegion asked for the region of the secret when neither the options nor its ARN name one.
 * @param warn told once when a version of the secret other than AWSCURRENT cannot be read.
 */
export function selectCredentials(
	{ aws, password, username }: ITypeOrmAwsConnectorConfig,
	findRegion?: () => string | undefined,
	warn?: (message: string) => void,
): CredentialsProvider {
	if (username !== undefined && password !== undefined) return new StaticCredentials({ password, username });
	return new SecretsManagerCredentials(new SecretFetcher({ ...aws, ...(findRegion && { findRegion }) }), { password, username }, warn);
}
