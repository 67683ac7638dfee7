/** The facade of rotation: Nest's life cycle, the schedule, and what an application may call. */
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
import { DataSourceMismatchError, OptionInvalidError } from "../errors/errors.js";
import type { ConnectorEvent } from "../events/connector-event.js";
import { describeFault } from "../events/describe-fault.js";
import { EventChannel } from "../events/event-channel.js";
import { logEvents } from "../events/event-logger.js";
import { type Clock, systemClock } from "../support/clock.js";
import { AcquireGate } from "./acquire-gate.js";
import type { RotatableConnector } from "./connection-source.js";
import { Healer } from "./healer.js";
import { LiveDataSource } from "./live-data-source.js";
import { DEFAULT_ROTATION_DEADLINES } from "./rotation-cycle.js";
import { type Attachment, RotationRunner } from "./rotation-runner.js";
import { type IntervalRegistry, type LastOutcome, RotationSchedule } from "./rotation-schedule.js";
import type { TRotationResult, IRotatorOptions } from "./rotation.options.js";
import { isSameSecret, readSecretChange } from "./secret-changed-event.js";

/** How long the connections of retired generations may take at shutdown before they are cut. */
const SHUTDOWN_GRACE_MS = 2_000;

/**
 * Rotates the credentials of one live DataSource: on a schedule, by hand, on an event of AWS, and when a login is refused.
 *
 * A replacement pool is opened with fresh credentials, answers `SELECT 1`, and only then takes the place of the live one, inside the same driver. What
 * was lent before finishes its work on the old connections, at most `rotation.drainTimeoutMs` long.
 * @example
 * const result = await rotator.rotateDatabaseConnection();
 * if (result.outcome === "failed") console.error(result.error.message);
 */
@Injectable()
export class RotatorService
	implements BeforeApplicationShutdown, OnApplicationBootstrap, OnApplicationShutdown, OnModuleDestroy, OnModuleInit
{
	/** Everything that happens, as it happens. Completes at shutdown. */
	readonly events$: Observable<ConnectorEvent>;

	/** Private to the language, as is the DataSource: TypeORM's objects show the password when they are printed, and this one would with them. */
	#attachment: Attachment | undefined;
	readonly #dataSource: DataSource | undefined;
	private readonly clock: Clock;
	private readonly events: EventChannel;
	private readonly random: () => number;
	private readonly runner: RotationRunner;
	private schedule: RotationSchedule | undefined;

	/**
	 * @param dataSource The DataSource to rotate; `undefined` when the application has none, which is an error only if rotation is enabled.
	 * @param schedulerRegistry Registry of `@nestjs/schedule` in which the interval is listed, if the application has one.
	 * @param connectorService Source of fresh options; `getRotationConfig()` and `getTypeOrmOptions()` are enough.
	 * @param intervalName Name of the interval in the registry.
	 */
	constructor(
		dataSource: DataSource | undefined,
		private readonly schedulerRegistry: IntervalRegistry | undefined,
		private readonly connectorService: RotatableConnector,
		private readonly intervalName: string,
		options: IRotatorOptions = {},
	) {
		this.#dataSource = dataSource;
		this.clock = options.clock ?? systemClock;
		this.random = options.random ?? Math.random;
		this.events = new EventChannel(connectorService.name ?? intervalName);
		this.events$ = this.events.events$;
		logEvents(this.events$, RotatorService.name);
		const drainMs = connectorService.rotationTuning?.drainTimeoutMs ?? DEFAULT_ROTATION_DEADLINES.drainMs;
		this.runner = new RotationRunner({
			attach: () => this.attach(),
			clock: this.clock,
			connector: connectorService,
			deadlines: { ...DEFAULT_ROTATION_DEADLINES, drainMs, ...options.deadlines },
			events: this.events,
		});
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
			const mismatch = this.findMismatch();
			if (mismatch !== undefined) this.events.publish({ message: mismatch.message, type: "warning" });
			else if (this.shouldHeal()) this.attach();
			return;
		}
		if (this.#dataSource === undefined) {
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
		if (this.schedule !== undefined || this.shouldHeal()) this.attach();
	}

	/**
	 * Rotates now. Callers that come while a rotation runs share it. Works with `rotation.isEnabled: false`, too.
	 * @returns How it ended. A failure is a result: the live pool serves on.
	 * @throws ConnectorClosedError during and after shutdown.
	 * @throws RotationUnsupportedError or DataSourceMismatchError when this DataSource cannot be rotated at all.
	 * @example
	 * const { outcome } = await rotator.rotateDatabaseConnection();
	 */
	async rotateDatabaseConnection(): Promise<TRotationResult> {
		return this.runner.rotate("manual");
	}

	/**
	 * Takes an event of EventBridge and rotates if it says that AWSCURRENT of this connector's secret moved: "Secret Label Updated" of Secrets Manager, or
	 * "RotationSucceeded" of CloudTrail. Any other event is ignored, so that a whole queue may be passed on unsorted.
	 * @param event The event as an object, or its JSON text: the `body` of a message of SQS, also where SNS has put its own envelope around the event.
	 * @returns How the rotation ended; `undefined` when the event does not concern this connector.
	 * @throws What {@link rotateDatabaseConnection} throws.
	 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
	 * @example
	 * for (const { body } of messages) await rotator.notifySecretChanged(body);
	 */
	async notifySecretChanged(event: unknown): Promise<TRotationResult | undefined> {
		const { secretId, secretIds = secretId === undefined ? [] : [secretId] } = this.connectorService;
		const change = readSecretChange(event);
		if (change?.secretIds.some((id) => secretIds.some((known) => isSameSecret(id, known))) !== true) return undefined;
		// A rotation under way may have read the secret before it changed.
		await this.runner.inFlight?.catch(() => undefined);
		return this.runner.rotate("secret-changed");
	}

	/**
	 * One line for logs and health pages: `state=idle generation=4 draining=1 held=3 waiting=0 failures=0 lastSuccess=12s`. Held and waiting count
	 * connections and callers; no host and no user is named.
	 * @example
	 * setInterval(() => logger.debug(rotator.describe()), 60_000);
	 */
	describe(): string {
		const { failureCount, lastSuccessAtMs, phase } = this.runner.state;
		const gate = this.#attachment?.gate;
		const counters = {
			state: phase,
			generation: gate?.generation ?? 1,
			draining: this.runner.drainingCount,
			held: gate?.heldCount ?? 0,
			waiting: gate?.waitingCount ?? 0,
			failures: failureCount,
			lastSuccess: lastSuccessAtMs === undefined ? "never" : `${String(Math.round((this.clock.nowMs() - lastSuccessAtMs) / 1_000))}s`,
		};
		return Object.entries(counters)
			.map(([name, value]) => `${name}=${String(value)}`)
			.join(" ");
	}

	/** No rotation starts any more; the one in flight is called off. Retired generations may go on until the application has stopped its servers. */
	async onModuleDestroy(): Promise<void> {
		this.schedule?.stop();
		await this.runner.close();
		this.#attachment?.gate.stopHealing();
	}

	/** TypeORM's `destroy()`, which comes next, spins for ever on a runner that was released while it was connecting. */
	beforeApplicationShutdown(): void {
		this.#attachment?.live.releaseAbandonedRunners();
	}

	/** Retired generations get a short grace and are cut then; TypeORM's own methods serve again. */
	async onApplicationShutdown(): Promise<void> {
		// As long as retired connections are open, the gate keeps them and new ones within the size of one pool.
		await this.runner.finishDrains(SHUTDOWN_GRACE_MS);
		this.#attachment?.gate.uninstall();
		this.events.complete();
	}

	private async runScheduled(): Promise<LastOutcome> {
		const result = await this.runner
			.rotate("schedule")
			.catch((error: unknown) => ({ error: error as Error, outcome: "failed" }) as const);
		const isTransient = result.outcome !== "failed" || describeFault(result.error).isTransient;
		return { failureCount: this.runner.state.failureCount, isTransient };
	}

	/** Guards the DataSource as soon as it is initialized; `undefined` until then. */
	private attach(): Attachment | undefined {
		if (this.#dataSource?.isInitialized !== true) return undefined;
		this.#attachment ??= this.createAttachment(this.#dataSource);
		return this.#attachment;
	}

	private createAttachment(dataSource: DataSource): Attachment {
		const mismatch = this.findMismatch();
		if (mismatch !== undefined) throw mismatch;
		const { clock, events, random, runner } = this;
		const live = new LiveDataSource(dataSource);
		const healer = new Healer({
			clock,
			closed: runner.closed,
			inFlight: () => runner.inFlight,
			isWanted: () => gate.isHealingWanted,
			onNothingNew: () => gate.allowProbe(),
			random,
			rotate: async (trigger) => runner.rotate(trigger),
		});
		const onRefusal = this.shouldHeal() ? () => healer.start() : undefined;
		const gate = new AcquireGate({ clock, events, live, onRefusal, random });
		return { gate, live };
	}

	private shouldHeal(): boolean {
		return this.connectorService.rotationTuning?.shouldRotateOnAuthFailure ?? this.connectorService.getRotationConfig().isEnabled;
	}

	private findMismatch(): DataSourceMismatchError | undefined {
		const origin = this.#dataSource === undefined ? undefined : readOrigin(this.#dataSource.options);
		const { connectorId, name } = this.connectorService;
		if (origin === undefined || connectorId === undefined || origin.connectorId === connectorId) return undefined;
		return new DataSourceMismatchError(name ?? this.intervalName, origin.connector);
	}
}
