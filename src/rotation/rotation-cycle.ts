/** One rotation from the fetch to the start of the drain. The live pools are not touched before the replacement has answered. */
import { ConnectorClosedError } from "../errors/errors.js";
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";
import type { AcquireGate } from "./acquire-gate.js";
import { chooseReplacement, type Replacement } from "./choose-replacement.js";
import type { ConnectionPool, ProbeAnswer } from "./connection-pool.js";
import { type FreshConnection, fetchFreshConnection, fetchPendingConnection, type RotatableConnector } from "./connection-source.js";
import { Drain } from "./drain-pools.js";
import { isConnectionLimit } from "../support/login-failure.js";
import { listPools } from "./driver-family.js";
import type { LiveDataSource } from "./live-data-source.js";
import { type CredentialPlan, planCredentials } from "./plan-credentials.js";
import type { RefusedLogins } from "./refused-logins.js";
import type { RotationPhase } from "./rotation-state.js";
import { discardPools, recheckReplicas, type StagedPools, stagePools, type UnverifiedReplica } from "./stage-pools.js";

/** Deadlines of the steps in milliseconds. */
export interface RotationDeadlines {
	readonly connectMs: number;
	readonly drainMs: number;
	readonly fetchMs: number;
	readonly healthMs: number;
	readonly verifyMs: number;
}

/** Defaults: a rotation in which nothing ever answers ends within 30 seconds. */
export const DEFAULT_ROTATION_DEADLINES: RotationDeadlines = {
	connectMs: 10_000,
	drainMs: 60_000,
	fetchMs: 12_000,
	healthMs: 2_000,
	verifyMs: 5_000,
};

/** What a rotation works with. */
export interface RotationContext {
	readonly clock: Clock;
	readonly connector: RotatableConnector;
	readonly deadlines: RotationDeadlines;
	readonly enter: (phase: RotationPhase) => void;
	readonly events: EventChannel;
	readonly gate: AcquireGate;
	/** Whether the live login came from AWSPENDING, and AWSCURRENT has not caught up yet. */
	readonly isLivePending: boolean;
	/** Whether the live side was read-only when it was asked last; `undefined` as long as nobody has asked. */
	readonly isLiveReadOnly: boolean | undefined;
	/** Whether the server refuses the live login, so that the same credentials again are no answer. */
	readonly isLiveRefused: boolean;
	readonly live: LiveDataSource;
	/** Resolves when the check of the side that was promoted last is over. */
	readonly promotedHealth?: Promise<unknown> | undefined;
	readonly refused: RefusedLogins;
	/** Aborts when the application shuts down. */
	readonly signal: AbortSignal;
	/** Replicas that could not be reached when they were promoted. */
	readonly unverified: readonly UnverifiedReplica[];
}

/** What came of it. */
export type CycleResult = {
	readonly isLivePending: boolean;
	readonly isLiveReadOnly: boolean | undefined;
	readonly unverified: readonly UnverifiedReplica[];
} & (
	| {
			readonly drain: Drain;
			readonly outcome: "rotated";
			readonly promotedHealth: Promise<unknown>;
			readonly versionId: string | undefined;
	  }
	| { readonly outcome: "unchanged" }
);

/**
 * Runs one rotation.
 * @throws TypeOrmAwsConnectorError when a step fails; the live pools then serve as before and nothing that was opened is left.
 */
export async function runRotationCycle(context: RotationContext): Promise<CycleResult> {
	const { connector, enter, live, refused } = context;
	// Runs beside the fetch: whether the current side is well neither stops a rotation nor delays it.
	const currentHealth = reportCurrentHealth(context);

	enter("fetching");
	const current = await fetchWithin(context, async (signal) => fetchFreshConnection(connector, signal));
	const health = await currentHealth;
	// Without an idle connection nobody was asked this time: what was known before still holds.
	const isLiveReadOnly = health?.isReadOnly ?? context.isLiveReadOnly;

	const { isLivePending, replacement } = await chooseReplacement(current, {
		fetchPending: async () => {
			enter("fetching");
			return fetchWithin(context, async (signal) => fetchPendingConnection(connector, signal));
		},
		isLivePending: context.isLivePending,
		isLiveRefused: context.isLiveRefused,
		plan: ({ options }) => planCredentials(live.options, options),
		refused,
		stage: async (plan) => stage(context, plan, isLiveReadOnly),
	});
	if (replacement === undefined) {
		return { isLivePending, isLiveReadOnly, outcome: "unchanged", unverified: await recheck(context) };
	}

	enter("promoting");
	const drain = promote(context, replacement);
	if (!isLivePending) refused.clear();
	const promotedHealth = reportHealth(context, "promoted");
	const { isReadOnly, unverified } = replacement.pools;
	for (const { node, reason } of unverified) context.events.publish({ node, reason, type: "replica.unverified" });
	const { versionId } = replacement;
	return { drain, isLivePending, isLiveReadOnly: isReadOnly, outcome: "rotated", promotedHealth, unverified, versionId };
}

/** Replicas that were out of reach are asked as soon as there is an occasion. */
async function recheck({ clock, deadlines, events, signal, unverified }: RotationContext): Promise<UnverifiedReplica[]> {
	const request = { clock, connectDeadlineMs: deadlines.connectMs, signal, verifyDeadlineMs: deadlines.verifyMs };
	const stillUnverified = await recheckReplicas(unverified, request);
	for (const { node, pool } of unverified) {
		const finding = stillUnverified.find((replica) => replica.pool === pool);
		if (finding === undefined) events.publish({ node, type: "replica.verified" });
		else events.publish({ node, reason: finding.reason, type: "replica.unverified" });
	}
	return stillUnverified;
}

async function fetchWithin<Fetched extends FreshConnection | undefined>(
	{ clock, deadlines, signal }: RotationContext,
	fetch: (signal: AbortSignal) => Promise<Fetched>,
): Promise<Fetched> {
	return withDeadline(fetch, { clock, deadlineMs: deadlines.fetchMs, signal, subject: "Fetching the credentials" });
}

async function stage(
	{ clock, deadlines, enter, gate, live, signal }: RotationContext,
	plan: CredentialPlan,
	isLiveReadOnly: boolean | undefined,
): Promise<StagedPools> {
	enter("staging");
	await gate.closeSurplus();
	const request = {
		clock,
		connectDeadlineMs: deadlines.connectMs,
		isLiveReadOnly,
		onConnected: () => enter("verifying"),
		plan,
		signal,
		verifyDeadlineMs: deadlines.verifyMs,
	};
	try {
		return await stagePools(live, request);
	} catch (error) {
		// A server at its limit has room for the replacement when we give up a connection that nobody uses.
		const giveBack = isConnectionLimit((error as Error).cause) ? await gate.yieldIdleConnection() : undefined;
		if (giveBack === undefined) throw error;
		try {
			enter("staging");
			return await stagePools(live, request);
		} finally {
			giveBack();
		}
	}
}

/** Synchronous: a connection is lent either before all of it or after all of it. */
function promote(context: RotationContext, { plan, pools }: Replacement): Drain {
	const { clock, deadlines, events, gate, live, signal } = context;
	if (signal.aborted || !live.isUsable) {
		discardPools(listPools(pools));
		throw new ConnectorClosedError();
	}
	const retired = listRetiring(context);
	listPools(pools).forEach((pool, index) => {
		const predecessor = retired[index];
		predecessor?.copyListenersTo(pool);
	});
	live.exchangePools(pools, plan.options);
	const { generation } = gate;
	const settle = gate.promote(pools);
	const drain = new Drain(retired, {
		clock,
		deadlineMs: deadlines.drainMs,
		events,
		generation,
		releaseAbandoned: () => live.releaseAbandonedRunners(),
	});
	void drain.done.then(settle);
	return drain;
}

/** The pools that serve. mysql2 removes nodes of a cluster that fail too often; without its master, those that the gate knows are retired. */
function listRetiring({ gate, live }: RotationContext): readonly ConnectionPool[] {
	try {
		return listPools(live.readPools());
	} catch {
		return gate.pools;
	}
}

/** A check holds a connection for which nobody has a permit. Staged beside that of the last rotation, a replacement would be one connection too many. */
async function reportCurrentHealth(context: RotationContext): Promise<ProbeAnswer | undefined> {
	await context.promotedHealth;
	return reportHealth(context, "current");
}

/** Asks the master pool over an idle connection and reports the answer. Never fails, never opens a connection. */
async function reportHealth(
	{ clock, deadlines, events, live }: RotationContext,
	side: "current" | "promoted",
): Promise<ProbeAnswer | undefined> {
	try {
		const answer = await live.readPools().master.probeIdle(clock, deadlines.healthMs);
		if (answer !== undefined) events.publish({ isHealthy: true, side, type: "health.checked" });
		return answer;
	} catch (error) {
		const { code, name } = error as { code?: unknown; name?: unknown };
		events.publish({ isHealthy: false, reason: String(code ?? name), side, type: "health.checked" });
		return undefined;
	}
}
