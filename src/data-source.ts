/**
 * The entry `nestjs-typeorm-aws-connector/data-source`: a DataSource without a Nest application. Its classes are those
 * of the main entry.
 * @example
 * import { createDataSource } from "nestjs-typeorm-aws-connector/data-source";
 */
export { EDatabaseType, ERelationLoadStrategy } from "./configuration/connector.enums.js";
export { parseDatabaseUrl } from "./configuration/database-url.js";
export type { ITypeOrmAwsConnectorConfig } from "./configuration/connector.options.js";
export type { ParameterSource } from "./connector/sources.js";
export { TypeOrmAwsConnectorService } from "./connector/typeorm-aws-connector.service.js";
export { isTypeOrmAwsConnectorError, type TConnectorErrorCode, TypeOrmAwsConnectorError } from "./errors/connector.error.js";
export { ConfigurationError } from "./errors/errors.js";
export type { ConnectorEvent } from "./events/connector-event.js";
export type { IParameterStoreConfigProperties } from "./parameter-store/parameter-store.options.js";
export type { TRotationResult } from "./rotation/rotation.options.js";
export { RotatorService } from "./rotation/rotator.service.js";
export { createDataSource } from "./standalone/create-data-source.js";
export type { IConnectorDataSource, ICreateDataSourceOptions } from "./standalone/create-data-source.options.js";
