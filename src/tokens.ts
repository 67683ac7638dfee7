/**
 * The entry `nestjs-typeorm-aws-connector/tokens`: login tokens of RDS, Aurora and Aurora DSQL for clients of one's
 * own, without Nest and TypeORM.
 * @example
 * import { createRdsTokenProvider } from "nestjs-typeorm-aws-connector/tokens";
 */
export type { TAwsCredentials } from "./aws/aws.options.js";
export type { IDsqlTokenOptions, IRdsTokenOptions } from "./configuration/token.options.js";
export { createDsqlTokenProvider } from "./credentials/dsql-token.js";
export { createRdsTokenProvider } from "./credentials/rds-token.js";
export { isTypeOrmAwsConnectorError, type TConnectorErrorCode, TypeOrmAwsConnectorError } from "./errors/connector.error.js";
export {
	ConnectorTimeoutError,
	OptionInvalidError,
	type SecretDefect,
	type SecretFailureKind,
	SecretUnavailableError,
} from "./errors/errors.js";
