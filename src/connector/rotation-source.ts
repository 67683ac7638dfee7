/**
 * The contract between connector and rotation: where fresh options come from. A hand-made stand-in needs only the two
 * public methods.
 */
import type { DataSourceOptions } from "typeorm";

import { DEFAULT_DRAIN_TIMEOUT_MS } from "../configuration/connector.constants.js";

/**
 * What a connector offers to a rotator. The first two methods are public and enough; the rest makes rotations cheaper.
 */
export interface RotationSource {
	close?(): Promise<void> | void;
	readonly connectorId?: string;
	getRotationConfig(): { intervalMs: number; isEnabled: boolean };
	getTypeOrmOptions(): Promise<DataSourceOptions>;
	readonly name?: string;
	prepare?(): Promise<void>;
	renewClients?(): void;
	/**
	 * The options with the pending version of the secret; `undefined` when there is none, it may not be read or is not to
	 * be used.
	 */
	resolvePendingConnection?(request: ResolveRequest): Promise<ResolvedOptions | undefined>;
	resolveConnection?(request: ResolveRequest): Promise<ResolvedOptions>;
	readonly rotationTuning?: RotationOptions;
	/** Name or ARN of the secret that was read last. */
	readonly secretId?: string | undefined;
	/** The same for all secrets of the connector, those of replicas included. */
	readonly secretIds?: readonly string[];
}

/** The settings of a rotation that are not looked up in Parameter Store. */
export interface RotationOptions {
	/** Hosts to which connections may move away from a database of AWS. */
	readonly allowedHosts?: readonly string[] | undefined;
	readonly drainTimeoutMs?: number | undefined;
	readonly shouldRotateOnAuthFailure?: boolean | undefined;
}

/** Options, and the version of the secret they hold. */
export interface ResolvedOptions {
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
