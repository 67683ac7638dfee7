/** AWS and the database servers of a simulated fleet, with their limits. */
import type { Clock } from "../../src/support/clock.js";

/** GetSecretValue and DescribeSecret together, per second in an account and Region; AWS does not raise it. */
export const SECRETS_READS_PER_SECOND = 10_000;

/** Parameter Store, per second in an account and Region: by default, and with the setting for higher throughput. */
export const PARAMETER_READS_PER_SECOND = { default: 40, higher: 3_000 };

/** Aurora DSQL: new connections per second, the burst before that, and connections of a cluster. */
export const DSQL = { burst: 1_000, connections: 10_000, loginsPerSecond: 100 };

/** How long AWS takes to answer. */
const READ_MS = 20;

/** How long a login takes on a server that does nothing else. */
const LOGIN_MS = 50;

/** Counts per second of simulated time. */
export class Rate {
	readonly perSecond: number[] = [];
	total = 0;

	constructor(private readonly clock: Clock) {}

	/** One more happens now. */
	count(): void {
		const second = Math.floor(this.clock.nowMs() / 1_000);
		while (this.perSecond.length <= second) this.perSecond.push(0);
		this.perSecond[second] = (this.perSecond[second] as number) + 1;
		this.total += 1;
	}

	/** The largest count of a second. */
	peak(fromSecond = 0): number {
		return this.perSecond.slice(fromSecond).reduce((largest, count) => Math.max(largest, count), 0);
	}
}

/** Secrets Manager of one account and Region. */
export class SecretsService {
	readonly offered: Rate;
	throttledCount = 0;
	private second = -1;
	private servedCount = 0;

	constructor(
		private readonly clock: Clock,
		private readonly readsPerSecond = SECRETS_READS_PER_SECOND,
	) {
		this.offered = new Rate(clock);
	}

	/** Answers after {@link READ_MS}. @returns `false` when the read was throttled. */
	async read(): Promise<boolean> {
		this.offered.count();
		const second = Math.floor(this.clock.nowMs() / 1_000);
		if (second !== this.second) Object.assign(this, { second, servedCount: 0 });
		this.servedCount += 1;
		const isServed = this.servedCount <= this.readsPerSecond;
		if (!isServed) this.throttledCount += 1;
		await wait(this.clock, READ_MS);
		return isServed;
	}
}

/** One database server, which completes so many logins in a second and lets the others wait in order. */
export class DatabaseServer {
	connectionCount = 0;
	readonly logins: Rate;
	peakConnectionCount = 0;
	peakWaitMs = 0;
	refusedCount = 0;
	private freeAtMs = 0;

	constructor(
		private readonly clock: Clock,
		private readonly loginsPerSecond: number,
		private readonly isValid: (password: string) => boolean,
	) {
		this.logins = new Rate(clock);
	}

	/** @returns Whether the server takes the password. */
	async login(password: string): Promise<boolean> {
		const nowMs = this.clock.nowMs();
		this.logins.count();
		this.open();
		this.freeAtMs = Math.max(this.freeAtMs, nowMs) + 1_000 / this.loginsPerSecond;
		const waitMs = this.freeAtMs - nowMs;
		this.peakWaitMs = Math.max(this.peakWaitMs, waitMs);
		await wait(this.clock, waitMs + LOGIN_MS);
		if (this.isValid(password)) return true;
		this.refusedCount += 1;
		this.close();
		return false;
	}

	/** A connection is there without a login of this simulation. */
	open(): void {
		this.connectionCount += 1;
		this.peakConnectionCount = Math.max(this.peakConnectionCount, this.connectionCount);
	}

	/** A connection ends. */
	close(): void {
		this.connectionCount -= 1;
	}
}

/** Resolves later on the simulated clock. */
export function wait(clock: Clock, delayMs: number): Promise<void> {
	return new Promise((resolve) => void clock.schedule(resolve, delayMs));
}
