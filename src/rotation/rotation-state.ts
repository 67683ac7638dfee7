/** The state machine of one rotator. */

/**
 * Steps of a rotation. The drain of what was retired runs beside them and does not hold up the next rotation.
 *
 * ```text
 *            ┌───────────────────── nothing to do, or failed ─────────────────────┐
 *            ▼                                                                     │
 *   idle ─► fetching ─► staging ─► verifying ─► promoting ─► idle                  │
 *              ▲           │           │                                           │
 *              └───────────┴───────────┴── refused: the pending version is next ───┘
 *   closed can be entered from any of them and is never left.
 * ```
 */
const NEXT_PHASES = {
	closed: [],
	fetching: ["closed", "fetching", "idle", "staging"],
	idle: ["closed", "fetching"],
	promoting: ["closed", "idle"],
	staging: ["closed", "fetching", "idle", "staging", "verifying"],
	verifying: ["closed", "fetching", "idle", "promoting", "staging"],
} as const satisfies Record<string, readonly string[]>;

/** A step, as {@link NEXT_PHASES} has them. */
export type RotationPhase = keyof typeof NEXT_PHASES;

/** Where a rotator is, and how it fared. */
export class RotationState {
	/** Failures since the last success. */
	failureCount = 0;

	/** Number of the credentials that serve, starting with 1. */
	generation = 1;

	/** When the last rotation ended well, on the monotonic clock. */
	lastSuccessAtMs: number | undefined;

	private currentPhase: RotationPhase = "idle";

	get phase(): RotationPhase {
		return this.currentPhase;
	}

	/** Goes to another step. What is closed stays closed. */
	enter(phase: RotationPhase): void {
		if (this.currentPhase === "closed") return;
		const nextPhases: readonly RotationPhase[] = NEXT_PHASES[this.currentPhase];
		if (!nextPhases.includes(phase)) throw new Error(`A rotation cannot go from ${this.currentPhase} to ${phase}`);
		this.currentPhase = phase;
	}
}
