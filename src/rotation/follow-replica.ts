/**
 * A replica that lags, refuses or cannot be reached keeps its credentials and is asked again, at the pace of refused
 * logins.
 */
import { sleep } from "../support/clock.js";
import type { FetchedVersions } from "./fetched-versions.js";
import { rotateServer, type ServerOutcome } from "./rotate-server.js";
import type { RotatedServer, RotationContext } from "./rotation-context.js";

/** Pauses between two attempts; every further one is 50 to 100 % of the last. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 12_000];
const SLOW_PAUSE_MS = 30_000;

/** A replica on its way to newer credentials. */
export interface FollowedReplica {
	/** Resolves when the replica was asked once. Never rejects. */
	readonly firstAttempt: Promise<void>;
	/** Whether the replica has the credentials of this rotation. */
	readonly isDone: boolean;
	readonly outcome: ServerOutcome | undefined;
}

/**
 * Asks now, and again until the replica takes the credentials, the next rotation begins, or the application shuts down.
 */
export function followReplica(context: RotationContext, replica: RotatedServer, versions: FetchedVersions): FollowedReplica {
	const { following } = context.memory;
	const former = following.get(replica.index);
	former?.over.abort();
	const over = new AbortController();
	const stop = (): void => over.abort();
	context.signal.addEventListener("abort", stop, { once: true });
	const own = { ...context, signal: over.signal };
	const result: { outcome?: ServerOutcome } = {};
	const ask = async (isFirst: boolean): Promise<void> => {
		// `destroy()` and `initialize()` may have made another pool meanwhile.
		const current = context.live.servers.find(({ index }) => index === replica.index) ?? replica;
		try {
			result.outcome = await rotateServer(own, current, versions);
			if (!isFirst) context.events.publish({ server: replica.name, type: "replica.verified" });
		} catch (error) {
			if (isFirst && !over.signal.aborted)
				context.events.publish({ reason: nameReason(error), server: replica.name, type: "replica.unverified" });
		}
	};
	const followed = { attempt: Promise.resolve(), over };
	const attempt = async (isFirst: boolean): Promise<void> => {
		followed.attempt = ask(isFirst);
		return followed.attempt;
	};
	const isOver = (): boolean => result.outcome !== undefined || over.signal.aborted;
	const repeat = async (): Promise<void> => {
		for (let pauses = 0; !isOver(); pauses += 1) {
			await sleep(context.clock, PAUSES_MS[pauses] ?? SLOW_PAUSE_MS * (1 - context.random() / 2), over.signal);
			if (!isOver() && context.live.isUsable) await attempt(false);
		}
		context.signal.removeEventListener("abort", stop);
	};
	// The connection of an attempt that is called off is closed before the next one is opened.
	const firstAttempt = (former?.attempt ?? Promise.resolve()).then(async () => attempt(true));
	followed.attempt = firstAttempt;
	following.set(replica.index, followed);
	void firstAttempt.then(repeat);
	return {
		firstAttempt,
		get isDone() {
			return result.outcome !== undefined;
		},
		get outcome() {
			return result.outcome;
		},
	};
}

function nameReason(error: unknown): string {
	const { cause = error } = error as Error;
	const { code, name } = cause as { code?: unknown; name?: unknown };
	return String(code ?? name);
}
