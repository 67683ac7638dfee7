/** The facade of rotation: Nest's life cycle, the single flight, failures in a row. */
import {
	type BeforeApplicationShutdown,
	Injectable,
	type OnApplicationBootstrap,
	type OnApplicationShutdown,
	type OnModuleDestroy,
	type OnModuleInit,
} from "@nestjs/common";
import type { Observable } from "rxjs";
import type { DataSource } from "typeorm";

import { readOrigin } from "../connector/connector-origin.js";
import { DataSourceMismatchError, OptionInvalidError, RotatorClosedError, StagingFailedError } from "../errors/errors.js";
import type { ConnectorEvent, RotationStage, RotationTrigger } from "../events/connector-event.js";
import { describeFault } from "../events/describe-fault.js";
import { EventChannel } from "../events/event-channel.js";
import { logEvents } from "../events/event-logger.js";
import { type Clock, sleep, systemClock } from "../support/clock.js";
import { SingleFlight } from "../support/single-flight.js";
import { AcquireGate } from "./acquire-gate.js";
import type { RotatableConnector } from "./connection-source.js";
import type { Drain } from "./drain-pools.js";
import { LiveDataSource } from "./live-data-source.js";
import { DEFAULT_ROTATION_DEADLINES, type RotationDeadlines, runRotationCycle } from "./rotation-cycle.js";
import { type IntervalRegistry, type LastOutcome, RotationSchedule } from "./rotation-schedule.js";
import { RotationState } from "./rotation-state.js";

/** Failures in a row after which one recovery with fresh AWS clients is tried. */
const FAILURES_BEFORE_RECOVERY = 3;

/** Pause between two refreshes while callers wait for credentials that work: 75 to 100 % of this. */
const HEAL_PAUSE_MS = 1_000;
const HEAL_JITTER_FRACTION = 0.25;

/** How long the connections of retired generations may take at shutdown before they are cut. */
const SHUTDOWN_GRACE_MS = 2_000;

/** How a rotation ended. A failed one is a result and not an exception: the live pool serves on, and the schedule tries again. */
export type RotationResult =
	| { readonly error: Error; readonly outcome: "failed" }
	| { readonly generation: number; readonly outcome: "rotated" }
	| { readonly outcome: "skipped" | "unchanged" };

/** Parts that tests exchange. */
export interface RotatorOptions {
	readonly clock?: Clock;
	readonly deadlines?: Partial<RotationDeadlines>;
	readonly random?: () => number;
}

/** The DataSource once it is initialized and its obtain methods are guarded. */
interface Attachment {
	readonly gate: AcquireGate;
	readonly live: LiveDataSource;
}

/**
 * Rotates the credentials of one live DataSource: on a schedule, by hand, and when a login is refused.
 *
 * A replacement pool is opened with fresh credentials, answers `SELECT 1`, and only then takes the place of the live one, inside the same driver. What
 * was lent before finishes its work on the old connections, at most `rotation.drainTimeoutMs` long.
 * @example
 * const result = await rotator.rotateDatabaseConnection();
 * if (result.outcome === "failed") console.error(result.error.message);
 */
@Injectable()
export class RotatorService implements BeforeApplicationShutdown, OnApplicationBootstrap, OnApplicationShutdown, OnModuleDestroy, OnModuleInit {
	/** Everything that happens, as it happens. Completes at shutdown. */
	readonly events$: Observable<ConnectorEvent>;

	private attachment: Attachment | undefined;
	private readonly clock: Clock;
	private readonly closing = new AbortController();
	private readonly deadlines: RotationDeadlines;
	private readonly drains = new Set<Drain>();
	private readonly events: EventChannel;
	private readonly flight = new SingleFlight<RotationResult>();
	private healing: Promise<void> | undefined;
	private healNotBeforeMs = 0;
	private readonly random: () => number;
	private schedule: RotationSchedule | undefined;
	private readonly state = new RotationState();

	/**
	 * @param dataSource The DataSource to rotate; `undefined` when the application has none, which is an error only if rotation is enabled.
	 * @param schedulerRegistry Registry of `@nestjs/schedule` in which the interval is listed, if the application has one.
	 * @param connectorService Source of fresh options; `getRotationConfig()` and `getTypeOrmOptions()` are enough.
	 * @param intervalName Name of the interval in the registry.
	 */
	constructor(
		private readonly dataSource: DataSource | undefined,
		private readonly schedulerRegistry: IntervalRegistry | undefined,
		private readonly connectorService: RotatableConnector,
		private readonly intervalName: string,
		options: RotatorOptions = {},
	) {
		this.clock = options.clock ?? systemClock;
		this.random = options.random ?? Math.random;
		const drainMs = connectorService.rotationTuning?.drainTimeoutMs;
		this.deadlines = { ...DEFAULT_ROTATION_DEADLINES, ...(drainMs === undefined ? {} : { drainMs }), ...options.deadlines };
		this.events = new EventChannel(connectorService.name ?? intervalName);
		this.events$ = this.events.events$;
		logEvents(this.events$, RotatorService.name);
	}

	/**
	 * Starts the schedule when rotation is enabled.
	 * @throws OptionInvalidError when rotation is enabled and there is no DataSource.
	 * @throws DataSourceMismatchError when rotation is enabled and another connector made the options of the DataSource.
	 * @throws RotationUnsupportedError when rotation is enabled and the DataSource cannot be rotated.
	 */
	async onModuleInit(): Promise<void> {
		await this.connectorService.prepare?.();
		const { intervalMs, isEnabled } = this.connectorService.getRotationConfig();
		if (!isEnabled) {
			this.warnOfMismatch();
			if (this.shouldHeal(isEnabled)) this.attach();
			return;
		}
		if (this.dataSource === undefined) {
			throw new OptionInvalidError(
				"rotation.isEnabled",
				"is true, but there is no DataSource to rotate: import TypeOrmModule.forRootAsync(), or give dataSourceToken: getDataSourceToken(name) for a named one",
			);
		}
		this.attach();
		this.schedule = new RotationSchedule({
			clock: this.clock,
			intervalMs,
			intervalName: this.intervalName,
			onUnscheduled: () => this.events.publish({ reason: "unscheduled", type: "rotation.skipped" }),
			random: this.random,
			registry: this.schedulerRegistry,
			run: async () => this.runScheduled(),
		});
		this.schedule.start();
	}

	/** A DataSource that was initialized by hand after the modules is guarded from here on. */
	onApplicationBootstrap(): void {
		if (this.schedule !== undefined) this.attach();
	}

	/**
	 * Rotates now. Callers that come while a rotation runs share it. Works with `rotation.isEnabled: false`, too.
	 * @returns How it ended. A failure is a result: the live pool serves on.
	 * @throws RotatorClosedError during and after shutdown.
	 * @throws RotationUnsupportedError when the DataSource cannot be rotated at all.
	 */
	async rotateDatabaseConnection(): Promise<RotationResult> {
		return this.rotate("manual");
	}

	/** One line for logs and health pages: `state=idle generation=4 draining=1 held=3 waiting=0 failures=0 lastSuccess=12s`. */
	describe(): string {
		const { lastSuccessAtMs } = this.state;
		const lastSuccess = lastSuccessAtMs === undefined ? "never" : `${String(Math.round((this.clock.nowMs() - lastSuccessAtMs) / 1_000))}s`;
		const gate = this.attachment?.gate;
		return [
			`state=${this.state.phase}`,
			`generation=${String(gate?.generation ?? 1)}`,
			`draining=${String(this.drains.size)}`,
			`held=${String(gate?.heldCount ?? 0)}`,
			`waiting=${String(gate?.waitingCount ?? 0)}`,
			`failures=${String(this.state.failureCount)}`,
			`lastSuccess=${lastSuccess}`,
		].join(" ");
	}

	/** No rotation starts any more; the one in flight is called off. Retired generations may go on until the application has stopped its servers. */
	async onModuleDestroy(): Promise<void> {
		this.schedule?.stop();
		this.state.enter("closed");
		this.closing.abort();
		await this.flight.inFlight?.catch(() => undefined);
	}

	/** TypeORM's `destroy()`, which comes next, spins for ever on a runner that was released while it was connecting. */
	beforeApplicationShutdown(): void {
		this.attachment?.live.releaseAbandonedRunners();
	}

	/** Retired generations get a short grace and are cut then; TypeORM's own methods serve again. */
	async onApplicationShutdown(): Promise<void> {
		this.attachment?.gate.uninstall();
		const drained = Promise.all([...this.drains].map(async ({ done }) => done));
		const grace = new AbortController();
		await Promise.race([drained, sleep(this.clock, SHUTDOWN_GRACE_MS, grace.signal)]);
		grace.abort();
		for (const drain of this.drains) drain.force();
		await drained;
		this.events.complete();
	}

	private async runScheduled(): Promise<LastOutcome> {
		const result = await this.rotate("schedule").catch((error: Error) => ({ error, outcome: "failed" }) as const);
		const isTransient = result.outcome !== "failed" || describeFault(result.error).isTransient;
		return { failureCount: this.state.failureCount, isTransient };
	}

	private async rotate(trigger: RotationTrigger): Promise<RotationResult> {
		if (this.closing.signal.aborted) throw new RotatorClosedError();
		return this.flight.run(async () => this.attempt(trigger));
	}

	private async attempt(trigger: RotationTrigger): Promise<RotationResult> {
		const attachment = this.attach();
		if (attachment === undefined) {
			this.events.publish({ reason: "not-initialized", type: "rotation.skipped" });
			return { outcome: "skipped" };
		}
		const result = await this.runCycle(attachment, trigger);
		if (result.outcome !== "failed" || this.state.failureCount !== FAILURES_BEFORE_RECOVERY) return result;
		this.events.publish({ failureCount: this.state.failureCount, type: "rotation.degraded" });
		this.connectorService.renewClients?.();
		return this.runCycle(attachment, "emergency-recovery");
	}

	private async runCycle({ gate, live }: Attachment, trigger: RotationTrigger): Promise<RotationResult> {
		const startedAtMs = this.clock.nowMs();
		this.events.publish({ trigger, type: "rotation.started" });
		try {
			const result = await runRotationCycle({
				clock: this.clock,
				connector: this.connectorService,
				deadlines: this.deadlines,
				enter: (phase) => this.state.enter(phase),
				events: this.events,
				gate,
				live,
				signal: this.closing.signal,
			});
			this.noteSuccess();
			if (result.outcome === "unchanged") {
				this.events.publish({ trigger, type: "rotation.unchanged" });
				return result;
			}
			this.follow(result.drain);
			this.events.publish({
				durationMs: this.clock.nowMs() - startedAtMs,
				generation: gate.generation,
				trigger,
				type: "rotation.succeeded",
				...(result.versionId === undefined ? {} : { versionIdPrefix: result.versionId.slice(0, 8) }),
			});
			return { generation: gate.generation, outcome: "rotated" };
		} catch (error) {
			if (error instanceof RotatorClosedError) throw error;
			this.noteFailure(error, trigger);
			return { error: error as Error, outcome: "failed" };
		} finally {
			this.state.enter("idle");
		}
	}

	private noteSuccess(): void {
		const { failureCount } = this.state;
		this.state.failureCount = 0;
		this.state.lastSuccessAtMs = this.clock.nowMs();
		if (failureCount > 0) this.events.publish({ failureCount, type: "rotation.recovered" });
	}

	private noteFailure(error: unknown, trigger: RotationTrigger): void {
		this.state.failureCount += 1;
		const stage = this.nameStage(error);
		this.events.publish({ failureCount: this.state.failureCount, fault: describeFault(error), stage, trigger, type: "rotation.failed" });
	}

	private nameStage(error: unknown): RotationStage {
		if (error instanceof StagingFailedError) return error.phase === "connect" ? "stage" : "verify";
		return this.state.phase === "promoting" ? "promote" : "fetch";
	}

	private follow(drain: Drain): void {
		this.drains.add(drain);
		void drain.done.then(() => this.drains.delete(drain));
	}

	/** Guards the DataSource as soon as it is initialized; `undefined` until then. */
	private attach(): Attachment | undefined {
		const { dataSource } = this;
		if (dataSource === undefined || !dataSource.isInitialized) return undefined;
		if (this.attachment === undefined) {
			const mismatch = this.findMismatch();
			if (mismatch !== undefined) throw mismatch;
			const live = new LiveDataSource(dataSource);
			const { isEnabled } = this.connectorService.getRotationConfig();
			const onRefusal = this.shouldHeal(isEnabled) ? () => this.startHealing() : undefined;
			this.attachment = { gate: new AcquireGate({ clock: this.clock, events: this.events, live, onRefusal, random: this.random }), live };
		}
		return this.attachment;
	}

	private findMismatch(): DataSourceMismatchError | undefined {
		const origin = this.dataSource === undefined ? undefined : readOrigin(this.dataSource.options);
		const { connectorId, name } = this.connectorService;
		if (origin === undefined || connectorId === undefined || origin.connectorId === connectorId) return undefined;
		return new DataSourceMismatchError(name ?? this.intervalName, origin.connector);
	}

	private warnOfMismatch(): void {
		const mismatch = this.findMismatch();
		if (mismatch !== undefined) this.events.publish({ message: mismatch.message, type: "warning" });
	}

	private shouldHeal(isEnabled: boolean): boolean {
		return this.connectorService.rotationTuning?.shouldRotateOnAuthFailure ?? isEnabled;
	}

	/** Called by the gate while callers wait because the server refuses the credentials. */
	private startHealing(): void {
		this.healing ??= this.heal().finally(() => (this.healing = undefined));
	}

	/** Asks for fresh credentials until they work or nobody waits any more. One fetch at a time, whoever else rotates meanwhile. */
	private async heal(): Promise<void> {
		const { signal } = this.closing;
		do {
			await sleep(this.clock, this.healNotBeforeMs - this.clock.nowMs(), signal);
			if (signal.aborted) return;
			await this.rotate("authentication-failure").catch(() => undefined);
			this.healNotBeforeMs = this.clock.nowMs() + HEAL_PAUSE_MS * (1 - HEAL_JITTER_FRACTION * this.random());
		} while (this.attachment?.gate.isHealingWanted === true);
	}
}
