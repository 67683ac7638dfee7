/** The one vocabulary of what can happen. Rooms publish these values; only observability listens. */
import type { TConnectorErrorCode } from "../errors/connector.error.js";

/** What made a rotation start. */
export type RotationTrigger = "authentication-failure" | "emergency-recovery" | "manual" | "schedule" | "secret-changed";

/** The step of a rotation that failed. */
export type RotationStage = "fetch" | "promote" | "stage" | "verify";

/** The stage of a secret's version, as AWS labels it. */
export type VersionStage = "AWSCURRENT" | "AWSPENDING";

/** What every event carries. */
export interface EventBase {
	/** Name of the connector, as in its log context; never a host or a user. */
	readonly connector: string;
}

/** A fault in a form that cannot carry a secret: codes and one of our own messages. */
export interface EventFault {
	/** Code of the error; `ERR_UNEXPECTED` when it is none of ours. */
	readonly code: TConnectorErrorCode | "ERR_UNEXPECTED";
	/** Whether another attempt may succeed although nothing is changed. */
	readonly isTransient: boolean;
	/** Message of the error; of one that is none of ours only its name, since its text may quote a secret. */
	readonly message: string;
}

/**
 * Everything a connector reports. A subscriber has to catch its own errors: rxjs rethrows them on a later tick, as
 * uncaught exceptions.
 * @example
 * rotator.events$.subscribe((event) => { if (event.type === "rotation.failed") alarm(event.fault.code); });
 */
export type ConnectorEvent =
	| (EventBase & {
			readonly type: "connector.closed";
			/** Rotations since the start that failed. */
			readonly failedCount: number;
			/** Rotations since the start that promoted credentials. */
			readonly rotatedCount: number;
	  })
	| (EventBase & {
			readonly type: "drain.finished";
			readonly durationMs: number;
			/** Number of the credentials that are retired. */
			readonly generation: number;
			/** `primary` or `replica0`, `replica1` … */
			readonly server: string;
	  })
	| (EventBase & {
			readonly type: "drain.forced";
			/** Connections that were still in use, and are cut. */
			readonly busyCount: number;
			readonly deadlineMs: number;
			readonly generation: number;
			readonly server: string;
	  })
	| (EventBase & { readonly type: "drain.started"; readonly busyCount: number; readonly generation: number; readonly server: string })
	| (EventBase & {
			readonly type: "exchange.finished";
			readonly durationMs: number;
			/** Number of the credentials that all connections of the server have now. */
			readonly generation: number;
			readonly server: string;
	  })
	| (EventBase & {
			readonly type: "exchange.halted";
			/** Code of the fault: a login of the exchange failed. Older connections serve on, and the exchange goes on later. */
			readonly reason: string;
			readonly server: string;
	  })
	| (EventBase & {
			readonly type: "health.checked";
			readonly isHealthy: boolean;
			readonly reason?: string;
			readonly side: "current" | "promoted";
	  })
	| (EventBase & {
			readonly type: "login.refused";
			/** The server's code, such as `28P01`. */
			readonly code: string;
			readonly server: string;
	  })
	| (EventBase & {
			readonly type: "recovery.finished";
			/** Since the first refusal. */
			readonly durationMs: number;
	  })
	| (EventBase & {
			readonly type: "recovery.overdue";
			readonly code: string;
			readonly isLocked: boolean;
			/** Since the first refusal; longer than a caller waits. */
			readonly durationMs: number;
	  })
	| (EventBase & {
			readonly type: "recovery.started";
			/** The server's code, such as `28P01`. */
			readonly code: string;
			/** Whether the account is locked, so that no password helps until it is unlocked. */
			readonly isLocked: boolean;
	  })
	| (EventBase & {
			readonly type: "replica.unverified";
			/** Code of the fault, such as `ECONNREFUSED`. */
			readonly reason: string;
			/** `replica0` for the first. */
			readonly server: string;
	  })
	| (EventBase & { readonly type: "replica.verified"; readonly server: string })
	| (EventBase & { readonly type: "rotation.degraded"; readonly failureCount: number })
	| (EventBase & {
			readonly type: "rotation.failed";
			readonly failureCount: number;
			readonly fault: EventFault;
			readonly stage: RotationStage;
			readonly trigger: RotationTrigger;
	  })
	| (EventBase & {
			readonly type: "move.refused";
			/** Host and port that stay in use. */
			readonly from: string;
			/** `primary` or `replica0`, `replica1` … */
			readonly server: string;
			/** The host that the configuration names now, and that `rotation.allowedHosts` lacks. */
			readonly to: string;
	  })
	| (EventBase & {
			readonly type: "rotation.moved";
			/** Host and port of the connections before. */
			readonly from: string;
			readonly server: string;
			/** Host and port of new connections. */
			readonly to: string;
	  })
	| (EventBase & { readonly type: "rotation.recovered"; readonly failureCount: number })
	| (EventBase & {
			readonly type: "rotation.skipped";
			readonly reason: "not-initialized" | "unscheduled";
			readonly trigger: RotationTrigger;
	  })
	| (EventBase & { readonly type: "rotation.started"; readonly trigger: RotationTrigger })
	| (EventBase & {
			readonly type: "rotation.succeeded";
			readonly durationMs: number;
			readonly generation: number;
			readonly trigger: RotationTrigger;
			/** First eight characters of the secret's VersionId, where there is one. */
			readonly versionIdPrefix?: string;
			/** `AWSPENDING` when the database was ahead of AWSCURRENT, as in the middle of a single-user rotation. */
			readonly versionStage: VersionStage;
			/** Names of replicas that have not taken the new credentials yet. */
			readonly waitingServers: readonly string[];
	  })
	| (EventBase & { readonly type: "rotation.unchanged"; readonly trigger: RotationTrigger })
	| (EventBase & { readonly type: "warning"; readonly message: string });

/** An event before its connector is known: what a room publishes. */
export type ConnectorEventDetails = ConnectorEvent extends infer Event
	? Event extends ConnectorEvent
		? Omit<Event, "connector">
		: never
	: never;
