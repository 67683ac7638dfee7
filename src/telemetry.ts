/**
 * The entry `nestjs-typeorm-aws-connector/telemetry`: metrics and traces through `@opentelemetry/api`.
 * @example
 * import { ConnectorTelemetry } from "nestjs-typeorm-aws-connector/telemetry";
 */
export { ConnectorTelemetry } from "./telemetry/connector-telemetry.service.js";
export { startTelemetry } from "./telemetry/start-telemetry.js";
export type { ITelemetryOptions } from "./telemetry/telemetry.options.js";
