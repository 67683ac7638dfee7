/** What a secret may say of where the database is, and under which names. */
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";
import { chooseSource } from "./credentials-source.js";
import type { ISecretKeys } from "./credentials.options.js";

/** The fields that a secret can provide. */
export const SECRET_TARGET_FIELDS = ["host", "port", "databaseName", "type"] as const;

/** What one version of a secret says of where the database is. */
export interface SecretTarget {
	readonly secretId: string;
	/** For each field that it has: the name under which it was found, and the text. */
	readonly values: { readonly [Field in (typeof SECRET_TARGET_FIELDS)[number]]?: { readonly key: string; readonly text: string } };
}

/** The names that Secrets Manager uses for a database. */
const DEFAULT_KEYS: Required<ISecretKeys> = {
	databaseName: "dbname",
	host: "host",
	password: "password",
	port: "port",
	type: "engine",
	username: "username",
};

/** The names in use. */
export function completeSecretKeys(keys: ISecretKeys = {}): Required<ISecretKeys> {
	return { ...DEFAULT_KEYS, ...Object.fromEntries(Object.entries(keys).filter(([, key]) => key !== undefined)) };
}

/** Whether the connector's secret says where the database is. */
export function isTargetInSecret(config: ITypeOrmAwsConnectorConfig): boolean {
	const source = chooseSource(config);
	return source.source === "secrets-manager" && source.shouldProvideTarget === true;
}
