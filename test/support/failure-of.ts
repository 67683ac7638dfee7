/** Looks at a failure later than it happens, while the test moves time. */

/**
 * The error a promise ends with. Unlike `expect(promise).rejects` it may be started before the time passes that makes the promise fail.
 * @throws when the promise does not fail.
 * @example
 * const failure = failureOf(sleepTooLong());
 * await clock.advance(1_000);
 * expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
 */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
	return promise.then(
		() => {
			throw new Error("It was expected to fail and did not");
		},
		(error: unknown) => error,
	);
}
