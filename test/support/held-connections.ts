/** Connections that are taken from the pool at the same time, so that the pool has to have as many. */
import type { DataSource, QueryRunner, ReplicationMode } from "typeorm";

/** Connections in use. */
export interface HeldConnections {
	/** Returns all of them to the pool. */
	release(): Promise<void>;
	readonly runners: readonly QueryRunner[];
}

/**
 * Takes `count` connections and keeps them.
 * @example
 * const held = await holdConnections(dataSource, 5);
 * await held.release();
 */
export async function holdConnections(dataSource: DataSource, count: number, mode: ReplicationMode = "master"): Promise<HeldConnections> {
	const runners = Array.from({ length: count }, () => dataSource.createQueryRunner(mode));
	const release = async (): Promise<void> => {
		await Promise.all(runners.map(async (runner) => runner.release()));
	};
	try {
		await Promise.all(runners.map(async (runner): Promise<unknown> => runner.connect()));
	} catch (error) {
		await release();
		throw error;
	}
	return { release, runners };
}

/** Leaves `count` idle connections in the pool. */
export async function fillPool(dataSource: DataSource, count: number, mode?: ReplicationMode): Promise<void> {
	const held = await holdConnections(dataSource, count, mode);
	await held.release();
}

/**
 * The column `answer` of a query, asked over `count` connections at the same time.
 * @example
 * await askConnections(dataSource, "SELECT current_setting('TimeZone') AS answer", 5);
 */
export async function askConnections(dataSource: DataSource, sql: string, count: number, mode?: ReplicationMode): Promise<unknown[]> {
	const held = await holdConnections(dataSource, count, mode);
	try {
		return await Promise.all(
			held.runners.map(async (runner) => {
				const [row] = (await runner.query(sql)) as [{ answer: unknown }];
				return row.answer;
			}),
		);
	} finally {
		await held.release();
	}
}
