/**
 * Which version of the secret to go to. AWSCURRENT, unless the server refuses it: in a single-user rotation the database takes the new password before
 * AWSCURRENT names it, and in between AWSPENDING is what works.
 */
import { StagingFailedError } from "../errors/errors.js";
import type { RotationTrigger } from "../events/connector-event.js";
import { isAuthenticationFailure } from "./login-failure.js";
import type { FreshConnection } from "./connection-source.js";
import type { PoolSet } from "./live-data-source.js";
import type { CredentialPlan } from "./plan-credentials.js";
import type { RefusedLogins } from "./refused-logins.js";

/** The label of the version that was taken. */
export type VersionStage = "AWSCURRENT" | "AWSPENDING";

/** Pools that have answered, and where their login came from. */
export interface Replacement {
	readonly plan: CredentialPlan;
	readonly pools: PoolSet;
	readonly versionId: string | undefined;
	readonly versionStage: VersionStage;
}

/** What the choice is made from. */
export interface ChoiceContext {
	/** `undefined` when there is no pending version, when it may not be read, or when it is not to be used. */
	readonly fetchPending: () => Promise<FreshConnection | undefined>;
	readonly isLivePending: boolean;
	readonly plan: (fresh: FreshConnection) => CredentialPlan;
	readonly refused: RefusedLogins;
	readonly stage: (plan: CredentialPlan) => Promise<PoolSet>;
	readonly trigger: RotationTrigger;
}

/**
 * Stages the first version that the server takes; `undefined` when there is nothing to change.
 * @throws StagingFailedError when no version works, with the refusal of AWSCURRENT.
 */
export async function chooseReplacement(current: FreshConnection, context: ChoiceContext): Promise<Replacement | undefined> {
	const { fetchPending, isLivePending, plan, refused, stage, trigger } = context;
	const isLiveRefused = trigger === "authentication-failure";
	const currentPlan = plan(current);
	let refusal: unknown;

	if (currentPlan.isUnchanged) {
		if (!isLiveRefused) return undefined;
		refused.note(currentPlan);
	} else if (mayTry(currentPlan, { isLivePending, isLiveRefused, refused })) {
		try {
			return { plan: currentPlan, pools: await stage(currentPlan), versionId: current.versionId, versionStage: "AWSCURRENT" };
		} catch (error) {
			if (!isRefusal(error)) throw error;
			refused.note(currentPlan);
			refusal = error;
		}
	}

	const pending = await fetchPending();
	const pendingPlan = pending === undefined ? undefined : plan(pending);
	// The live side runs on the pending version already and is ahead of AWSCURRENT.
	if (pendingPlan?.isUnchanged === true) return undefined;
	if (pending !== undefined && pendingPlan !== undefined && !refused.isTooSoon(pendingPlan)) {
		try {
			return { plan: pendingPlan, pools: await stage(pendingPlan), versionId: pending.versionId, versionStage: "AWSPENDING" };
		} catch (error) {
			if (!isRefusal(error)) throw error;
			refused.note(pendingPlan);
			refusal ??= error;
		}
	}
	if (refusal !== undefined) throw refusal as Error;
	return undefined;
}

/**
 * A version that was refused is tried again at the pace of the schedule; while callers wait, not more than about once a second; and not at all while the
 * live side works and is known to be ahead of it.
 */
function mayTry(
	plan: CredentialPlan,
	{ isLivePending, isLiveRefused, refused }: { isLivePending: boolean; isLiveRefused: boolean; refused: RefusedLogins },
): boolean {
	if (isLiveRefused) return !refused.isTooSoon(plan);
	return !isLivePending || !refused.has(plan);
}

function isRefusal(error: unknown): boolean {
	return error instanceof StagingFailedError && isAuthenticationFailure(error.cause);
}
