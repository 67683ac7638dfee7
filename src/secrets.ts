/**
 * The entry `nestjs-typeorm-aws-connector/secrets`: secrets at run time, without Nest and TypeORM. Its classes are
 * those of the main entry.
 * @example
 * import { createSecretsManager } from "nestjs-typeorm-aws-connector/secrets";
 */
export type { ITypeOrmAwsConnectorAws, TAwsCredentials } from "./aws/aws.options.js";
export { isTypeOrmAwsConnectorError, type TConnectorErrorCode, TypeOrmAwsConnectorError } from "./errors/connector.error.js";
export {
	ConnectorClosedError,
	ConnectorTimeoutError,
	OptionInvalidError,
	type SecretDefect,
	type SecretFailureKind,
	SecretMalformedError,
	SecretNotFoundError,
	SecretUnavailableError,
} from "./errors/errors.js";
export { createSecretsManager, SecretsManagerService } from "./secrets/secrets-manager.service.js";
export type { IGetSecretOptions, ISecretsManagerOptions, ISecretsManagerStatistics } from "./secrets/secrets-manager.options.js";
