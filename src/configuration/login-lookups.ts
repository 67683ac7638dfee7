/** Which parts of a login have a place in Parameter Store. */
import { parseArnOf } from "../aws/parse-arn.js";
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";

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
