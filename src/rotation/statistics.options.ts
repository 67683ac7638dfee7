/** The public types of what a rotator counts and of what its readiness check says. */
import type { RotationTrigger } from "../events/connector-event.js";
import type { RotationPhase } from "./rotation-state.js";

/** How a rotation can end. */
export type TRotationOutcome = "failed" | "rotated" | "skipped" | "unchanged";

/** Connections of one generation at one server. */
export interface IGenerationStatistics {
	/** Number of the credentials with which the connections logged in. */
	readonly generation: number;
	/** Connections that are ready to be acquired. */
	readonly idle: number;
	/** Connections that a caller has acquired and not yet released. */
	readonly inUse: number;
}

/** One server and its pool. */
export interface IServerStatistics {
	/** The same connections by generation, the oldest first. Generations without a connection are left out. */
	readonly byGeneration: readonly IGenerationStatistics[];
	/** Number of the credentials with which the pool logs in now. A replica that lags has a lower one than the primary. */
	readonly generation: number;
	/** Connections that are ready to be acquired. */
	readonly idle: number;
	/** Largest number of idle connections that stay open; Infinity where the driver has no limit. */
	readonly idleLimit: number;
	/** Connections that a caller has acquired and not yet released. */
	readonly inUse: number;
	/** Whether older connections are being exchanged. */
	readonly isExchanging: boolean;
	/** Largest number of connections; Infinity where the driver has no limit. */
	readonly limit: number;
	/** `primary`, or `replica0`, `replica1` … */
	readonly name: string;
	/** Connections of older generations, idle or in use. */
	readonly older: number;
	/** For how long the server has refused the credentials, in milliseconds; `undefined` while it takes them. */
	readonly refusedForMs: number | undefined;
	/** Connections, idle or in use. */
	readonly total: number;
	/** Callers in the pool's queue. */
	readonly waiting: number;
}

/** What has happened since the start. Counters only rise. */
export interface IRotatorCounters {
	/** Exchanges that have ended: each server counts by itself. */
	readonly exchanges: number;
	/** Connections that were in use at the drain deadline and were cut. */
	readonly forcedCuts: number;
	/** Callers that waited in a pool when a recovery ended. */
	readonly recoveredCallers: number;
	/** Recoveries that have ended with credentials that work. */
	readonly recoveries: number;
	/** Logins that a server has refused. */
	readonly refusedLogins: number;
	/** Rotations by what started them, and by how they ended. */
	readonly rotations: Readonly<Record<RotationTrigger, Readonly<Record<TRotationOutcome, number>>>>;
	/** Fetches of the current credentials by result, the start included; tokens that are signed count as well. */
	readonly secretReads: { readonly failed: number; readonly succeeded: number };
}

/** The credentials that serve. */
export interface ICredentialsStatistics {
	/** For how long they have served, in milliseconds. */
	readonly ageMs: number;
	/** First eight characters of the secret's VersionId; `undefined` where there is none. */
	readonly versionIdPrefix: string | undefined;
	/** The stage under which the version was read last; `undefined` where there is no version. */
	readonly versionStage: "AWSCURRENT" | "AWSPENDING" | "AWSPREVIOUS" | undefined;
}

/**
 * What `rotator.getStatistics()` gives: a snapshot without host, user or secret.
 * @example
 * const { counters, servers } = rotator.getStatistics();
 */
export interface IRotatorStatistics {
	/** Name of the connector, as in its log context. */
	readonly connector: string;
	/** What has happened since the start. */
	readonly counters: IRotatorCounters;
	/** Age and version of the credentials. */
	readonly credentials: ICredentialsStatistics;
	/** What TypeORM calls the engine, such as `postgres`; `undefined` without a DataSource. */
	readonly engine: string | undefined;
	/** Rotations that failed since the last success. */
	readonly failureCount: number;
	/** Number of the credentials that serve, starting with 1. */
	readonly generation: number;
	/** Milliseconds since a rotation last ended well; `undefined` before the first one. */
	readonly lastSuccessAgeMs: number | undefined;
	/** Milliseconds until the next scheduled rotation; `undefined` while one runs, and without a schedule. */
	readonly nextRotationInMs: number | undefined;
	/** Since when callers wait for credentials, in milliseconds; `undefined` while no recovery runs. */
	readonly recoveryForMs: number | undefined;
	/** Milliseconds between two scheduled rotations; `undefined` without a schedule. */
	readonly rotationIntervalMs: number | undefined;
	/** The primary, then the replicas; empty while the DataSource is not initialized. */
	readonly servers: readonly IServerStatistics[];
	/** What the rotator does now. */
	readonly state: RotationPhase;
}

/** How a readiness check is done. */
export interface IReadinessOptions {
	/** How long the check may take, in milliseconds. Default 1,000. */
	readonly timeoutMs?: number;
}

/** What a readiness check found out about one server, or about all of them. */
export interface IServerReadiness {
	/** Whether something is wrong although requests are served: credentials are refused, or a replica is down. */
	readonly isDegraded: boolean;
	/**
	 * Why it is down or degraded: the code of an error, such as `28P01` or `ECONNREFUSED`, `exhausted` where every
	 * connection is in use and none came back in time, `not-initialized`, `closed`, or the name of a replica that is down.
	 */
	readonly reason?: string;
	/** `up` while requests are served, or a recovery may still serve them. */
	readonly status: "down" | "up";
}

/**
 * What `rotator.checkReadiness()` gives. `up` as long as the primary serves; a replica that is down makes it degraded.
 * @example
 * const { isDegraded, status } = await rotator.checkReadiness();
 */
export interface IReadiness extends IServerReadiness {
	/** By the name of the server: `primary`, `replica0` … Empty where no server could be looked at. */
	readonly servers: Readonly<Record<string, IServerReadiness>>;
}
