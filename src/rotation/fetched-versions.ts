/** The versions of the secret that one rotation has fetched, as options for TypeORM. */
import type { VersionStage } from "../events/connector-event.js";
import { type ResolvedOptions, fetchCurrentOptions, fetchPendingOptions, type RotationSource } from "../connector/rotation-source.js";

/** How versions are fetched. */
export interface FetchedVersionsOptions {
	readonly connector: RotationSource;
	/** Bounds one fetch. */
	readonly fetchWithin: <Fetched>(fetch: (signal: AbortSignal) => Promise<Fetched>) => Promise<Fetched>;
	/** Whether a server refuses the live credentials, so that Parameter Store must not hold anything up. */
	readonly isRecovery: boolean;
}

/** Fetches each version once, however many servers ask for it. */
export class FetchedVersions {
	private currentFetch: Promise<ResolvedOptions> | undefined;
	private pendingFetch: Promise<ResolvedOptions | undefined> | undefined;

	constructor(private readonly options: FetchedVersionsOptions) {}

	/** AWSCURRENT. */
	current(): Promise<ResolvedOptions> {
		const { connector, fetchWithin, isRecovery } = this.options;
		this.currentFetch ??= fetchWithin(async (signal) => fetchCurrentOptions(connector, signal, isRecovery));
		return this.currentFetch;
	}

	/** AWSPENDING; `undefined` when there is none, when it may not be read, or when it is not to be used. */
	pending(): Promise<ResolvedOptions | undefined> {
		const { connector, fetchWithin } = this.options;
		this.pendingFetch ??= fetchWithin(async (signal) => fetchPendingOptions(connector, signal));
		// A recovery fetches both at once, and may not look at this one.
		this.pendingFetch.catch(() => undefined);
		return this.pendingFetch;
	}

	/** The version of this stage. */
	fetch(stage: VersionStage): Promise<ResolvedOptions | undefined> {
		return stage === "AWSCURRENT" ? this.current() : this.pending();
	}
}
