/**
 * The contract between connector and rotation: where fresh options come from. A hand-made stand-in needs only the two
 * public methods.
 */
import type { DataSourceOptions } from "typeorm";

import type { ConnectorExplanation } from "./explain-connector.js";
import { DEFAULT_DRAIN_TIMEOUT_MS } from "../configuration/connector.constants.js";

/**
 * What a connector offers to a rotator. The first two methods are public and enough; the rest makes rotations cheaper.
 */
export interface RotationSource {
	/** Ends requests in flight. The rotator calls it when the rotator is closed. */
	close?(): Promise<void> | void;
	/** Unique in the process. */
	readonly connectorId?: string;
	/** Every field with its value and its source, for the line at the start. */
	explain?(): Promise<ConnectorExplanation>;
	/** The schedule: milliseconds between two rotations, and whether there are any. */
	getRotationConfig(): { intervalMs: number; isEnabled: boolean };
	/** Options with credentials that were read now. */
	getTypeOrmOptions(): Promise<DataSourceOptions>;
	/** Name in log lines and events. Default `default`. */
	readonly name?: string;
	/** Reads the parameters that the schedule depends on. */
	prepare?(): Promise<void>;
	/** Replaces the clients of AWS, so that an expired identity is read again. */
	renewClients?(): void;
	/**
	 * The options with the pending version of the secret; `undefined` when there is none, it may not be read or is not to
	 * be used.
	 */
	resolvePendingConnection?(request: ResolveRequest): Promise<ResolvedOptions | undefined>;
	/** The options with the current version of the secret. */
	resolveConnection?(request: ResolveRequest): Promise<ResolvedOptions>;
	/** How often the current credentials were fetched, by result. */
	readonly readCounts?: { readonly failed: number; readonly succeeded: number };
	/** Settings of a rotation that are given in code. */
	readonly rotationOptions?: RotationOptions;
	/** Name or ARN of the secret that was read last. */
	readonly secretId?: string | undefined;
	/** The same for all secrets of the connector, those of replicas included. */
	readonly secretIds?: readonly string[];
	/** Whether log lines get fields beside their text. Default `false`. */
	readonly shouldLogFields?: boolean;
	/** The version of the secret with which the application started. */
	readonly startVersion?: VersionOfSecret | undefined;
}

/** A version of a secret. */
export interface VersionOfSecret {
	/** The stage under which it was read. */
	readonly stage: "AWSCURRENT" | "AWSPENDING" | "AWSPREVIOUS";
	/** The VersionId of Secrets Manager. */
	readonly versionId: string;
}

/** The settings of a rotation that are not looked up in Parameter Store. */
export interface RotationOptions {
	/** Hosts to which connections may move away from a database of AWS. */
	readonly allowedHosts?: readonly string[] | undefined;
	/** How long work on retired connections may go on, in milliseconds. Default 60,000. */
	readonly drainTimeoutMs?: number | undefined;
	/** Whether a refused login waits for credentials that work. Default: as the schedule is on or off. */
	readonly shouldRotateOnAuthFailure?: boolean | undefined;
}

/** Options, and the version of the secret they hold. */
export interface ResolvedOptions {
	/** Options for `new DataSource()`. */
	readonly options: DataSourceOptions;
	/** `undefined` when user and password are given in code. */
	readonly versionId?: string | undefined;
}

/** How options are resolved. */
export interface ResolveRequest {
	/** Whether callers wait for credentials, so that Parameter Store must not hold up the secret. Default `false`. */
	readonly isRecovery?: boolean;
	/** Whether Parameter Store is asked again for the endpoint. Default `false`. The secret is always read. */
	readonly shouldRefresh?: boolean;
	/** Ends the wait with a ConnectorClosedError. */
	readonly signal?: AbortSignal | undefined;
}

/** The settings of a rotation as they were given in code, with their defaults. */
export function tuneRotation({
	allowedHosts,
	drainTimeoutMs = DEFAULT_DRAIN_TIMEOUT_MS,
	shouldRotateOnAuthFailure,
}: RotationOptions = {}): RotationOptions & { readonly drainTimeoutMs: number } {
	return { allowedHosts, drainTimeoutMs, shouldRotateOnAuthFailure };
}

/** Asks the connector for the options as they are now in AWS. */
export async function fetchCurrentOptions(connector: RotationSource, signal: AbortSignal, isRecovery: boolean): Promise<ResolvedOptions> {
	if (connector.resolveConnection === undefined) return { options: await connector.getTypeOrmOptions() };
	return connector.resolveConnection({ isRecovery, shouldRefresh: true, signal });
}

/** Asks for the pending version of the secret, for a connector that knows of versions. */
export async function fetchPendingOptions(connector: RotationSource, signal: AbortSignal): Promise<ResolvedOptions | undefined> {
	return connector.resolvePendingConnection?.({ signal });
}
