/** Events of AWS that ask for a rotation. A flood of events is no flood of requests. */
import { isSameSecret, readSecretChange } from "../aws/secret-changed-event.js";
import type { RotationSource } from "../connector/rotation-source.js";
import { type Clock, sleep } from "../support/clock.js";
import type { TNotificationResult, TRotationResult } from "./rotation.options.js";

/** After an event without news the next one waits this long; those that come meanwhile share its rotation. */
const EVENT_PAUSE_MS = 1_000;

/** What the events work with. */
export interface SecretChangeEventsOptions {
	readonly clock: Clock;
	/** Ends the waits. */
	readonly closed: AbortSignal;
	readonly connector: RotationSource;
	readonly rotate: () => Promise<TRotationResult>;
}

/** The events of one rotator. */
export class SecretChangeEvents {
	private pausedUntilMs = 0;
	/** The rotation that events of the pause share. */
	private waiting: Promise<TRotationResult> | undefined;

	constructor(private readonly options: SecretChangeEventsOptions) {}

	/** @returns How the rotation ended; `undefined` for an event that is not understood. */
	async take(event: unknown): Promise<TNotificationResult | undefined> {
		const { clock, closed, connector } = this.options;
		const { secretId, secretIds = secretId === undefined ? [] : [secretId] } = connector;
		const change = readSecretChange(event);
		if (change === undefined) return undefined;
		if (!change.secretIds.some((id) => secretIds.some((known) => isSameSecret(id, known)))) return { outcome: "ignored" };
		const pauseMs = this.pausedUntilMs - clock.nowMs();
		if (pauseMs <= 0) return this.rotate();
		this.waiting ??= sleep(clock, pauseMs, closed).then(async () => this.rotate());
		return this.waiting;
	}

	private async rotate(): Promise<TRotationResult> {
		this.waiting = undefined;
		const result = await this.options.rotate();
		if (result.outcome === "unchanged") this.pausedUntilMs = this.options.clock.nowMs() + EVENT_PAUSE_MS;
		return result;
	}
}
