/** A steady load whose outcome can be counted afterwards: what was acknowledged must be stored, and nothing else may be. */
import type { DataSource, ReplicationMode } from "typeorm";

import { findDialect } from "./sql-dialects.js";

/** What a load did so far. */
export interface LedgerReport {
	/** Ids whose commit was acknowledged. */
	readonly acknowledged: readonly string[];
	readonly acknowledgedCount: number;
	/** Errors that reached a worker. */
	readonly failures: readonly Error[];
	readonly latenciesMs: readonly number[];
	readonly operationCount: number;
	/** Ids whose commit failed: they may or may not be stored. */
	readonly unknown: readonly string[];
}

/** A running load. */
export interface LedgerWorkload {
	/** What was done so far. */
	report(): LedgerReport;
	/** Ends the workers after their current operation. */
	stop(): Promise<LedgerReport>;
}

/** Makes the table of the ledger. */
export async function createLedger(dataSource: DataSource): Promise<void> {
	await dataSource.query("CREATE TABLE IF NOT EXISTS ledger (id varchar(64) PRIMARY KEY, worker int NOT NULL)");
}

/** Ids that are stored. */
export async function readLedger(dataSource: DataSource): Promise<string[]> {
	const rows: { id: string }[] = await dataSource.query("SELECT id FROM ledger");
	return rows.map(({ id }) => id);
}

/** How a load is run. */
export interface LedgerOptions {
	/** Whether ids and latencies are counted only, so that a long run does not grow by what it records. Default `false`. */
	readonly isCountingOnly?: boolean;
	/** Default 16. */
	readonly workerCount?: number;
}

/** Starts workers, each in a loop of reads, transactions, short holds of a connection and, where there are replicas, reads of one. */
export function startLedgerWorkload(
	dataSource: DataSource,
	{ isCountingOnly = false, workerCount = 16 }: LedgerOptions = {},
): LedgerWorkload {
	const acknowledged: string[] = [];
	const failures: Error[] = [];
	const latenciesMs: number[] = [];
	const unknown: string[] = [];
	let acknowledgedCount = 0;
	let isStopping = false;
	let operationCount = 0;

	const { insertEntry, sleepSeconds } = findDialect(dataSource);
	const useRunner = async (mode: ReplicationMode | undefined, sql: string): Promise<void> => {
		const runner = dataSource.createQueryRunner(mode);
		try {
			await runner.connect();
			await runner.query(sql);
		} finally {
			await runner.release();
		}
	};
	const operations = [
		async () => {
			await dataSource.query("SELECT 1");
		},
		async (id: string, worker: number) => {
			let isCommitting = false;
			try {
				await dataSource.manager.transaction(async (manager) => {
					await manager.query(insertEntry, [id, worker]);
					isCommitting = true;
				});
				acknowledgedCount += 1;
				if (!isCountingOnly) acknowledged.push(id);
			} catch (error) {
				if (isCommitting) unknown.push(id);
				throw error;
			}
		},
		async () => useRunner(undefined, sleepSeconds(0.02)),
		...("replication" in dataSource.options ? [async () => useRunner("slave", "SELECT 1")] : []),
	];

	const work = async (worker: number): Promise<void> => {
		for (let turn = 0; !isStopping; turn += 1) {
			const startedAtMs = performance.now();
			try {
				await operations[(turn + worker) % operations.length]?.(`${String(worker)}-${String(turn)}`, worker);
			} catch (error) {
				failures.push(error as Error);
				// A load that fails at once must not spin.
				await new Promise((resolve) => setTimeout(resolve, 5));
			}
			operationCount += 1;
			if (!isCountingOnly) latenciesMs.push(performance.now() - startedAtMs);
		}
	};
	const workers = Array.from({ length: workerCount }, async (_, worker) => work(worker));
	const report = (): LedgerReport => ({ acknowledged, acknowledgedCount, failures, latenciesMs, operationCount, unknown });

	return {
		report,
		stop: async () => {
			isStopping = true;
			await Promise.all(workers);
			return report();
		},
	};
}
