/** The public types of rotation. */
import type { Clock } from "../support/clock.js";
import type { RotationDeadlines } from "./rotation-cycle.js";

/** How a rotation ended. A failed one is a result and not an exception: the live pool serves on, and the schedule tries again. */
export type TRotationResult =
	| { readonly error: Error; readonly outcome: "failed" }
	| { readonly generation: number; readonly outcome: "rotated" }
	| { readonly outcome: "skipped" | "unchanged" };

/** Parts of a rotator that tests exchange. */
export interface IRotatorOptions {
	readonly clock?: Clock;
	readonly deadlines?: Partial<RotationDeadlines>;
	/** A number from 0 up to 1. Default Math.random. */
	readonly random?: () => number;
}
