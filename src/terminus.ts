/**
 * The entry `nestjs-typeorm-aws-connector/terminus`: readiness and liveness for `@nestjs/terminus` 8 to 12.
 * @example
 * import { ConnectorHealthIndicator } from "nestjs-typeorm-aws-connector/terminus";
 */
export { ConnectorHealthIndicator } from "./health/connector-health.service.js";
export type { IConnectorHealth, TConnectorHealthResult } from "./health/health.options.js";
export type { IReadiness, IReadinessOptions, IServerReadiness } from "./rotation/statistics.options.js";
