/** Concurrent callers share one promise. */

/** Runs one task at a time; callers that come while it runs get the same promise. */
export class SingleFlight<Result> {
	private current: Promise<Result> | undefined;

	/** The promise of the task that runs now, if any. */
	get inFlight(): Promise<Result> | undefined {
		return this.current;
	}

	/** Starts `task`, or joins the one that runs. */
	run(task: () => Promise<Result>): Promise<Result> {
		this.current ??= this.start(task);
		return this.current;
	}

	private async start(task: () => Promise<Result>): Promise<Result> {
		try {
			// The turn lets `current` be set before a task that fails at once clears it.
			await Promise.resolve();
			return await task();
		} finally {
			this.current = undefined;
		}
	}
}
