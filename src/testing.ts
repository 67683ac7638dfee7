/**
 * The entry `nestjs-typeorm-aws-connector/testing`: boots applications without AWS, an AWS endpoint on loopback, and
 * rotations to order. For tests only.
 * @example
 * import { overrideConnector, startFakeAws } from "nestjs-typeorm-aws-connector/testing";
 */

// An application without AWS.
export { overrideConnector } from "./testing/override-connector.js";
export type { IConnectorOverride, ITestDatabase, ITestingModuleBuilder } from "./testing/override-connector.options.js";

// An endpoint in the place of AWS.
export { type FakeAws, type FakeAwsOptions, startFakeAws } from "./testing/fake-aws.js";
export { type AwsCall, type AwsInput, type AwsServiceName, CallLog } from "./testing/call-log.js";
export { type Fault, FaultBox, type FaultHandle, type FaultKind } from "./testing/faults.js";
export { ParameterTable, type ParameterType } from "./testing/parameter-table.js";
export { Permissions, type PolicyDocument, type PolicyStatement } from "./testing/permissions.js";
export { type RotationEvent, type RotationFunction, type SecretPutOptions, type SecretValue, SecretVault } from "./testing/secret-vault.js";

// Rotations of its secrets.
export { RotationSimulator } from "./testing/rotation-simulator.js";
export type { IRotateOnceOptions, IRotationSimulatorOptions, ITestLogin } from "./testing/rotation-simulator.options.js";
