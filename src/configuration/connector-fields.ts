/**
 * THE field table: everything that is known of a field, in one place. Types, lookups, labels and defaults derive from
 * it.
 */
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig, ITypeOrmAwsConnectorSsmLookups } from "./connector.options.js";
import { ENamespace } from "../parameter-store/namespace.enum.js";
import { EDatabaseType, ERelationLoadStrategy } from "./connector.enums.js";
import { LOGIN_LOOKUPS, chooseSource, isGivenOutsideOfSecret, type LoginLookupName } from "./credentials-source.js";
import { normalizeEngine } from "./connector.enums.js";
import { isTargetInSecret } from "./secret-target.js";

/** Longest interval between two rotations: 30 days. */
export const MAXIMUM_ROTATION_INTERVAL_MS = 2_592_000_000;

/** Longest time that Node can sleep in one timer. Drivers pass these settings straight to setTimeout. */
export const MAXIMUM_TIMER_MS = 2_147_483_647;

/** Name of a field; the key of its lookup in `ssmLookups`. */
export type FieldName = Exclude<keyof ITypeOrmAwsConnectorSsmLookups, LoginLookupName>;

/** What a field accepts. */
export type FieldKind =
	| { readonly kind: "boolean" }
	| {
			readonly kind: "enum";
			/** Other names for the values. */
			readonly normalize?: (text: string) => string;
			readonly values: readonly string[];
	  }
	| { readonly kind: "host" }
	| { readonly kind: "integer"; readonly maximum: number; readonly minimum: number }
	| { readonly kind: "secret" }
	| { readonly kind: "text" };

/** One row of the table. */
export interface FieldDefinition {
	readonly accepts: FieldKind;
	/** Value of last resort. A field without one is required. */
	readonly defaultValue?: boolean | number | string;
	/** The same where it depends on the other options; `undefined` where they leave the field required. */
	readonly findDefault?: (config: ITypeOrmAwsConnectorConfig) => number | string | undefined;
	/** Whether the field is read at all. Left out where it always is. */
	readonly isNeeded?: (config: ITypeOrmAwsConnectorConfig) => boolean;
	/** Name of the field in messages. */
	readonly label: string;
	/** Its canonical place in Parameter Store. */
	readonly lookup: IStructuredLookup;
	/** The option as its user writes it. */
	readonly option: string;
	/** The value given in code, `undefined` when it is left to SSM. */
	readonly readRaw: (config: ITypeOrmAwsConnectorConfig) => unknown;
}

const COUNT = { kind: "integer", maximum: 100_000, minimum: 1 } as const;
const TIMEOUT_MS = { kind: "integer", maximum: MAXIMUM_TIMER_MS, minimum: 0 } as const;
const TEXT = { kind: "text" } as const;
const BOOLEAN = { kind: "boolean" } as const;

/** A default of Aurora DSQL, which is the same for every cluster. */
const onDsql =
	<Value>(value: Value) =>
	(config: ITypeOrmAwsConnectorConfig): Value | undefined =>
		chooseSource(config).source === "dsql-iam" ? value : undefined;

/** The thirteen fields, in the order in which problems are reported. */
export const CONNECTOR_FIELDS = {
	host: {
		accepts: { kind: "host" },
		label: "host",
		lookup: { instanceName: "aurora-postgres", namespace: ENamespace.AWS_RDS, path: ["host"] },
		option: "host",
		readRaw: (config) => config.host,
	},
	port: {
		accepts: { kind: "integer", maximum: 65_535, minimum: 1 },
		findDefault: onDsql(5_432),
		label: "port",
		lookup: { instanceName: "aurora-postgres", namespace: ENamespace.AWS_RDS, path: ["port"] },
		option: "port",
		readRaw: (config) => config.port,
	},
	secretId: {
		accepts: { kind: "secret" },
		isNeeded: (config) =>
			isTargetInSecret(config) ||
			(chooseSource(config).source === "secrets-manager" && !LOGIN_LOOKUPS.every((part) => isGivenOutsideOfSecret(part, config))),
		label: "secret-id",
		lookup: { instanceName: "database", namespace: ENamespace.AWS_SECRETS_MANAGER, path: ["secret-id"] },
		option: "secretId",
		readRaw: (config) => config.secretId,
	},
	databaseName: {
		accepts: TEXT,
		findDefault: onDsql("postgres"),
		label: "databaseName",
		lookup: { path: ["postgres", "database-name"] },
		option: "databaseName",
		readRaw: (config) => config.databaseName,
	},
	type: {
		accepts: { kind: "enum", normalize: normalizeEngine, values: Object.values(EDatabaseType) },
		findDefault: onDsql(EDatabaseType.POSTGRES),
		label: "type",
		lookup: { path: ["postgres", "type"] },
		option: "type",
		readRaw: (config) => config.type,
	},
	poolSize: {
		accepts: COUNT,
		defaultValue: 10,
		label: "poolSize",
		lookup: { path: ["typeorm", "pool-size"] },
		option: "poolSize",
		readRaw: (config) => config.poolSize,
	},
	connectionTimeoutMs: {
		accepts: TIMEOUT_MS,
		defaultValue: 30_000,
		label: "connectionTimeoutMs",
		lookup: { path: ["typeorm", "connection-timeout-ms"] },
		option: "connectionTimeoutMs",
		readRaw: (config) => config.connectionTimeoutMs,
	},
	idleTimeoutMs: {
		accepts: TIMEOUT_MS,
		defaultValue: 30_000,
		label: "idleTimeoutMs",
		lookup: { path: ["typeorm", "idle-timeout-ms"] },
		option: "idleTimeoutMs",
		readRaw: (config) => config.idleTimeoutMs,
	},
	isVerbose: {
		accepts: BOOLEAN,
		defaultValue: false,
		label: "isVerbose",
		lookup: { path: ["typeorm", "logging"] },
		option: "isVerbose",
		readRaw: (config) => config.isVerbose,
	},
	shouldSynchronize: {
		accepts: BOOLEAN,
		defaultValue: false,
		label: "shouldSynchronize",
		lookup: { path: ["typeorm", "synchronize"] },
		option: "shouldSynchronize",
		readRaw: (config) => config.shouldSynchronize,
	},
	relationLoadStrategy: {
		accepts: { kind: "enum", values: Object.values(ERelationLoadStrategy) },
		defaultValue: ERelationLoadStrategy.QUERY,
		label: "relationLoadStrategy",
		lookup: { path: ["typeorm", "relation-load-strategy"] },
		option: "relationLoadStrategy",
		readRaw: (config) => config.relationLoadStrategy,
	},
	rotationIntervalMs: {
		accepts: { kind: "integer", maximum: MAXIMUM_ROTATION_INTERVAL_MS, minimum: 1 },
		defaultValue: 3_600_000,
		label: "rotation.intervalMs",
		lookup: { path: ["typeorm", "rotation", "interval-ms"] },
		option: "rotation.intervalMs",
		readRaw: (config) => config.rotation?.intervalMs,
	},
	rotationIsEnabled: {
		accepts: BOOLEAN,
		defaultValue: false,
		label: "rotation.isEnabled",
		lookup: { path: ["typeorm", "rotation", "enabled"] },
		option: "rotation.isEnabled",
		readRaw: (config) => config.rotation?.isEnabled,
	},
} as const satisfies Record<FieldName, FieldDefinition>;
