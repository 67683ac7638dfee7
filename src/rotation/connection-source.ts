/** Where fresh DataSourceOptions come from: our connector service, or a hand-made stand-in that has only the two public methods. */
import type { DataSourceOptions } from "typeorm";

/** What a connector offers to a rotator. The first two methods are public and enough; the rest makes rotations cheaper. */
export interface RotatableConnector {
	close?(): Promise<void> | void;
	readonly connectorId?: string;
	getRotationConfig(): { intervalMs: number; isEnabled: boolean };
	getTypeOrmOptions(): Promise<DataSourceOptions>;
	readonly name?: string;
	prepare?(): Promise<void>;
	renewClients?(): void;
	/** The options with the pending version of the secret; `undefined` when there is none, it may not be read or is not to be used. */
	resolvePendingConnection?(request: { signal?: AbortSignal }): Promise<FreshConnection | undefined>;
	resolveConnection?(request: { isRecovery?: boolean; shouldRefresh?: boolean; signal?: AbortSignal }): Promise<FreshConnection>;
	readonly rotationTuning?: RotationTuning;
	/** Name or ARN of the secret that was read last. */
	readonly secretId?: string | undefined;
	/** The same for all secrets of the connector, those of replicas included. */
	readonly secretIds?: readonly string[];
}

/** The settings of a rotation that are not looked up in Parameter Store. */
export interface RotationTuning {
	readonly drainTimeoutMs?: number | undefined;
	readonly shouldRotateOnAuthFailure?: boolean | undefined;
}

/** Fresh options, and the version of the secret they came from where there is one. */
export interface FreshConnection {
	readonly options: DataSourceOptions;
	readonly versionId?: string | undefined;
}

/** Asks the connector for the options as they are now in AWS. */
export async function fetchFreshConnection(
	connector: RotatableConnector,
	signal: AbortSignal,
	isRecovery: boolean,
): Promise<FreshConnection> {
	if (connector.resolveConnection === undefined) return { options: await connector.getTypeOrmOptions() };
	return connector.resolveConnection({ isRecovery, shouldRefresh: true, signal });
}

/** Asks for the pending version of the secret, for a connector that knows of versions. */
export async function fetchPendingConnection(connector: RotatableConnector, signal: AbortSignal): Promise<FreshConnection | undefined> {
	return connector.resolvePendingConnection?.({ signal });
}
