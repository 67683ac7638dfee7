/**
 * Where credentials come from by default, and which parts of them are in Parameter Store: code and `ssmLookups` decide.
 */
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";
import type { TCredentialsSource } from "./credentials.options.js";
import { isDsqlHost } from "../aws/database-host.js";
import { parseArnOf } from "../aws/parse-arn.js";

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

/** The two parts of a login that can be parameters of their own. They have no canonical place. */
export const LOGIN_LOOKUPS = ["username", "password"] as const;

/** The lookups that are no fields. */
export type LoginLookupName = "connection" | (typeof LOGIN_LOOKUPS)[number];

/** The parts of a configuration that are looked at. */
type LoginConfig = Pick<ITypeOrmAwsConnectorConfig, "credentials" | "password" | "secretId" | "ssmLookups" | "username">;

/** Whether the part is given in code, or has a parameter of its own. */
export function isGivenOutsideOfSecret(part: "password" | "username", config: LoginConfig): boolean {
	return config[part] !== undefined || config.ssmLookups?.[part] !== undefined;
}

/** Whether the parameter of the whole connection also holds the login: nothing says that it is anywhere else. */
export function isLoginInConnection({ credentials, secretId, ssmLookups }: LoginConfig): boolean {
	if (ssmLookups?.connection === undefined) return false;
	if (credentials !== undefined) return credentials.source === "parameter-store";
	return secretId === undefined && ssmLookups.secretId === undefined;
}

/** Whether anything of the login is looked up by itself or with the whole connection. */
export function hasLoginLookup({ ssmLookups = {} }: Pick<LoginConfig, "ssmLookups">): boolean {
	return [ssmLookups.connection, ssmLookups.password, ssmLookups.username].some((lookup) => lookup !== undefined);
}

/** Which parts of the login the parameter of the connection is asked for, and whether it must have them. */
export type StoredLoginParts = Readonly<Partial<Record<(typeof LOGIN_LOOKUPS)[number], "optional" | "required">>>;

/** The ARN in `ssmLookups.connection`, where it names a secret. */
export function findConnectionSecret(connection: unknown): string | undefined {
	return typeof connection === "string" && parseArnOf("secretsmanager", connection.trim()) !== undefined ? connection.trim() : undefined;
}

/**
 * The configuration with a secret in `ssmLookups.connection` as what it means: the secret of the login, which also says
 * where the database is.
 */
export function expandConnectionSecret<Config extends LoginConfig>(config: Config): Config {
	const { connection, ...ssmLookups } = config.ssmLookups ?? {};
	const secretId = findConnectionSecret(connection);
	if (secretId === undefined) return config;
	return {
		...config,
		credentials: { ...config.credentials, shouldReadEndpointFromSecret: true, source: "secrets-manager" },
		secretId,
		ssmLookups,
	};
}
