/**
 * One rotation: fetch → stage → verify → promote → exchange → drain. Each server is promoted when it takes the new
 * credentials. The primary never waits for a replica, and no live pool is touched before its server has answered.
 */
import type { ServerAnswer } from "../drivers/probe.js";
import { ConnectorClosedError } from "../errors/errors.js";
import type { VersionStage } from "../events/connector-event.js";
import { waitAtMost } from "../support/wait-at-most.js";
import { withDeadline } from "../support/with-deadline.js";
import { FetchedVersions } from "./fetched-versions.js";
import { followReplica } from "./follow-replica.js";
import { rotateServer, type ServerOutcome } from "./rotate-server.js";
import type { RotatedServer, RotationContext } from "./rotation-context.js";

/** How much longer than the fetch the check of the live side may take. */
const HEALTH_GRACE_MS = 250;

/** How long a rotation in which the primary has nothing to do waits for replicas. */
const REPLICA_GRACE_MS = 1_000;

/** What came of a rotation. */
export type CycleResult =
	| {
			readonly outcome: "rotated";
			readonly stage: VersionStage;
			readonly versionId: string | undefined;
			/** Names of replicas that have not taken the new credentials yet. */
			readonly waitingServers: readonly string[];
	  }
	| { readonly outcome: "unchanged" };

/**
 * Runs one rotation.
 * @throws TypeOrmAwsConnectorError when a step of the primary fails; its live pool then serves as before and nothing
 * that was opened is left.
 */
export async function runRotationCycle(context: RotationContext): Promise<CycleResult> {
	const { connector, enter, live, trigger } = context;
	live.restoreServers();
	const [primary, ...replicas] = live.servers;
	if (primary === undefined) throw new ConnectorClosedError();
	const health = reportHealth(context, primary);

	enter("fetching");
	const isRecovery = trigger === "authentication-failure";
	const versions = new FetchedVersions({ connector, fetchWithin: async (fetch) => fetchWithin(context, fetch), isRecovery });
	if (isRecovery) void versions.pending();
	await versions.current();
	// Whether the live side is well neither stops a rotation nor delays it.
	await waitAtMost(health, context.clock, HEALTH_GRACE_MS, context.signal);

	const quiet = { ...context, enter: () => undefined };
	const following = replicas.map((replica) => followReplica(quiet, replica, versions));
	const outcome = await rotateServer(context, primary, versions);
	if (outcome.outcome === "unchanged" && replicas.length > 0) {
		// Without news for the primary, the caller of the rotation wants to know about the replicas.
		const attempts = Promise.all(following.map(async ({ firstAttempt }) => firstAttempt));
		await waitAtMost(attempts, context.clock, REPLICA_GRACE_MS, context.signal);
	}
	return summarize(outcome, replicas, following);
}

type Following = ReturnType<typeof followReplica>;

function summarize(primary: ServerOutcome, replicas: readonly RotatedServer[], following: readonly Following[]): CycleResult {
	const waitingServers = replicas.flatMap(({ name }, index) => (following[index]?.isDone === true ? [] : name));
	const outcomes = [primary, ...following.flatMap(({ outcome }) => outcome ?? [])];
	for (const outcome of outcomes) {
		if (outcome.outcome === "promoted") {
			return { outcome: "rotated", stage: outcome.stage, versionId: outcome.versionId, waitingServers };
		}
	}
	return { outcome: "unchanged" };
}

async function fetchWithin<Fetched>(
	{ clock, deadlines, signal, span }: RotationContext,
	fetch: (signal: AbortSignal) => Promise<Fetched>,
): Promise<Fetched> {
	const run = async (aborted: AbortSignal): Promise<Fetched> =>
		span === undefined ? fetch(aborted) : span.run(async () => fetch(aborted));
	return withDeadline(run, { clock, deadlineMs: deadlines.fetchMs, signal, subject: "Fetching the credentials" });
}

/** Asks the primary over an idle connection and reports the answer. Never fails, never opens a connection. */
async function reportHealth(
	{ deadlines, events, memory }: RotationContext,
	{ index, pool }: RotatedServer,
): Promise<ServerAnswer | undefined> {
	try {
		const answer = await pool.probeIdle(deadlines.healthMs);
		if (answer === undefined) return undefined;
		memory.isSilent.delete(index);
		events.publish({ isHealthy: true, side: "current", type: "health.checked" });
		if (answer.isReadOnly !== undefined) memory.isReadOnly.set(index, answer.isReadOnly);
		if (answer.searchPath !== undefined) memory.searchPaths.set(index, answer.searchPath);
		return answer;
	} catch (error) {
		const { code, name } = error as { code?: unknown; name?: unknown };
		memory.isSilent.add(index);
		events.publish({ isHealthy: false, reason: String(code ?? name), side: "current", type: "health.checked" });
		return undefined;
	}
}
