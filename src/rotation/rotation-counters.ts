/** Counts what the events of one rotator report. */
import type { Observable } from "rxjs";

import type { ConnectorEvent, RotationTrigger } from "../events/connector-event.js";
import type { ICredentialsStatistics, IRotatorCounters, TRotationOutcome } from "./statistics.options.js";

const TRIGGERS: readonly RotationTrigger[] = ["authentication-failure", "emergency-recovery", "manual", "schedule", "secret-changed"];

/** The counters of one rotator. */
export class RotationCounters {
	private exchanges = 0;
	private forcedCuts = 0;
	private recoveredCallers = 0;
	private recoveries = 0;
	private refusedLogins = 0;
	private readonly rotations = Object.fromEntries(
		TRIGGERS.map((trigger) => [trigger, { failed: 0, rotated: 0, skipped: 0, unchanged: 0 }]),
	) as Record<RotationTrigger, Record<TRotationOutcome, number>>;
	/** When the credentials began to serve, on the monotonic clock, and which version they are. */
	private since: { readonly atMs: number; readonly version: Omit<ICredentialsStatistics, "ageMs"> | undefined };

	constructor(
		events$: Observable<ConnectorEvent>,
		private readonly nowMs: () => number,
	) {
		this.since = { atMs: nowMs(), version: undefined };
		events$.subscribe((event) => this.count(event));
	}

	/** Rotations that failed. */
	get failedCount(): number {
		return this.sum("failed");
	}

	/** Rotations that promoted credentials. */
	get rotatedCount(): number {
		return this.sum("rotated");
	}

	/** Callers that waited in the pools when a recovery ended. */
	noteRecoveredCallers(count: number): void {
		this.recoveredCallers += count;
	}

	/** A snapshot of the counters. */
	read(secretReads: IRotatorCounters["secretReads"]): IRotatorCounters {
		const { exchanges, forcedCuts, recoveredCallers, recoveries, refusedLogins } = this;
		const rotations = Object.fromEntries(TRIGGERS.map((trigger) => [trigger, { ...this.rotations[trigger] }]));
		return {
			exchanges,
			forcedCuts,
			recoveredCallers,
			recoveries,
			refusedLogins,
			rotations: rotations as IRotatorCounters["rotations"],
			secretReads: { ...secretReads },
		};
	}

	/** The credentials that serve. @param start the version with which the application started. */
	describeCredentials(start: Omit<ICredentialsStatistics, "ageMs">): ICredentialsStatistics {
		return { ageMs: this.nowMs() - this.since.atMs, ...(this.since.version ?? start) };
	}

	private sum(outcome: TRotationOutcome): number {
		return Object.values(this.rotations).reduce((sum, counts) => sum + counts[outcome], 0);
	}

	private count(event: ConnectorEvent): void {
		switch (event.type) {
			case "drain.forced":
				this.forcedCuts += event.busyCount;
				break;
			case "exchange.finished":
				this.exchanges += 1;
				break;
			case "login.refused":
				this.refusedLogins += 1;
				break;
			case "recovery.finished":
				this.recoveries += 1;
				break;
			case "rotation.failed":
				this.rotations[event.trigger].failed += 1;
				break;
			case "rotation.skipped":
				this.rotations[event.trigger].skipped += 1;
				break;
			case "rotation.succeeded":
				this.rotations[event.trigger].rotated += 1;
				this.since = {
					atMs: this.nowMs(),
					version: describeVersion(event.versionIdPrefix, event.versionStage),
				};
				break;
			case "rotation.unchanged":
				this.rotations[event.trigger].unchanged += 1;
				break;
			default:
		}
	}
}

/** Credentials without a version have no stage either. */
function describeVersion(
	versionIdPrefix: string | undefined,
	versionStage: ICredentialsStatistics["versionStage"],
): Omit<ICredentialsStatistics, "ageMs"> {
	return { versionIdPrefix, versionStage: versionIdPrefix === undefined ? undefined : versionStage };
}
