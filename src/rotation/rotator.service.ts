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

import { CredentialRecovery } from "../acquire/credential-recovery.js";
import { LoginBreaker } from "../acquire/login-breaker.js";
import { LiveDataSource } from "../drivers/live-data-source.js";
import { listServerOptions, toLooseOptions } from "../drivers/loose-options.js";
import { ConnectorClosedError, type DataSourceMismatchError, SecretUnavailableError } from "../errors/errors.js";
import type { ConnectorEvent } from "../events/connector-event.js";
import { describeFault, nameError } from "../events/describe-fault.js";
import { EventChannel } from "../events/event-channel.js";
import { logEvents, type LogOptions } from "../events/event-logger.js";
import { type Clock, systemClock } from "../support/clock.js";
import type { RotationSource } from "../connector/rotation-source.js";
import { DEFAULT_ROTATION_DEADLINES, type RotatedDataSource, RotationObservers } from "./rotation-context.js";
import { RotationCounters } from "./rotation-counters.js";
import { findMismatch } from "./find-mismatch.js";
import { ReadinessCheck } from "./readiness-check.js";
import { readStatistics, renderStatistics } from "./rotation-statistics.js";
import { RotationRunner } from "./rotation-runner.js";
import { type IntervalRegistry, type LastOutcome, RotationSchedule } from "./rotation-schedule.js";
import { SecretChangeEvents } from "./secret-change-events.js";
import { logStart } from "./start-line.js";
import type { IReadiness, IReadinessOptions, IRotatorStatistics } from "./statistics.options.js";
import type { IRotateOptions, IRotatorOptions, TNotificationResult, TRotationResult } from "./rotation.options.js";

/** How long connections with retired credentials may be in use at shutdown before they are cut. */
const SHUTDOWN_GRACE_MS = 2_000;

/** A caller has at least this much time for a recovery to fetch quickly. */
const MINIMUM_BUDGET_MS = 10_000;

const NO_DATA_SOURCE =
	"rotation.isEnabled is true, but there is no DataSource to rotate, so nothing is rotated. " +
	"Import TypeOrmModule.forRootAsync(), or give dataSourceToken: getDataSourceToken(name) for a named one. A script that wants only options may ignore this.";

/**
 * Rotates the credentials of one live DataSource: on a schedule, by hand, on an event of AWS, and when a login is
 * refused.
 *
 * One connection is opened with fresh credentials and answers `SELECT 1`. Only then the live pools log in with these
 * credentials, and their connections are exchanged one by one. Connections in use finish their work, at most
 * `rotation.drainTimeoutMs` long.
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

	/** @internal Metrics and traces are connected here. */
	readonly observers = new RotationObservers();

	/**
	 * Private to the language, as is the DataSource: TypeORM's objects show the password when they are printed, and this
	 * one would with them.
	 */
	#live: RotatedDataSource | undefined;
	readonly #dataSource: DataSource | undefined;
	private readonly clock: Clock;
	private readonly counters: RotationCounters;
	private readonly events: EventChannel;
	/** Whether AWS throttled the last fetch of a recovery. */
	private isThrottled = false;
	private readonly logOptions: LogOptions;
	private readonly random: () => number;
	private readonly readiness: ReadinessCheck;
	private readonly recovery: CredentialRecovery;
	private readonly runner: RotationRunner;
	private schedule: RotationSchedule | undefined;
	private readonly secretEvents: SecretChangeEvents;

	/**
	 * @param dataSource The DataSource to rotate; `undefined` when the application has none, which is an error only if
	 * rotation is enabled.
	 * @param schedulerRegistry Registry of `@nestjs/schedule` in which the interval is listed, if the application has one.
	 * @param connectorService Source of fresh options; `getRotationConfig()` and `getTypeOrmOptions()` are enough.
	 * @param intervalName Name of the interval in the registry.
	 */
	constructor(
		dataSource: DataSource | undefined,
		private readonly schedulerRegistry: IntervalRegistry | undefined,
		private readonly connectorService: RotationSource,
		private readonly intervalName: string,
		options: IRotatorOptions = {},
	) {
		this.#dataSource = dataSource;
		this.clock = options.clock ?? systemClock;
		this.random = options.random ?? Math.random;
		this.events = new EventChannel(connectorService.name ?? intervalName);
		this.events$ = this.events.events$;
		this.counters = new RotationCounters(this.events$, () => this.clock.nowMs());
		this.logOptions = { context: RotatorService.name, shouldLogFields: connectorService.shouldLogFields === true };
		logEvents(this.events$, this.logOptions);
		const drainMs = connectorService.rotationOptions?.drainTimeoutMs ?? DEFAULT_ROTATION_DEADLINES.drainMs;
		this.runner = new RotationRunner({
			attach: () => this.attach(),
			clock: this.clock,
			connector: connectorService,
			deadlines: { ...DEFAULT_ROTATION_DEADLINES, drainMs, ...options.deadlines },
			events: this.events,
			observers: this.observers,
			random: this.random,
		});
		this.secretEvents = new SecretChangeEvents({
			clock: this.clock,
			closed: this.runner.closed,
			connector: connectorService,
			rotate: async () => this.runner.rotate("secret-changed"),
		});
		this.readiness = new ReadinessCheck({
			clock: this.clock,
			closed: this.runner.closed,
			getDataSource: () => this.#dataSource,
			getServers: () => this.#live?.servers,
			onRefused: (error) => this.recovery.start(error),
		});
		this.recovery = new CredentialRecovery({
			budgetMs: () => Math.max(MINIMUM_BUDGET_MS, this.#live?.servers[0]?.pool.budgetMs ?? 0),
			clock: this.clock,
			closed: this.runner.closed,
			events: this.events,
			isThrottled: () => this.isThrottled,
			isWanted: () => {
				const refused = (this.#live?.servers ?? []).filter(({ gate }) => gate.refusal !== undefined);
				return refused.length > 0 && (this.readiness.isAsked || refused.some(({ pool }) => pool.hasWaiting));
			},
			random: this.random,
			refresh: async () => this.refresh(),
		});
	}

	/**
	 * Starts the schedule when rotation is enabled and there is a DataSource.
	 * @throws DataSourceMismatchError when rotation is enabled and another connector made the options of the DataSource.
	 * @throws RotationUnsupportedError when rotation is enabled and the DataSource cannot be rotated.
	 */
	async onModuleInit(): Promise<void> {
		await this.connectorService.prepare?.();
		const { intervalMs, isEnabled } = this.readConfig();
		if (!isEnabled) {
			const mismatch = this.findMismatch();
			if (mismatch !== undefined) this.events.publish({ message: mismatch.message, type: "warning" });
			else if (this.shouldRecover()) this.attach();
			return;
		}
		if (this.#dataSource === undefined) {
			this.events.publish({ message: NO_DATA_SOURCE, type: "warning" });
			return;
		}
		this.attach();
		this.schedule = new RotationSchedule({
			clock: this.clock,
			intervalMs,
			intervalName: this.intervalName,
			onUnscheduled: () => this.events.publish({ reason: "unscheduled", trigger: "schedule", type: "rotation.skipped" }),
			random: this.random,
			registry: this.schedulerRegistry,
			run: async () => this.runScheduled(),
		});
		this.schedule.start();
	}

	/** A DataSource that was initialized by hand after the modules is attached from here on. */
	onApplicationBootstrap(): void {
		if (this.schedule !== undefined || this.shouldRecover()) this.attach();
		const { nextRotationInMs } = this.getStatistics();
		void logStart(this.#dataSource, this.connectorService, {
			isRecoveryOn: this.shouldRecover(),
			log: this.logOptions,
			nextRotationInMs,
		});
	}

	/**
	 * Rotates now. A call that comes while a rotation runs is followed by one more rotation, which later calls share: the
	 * secret is read after the call. Works with `rotation.isEnabled: false`, too.
	 *
	 * The promise resolves when the primary logs in with the new credentials. Connections with the former ones serve on
	 * until they are exchanged: `await rotator.waitForExchange()` where that matters.
	 * @returns How it ended. A failure is a result: the live pool serves on. `waitingServers` names replicas that have not
	 * taken the credentials yet.
	 * @throws ConnectorClosedError during and after shutdown.
	 * @throws RotationUnsupportedError or DataSourceMismatchError when this DataSource cannot be rotated at all.
	 * @example
	 * const { outcome } = await rotator.rotateDatabaseConnection();
	 */
	async rotateDatabaseConnection({ mode }: IRotateOptions = {}): Promise<TRotationResult> {
		return this.runner.rotate("manual", mode);
	}

	/**
	 * Resolves when every connection of the pools logs in with the credentials that were promoted last. Connections in use
	 * are waited for, at most `rotation.drainTimeoutMs` long. Resolves at once when nothing is exchanged. Never rejects.
	 * @example
	 * await rotator.rotateDatabaseConnection();
	 * await rotator.waitForExchange();
	 */
	async waitForExchange(): Promise<void> {
		await Promise.all((this.#live?.servers ?? []).map(async ({ exchange }) => exchange.done));
	}

	/**
	 * Takes an event of EventBridge and rotates if it says that AWSCURRENT of this connector's secret may have changed:
	 * "Secret Label Updated" of Secrets Manager, or "RotationSucceeded", PutSecretValue, UpdateSecret and
	 * UpdateSecretVersionStage of CloudTrail. Any other event is ignored, so that a whole queue may be passed on unsorted.
	 * @param event The event as an object, or its JSON text: the `body` of a message of SQS, also where SNS has put its
	 * own envelope around the event, or all that a Lambda function gets (`Records`).
	 * @returns How the rotation ended; `{ outcome: "ignored" }` for an event about another secret; `undefined` for an
	 * event that is none of these.
	 * @throws What {@link rotateDatabaseConnection} throws.
	 * @see
	 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
	 * @example
	 * for (const { body } of messages) await rotator.notifySecretChanged(body);
	 */
	async notifySecretChanged(event: unknown): Promise<TNotificationResult | undefined> {
		return this.secretEvents.take(event);
	}

	/**
	 * What the rotator, its pools and its credentials are like at this moment, and what has happened since the start.
	 * Costs no connection and no request. Holds no host, user or secret.
	 * @example
	 * const { counters, servers } = rotator.getStatistics();
	 * logger.log(`${servers[0]?.waiting} callers wait, ${counters.refusedLogins} logins were refused`);
	 */
	getStatistics(): IRotatorStatistics {
		const { clock, connectorService, counters, recovery, runner, schedule } = this;
		return readStatistics({
			connector: this.events.connector,
			connectorService,
			counters,
			live: this.#live,
			nowMs: clock.nowMs(),
			recoveryStartedAtMs: recovery.startedAtMs,
			schedule,
			state: runner.state,
		});
	}

	/**
	 * Whether the application can serve requests that need the database, for a readiness probe. A connection of the pool
	 * is asked `SELECT 1`; the check never queues behind callers. While a server refuses the credentials, the check makes
	 * no login of its own, and is up and degraded for `connectionTimeoutMs` since the first refusal. After that the check
	 * is down, and logs in as a caller would: at the pace of refused logins. AWS is not asked. Checks at the same time
	 * share one answer. Never rejects.
	 * @example
	 * const { status } = await rotator.checkReadiness({ timeoutMs: 500 });
	 */
	async checkReadiness({ timeoutMs }: IReadinessOptions = {}): Promise<IReadiness> {
		return this.readiness.run(timeoutMs);
	}

	/**
	 * One line for logs and health pages: `state=idle generation=4 connections=5 inUse=3 older=1 waiting=0 draining=1
	 * failures=0 lastSuccess=12s`. Connections and callers of all servers are summed up; no host and no user is named.
	 * @example
	 * setInterval(() => logger.debug(rotator.describe()), 60_000);
	 */
	describe(): string {
		return renderStatistics(this.getStatistics(), this.runner.drainingCount);
	}

	/**
	 * No rotation starts any more; the one in flight is called off. Connections in use may go on until the application has
	 * stopped its servers.
	 */
	async onModuleDestroy(): Promise<void> {
		this.schedule?.stop();
		await this.runner.close();
		this.recovery.stop();
		for (const { exchange, gate, pool } of this.#live?.servers ?? []) {
			exchange.stop();
			if (gate.failure !== undefined) pool.rejectWaiting(new ConnectorClosedError());
			gate.stopRecovery();
			pool.wake();
		}
	}

	/** TypeORM's `destroy()`, which comes next, spins for ever on a runner that was released while it was connecting. */
	beforeApplicationShutdown(): void {
		this.#live?.releaseAbandonedRunners();
	}

	/** Connections with retired credentials get a short grace and are cut then; the pools are as without the library. */
	async onApplicationShutdown(): Promise<void> {
		await this.runner.finishDrains(SHUTDOWN_GRACE_MS);
		this.#live?.detach();
		this.events.publish({ failedCount: this.counters.failedCount, rotatedCount: this.counters.rotatedCount, type: "connector.closed" });
		this.events.complete();
	}

	private async runScheduled(): Promise<LastOutcome> {
		const result = await this.runner
			.rotate("schedule")
			.catch((error: unknown) => ({ error: error as Error, outcome: "failed" }) as const);
		const isTransient = result.outcome !== "failed" || describeFault(result.error).isTransient;
		return { failureCount: this.runner.state.failureCount, isTransient };
	}

	/** Puts the breakers into the pools as soon as the DataSource is initialized; `undefined` until then. */
	private attach(): RotatedDataSource | undefined {
		if (this.#dataSource?.isInitialized !== true) return undefined;
		this.#live ??= this.createLive(this.#dataSource);
		return this.#live;
	}

	private createLive(dataSource: DataSource): RotatedDataSource {
		const mismatch = this.findMismatch();
		if (mismatch !== undefined) throw mismatch;
		const { clock, events, random } = this;
		return new LiveDataSource(dataSource, {
			clock,
			createGate: ({ index, name }, wake) =>
				new LoginBreaker({
					clock,
					getCredentials: () => listServerOptions(toLooseOptions(dataSource.options))[index] ?? {},
					isRecoveryOn: this.shouldRecover() && !this.runner.closed.aborted,
					onCallerHeld: (error) => this.recovery.start(error),
					onRecovered: () => this.noteRecovered(),
					onRefused: (error) => {
						events.publish({ code: nameError(error), server: name, type: "login.refused" });
						this.recovery.start(error);
					},
					random,
					wake,
				}),
			observers: this.observers,
			onExchangeHalted: (server, error) => events.publish({ reason: nameError(error), server, type: "exchange.halted" }),
		});
	}

	/** The loop of a recovery: a breaker opens → the recovery fetches → the rotation promotes → the breaker closes. */
	private async refresh(): Promise<boolean> {
		// A rotation that was under way knows nothing of the refusal.
		await this.runner.inFlight?.catch(() => undefined);
		const result = await this.runner.rotate("authentication-failure").catch(() => undefined);
		const fault = result?.outcome === "failed" ? result.error : undefined;
		this.isThrottled = fault instanceof SecretUnavailableError && fault.kind === "throttled";
		return result?.outcome === "rotated";
	}

	private noteRecovered(): void {
		const servers = this.#live?.servers ?? [];
		if (servers.some(({ gate }) => gate.refusal !== undefined)) return;
		this.counters.noteRecoveredCallers(servers.reduce((count, { pool }) => count + pool.counts.waiting, 0));
		this.recovery.finish();
	}

	private shouldRecover(): boolean {
		return this.connectorService.rotationOptions?.shouldRotateOnAuthFailure ?? this.readConfig().isEnabled;
	}

	/** A test double of a connector may have no rotation. */
	private readConfig(): { intervalMs: number; isEnabled: boolean } {
		const connectorService: Partial<RotationSource> = this.connectorService;
		return connectorService.getRotationConfig?.() ?? { intervalMs: 0, isEnabled: false };
	}

	private findMismatch(): DataSourceMismatchError | undefined {
		return findMismatch(this.#dataSource, this.connectorService, this.intervalName);
	}
}
