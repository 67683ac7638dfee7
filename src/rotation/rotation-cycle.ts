/** One rotation from the fetch to the start of the drain. The live pools are not touched before the replacement has answered. */
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import type { AcquireGate } from "./acquire-gate.js";
import type { LiveDataSource } from "./live-data-source.js";
import type { ProbeAnswer } from "./postgres-pool.js";
import type { RotationPhase } from "./rotation-state.js";
import { RotatorClosedError } from "../errors/errors.js";
import { withDeadline } from "../support/with-deadline.js";
import { fetchFreshConnection, type RotatableConnector } from "./connection-source.js";
import { Drain, listPools } from "./drain-pools.js";
import { planCredentials } from "./plan-credentials.js";
import { copyListeners, probeIdle } from "./postgres-pool.js";
import { discardPools, stagePools } from "./stage-pools.js";

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
	readonly live: LiveDataSource;
	/** Aborts when the application shuts down. */
	readonly signal: AbortSignal;
}

/** What came of it. */
export type CycleResult = { readonly drain: Drain; readonly outcome: "rotated"; readonly versionId: string | undefined } | { readonly outcome: "unchanged" };

/**
 * Runs one rotation.
 * @throws TypeOrmAwsConnectorError when a step fails; the live pools then serve as before and nothing that was opened is left.
 */
export async function runRotationCycle(context: RotationContext): Promise<CycleResult> {
	const { clock, connector, deadlines, enter, gate, live, signal } = context;
	// Runs beside the fetch: whether the current side is well neither stops a rotation nor delays it.
	const currentHealth = reportHealth(context, "current");

	enter("fetching");
	const fresh = await withDeadline(async (fetchSignal) => fetchFreshConnection(connector, fetchSignal), {
		clock,
		deadlineMs: deadlines.fetchMs,
		signal,
		subject: "Fetching the credentials",
	});
	const plan = planCredentials(live.options, fresh.options);
	const health = await currentHealth;
	if (plan.isUnchanged) return { outcome: "unchanged" };

	enter("staging");
	const staged = await stagePools(live, {
		clock,
		connectDeadlineMs: deadlines.connectMs,
		isLiveReadOnly: health?.isReadOnly,
		plan,
		signal,
		verifyDeadlineMs: deadlines.verifyMs,
	});

	// From here to the retirement there is no await: a connection is lent either before all of it or after all of it.
	if (signal.aborted || !live.isUsable) {
		discardPools(listPools(staged));
		throw new RotatorClosedError();
	}
	enter("promoting");
	const retired = live.readPools();
	const retiredPools = listPools(retired);
	listPools(staged).forEach((pool, index) => {
		const predecessor = retiredPools[index];
		if (predecessor !== undefined) copyListeners(predecessor, pool);
	});
	live.exchangePools(staged, plan.options);
	const generation = gate.generation;
	gate.promote(staged);

	const drain = new Drain(retiredPools, {
		clock,
		deadlineMs: deadlines.drainMs,
		events: context.events,
		generation,
		releaseAbandoned: () => live.releaseAbandonedRunners(),
	});
	void reportHealth(context, "promoted");
	return { drain, outcome: "rotated", versionId: fresh.versionId };
}

/** Asks the master pool over an idle connection and reports the answer. Never fails, never opens a connection. */
async function reportHealth({ clock, deadlines, events, live }: RotationContext, side: "current" | "promoted"): Promise<ProbeAnswer | undefined> {
	try {
		const answer = await probeIdle(live.readPools().master, clock, deadlines.healthMs);
		if (answer !== undefined) events.publish({ isHealthy: true, side, type: "health.checked" });
		return answer;
	} catch (error) {
		const { code, name } = error as { code?: unknown; name?: unknown };
		events.publish({ isHealthy: false, reason: String(code ?? name), side, type: "health.checked" });
		return undefined;
	}
}
