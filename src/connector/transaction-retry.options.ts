/** The public shape of how often a transaction is run again. */
/**
 * How often a transaction is run again.
 * @example
 * { maximumAttempts: 6, isolationLevel: "SERIALIZABLE" }
 */
export interface ITransactionRetryOptions {
	/** Longest pause before the first repetition in milliseconds; it doubles for each further one. Default 25. */
	initialDelayMs?: number;
	/** Isolation of the transaction. Default: the server's. Aurora DSQL has one level only, `REPEATABLE READ`. */
	isolationLevel?: "READ COMMITTED" | "READ UNCOMMITTED" | "REPEATABLE READ" | "SERIALIZABLE";
	/** How often the work runs at most, the first time included. Default 4. */
	maximumAttempts?: number;
	/** Longest pause before any repetition in milliseconds. Default 1,000. */
	maximumDelayMs?: number;
}
