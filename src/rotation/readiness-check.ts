/** Whether requests that need the database can be served: the question of a readiness probe. */
import type { DataSource } from "typeorm";

import type { ServerAnswer } from "../drivers/probe.js";
import { nameError } from "../events/describe-fault.js";
import type { Clock } from "../support/clock.js";
import { isAuthenticationFailure } from "../support/login-failure.js";
import { SingleFlight } from "../support/single-flight.js";
import { withDeadline } from "../support/with-deadline.js";
import type { RotatedServer } from "./rotation-context.js";
import type { IReadiness, IServerReadiness } from "./statistics.options.js";

const DEFAULT_TIMEOUT_MS = 1_000;
/** Without recovery, each login of a check could be a refused one: a server locks accounts by their number. */
const REFUSED_PAUSE_MS = 30_000;

/** For how long after a check the recovery goes on: probes come every few seconds, seldom more than a minute apart. */
const INTEREST_MS = 60_000;

const UP: IServerReadiness = { isDegraded: false, status: "up" };

/** What a check works with. */
export interface ReadinessCheckOptions {
	readonly clock: Clock;
	readonly closed: AbortSignal;
	readonly getDataSource: () => DataSource | undefined;
	/** The servers with their pools; `undefined` where neither rotation nor recovery is on. */
	readonly getServers: () => readonly RotatedServer[] | undefined;
	/** A server refuses the credentials. An application that is not ready gets no callers, for whom they are fetched. */
	readonly onRefused: (error: Error) => void;
}

/** The readiness checks of one DataSource. */
export class ReadinessCheck {
	private askedAtMs: number | undefined;
	private readonly flight = new SingleFlight<IReadiness>();
	/** When a login of a check was refused last, by server. */
	private readonly refusedAtMs = new Map<string, { readonly atMs: number; readonly reason: string }>();

	constructor(private readonly options: ReadinessCheckOptions) {}

	/** Whether a probe asks, so that credentials are wanted although no caller waits for them. */
	get isAsked(): boolean {
		return this.askedAtMs !== undefined && this.options.clock.nowMs() - this.askedAtMs < INTEREST_MS;
	}

	/** Checks, or joins the check that runs. */
	async run(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<IReadiness> {
		return this.flight.run(async () => this.check(timeoutMs));
	}

	private async check(timeoutMs: number): Promise<IReadiness> {
		const { clock, closed, getDataSource, getServers } = this.options;
		this.askedAtMs = clock.nowMs();
		const dataSource = getDataSource();
		if (closed.aborted) return { ...describeDown("closed"), servers: {} };
		if (dataSource?.isInitialized !== true) return { ...describeDown("not-initialized"), servers: {} };
		const servers = getServers();
		if (servers === undefined) return { ...(await this.checkPlain(dataSource, timeoutMs)), servers: {} };
		const checked = await Promise.all(servers.map(async (server) => [server.name, await this.checkServer(server, timeoutMs)] as const));
		const [primary = UP, ...replicas] = checked.map(([, readiness]) => readiness);
		const troubled = checked.slice(1).find((_, index) => replicas[index] !== UP);
		const whole = primary !== UP || troubled === undefined ? primary : describeDegraded(troubled[0]);
		return { ...whole, servers: Object.fromEntries(checked) };
	}

	/** A DataSource whose pools the library has not touched. */
	private async checkPlain(dataSource: DataSource, deadlineMs: number): Promise<IServerReadiness> {
		const known = this.findRefusal("primary");
		if (known !== undefined) return describeDown(known);
		const { clock } = this.options;
		try {
			await withDeadline(async () => dataSource.query<unknown>("SELECT 1"), { clock, deadlineMs, subject: "SELECT 1" });
			return UP;
		} catch (error) {
			return describeDown(this.noteFailure("primary", error));
		}
	}

	private async checkServer({ gate, name, pool }: RotatedServer, timeoutMs: number): Promise<IServerReadiness> {
		const { clock, onRefused } = this.options;
		const endMs = clock.nowMs() + timeoutMs;
		const leftMs = (): number => Math.max(1, endMs - clock.nowMs());
		const describeRefusal = async (): Promise<IServerReadiness | undefined> => {
			if (gate.refusal === undefined) return undefined;
			onRefused(gate.refusal);
			const reason = nameError(gate.refusal);
			if (clock.nowMs() - gate.failureSinceMs <= pool.budgetMs) return describeDegraded(reason);
			if (pool.counts.inUse > 0) return (await pool.waitForReturn(leftMs())) ? describeDegraded(reason) : describeDown(reason);
			// An application that is not ready has no callers, whose logins find out that the database was corrected. This is
			// the login that one of them would make, at the pace of refused logins.
			const isAnswered = gate.mayLogin() && !pool.hasWaiting && (await answers(pool.probeAny(leftMs())));
			return isAnswered ? UP : describeDown(reason);
		};
		// A connection that is lost tells nothing yet about the others, nor about a new one.
		if (await answers(pool.probeIdle(leftMs()))) return gate.refusal === undefined ? UP : describeDegraded(nameError(gate.refusal));
		const refused = await describeRefusal();
		if (refused !== undefined) return refused;
		const { inUse, limit, waiting } = pool.counts;
		if (inUse >= limit || waiting > 0) {
			if (await pool.waitForReturn(leftMs())) return UP;
			return (await describeRefusal()) ?? describeDown("exhausted");
		}
		const known = this.findRefusal(name);
		if (known !== undefined) return describeDown(known);
		try {
			await pool.probeAny(leftMs());
			return UP;
		} catch (error) {
			return (await describeRefusal()) ?? describeDown(this.noteFailure(name, error));
		}
	}

	private findRefusal(server: string): string | undefined {
		const refusal = this.refusedAtMs.get(server);
		if (refusal === undefined) return undefined;
		return this.options.clock.nowMs() - refusal.atMs < REFUSED_PAUSE_MS ? refusal.reason : undefined;
	}

	private noteFailure(server: string, error: unknown): string {
		const reason = nameError(error);
		if (isAuthenticationFailure(error)) this.refusedAtMs.set(server, { atMs: this.options.clock.nowMs(), reason });
		return reason;
	}
}

/** Whether a server has answered. */
async function answers(probe: Promise<ServerAnswer | undefined>): Promise<boolean> {
	return probe.then(
		(answer) => answer !== undefined,
		() => false,
	);
}

function describeDegraded(reason: string): IServerReadiness {
	return { isDegraded: true, reason, status: "up" };
}

function describeDown(reason: string): IServerReadiness {
	return { isDegraded: false, reason, status: "down" };
}
