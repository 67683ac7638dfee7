/** The public types of rotation. */
import type { Clock } from "../support/clock.js";
import type { RotationDeadlines } from "./rotation-context.js";

/**
 * How a rotation ended. A failed one is a result and not an exception: the live pool serves on, and the schedule tries
 * again.
 */
export type TRotationResult =
	| { readonly error: Error; readonly outcome: "failed" }
	| {
			readonly generation: number;
			readonly outcome: "rotated";
			/** Names of replicas that have not taken the new credentials yet; they are asked again. */
			readonly waitingServers: readonly string[];
	  }
	| { readonly outcome: "skipped" | "unchanged" };

/** What became of an event: a rotation, or `ignored` where the event is about another secret. */
export type TNotificationResult = TRotationResult | { readonly outcome: "ignored" };

/**
 * How one rotation is done.
 * @example
 * await rotator.rotateDatabaseConnection({ mode: "at-once" });
 */
export interface IRotateOptions {
	/**
	 * `gradual` (default): each older connection serves until its replacement is ready. `at-once`: idle connections are
	 * closed at the promotion and the others when they come back, so that a leaked password is out of use; callers wait
	 * for logins meanwhile.
	 */
	readonly mode?: "at-once" | "gradual";
}

/**
 * Parts of a rotator that tests exchange.
 * @example
 * new RotatorService(dataSource, undefined, connector, "db-rotation:test", { random: () => 0 });
 */
export interface IRotatorOptions {
	/** Timers and the time. Default: those of the process. */
	readonly clock?: Clock;
	/**
	 * Deadlines of the steps in milliseconds. Default: connect 10,000, drain 60,000, fetch 12,000, health 2,000, verify
	 * 5,000.
	 */
	readonly deadlines?: Partial<RotationDeadlines>;
	/** A number from 0 up to 1. Default Math.random. */
	readonly random?: () => number;
}
