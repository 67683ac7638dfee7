/**
 * Which version of the secret to go to. AWSCURRENT, unless the server refuses it: in a single-user rotation the database takes the new password before
 * AWSCURRENT names it, and in between AWSPENDING is what works.
 */
import { StagingFailedError } from "../errors/errors.js";
import { isAuthenticationFailure } from "../support/login-failure.js";
import type { FreshConnection } from "./connection-source.js";
import type { CredentialPlan } from "./plan-credentials.js";
import type { RefusedLogins } from "./refused-logins.js";
import type { StagedPools } from "./stage-pools.js";

/** Pools that have answered, and where their login came from. */
export interface Replacement {
	readonly plan: CredentialPlan;
	readonly pools: StagedPools;
	readonly versionId: string | undefined;
}

/** What the choice is made from. */
export interface ChoiceContext {
	/** `undefined` when there is no pending version, when it may not be read, or when it is not to be used. */
	readonly fetchPending: () => Promise<FreshConnection | undefined>;
	readonly isLivePending: boolean;
	/** Whether the server refuses the live login, so that the same credentials again are no answer. */
	readonly isLiveRefused: boolean;
	readonly plan: (fresh: FreshConnection) => CredentialPlan;
	readonly refused: RefusedLogins;
	readonly stage: (plan: CredentialPlan) => Promise<StagedPools>;
}

/** What was chosen. */
export interface Choice {
	/** Whether the live side runs on AWSPENDING when this is done, and AWSCURRENT has not caught up yet. */
	readonly isLivePending: boolean;
	/** `undefined` when there is nothing to change. */
	readonly replacement: Replacement | undefined;
}

/**
 * Stages the first version that the server takes.
 * @throws StagingFailedError when no version works, with the refusal of AWSCURRENT.
 */
export async function chooseReplacement(current: FreshConnection, context: ChoiceContext): Promise<Choice> {
	const { fetchPending, isLivePending, isLiveRefused, plan, refused, stage } = context;
	const currentPlan = plan(current);
	let refusal: unknown;

	if (currentPlan.isUnchanged) {
		if (!isLiveRefused) {
			refused.clear();
			return { isLivePending: false, replacement: undefined };
		}
		refused.note(currentPlan);
	} else if (mayTry(currentPlan, { isLivePending, isLiveRefused, refused })) {
		try {
			const pools = await stage(currentPlan);
			return { isLivePending: false, replacement: { plan: currentPlan, pools, versionId: current.versionId } };
		} catch (error) {
			if (!isRefusal(error)) throw error;
			refused.note(currentPlan);
			refusal = error;
		}
	}

	const pending = await fetchPending();
	const pendingPlan = pending === undefined ? undefined : plan(pending);
	// The live side runs on the pending version already and is ahead of AWSCURRENT.
	if (pendingPlan?.isUnchanged === true) return { isLivePending: true, replacement: undefined };
	if (pending !== undefined && pendingPlan !== undefined && !refused.isTooSoon(pendingPlan)) {
		try {
			const pools = await stage(pendingPlan);
			return { isLivePending: true, replacement: { plan: pendingPlan, pools, versionId: pending.versionId } };
		} catch (error) {
			if (!isRefusal(error)) throw error;
			refused.note(pendingPlan);
			refusal ??= error;
		}
	}
	if (refusal !== undefined) throw refusal as Error;
	// Nothing says any more that the live side is ahead of AWSCURRENT: the next tick asks the server.
	return { isLivePending: false, replacement: undefined };
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
