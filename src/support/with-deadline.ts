/**
 * A promise with a deadline: a call that never answers ends in a ConnectorTimeoutError, and what comes late is disposed
 * of.
 */
import { ConnectorTimeoutError, ConnectorClosedError } from "../errors/errors.js";
import { type Clock, systemClock } from "./clock.js";

/** How long to wait, for what, and what to do with an answer that comes too late. */
export interface DeadlineOptions<Result> {
	readonly clock?: Clock | undefined;
	readonly deadlineMs: number;
	/** Gives back what a late answer holds (a pool, a connection). Its own failure is ignored. */
	readonly disposeLate?: ((late: Result) => unknown) | undefined;
	/** Ends the wait at once with a ConnectorClosedError. */
	readonly signal?: AbortSignal | undefined;
	/** The subject of the error, at the start of a sentence: `The fetch of the secret`. */
	readonly subject: string;
}

/**
 * Runs `task` with an AbortSignal and waits for it at most `deadlineMs`. The wait ends also when the task ignores the
 * signal, as a hanging AWS credential provider does.
 *
 * The timer keeps the process alive on purpose: a start that waits for AWS must end in an error, not in a silent exit.
 */
export async function withDeadline<Result>(
	task: (signal: AbortSignal) => PromiseLike<Result> | Result,
	{ clock = systemClock, deadlineMs, disposeLate, signal, subject }: DeadlineOptions<Result>,
): Promise<Result> {
	if (signal?.aborted === true) throw new ConnectorClosedError();
	const controller = new AbortController();
	let isOver = false;
	let stopWaiting: () => void = () => undefined;

	const interruption = new Promise<never>((_, reject) => {
		const expire = (): void => {
			// One turn of the event loop: after a long block the answer may be there already, unread.
			setImmediate(() => reject(new ConnectorTimeoutError(subject, deadlineMs)));
		};
		const close = (): void => reject(new ConnectorClosedError());
		const timer = clock.schedule(expire, deadlineMs, false);
		signal?.addEventListener("abort", close, { once: true });
		stopWaiting = () => {
			timer.cancel();
			signal?.removeEventListener("abort", close);
		};
	});
	interruption.catch(() => undefined);

	const answer = (async () => task(controller.signal))();
	answer.then(
		(late) => {
			if (isOver && disposeLate !== undefined)
				Promise.resolve(late)
					.then(disposeLate)
					.then(undefined, () => undefined);
		},
		() => undefined,
	);

	try {
		return await Promise.race([answer, interruption]);
	} catch (error) {
		isOver = true;
		controller.abort();
		throw error;
	} finally {
		stopWaiting();
	}
}
