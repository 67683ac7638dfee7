/** From a connector's options to where its logins come from. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { chooseSource } from "../configuration/credentials-source.js";
import { isTargetInSecret } from "../configuration/secret-target.js";
import { SecretFetcher } from "../secrets/secret-fetcher.js";
import type { CredentialsProvider } from "./credentials-provider.js";
import { IamCredentials } from "./iam-credentials.js";
import { ParameterCredentials } from "./parameter-credentials.js";
import { type SecretReader, SecretsManagerCredentials } from "./secrets-manager-credentials.js";
import { StaticCredentials } from "./static-credentials.js";

/**
 * What `credentials` says; else the login given in code when it is complete, Secrets Manager otherwise.
 * @param findRegion asked for the region of the secret or the database when neither the options nor its name say one.
 * @param warn told once when a version of the secret other than AWSCURRENT cannot be read.
 * @param secrets reads secrets. Default: one of its own.
 */
export function selectCredentials(
	config: ITypeOrmAwsConnectorConfig,
	findRegion?: () => string | undefined,
	warn?: (message: string) => void,
	secrets: SecretReader = createSecretReader(config, findRegion),
): CredentialsProvider {
	const { password, username } = config;
	const source = chooseSource(config);
	if (source.source === "rds-iam" || source.source === "dsql-iam") return new IamCredentials({ config, findRegion, source });
	if (source.source === "parameter-store") return new ParameterCredentials();
	if (username !== undefined && password !== undefined && !isTargetInSecret(config)) return new StaticCredentials({ password, username });
	return new SecretsManagerCredentials(secrets, { password, username }, warn, source.source === "secrets-manager" ? source : {});
}

/**
 * Where the logins of the replicas come from that have a secret of their own; one for each replica, with the same AWS
 * clients behind all of them.
 */
export function selectReplicaCredentials(
	config: Pick<ITypeOrmAwsConnectorConfig, "aws" | "credentials" | "replicas">,
	findRegion?: () => string | undefined,
	warn?: (message: string) => void,
	secrets: SecretReader = createSecretReader(config, findRegion),
): CredentialsProvider[] {
	const { credentials, replicas = [] } = config;
	// Their names are those of the master's secret; where a replica is, its own options say.
	const source = credentials?.source === "secrets-manager" ? { ...credentials, shouldReadEndpointFromSecret: false } : {};
	return replicas.map(({ password, username }) => new SecretsManagerCredentials(secrets, { password, username }, warn, source));
}

/** What reads the secrets of one connector alone. */
export function createSecretReader(
	{ aws }: Pick<ITypeOrmAwsConnectorConfig, "aws">,
	findRegion: (() => string | undefined) | undefined,
): SecretReader {
	return new SecretFetcher({ ...aws, ...(findRegion && { findRegion }) });
}
