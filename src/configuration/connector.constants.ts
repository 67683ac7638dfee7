/** Names and default values under the names that users know; all of them read off the field table. */
import type { IStructuredLookup } from "./connector.options.js";
import { CONNECTOR_FIELDS, type FieldName } from "./connector-fields.js";

/**
 * Token of a connector's configuration.
 * @example
 * { provide: DATABASE_CONFIG_PROVIDER, useValue: { entities: [UserEntity] } }
 */
export const DATABASE_CONFIG_PROVIDER = "DATABASE_CONFIG_PROVIDER";

/** How long a retired pool may finish its work, in milliseconds, where `rotation.drainTimeoutMs` does not say. */
export const DEFAULT_DRAIN_TIMEOUT_MS = 60_000;

/**
 * Default values, canonical lookups and labels. Times are in milliseconds.
 * @example
 * TYPEORM_AWS_CONNECTOR_CONSTANT.CANONICAL_SSM_LOOKUPS.poolSize; // { path: ["typeorm", "pool-size"] }
 */
export const TYPEORM_AWS_CONNECTOR_CONSTANT = {
	CANONICAL_SSM_LOOKUPS: mapFields((name) => CONNECTOR_FIELDS[name].lookup as IStructuredLookup),
	DATABASE_CONFIG_PROVIDER,
	DATABASE_CONNECTION_ROTATION_INTERVAL: CONNECTOR_FIELDS.rotationIntervalMs.defaultValue,
	DATABASE_CONNECTION_TIMEOUT: CONNECTOR_FIELDS.connectionTimeoutMs.defaultValue,
	DATABASE_IDLE_TIMEOUT: CONNECTOR_FIELDS.idleTimeoutMs.defaultValue,
	DATABASE_POOL_SIZE: CONNECTOR_FIELDS.poolSize.defaultValue,
	DATABASE_RELATION_LOAD_STRATEGY: CONNECTOR_FIELDS.relationLoadStrategy.defaultValue,
	DATABASE_ROTATION_INTERVAL_NAME: "db-rotation",
	IS_DATABASE_LOGGING_ENABLED: CONNECTOR_FIELDS.isVerbose.defaultValue,
	IS_DATABASE_SYNCHRONIZATION_ENABLED: CONNECTOR_FIELDS.shouldSynchronize.defaultValue,
	SECRETS_MANAGER_CURRENT_VERSION_STAGE: "AWSCURRENT",
	SSM_FIELD_LABELS: mapFields((name) => CONNECTOR_FIELDS[name].label as string),
} as const;

function mapFields<Value>(read: (name: FieldName) => Value): Readonly<Record<FieldName, Value>> {
	const names = Object.keys(CONNECTOR_FIELDS) as FieldName[];
	return Object.freeze(Object.fromEntries(names.map((name) => [name, read(name)]))) as Record<FieldName, Value>;
}
