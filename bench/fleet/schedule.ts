/**
 * A fleet on its schedule: an alternating rotation is found by the next tick of each instance, one login checks the new
 * credentials, and the connections of the pool are exchanged. RotationSchedule and Exchange are those of the library.
 */
import { Exchange, type ExchangedPool } from "../../src/drivers/exchange.js";
import type { OpenedConnection } from "../../src/drivers/live-pool.js";
import type { LoginGate } from "../../src/drivers/login-gate.js";
import { RotationSchedule } from "../../src/rotation/rotation-schedule.js";
import type { Clock } from "../../src/support/clock.js";
import { DatabaseServer, type Rate, SecretsService } from "./services.js";
import { createRandom, VirtualClock } from "./virtual-clock.js";

/** Instances that share a database. */
export const INSTANCES_PER_DATABASE = 1_000;

/** A fleet and how it is operated. */
export interface ScheduleScene {
	/** How connections are replaced: one at a time as the library does, or the whole pool. */
	readonly exchange: "gradual" | "whole-pool";
	readonly instanceCount: number;
	readonly intervalMs: number;
	readonly loginsPerSecond: number;
	readonly poolSize: number;
	readonly seed?: number;
	/** When instances read: as the library does, all at the same second, or all on an event when the secret changes. */
	readonly trigger: "event" | "lock-step" | "schedule";
}

/** What came of it. */
export interface ScheduleOutcome {
	/** From the change of the secret until the last instance uses it, and until the last older connection has left. */
	readonly convergedAfterMs: number;
	readonly exchangedAfterMs: number;
	readonly loginPeak: number;
	readonly loginsPerSecond: readonly number[];
	readonly loginWaitMs: number;
	readonly peakConnectionCount: number;
	readonly readMean: number;
	readonly readPeak: number;
	readonly readsPerSecond: readonly number[];
}

/** Lets three intervals pass; the secret changes after the second one. */
export async function simulateSchedule(scene: ScheduleScene): Promise<ScheduleOutcome> {
	const { exchange, instanceCount, intervalMs, loginsPerSecond, poolSize, seed = 1, trigger } = scene;
	const clock = new VirtualClock();
	const random = createRandom(seed);
	const secrets = new SecretsService(clock);
	const databaseCount = Math.ceil(instanceCount / INSTANCES_PER_DATABASE);
	const servers = Array.from({ length: databaseCount }, () => new DatabaseServer(clock, loginsPerSecond, () => true));
	const changedAtMs = 2 * intervalMs + Math.floor(intervalMs / 2);
	const result = { converged: 0, convergedAtMs: 0, exchanged: 0, exchangedAtMs: 0 };

	const createInstance = (index: number): { rotate: () => Promise<void> } => {
		const server = servers[index % databaseCount] as DatabaseServer;
		const pool = new SimulatedPool(clock, server, poolSize);
		let hasChanged = false;
		const rotate = async (): Promise<void> => {
			const startedAtMs = clock.nowMs();
			if (!(await secrets.read()) || hasChanged || startedAtMs < changedAtMs) return;
			hasChanged = true;
			await server.login("new");
			server.close();
			pool.promote();
			result.converged += 1;
			result.convergedAtMs = clock.nowMs();
			await (exchange === "gradual" ? pool.exchangeGradually() : pool.exchangeWhole());
			result.exchanged += 1;
			result.exchangedAtMs = clock.nowMs();
		};
		return { rotate };
	};
	const instances = Array.from({ length: instanceCount }, (_, index) => createInstance(index));
	const schedules = instances.map(({ rotate }) => {
		const run = async (): Promise<{ failureCount: number; isTransient: boolean }> => {
			void rotate();
			return { failureCount: 0, isTransient: true };
		};
		const base = { clock, intervalName: "fleet", onUnscheduled: () => undefined, registry: undefined, run };
		// In lock-step, each tick comes after the whole interval, and all began together.
		const draw = trigger === "lock-step" ? () => 0 : random;
		return new RotationSchedule({ ...base, intervalMs, random: draw });
	});
	for (const schedule of schedules) schedule.start();
	if (trigger === "event") clock.schedule(() => instances.forEach(({ rotate }) => void rotate()), changedAtMs);
	// A queue of logins may outlast the interval.
	await clock.runUntil(40 * intervalMs, () => result.exchanged === instanceCount);
	const first = Math.floor(intervalMs / 1_000) + 1;
	// Every database has its share; the first one stands for all.
	const server = servers[0] as DatabaseServer;
	const reads = secrets.offered;
	return {
		convergedAfterMs: result.convergedAtMs - changedAtMs,
		exchangedAfterMs: result.exchangedAtMs - changedAtMs,
		loginPeak: Math.max(...servers.map(({ logins }) => logins.peak())),
		loginsPerSecond: fromSecond(server.logins, changedAtMs),
		loginWaitMs: Math.max(...servers.map(({ peakWaitMs }) => peakWaitMs)),
		peakConnectionCount: Math.max(...servers.map(({ peakConnectionCount }) => peakConnectionCount)),
		readMean: reads.total / (clock.nowMs() / 1_000),
		readPeak: reads.peak(first),
		readsPerSecond: fromSecond(reads, intervalMs),
	};
}

function fromSecond(rate: Rate, fromMs: number): readonly number[] {
	return rate.perSecond.slice(Math.floor(fromMs / 1_000));
}

/** The connections of one instance, all idle. What Exchange asks of a pool is all there is. */
class SimulatedPool implements ExchangedPool {
	generation = 1;
	readonly isEnding = false;
	olderCount = 0;
	private openCount: number;

	constructor(
		private readonly clock: Clock,
		private readonly server: DatabaseServer,
		readonly limit: number,
	) {
		this.openCount = limit;
		for (let index = 0; index < limit; index += 1) server.open();
	}

	get socketCount(): number {
		return this.openCount;
	}

	promote(): void {
		this.generation += 1;
		this.olderCount = this.openCount;
	}

	async exchangeGradually(): Promise<void> {
		const gate = { mayLogin: () => true } as LoginGate;
		const exchange = new Exchange({
			clock: this.clock,
			gate,
			onHalted: () => undefined,
			pool: this,
		});
		exchange.start("gradual", Promise.resolve());
		await exchange.done;
	}

	async exchangeWhole(): Promise<void> {
		await Promise.all(Array.from({ length: this.limit }, async () => this.server.login("new")));
		while (this.olderCount > 0) this.closeOlder();
	}

	findIdleOlder(): object | undefined {
		return this.olderCount > 0 ? this : undefined;
	}

	async open(): Promise<OpenedConnection<object>> {
		this.openCount += 1;
		await this.server.login("new");
		return { connection: {}, release: () => undefined };
	}

	isLost(): boolean {
		return false;
	}

	/** A socket closes at once here, so that none is waited for. */
	async nextClose(patienceMs: number): Promise<void> {
		await new Promise<void>((resolve) => void this.clock.schedule(resolve, patienceMs, true));
	}

	async nextReturn(): Promise<object | undefined> {
		return this.findIdleOlder();
	}

	retireOlder(): void {
		while (this.olderCount > 0) void this.retire();
	}

	async retire(): Promise<void> {
		this.openCount -= 1;
		this.closeOlder();
	}

	private closeOlder(): void {
		this.olderCount -= 1;
		this.server.close();
	}
}
