/** Runs rotations one at a time and keeps count of how they end: failures in a row, and the one emergency recovery. */
import type { ExchangeMode } from "../drivers/exchange.js";
import { ConnectorClosedError, StagingFailedError } from "../errors/errors.js";
import type { RotationStage, RotationTrigger } from "../events/connector-event.js";
import { describeFault } from "../events/describe-fault.js";
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import { runInRootContext } from "../support/root-context.js";
import { SingleFlight } from "../support/single-flight.js";
import type { RotationSource } from "../connector/rotation-source.js";
import type { TRotationResult } from "./rotation.options.js";
import {
	type RotatedDataSource,
	type RotationDeadlines,
	RotationMemory,
	type RotationObservers,
	type RotationSpan,
} from "./rotation-context.js";
import { runRotationCycle } from "./rotation-cycle.js";
import { RotationState } from "./rotation-state.js";

/** Failures in a row after which one recovery with fresh AWS clients is tried. */
const FAILURES_BEFORE_RECOVERY = 3;

/** What a runner is given. */
export interface RotationRunnerOptions {
	/** The live DataSource; `undefined` until it is initialized. */
	readonly attach: () => RotatedDataSource | undefined;
	readonly clock: Clock;
	readonly connector: RotationSource;
	readonly deadlines: RotationDeadlines;
	readonly events: EventChannel;
	readonly observers?: RotationObservers;
	readonly random: () => number;
}

/** The rotations of one DataSource. */
export class RotationRunner {
	/** Private to the language where a printed rotator would show more than names and numbers. */
	readonly #memory = new RotationMemory();
	readonly state = new RotationState();
	private readonly closing = new AbortController();
	private readonly flight = new SingleFlight<TRotationResult>();
	/** Whether the rotation in flight may have read the secret. */
	private hasBegun = false;
	/** How the rotation in flight exchanges connections. */
	private mode: ExchangeMode | undefined;
	/** The rotation that follows the one in flight, and how it exchanges connections. */
	private next: Promise<TRotationResult> | undefined;
	private nextMode: ExchangeMode | undefined;

	constructor(private readonly options: RotationRunnerOptions) {}

	/** Aborts when the rotator is closed. */
	get closed(): AbortSignal {
		return this.closing.signal;
	}

	/** Promotions whose connections in use have not all come back. */
	get drainingCount(): number {
		return this.#memory.drainAbort.count;
	}

	/** The rotation that runs now, if any. */
	get inFlight(): Promise<TRotationResult> | undefined {
		return this.flight.inFlight;
	}

	/**
	 * Starts a rotation, or joins the one that runs. A rotation that is asked for by hand or by an event reads the secret
	 * after the request: it follows the one that runs. The work is done outside of the context of the caller's request.
	 */
	async rotate(trigger: RotationTrigger, mode?: ExchangeMode): Promise<TRotationResult> {
		if (this.closed.aborted) throw new ConnectorClosedError();
		const { inFlight } = this;
		if (inFlight === undefined) return this.start(trigger, mode);
		const isFresh = !this.hasBegun && (mode ?? this.mode) === this.mode;
		if (isFresh || (trigger !== "manual" && trigger !== "secret-changed")) return inFlight;
		if (mode === "at-once") this.nextMode = mode;
		this.next ??= this.follow(inFlight, trigger);
		return this.next;
	}

	private async start(trigger: RotationTrigger, mode: ExchangeMode | undefined): Promise<TRotationResult> {
		this.hasBegun = false;
		this.mode = mode;
		return this.flight.run(async () => {
			this.hasBegun = true;
			return runInRootContext(async () => this.attempt(trigger, mode));
		});
	}

	/** Runs one rotation after another. Without news it reports what the first one did. */
	private async follow(first: Promise<TRotationResult>, trigger: RotationTrigger): Promise<TRotationResult> {
		const before = await first.catch(() => undefined);
		const mode = this.nextMode;
		this.next = undefined;
		this.nextMode = undefined;
		const after = await this.rotate(trigger, mode);
		return after.outcome === "unchanged" && before?.outcome === "rotated" ? before : after;
	}

	/** Calls off the rotation in flight and waits until it has ended. No other starts. */
	async close(): Promise<void> {
		this.state.enter("closed");
		this.closing.abort();
		await this.flight.inFlight?.catch(() => undefined);
	}

	/** Waits for connections that were in use at a promotion, at most `graceMs`, and cuts what is left then. */
	async finishDrains(graceMs: number): Promise<void> {
		await this.#memory.drainAbort.finish(this.options.clock, graceMs);
	}

	private async attempt(trigger: RotationTrigger, mode: ExchangeMode | undefined): Promise<TRotationResult> {
		const { attach, connector, events } = this.options;
		const live = attach();
		if (live?.isUsable !== true) {
			events.publish({ reason: "not-initialized", trigger, type: "rotation.skipped" });
			return { outcome: "skipped" };
		}
		const result = await this.runCycle(live, trigger, mode);
		const isThird = trigger !== "authentication-failure" && this.state.failureCount === FAILURES_BEFORE_RECOVERY;
		if (result.outcome !== "failed" || !isThird) return result;
		events.publish({ failureCount: this.state.failureCount, type: "rotation.degraded" });
		connector.renewClients?.();
		return this.runCycle(live, "emergency-recovery", mode);
	}

	private async runCycle(live: RotatedDataSource, trigger: RotationTrigger, mode: ExchangeMode | undefined): Promise<TRotationResult> {
		const span = this.options.observers?.beginSpan?.(trigger);
		let result: TRotationResult | undefined;
		try {
			result = await this.runTraced(live, trigger, mode, span);
			return result;
		} finally {
			span?.end(result);
		}
	}

	private async runTraced(
		live: RotatedDataSource,
		trigger: RotationTrigger,
		mode: ExchangeMode | undefined,
		span: RotationSpan | undefined,
	): Promise<TRotationResult> {
		const { clock, connector, deadlines, events, random } = this.options;
		const startedAtMs = clock.nowMs();
		const isLiveRefused = live.servers.some(({ gate }) => gate.refusal !== undefined);
		events.publish({ trigger, type: "rotation.started" });
		try {
			const result = await runRotationCycle({
				clock,
				connector,
				deadlines,
				enter: (phase) => {
					this.state.enter(phase);
					span?.enter(phase);
				},
				events,
				live,
				memory: this.#memory,
				mode,
				random,
				signal: this.closed,
				span,
				trigger,
			});
			// AWS answered, but the server still refuses: that is no success.
			if (result.outcome === "rotated" || !isLiveRefused) this.recordSuccess();
			if (result.outcome === "unchanged") {
				events.publish({ trigger, type: "rotation.unchanged" });
				return { outcome: "unchanged" };
			}
			this.state.generation += 1;
			const { generation } = this.state;
			const { stage, versionId, waitingServers } = result;
			events.publish({
				durationMs: clock.nowMs() - startedAtMs,
				generation,
				trigger,
				type: "rotation.succeeded",
				versionStage: stage,
				waitingServers,
				...(versionId === undefined ? {} : { versionIdPrefix: versionId.slice(0, 8) }),
			});
			return { generation, outcome: "rotated", waitingServers };
		} catch (error) {
			if (error instanceof ConnectorClosedError) throw error;
			this.noteFailure(error, trigger);
			return { error: error as Error, outcome: "failed" };
		} finally {
			this.state.enter("idle");
		}
	}

	private recordSuccess(): void {
		const { failureCount } = this.state;
		this.state.failureCount = 0;
		this.state.lastSuccessAtMs = this.options.clock.nowMs();
		if (failureCount > 0) this.options.events.publish({ failureCount, type: "rotation.recovered" });
	}

	private noteFailure(error: unknown, trigger: RotationTrigger): void {
		// The attempts of a recovery come in quick succession; they neither count nor bring an emergency about.
		if (trigger !== "authentication-failure") this.state.failureCount += 1;
		const { failureCount } = this.state;
		this.options.events.publish({
			failureCount,
			fault: describeFault(error),
			stage: this.nameStage(error),
			trigger,
			type: "rotation.failed",
		});
	}

	private nameStage(error: unknown): RotationStage {
		if (error instanceof StagingFailedError) return error.phase === "connect" ? "stage" : "verify";
		return this.state.phase === "promoting" ? "promote" : "fetch";
	}
}
