/** Where logins come from when nothing says so: what is given in code and in `ssmLookups` decides. */
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";
import type { TCredentialsSource } from "./credentials.options.js";
import { isDsqlHost } from "../aws/database-host.js";
import { isGivenOutsideOfSecret, isLoginInConnection, type StoredLoginParts } from "./login-lookups.js";

/** The parts of a configuration that decide. */
type Deciding = Pick<ITypeOrmAwsConnectorConfig, "credentials" | "host" | "password" | "secretId" | "ssmLookups" | "username">;

/**
 * What `credentials` says; else a complete login given in code, else one in Parameter Store, else IAM where the host is
 * one of Aurora DSQL, which has no passwords, else a secret.
 */
export function chooseSource(config: Deciding): TCredentialsSource {
	const { credentials, host, password, secretId, username } = config;
	if (credentials !== undefined) return credentials;
	if (username !== undefined && password !== undefined) return { source: "static" };
	const isInParameters = (["username", "password"] as const).every((part) => isGivenOutsideOfSecret(part, config));
	if (isInParameters || isLoginInConnection(config)) return { source: "parameter-store" };
	const canBeDsql = typeof host === "string" && password === undefined && secretId === undefined;
	return { source: canBeDsql && isDsqlHost(host) ? "dsql-iam" : "secrets-manager" };
}

/** Whether logins bring a token that is signed for each connection. */
export function isIam(config: Deciding): boolean {
	const { source } = chooseSource(config);
	return source === "dsql-iam" || source === "rds-iam";
}

/** The parts of the login that the parameter of the connection is asked for. */
export function chooseStoredParts(config: Deciding): StoredLoginParts {
	switch (chooseSource(config).source) {
		case "dsql-iam":
			return { username: "optional" };
		case "parameter-store":
			return isLoginInConnection(config) ? { password: "required", username: "required" } : {};
		case "rds-iam":
			return { username: "required" };
		default:
			return {};
	}
}
