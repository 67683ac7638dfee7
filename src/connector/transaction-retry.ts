/**
 * Runs a whole transaction again when the server gave it up because of another one. Nothing but that is ever repeated.
 */
import type { DataSource, EntityManager } from "typeorm";

import { type Clock, sleep, systemClock } from "../support/clock.js";
import type { ITransactionRetryOptions } from "./transaction-retry.options.js";

/**
 * Serialization failure of PostgreSQL, CockroachDB and Aurora DSQL; conflicts over data and over the schema, as DSQL
 * calls them.
 */
const CONFLICTS = new Set(["40001", "OC000", "OC001"]);

const DEFAULT_ATTEMPTS = 4;
const DEFAULT_INITIAL_DELAY_MS = 25;
const DEFAULT_MAXIMUM_DELAY_MS = 1_000;

/**
 * Runs `work` in a transaction, and all of it again after a serialization conflict (`40001`, `OC000`, `OC001`), which
 * the server reports only for transactions that it has rolled back. Aurora DSQL locks nothing and reports conflicts at
 * the commit, so that every application on it has to do this. Each time it is another transaction, perhaps on another
 * connection, after a random pause. Any other error is thrown at once: above all that a connection was lost, since the
 * commit may have been made.
 * @throws What `work` or the server throws; after the last attempt the conflict itself.
 * @see https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-concurrency-control.html
 * @example
 * await runTransactionWithRetry(dataSource, async (manager) => {
 * 	const account = await manager.findOneByOrFail(AccountEntity, { id });
 * 	account.balance -= amount;
 * 	await manager.save(account);
 * });
 */
export function runTransactionWithRetry<Result>(
	dataSource: Pick<DataSource, "transaction">,
	work: (manager: EntityManager) => Promise<Result>,
	options?: ITransactionRetryOptions,
): Promise<Result>;
/** @internal */
export function runTransactionWithRetry<Result>(
	dataSource: Pick<DataSource, "transaction">,
	work: (manager: EntityManager) => Promise<Result>,
	options: ITransactionRetryOptions | undefined,
	parts: { readonly clock?: Clock; readonly random?: () => number },
): Promise<Result>;
export async function runTransactionWithRetry<Result>(
	dataSource: Pick<DataSource, "transaction">,
	work: (manager: EntityManager) => Promise<Result>,
	options: ITransactionRetryOptions = {},
	{ clock = systemClock, random = Math.random }: { readonly clock?: Clock; readonly random?: () => number } = {},
): Promise<Result> {
	const {
		initialDelayMs = DEFAULT_INITIAL_DELAY_MS,
		isolationLevel,
		maximumAttempts = DEFAULT_ATTEMPTS,
		maximumDelayMs = DEFAULT_MAXIMUM_DELAY_MS,
	} = options;
	for (let attempt = 1; ; attempt += 1) {
		try {
			return await (isolationLevel === undefined ? dataSource.transaction(work) : dataSource.transaction(isolationLevel, work));
		} catch (error) {
			if (attempt >= maximumAttempts || !isConflict(error)) throw error;
			const longestMs = Math.min(maximumDelayMs, initialDelayMs * 2 ** (attempt - 1));
			// Those who collided must not meet again.
			await sleep(clock, longestMs * random(), undefined, false);
		}
	}
}

/** By the code that the server sent. TypeORM copies it from the driver's error to its own. */
function isConflict(error: unknown): boolean {
	const { code, driverError } = (error ?? {}) as { readonly code?: unknown; readonly driverError?: { readonly code?: unknown } };
	return CONFLICTS.has(String(code ?? driverError?.code));
}
