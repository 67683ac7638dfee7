/** What can be imported, name by name and value by value. A change here breaks users: it needs a decision, not a new snapshot. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import ts from "typescript";

import * as surface from "../../src/index.js";

/** Values and types that applications written for the reference import from it or from its companion. */
const KEPT_VALUES = [
	"createDatabaseConfigProvider",
	"DATABASE_CONFIG_PROVIDER",
	"EDatabaseType",
	"EEnvironment",
	"ENamespace",
	"ERelationLoadStrategy",
	"PARAMETER_STORE_CONFIG_PARAMETERS",
	"PARAMETER_STORE_CONFIG_PROPERTIES",
	"PARAMETER_STORE_SSM_CLIENT",
	"ParameterStoreConfigModule",
	"ParameterStoreConfigParametersProvider",
	"ParameterStoreConfigPropertiesProvider",
	"ParameterStoreConfigService",
	"ParameterStoreConfigSSMProvider",
	"ParameterStoreService",
	"RotatorService",
	"toTypeOrmAwsConnectorConfig",
	"TYPEORM_AWS_CONNECTOR_CONSTANT",
	"TypeOrmAwsConnectorModule",
	"TypeOrmAwsConnectorService",
];
const KEPT_TYPES = [
	"IAwsDatabaseCredentialsSecret",
	"IConfigGetProperties",
	"IParameterStoreConfigAsyncModuleProperties",
	"IParameterStoreConfigProperties",
	"IParameterStoreConfigPropertiesFactory",
	"IStructuredLookup",
	"ITypeOrmAwsConnectorConfig",
	"ITypeOrmAwsConnectorModuleAsyncOptions",
	"ITypeOrmAwsConnectorSsmLookupDefaults",
	"ITypeOrmAwsConnectorSsmLookups",
	"TDatabaseConfigRotation",
];

const ADDED_VALUES = [
	"ConfigurationError",
	"ConnectorTimeoutError",
	"createDataSource",
	"createDsqlTokenProvider",
	"createRdsTokenProvider",
	"createSecretsManager",
	"SecretUnavailableError",
	"DataSourceMismatchError",
	"getConnectorToken",
	"getRotatorToken",
	"InjectConnector",
	"InjectRotator",
	"isTypeOrmAwsConnectorError",
	"LookupInvalidError",
	"OnRotation",
	"OptionInvalidError",
	"ParameterInvalidError",
	"ParameterNotFoundError",
	"ParameterNotLoadedError",
	"ParameterStoreUnavailableError",
	"parseDatabaseUrl",
	"parseDsqlConnectionString",
	"renderExplanation",
	"RotationUnsupportedError",
	"ConnectorClosedError",
	"runTransactionWithRetry",
	"SecretMalformedError",
	"SecretNotFoundError",
	"SecretsManagerModule",
	"SecretsManagerService",
	"StagingFailedError",
	"TypeOrmAwsConnectorError",
];
const ADDED_TYPES = [
	"ConfigReader",
	"ConnectorErrorOptions",
	"ConnectorEvent",
	"ConnectorExplanation",
	"EventFault",
	"ExplainedField",
	"ExplainedOption",
	"ExplainedProblem",
	"IConnectorDataSource",
	"ICreateDataSourceOptions",
	"IDsqlIamCredentialsSource",
	"IDsqlTokenOptions",
	"IGetSecretOptions",
	"INestTypeOrmOptions",
	"IParameterChange",
	"IParameterStoreConfigModuleOptions",
	"IParameterStoreGetManyOptions",
	"IParameterValue",
	"IRdsIamCredentialsSource",
	"IRdsTokenOptions",
	"IRotatorOptions",
	"ISecretKeys",
	"ISecretsManagerCredentialsSource",
	"ISecretsManagerModuleAsyncOptions",
	"ISecretsManagerModuleOptions",
	"ISecretsManagerOptions",
	"ISecretsManagerOptionsFactory",
	"ISecretsManagerStatistics",
	"IStaticCredentialsSource",
	"ITransactionRetryOptions",
	"ITypeOrmAwsConnectorAws",
	"ITypeOrmAwsConnectorTokens",
	"ITypeOrmAwsConnectorConfigFactory",
	"ITypeOrmAwsConnectorModuleOptions",
	"ITypeOrmAwsConnectorReplica",
	"ITypeOrmAwsConnectorReplicaSsmLookups",
	"ITypeOrmAwsConnectorTls",
	"ParameterSource",
	"RotationStage",
	"RotationTrigger",
	"SecretDefect",
	"SecretFailureKind",
	"SecretTrace",
	"TAwsCredentials",
	"TConnectorErrorCode",
	"TCredentialsSource",
	"TDatabaseType",
	"TParameterLookup",
	"TReplicationMode",
	"TRotationResult",
	"TTypeOrmOptions",

	"ICredentialsStatistics",
	"IGenerationStatistics",
	"IReadiness",
	"IReadinessOptions",
	"IRotatorCounters",
	"IRotatorStatistics",
	"IServerReadiness",
	"IServerStatistics",
	"RotationPhase",
	"TNotificationResult",
	"TRotationOutcome",
	"VersionOfSecret",

	"Clock",
	"EventBase",
	"FieldName",
	"FieldSource",
	"FieldValue",
	"IParameterStoreCredentialsSource",
	"IRotateOptions",
	"IntervalRegistry",
	"LoginLookupName",
	"LookupTrace",
	"ParameterFetcher",
	"ReadByNameOptions",
	"ResolveRequest",
	"ResolvedOptions",
	"RotationDeadlines",
	"RotationOptions",
	"RotationSource",
	"ScheduledCall",
	"VersionStage",
];

const NAMESPACES = `
	ACTIVEMQ=activemq APACHE=apache AUTH0=auth0 AWS_API_GATEWAY=aws-api-gateway AWS_APP_SYNC=aws-app-sync AWS_ATHENA=aws-athena
	AWS_BATCH=aws-batch AWS_CLOUDFRONT=aws-cloudfront AWS_CLOUDWATCH=aws-cloudwatch AWS_COGNITO=aws-cognito
	AWS_DOCUMENTDB=aws-documentdb AWS_DYNAMODB=aws-dynamodb AWS_EC2=aws-ec2 AWS_ECS_EC2=aws-ecs-ec2
	AWS_ECS_FARGATE=aws-ecs-fargate AWS_EKS_EC2=aws-eks-ec2 AWS_EKS_FARGATE=aws-eks-fargate
	AWS_ELASTIC_BEANSTALK=aws-elastic-beanstalk AWS_ELASTICACHE=aws-elasticache AWS_EVENTBRIDGE=aws-eventbridge
	AWS_GLUE=aws-glue AWS_IOT=aws-iot AWS_KINESIS=aws-kinesis AWS_LAMBDA=aws-lambda AWS_NEPTUNE=aws-neptune
	AWS_OPENSEARCH=aws-opensearch AWS_RDS=aws-rds AWS_REDSHIFT=aws-redshift AWS_ROUTE53=aws-route53 AWS_S3=aws-s3
	AWS_SECRETS_MANAGER=aws-secrets-manager AWS_SNS=aws-sns AWS_SQS=aws-sqs AWS_STEP_FUNCTIONS=aws-step-functions
	AWS_TIMESTREAM=aws-timestream AZURE_ACTIVE_DIRECTORY=azure-active-directory AZURE_APP_SERVICE=azure-app-service
	AZURE_BLOB_STORAGE=azure-blob-storage AZURE_COSMOS_DB=azure-cosmos-db AZURE_FUNCTIONS=azure-functions
	AZURE_KEY_VAULT=azure-key-vault AZURE_SERVICE_BUS=azure-service-bus AZURE_SQL=azure-sql CASSANDRA=cassandra
	CLICKHOUSE=clickhouse CLOUDFLARE=cloudflare COCKROACHDB=cockroachdb CONSUL=consul DATADOG=datadog DOCKER=docker
	ELASTICSEARCH=elasticsearch ENVOY=envoy GCP_APP_ENGINE=gcp-app-engine GCP_BIGQUERY=gcp-bigquery GCP_BIGTABLE=gcp-bigtable
	GCP_CLOUD_FUNCTIONS=gcp-cloud-functions GCP_CLOUD_RUN=gcp-cloud-run GCP_CLOUD_SQL=gcp-cloud-sql
	GCP_CLOUD_STORAGE=gcp-cloud-storage GCP_COMPUTE_ENGINE=gcp-compute-engine GCP_DATASTORE=gcp-datastore
	GCP_FIRESTORE=gcp-firestore GCP_PUBSUB=gcp-pubsub GCP_SPANNER=gcp-spanner GITHUB=github GRAFANA=grafana HAPROXY=haproxy
	ISTIO=istio KAFKA=kafka KUBERNETES=kubernetes LINKERD=linkerd MARIADB=mariadb MILVUS=milvus MINIO=minio MONGODB=mongodb
	MQTT=mqtt MYSQL=mysql NATS=nats NEO4J=neo4j NGINX=nginx OKTA=okta ORACLE=oracle PINECONE=pinecone POSTGRES=postgres
	PROMETHEUS=prometheus PULSAR=pulsar QDRANT=qdrant RABBITMQ=rabbitmq REDIS=redis RETHINKDB=rethinkdb SCYLLADB=scylladb
	SENTRY=sentry SQL_SERVER=sql-server SQLITE=sqlite TERRAFORM=terraform TIMESCALEDB=timescaledb TRAEFIK=traefik VAULT=vault
	WEAVIATE=weaviate ZEROMQ=zeromq
`;

/** Names after `export type`, and those marked `type` in an export list. */
function listExportedTypes(): string[] {
	const text = readFileSync(join(__dirname, "../../src/index.ts"), "utf8");
	const { statements } = ts.createSourceFile("index.ts", text, ts.ScriptTarget.ES2022);
	return statements
		.filter(ts.isExportDeclaration)
		.flatMap(({ exportClause, isTypeOnly }) =>
			exportClause !== undefined && ts.isNamedExports(exportClause)
				? exportClause.elements.filter((element) => isTypeOnly || element.isTypeOnly).map(({ name }) => name.text)
				: [],
		);
}

describe("names", () => {
	it("are these values", () => {
		expect(Object.keys(surface).sort()).toEqual([...KEPT_VALUES, ...ADDED_VALUES].sort());
	});

	it("are these types", () => {
		expect(listExportedTypes().sort()).toEqual([...KEPT_TYPES, ...ADDED_TYPES].sort());
	});

	it("are each defined", () => {
		expect(Object.entries(surface).filter(([, value]) => value === undefined)).toEqual([]);
	});
});

describe("values", () => {
	it("of ENamespace are the hundred of the companion", () => {
		const pairs = NAMESPACES.trim()
			.split(/\s+/)
			.map((pair) => pair.split("="));

		expect(pairs).toHaveLength(100);
		expect(surface.ENamespace).toEqual(Object.fromEntries(pairs));
	});

	it("of the other enums are those of the reference, and two engines more", () => {
		expect(surface.EDatabaseType).toEqual({ COCKROACHDB: "cockroachdb", MARIADB: "mariadb", MYSQL: "mysql", POSTGRES: "postgres" });
		expect(surface.ERelationLoadStrategy).toEqual({ JOIN: "join", QUERY: "query" });
		expect(surface.EEnvironment).toEqual({
			DEVELOPMENT: "development",
			LOCAL: "local",
			PRODUCTION: "production",
			STAGING: "staging",
			TEST: "test",
		});
	});

	it.each([
		"DATABASE_CONFIG_PROVIDER",
		"PARAMETER_STORE_CONFIG_PARAMETERS",
		"PARAMETER_STORE_CONFIG_PROPERTIES",
		"PARAMETER_STORE_SSM_CLIENT",
	] as const)("of the token %s is its own name", (name) => {
		expect(surface[name]).toBe(name);
	});

	it("of the constants are those of the reference", () => {
		expect(surface.TYPEORM_AWS_CONNECTOR_CONSTANT).toEqual({
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
});

describe("constructors and methods", () => {
	it.each([
		["TypeOrmAwsConnectorModule", ["register", "registerAsync"]],
		["ParameterStoreConfigModule", ["register", "registerAsync"]],
	] as const)("%s has %p", (name, methods) => {
		expect(methods.filter((method) => typeof surface[name][method] !== "function")).toEqual([]);
	});

	it.each([
		["TypeOrmAwsConnectorService", ["createTypeOrmOptions", "getCredentials", "getRotationConfig", "getTypeOrmOptions"]],
		["RotatorService", ["rotateDatabaseConnection"]],
		["ParameterStoreConfigService", ["get", "getMany"]],
		["ParameterStoreService", ["getParametersByPath"]],
	] as const)("an instance of %s has %p", (name, methods) => {
		const prototype = surface[name].prototype as unknown as Record<string, unknown>;

		expect(methods.filter((method) => typeof prototype[method] !== "function")).toEqual([]);
	});
});
