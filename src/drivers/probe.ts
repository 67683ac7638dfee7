/** The question whether a server answers, over one connection that is acquired for it. */
import type { Clock } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";

/** What a check found out about a server. */
export interface ServerAnswer {
	/** Whether new transactions are read-only: a standby, a reader endpoint. `undefined` where the server does not say. */
	readonly isReadOnly: boolean | undefined;
	/** PostgreSQL's `search_path`, with which a session of the role begins. `undefined` where there is none. */
	readonly searchPath?: string | undefined;
}

/** How long a check may take, and what calls it off. */
export interface ProbeRequest {
	readonly clock: Clock;
	readonly deadlineMs: number;
	readonly signal?: AbortSignal | undefined;
}

/** A connection that is acquired from its pool. */
export interface BorrowedConnection {
	ask(): Promise<ServerAnswer>;
	/** Closes the connection, which may be silent. */
	destroy(): void;
	release(): void;
}

/**
 * Acquires a connection, asks, and releases the connection. One that does not answer is destroyed: it would keep its
 * place in the pool for ever.
 * @throws The driver's error; ConnectorTimeoutError.
 */
export async function probe(acquire: () => Promise<BorrowedConnection>, request: ProbeRequest): Promise<ServerAnswer> {
	let borrowed: BorrowedConnection | undefined;
	const ask = async (signal: AbortSignal): Promise<ServerAnswer> => {
		const connection = await acquire();
		// The deadline was over before the connection came.
		if (signal.aborted) {
			connection.release();
			throw signal.reason as Error;
		}
		borrowed = connection;
		return connection.ask();
	};
	try {
		const answer = await withDeadline(ask, { ...request, subject: "SELECT 1" });
		borrowed?.release();
		return answer;
	} catch (error) {
		borrowed?.destroy();
		throw error;
	}
}
