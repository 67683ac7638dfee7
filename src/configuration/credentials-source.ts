/** Where logins come from when nobody says so: what is given in code decides. */
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";
import type { TCredentialsSource } from "./credentials.options.js";
import { isDsqlHost } from "../aws/database-host.js";

/** The parts of a configuration that decide. */
type Deciding = Pick<ITypeOrmAwsConnectorConfig, "credentials" | "host" | "password" | "secretId" | "username">;

/** What `credentials` says; else a complete login given in code, else IAM where the host is one of Aurora DSQL, which has no passwords, else a secret. */
export function chooseSource({ credentials, host, password, secretId, username }: Deciding): TCredentialsSource {
	if (credentials !== undefined) return credentials;
	if (username !== undefined && password !== undefined) return { source: "static" };
	const canBeDsql = typeof host === "string" && password === undefined && secretId === undefined;
	return { source: canBeDsql && isDsqlHost(host) ? "dsql-iam" : "secrets-manager" };
}

/** Whether logins bring a token that is signed for each connection. */
export function isIam(config: Deciding): boolean {
	const { source } = chooseSource(config);
	return source === "dsql-iam" || source === "rds-iam";
}
