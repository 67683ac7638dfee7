/** While callers wait because the server refuses the login, asks for credentials that work: one fetch at a time, about once a second. */
import type { RotationTrigger } from "../events/connector-event.js";
import { type Clock, sleep } from "../support/clock.js";
import type { TRotationResult } from "./rotation.options.js";

/** Pause between two refreshes: 75 to 100 % of this. */
const PAUSE_MS = 1_000;
const JITTER_FRACTION = 0.25;

/** What a healer is given. */
export interface HealerOptions {
	readonly clock: Clock;
	readonly closed: AbortSignal;
	readonly inFlight: () => Promise<TRotationResult> | undefined;
	readonly isWanted: () => boolean;
	/** Called when there are no other credentials to go to: the refused ones may have become right. */
	readonly onNothingNew: () => void;
	readonly random: () => number;
	readonly rotate: (trigger: RotationTrigger) => Promise<TRotationResult>;
}

/** The healer of one DataSource. */
export class Healer {
	private notBeforeMs = 0;
	private running: Promise<void> | undefined;

	constructor(private readonly options: HealerOptions) {}

	/** Sees to it that somebody asks. Calling it again while that is so does nothing. */
	start(): void {
		this.running ??= this.run().finally(() => (this.running = undefined));
	}

	private async run(): Promise<void> {
		const { clock, closed, inFlight, isWanted, onNothingNew, random, rotate } = this.options;
		do {
			await sleep(clock, this.notBeforeMs - clock.nowMs(), closed);
			// A rotation that was under way knows nothing of the refusal and has not looked at the pending version.
			await inFlight()?.catch(() => undefined);
			if (closed.aborted || !isWanted()) return;
			const result = await rotate("authentication-failure").catch(() => undefined);
			if (result?.outcome !== "rotated") onNothingNew();
			this.notBeforeMs = clock.nowMs() + PAUSE_MS * (1 - JITTER_FRACTION * random());
		} while (isWanted());
	}
}
