/** The public surface, by topic. */

// The connector: one registration for each database.
export { TypeOrmAwsConnectorModule } from "./module/typeorm-aws-connector.module.js";
export { InjectConnector, InjectRotator, OnRotation } from "./module/connector.decorators.js";
export { getConnectorToken, getRotatorToken } from "./module/connector.tokens.js";
export { createDatabaseConfigProvider, toTypeOrmAwsConnectorConfig } from "./module/connector.providers.js";
export { TypeOrmAwsConnectorService } from "./connector/typeorm-aws-connector.service.js";
export type { ConfigReader } from "./connector/sources.js";
export type { ParameterSource } from "./connector/sources.js";
export type { ExplainedOption } from "./connector/explain-connector.js";
export type { ConnectorExplanation } from "./connector/explain-connector.js";
export { renderExplanation } from "./connector/render-explanation.js";
export type { ExplainedField, ExplainedProblem } from "./resolution/explain-fields.js";
export type { FieldValue } from "./resolution/parse-value.js";
export type { FieldSource } from "./resolution/resolve-field.js";

// Its options.
export type { ITypeOrmAwsConnectorAws, TAwsCredentials } from "./aws/aws.options.js";
export { EDatabaseType, ERelationLoadStrategy } from "./configuration/connector.enums.js";
export { DATABASE_CONFIG_PROVIDER, TYPEORM_AWS_CONNECTOR_CONSTANT } from "./configuration/connector.constants.js";
export type { FieldName } from "./configuration/connector-fields.js";
export type { LoginLookupName } from "./configuration/credentials-source.js";
export type {
	IAwsDatabaseCredentialsSecret,
	IStructuredLookup,
	ITypeOrmAwsConnectorTokens,
	ITypeOrmAwsConnectorConfig,
	ITypeOrmAwsConnectorConfigFactory,
	ITypeOrmAwsConnectorModuleAsyncOptions,
	ITypeOrmAwsConnectorModuleOptions,
	ITypeOrmAwsConnectorSsmLookupDefaults,
	ITypeOrmAwsConnectorSsmLookups,
	TDatabaseConfigRotation,
} from "./configuration/connector.options.js";
export type {
	IDsqlIamCredentialsSource,
	IParameterStoreCredentialsSource,
	IRdsIamCredentialsSource,
	ISecretKeys,
	ISecretsManagerCredentialsSource,
	IStaticCredentialsSource,
	TCredentialsSource,
} from "./configuration/credentials.options.js";
export type { ITypeOrmAwsConnectorTls } from "./configuration/tls.options.js";
export type {
	ITypeOrmAwsConnectorReplica,
	ITypeOrmAwsConnectorReplicaSsmLookups,
	TReplicationMode,
} from "./configuration/replica.options.js";
export type { INestTypeOrmOptions, TDatabaseType, TTypeOrmOptions } from "./configuration/typeorm.options.js";

// The address of a database, as DATABASE_URL has it.
export { parseDatabaseUrl } from "./configuration/database-url.js";

// Logins with IAM, and what Aurora DSQL needs besides.
export { parseDsqlConnectionString } from "./configuration/dsql-connection-string.js";
export type { IDsqlTokenOptions, IRdsTokenOptions } from "./configuration/token.options.js";
export { runTransactionWithRetry } from "./connector/transaction-retry.js";
export type { ITransactionRetryOptions } from "./connector/transaction-retry.options.js";
export { createDsqlTokenProvider } from "./credentials/dsql-token.js";
export { createRdsTokenProvider } from "./credentials/rds-token.js";

// Rotation of its credentials.
export { RotatorService } from "./rotation/rotator.service.js";
export type { IRotateOptions, IRotatorOptions, TNotificationResult, TRotationResult } from "./rotation/rotation.options.js";
export type { RotationPhase } from "./rotation/rotation-state.js";
export type {
	ICredentialsStatistics,
	IGenerationStatistics,
	IReadiness,
	IReadinessOptions,
	IRotatorCounters,
	IRotatorStatistics,
	IServerReadiness,
	IServerStatistics,
	TRotationOutcome,
} from "./rotation/statistics.options.js";
export type { RotationDeadlines } from "./rotation/rotation-context.js";
export type { IntervalRegistry } from "./rotation/rotation-schedule.js";
export type { ResolvedOptions, ResolveRequest, RotationOptions, RotationSource, VersionOfSecret } from "./connector/rotation-source.js";
export type { ConnectorEvent, EventBase, EventFault, RotationStage, RotationTrigger, VersionStage } from "./events/connector-event.js";
export type { Clock, ScheduledCall } from "./support/clock.js";

// A DataSource without a Nest application.
export { createDataSource } from "./standalone/create-data-source.js";
export type { IConnectorDataSource, ICreateDataSourceOptions } from "./standalone/create-data-source.options.js";

// Secrets at run time.
export { SecretsManagerModule } from "./module/secrets-manager.module.js";
export { createSecretsManager, SecretsManagerService } from "./secrets/secrets-manager.service.js";
export type {
	ISecretsManagerModuleAsyncOptions,
	ISecretsManagerModuleOptions,
	ISecretsManagerOptionsFactory,
} from "./module/secrets-manager-module.options.js";
export type { IGetSecretOptions, ISecretsManagerOptions, ISecretsManagerStatistics } from "./secrets/secrets-manager.options.js";

// Parameter Store.
export { EEnvironment } from "./parameter-store/environment.enum.js";
export { ENamespace } from "./parameter-store/namespace.enum.js";
export { ParameterStoreConfigModule } from "./parameter-store/parameter-store-config.module.js";
export { ParameterStoreConfigService } from "./parameter-store/parameter-store-config.service.js";
export type { ParameterFetcher } from "./parameter-store/cached-parameters.js";
export { ParameterStoreService, type ReadByNameOptions } from "./parameter-store/parameter-store.service.js";
export {
	ParameterStoreConfigParametersProvider,
	ParameterStoreConfigPropertiesProvider,
	ParameterStoreConfigSSMProvider,
} from "./parameter-store/parameter-store.providers.js";
export {
	PARAMETER_STORE_CONFIG_PARAMETERS,
	PARAMETER_STORE_CONFIG_PROPERTIES,
	PARAMETER_STORE_SSM_CLIENT,
} from "./parameter-store/parameter-store.tokens.js";
export type {
	IConfigGetProperties,
	IParameterChange,
	IParameterStoreConfigAsyncModuleProperties,
	IParameterStoreConfigModuleOptions,
	IParameterStoreConfigProperties,
	IParameterStoreConfigPropertiesFactory,
	IParameterStoreGetManyOptions,
	IParameterValue,
	TParameterLookup,
} from "./parameter-store/parameter-store.options.js";

// Errors.
export {
	type ConnectorErrorOptions,
	isTypeOrmAwsConnectorError,
	type TConnectorErrorCode,
	TypeOrmAwsConnectorError,
} from "./errors/connector.error.js";
export {
	ConfigurationError,
	ConnectorTimeoutError,
	SecretUnavailableError,
	DataSourceMismatchError,
	LookupInvalidError,
	type LookupTrace,
	OptionInvalidError,
	ParameterInvalidError,
	ParameterNotFoundError,
	ParameterNotLoadedError,
	ParameterStoreUnavailableError,
	RotationUnsupportedError,
	ConnectorClosedError,
	type SecretDefect,
	type SecretFailureKind,
	SecretMalformedError,
	SecretNotFoundError,
	type SecretTrace,
	StagingFailedError,
} from "./errors/errors.js";
