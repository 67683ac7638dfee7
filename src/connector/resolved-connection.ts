/** What a connector has to say about the connection at one moment. */
import type { DataSourceOptions } from "typeorm";

/** Options, and the version of the secret they hold. */
export interface ResolvedConnection {
	readonly options: DataSourceOptions;
	/** `undefined` when the login is given in code. */
	readonly versionId: string | undefined;
}

/** How a connection is resolved. */
export interface ResolveConnectionOptions {
	/** Whether callers wait for credentials, so that Parameter Store must not hold up the secret. Default `false`. */
	readonly isRecovery?: boolean;
	/** Whether Parameter Store is asked again for where the connection goes. Default `false`. The secret is always read. */
	readonly shouldRefresh?: boolean;
	/** Ends the wait with a ConnectorClosedError. */
	readonly signal?: AbortSignal | undefined;
}
