/** A task that several may call off. */

/**
 * Runs a task under a signal that aborts with the first of `signals`. Nothing of it is left in them afterwards, where
 * `AbortSignal.any()` leaves a reference behind in a signal that lives as long as the application.
 */
export async function withAnySignal<Result>(
	signals: readonly AbortSignal[],
	task: (signal: AbortSignal) => PromiseLike<Result> | Result,
): Promise<Result> {
	const end = new AbortController();
	const abort = (): void => end.abort();
	for (const signal of signals) {
		if (signal.aborted) abort();
		signal.addEventListener("abort", abort, { once: true });
	}
	try {
		return await task(end.signal);
	} finally {
		for (const signal of signals) signal.removeEventListener("abort", abort);
	}
}
