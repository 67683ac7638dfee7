/** Runs rotations one at a time and keeps count of how they end: failures in a row, the one recovery, the generations that still drain. */
import { ConnectorClosedError, StagingFailedError } from "../errors/errors.js";
import type { RotationStage, RotationTrigger } from "../events/connector-event.js";
import { describeFault } from "../events/describe-fault.js";
import type { EventChannel } from "../events/event-channel.js";
import { type Clock, sleep } from "../support/clock.js";
import { SingleFlight } from "../support/single-flight.js";
import type { AcquireGate } from "./acquire-gate.js";
import type { RotatableConnector } from "./connection-source.js";
import type { Drain } from "./drain-pools.js";
import type { LiveDataSource } from "./live-data-source.js";
import { RefusedLogins } from "./refused-logins.js";
import { type RotationDeadlines, runRotationCycle } from "./rotation-cycle.js";
import type { TRotationResult } from "./rotation.options.js";
import { RotationState } from "./rotation-state.js";
import type { UnverifiedReplica } from "./stage-pools.js";

/** Failures in a row after which one recovery with fresh AWS clients is tried. */
const FAILURES_BEFORE_RECOVERY = 3;

/** The DataSource once it is initialized and its obtain methods are guarded. */
export interface Attachment {
	readonly gate: AcquireGate;
	readonly live: LiveDataSource;
}

/** What a runner is given. */
export interface RotationRunnerOptions {
	/** The guarded DataSource; `undefined` until it is initialized. */
	readonly attach: () => Attachment | undefined;
	readonly clock: Clock;
	readonly connector: RotatableConnector;
	readonly deadlines: RotationDeadlines;
	readonly events: EventChannel;
}

/** The rotations of one DataSource. */
export class RotationRunner {
	readonly state = new RotationState();

	/** Private to the language: a printed rotator must not show the passwords that retired pools hold. */
	readonly #drains = new Set<Drain>();
	#unverified: readonly UnverifiedReplica[] = [];
	private promotedHealth: Promise<unknown> | undefined;
	private readonly closing = new AbortController();
	private readonly flight = new SingleFlight<TRotationResult>();
	private readonly refused: RefusedLogins;

	constructor(private readonly options: RotationRunnerOptions) {
		this.refused = new RefusedLogins(options.clock);
	}

	/** Aborts when the rotator is closed. */
	get closed(): AbortSignal {
		return this.closing.signal;
	}

	/** Retired generations whose connections are not all closed. */
	get drainingCount(): number {
		return this.#drains.size;
	}

	/** The rotation that runs now, if any. */
	get inFlight(): Promise<TRotationResult> | undefined {
		return this.flight.inFlight;
	}

	/** Starts a rotation, or joins the one that runs. */
	async rotate(trigger: RotationTrigger): Promise<TRotationResult> {
		if (this.closed.aborted) throw new ConnectorClosedError();
		return this.flight.run(async () => this.attempt(trigger));
	}

	/** Calls off the rotation in flight and waits until it has ended. No other starts. */
	async close(): Promise<void> {
		this.state.enter("closed");
		this.closing.abort();
		await this.flight.inFlight?.catch(() => undefined);
	}

	/** Waits for retired generations, at most `graceMs`, and cuts what is left then. */
	async finishDrains(graceMs: number): Promise<void> {
		const drained = Promise.all([...this.#drains].map(async ({ done }) => done));
		const grace = new AbortController();
		await Promise.race([drained, sleep(this.options.clock, graceMs, grace.signal)]);
		grace.abort();
		for (const drain of this.#drains) drain.force();
		await drained;
	}

	private async attempt(trigger: RotationTrigger): Promise<TRotationResult> {
		const { attach, connector, events } = this.options;
		const attachment = attach();
		if (attachment === undefined) {
			events.publish({ reason: "not-initialized", type: "rotation.skipped" });
			return { outcome: "skipped" };
		}
		const result = await this.runCycle(attachment, trigger);
		if (result.outcome !== "failed" || this.state.failureCount !== FAILURES_BEFORE_RECOVERY) return result;
		events.publish({ failureCount: this.state.failureCount, type: "rotation.degraded" });
		connector.renewClients?.();
		return this.runCycle(attachment, "emergency-recovery");
	}

	private async runCycle({ gate, live }: Attachment, trigger: RotationTrigger): Promise<TRotationResult> {
		const { clock, connector, deadlines, events } = this.options;
		const startedAtMs = clock.nowMs();
		const isLiveRefused = trigger === "authentication-failure" || gate.isRefused;
		events.publish({ trigger, type: "rotation.started" });
		try {
			const result = await runRotationCycle({
				clock,
				connector,
				deadlines,
				enter: (phase) => this.state.enter(phase),
				events,
				gate,
				isLivePending: this.state.isLivePending,
				isLiveReadOnly: this.state.isLiveReadOnly,
				isLiveRefused,
				live,
				promotedHealth: this.promotedHealth,
				refused: this.refused,
				signal: this.closed,
				unverified: this.#unverified,
			});
			this.#unverified = result.unverified;
			this.state.isLivePending = result.isLivePending;
			this.state.isLiveReadOnly = result.isLiveReadOnly;
			// AWS answered, but the server still refuses: that is no success.
			if (result.outcome === "rotated" || !isLiveRefused) this.noteSuccess();
			if (result.outcome === "unchanged") {
				events.publish({ trigger, type: "rotation.unchanged" });
				return { outcome: "unchanged" };
			}
			this.promotedHealth = result.promotedHealth;
			this.follow(result.drain);
			events.publish({
				durationMs: clock.nowMs() - startedAtMs,
				generation: gate.generation,
				trigger,
				type: "rotation.succeeded",
				versionStage: result.isLivePending ? "AWSPENDING" : "AWSCURRENT",
				...(result.versionId === undefined ? {} : { versionIdPrefix: result.versionId.slice(0, 8) }),
			});
			return { generation: gate.generation, outcome: "rotated" };
		} catch (error) {
			if (error instanceof ConnectorClosedError) throw error;
			this.noteFailure(error, trigger);
			return { error: error as Error, outcome: "failed" };
		} finally {
			this.state.enter("idle");
		}
	}

	private noteSuccess(): void {
		const { failureCount } = this.state;
		this.state.failureCount = 0;
		this.state.lastSuccessAtMs = this.options.clock.nowMs();
		if (failureCount > 0) this.options.events.publish({ failureCount, type: "rotation.recovered" });
	}

	private noteFailure(error: unknown, trigger: RotationTrigger): void {
		this.state.failureCount += 1;
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

	private follow(drain: Drain): void {
		this.#drains.add(drain);
		void drain.done.then(() => this.#drains.delete(drain));
	}
}
