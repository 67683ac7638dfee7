/** Every constant has the value that users know. */
import { DATABASE_CONFIG_PROVIDER, TYPEORM_AWS_CONNECTOR_CONSTANT } from "../../../src/configuration/connector.constants.js";

describe("TYPEORM_AWS_CONNECTOR_CONSTANT", () => {
	it("holds the known names and values", () => {
		expect(DATABASE_CONFIG_PROVIDER).toBe("DATABASE_CONFIG_PROVIDER");
		expect(TYPEORM_AWS_CONNECTOR_CONSTANT).toEqual({
			CANONICAL_SSM_LOOKUPS: {
				connectionTimeoutMs: { path: ["typeorm", "connection-timeout-ms"] },
				databaseName: { path: ["postgres", "database-name"] },
				host: { instanceName: "aurora-postgres", namespace: "aws-rds", path: ["host"] },
				idleTimeoutMs: { path: ["typeorm", "idle-timeout-ms"] },
				isVerbose: { path: ["typeorm", "logging"] },
				poolSize: { path: ["typeorm", "pool-size"] },
				port: { instanceName: "aurora-postgres", namespace: "aws-rds", path: ["port"] },
				relationLoadStrategy: { path: ["typeorm", "relation-load-strategy"] },
				rotationIntervalMs: { path: ["typeorm", "rotation", "interval-ms"] },
				rotationIsEnabled: { path: ["typeorm", "rotation", "enabled"] },
				secretId: { instanceName: "database", namespace: "aws-secrets-manager", path: ["secret-id"] },
				shouldSynchronize: { path: ["typeorm", "synchronize"] },
				type: { path: ["postgres", "type"] },
			},
			DATABASE_CONFIG_PROVIDER: "DATABASE_CONFIG_PROVIDER",
			DATABASE_CONNECTION_ROTATION_INTERVAL: 3_600_000,
			DATABASE_CONNECTION_TIMEOUT: 30_000,
			DATABASE_IDLE_TIMEOUT: 30_000,
			DATABASE_POOL_SIZE: 10,
			DATABASE_RELATION_LOAD_STRATEGY: "query",
			DATABASE_ROTATION_INTERVAL_NAME: "db-rotation",
			IS_DATABASE_LOGGING_ENABLED: false,
			IS_DATABASE_SYNCHRONIZATION_ENABLED: false,
			SECRETS_MANAGER_CURRENT_VERSION_STAGE: "AWSCURRENT",
			SSM_FIELD_LABELS: {
				connectionTimeoutMs: "connectionTimeoutMs",
				databaseName: "databaseName",
				host: "host",
				idleTimeoutMs: "idleTimeoutMs",
				isVerbose: "isVerbose",
				poolSize: "poolSize",
				port: "port",
				relationLoadStrategy: "relationLoadStrategy",
				rotationIntervalMs: "rotation.intervalMs",
				rotationIsEnabled: "rotation.isEnabled",
				secretId: "secret-id",
				shouldSynchronize: "shouldSynchronize",
				type: "type",
			},
		});
	});

	it("cannot have its lookups and labels exchanged", () => {
		expect(Object.isFrozen(TYPEORM_AWS_CONNECTOR_CONSTANT.CANONICAL_SSM_LOOKUPS)).toBe(true);
		expect(Object.isFrozen(TYPEORM_AWS_CONNECTOR_CONSTANT.SSM_FIELD_LABELS)).toBe(true);
	});
});
