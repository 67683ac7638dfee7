/** What a rotator is doing, and the one line that says so. */

/** Steps of a rotation in their order; `closed` is reached from any of them and never left. */
export type RotationPhase = "closed" | "fetching" | "idle" | "promoting" | "staging";

/** The counters of one rotator. */
export class RotationState {
	/** Failures since the last success. */
	failureCount = 0;
	/** When the last rotation ended well, on the monotonic clock. */
	lastSuccessAtMs: number | undefined;
	private currentPhase: RotationPhase = "idle";

	get phase(): RotationPhase {
		return this.currentPhase;
	}

	/** Goes to another step. Nothing leads out of `closed`. */
	enter(phase: RotationPhase): void {
		if (this.currentPhase !== "closed") this.currentPhase = phase;
	}
}
