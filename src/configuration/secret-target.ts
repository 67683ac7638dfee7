/** What a secret or a parameter may say of where the database is, and under which names. */
import type { ITypeOrmAwsConnectorConfig } from "./connector.options.js";
import { chooseSource } from "./credentials-source.js";
import type { ISecretKeys } from "./credentials.options.js";

/** The fields that a secret can provide. */
export const SECRET_TARGET_FIELDS = ["host", "port", "databaseName", "type"] as const;

/** Texts of these fields, each with the name under which it was found. */
export type TargetValues = { readonly [Field in (typeof SECRET_TARGET_FIELDS)[number]]?: { readonly key: string; readonly text: string } };

/** What one version of a secret says of where the database is. */
export interface SecretTarget {
	readonly secretId: string;
	/** For each field that it has: the name under which it was found, and the text. */
	readonly values: TargetValues;
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
	return source.source === "secrets-manager" && source.shouldReadEndpointFromSecret === true;
}

/**
 * The texts of the fields in a JSON object, as far as it has them: texts or numbers. What they mean is not looked at.
 * @param refuse makes the error for a value that is neither.
 */
export function readTargetValues(stored: object, keys: ISecretKeys | undefined, refuse: (key: string) => Error): TargetValues {
	const names = completeSecretKeys(keys);
	const values = SECRET_TARGET_FIELDS.flatMap((field) => {
		const key = names[field];
		const value = readOwnValue(stored, key);
		if (value === undefined || value === null || value === "") return [];
		if (typeof value !== "string" && typeof value !== "number") throw refuse(key);
		return [[field, { key, text: String(value) }] as const];
	});
	return Object.fromEntries(values);
}

/** Own values only: a key "__proto__" must not supply what the object itself does not say. */
export function readOwnValue(stored: object, key: string): unknown {
	return Object.hasOwn(stored, key) ? (stored as Record<string, unknown>)[key] : undefined;
}
