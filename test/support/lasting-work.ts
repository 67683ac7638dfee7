/** Work that lasts longer than a rotation: a transaction, and a stream that is read slowly. */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource, QueryRunner } from "typeorm";

import { findDialect } from "./sql-dialects.js";

/** A transaction that is open. */
export interface LastingTransaction {
	/** Commits, and resolves with what the transaction saw; rejects when it was disturbed. */
	commit(): Promise<TransactionResult>;
	/** Process id of its backend. */
	readonly pid: number;
}

/** A stream that is being read. */
export interface LastingStream {
	/** Lets the reader read on from the middle of the answer, where it waits. */
	goOn(): void;
	/** Process id of its backend. */
	readonly pid: number;
	/** The number of rows that were read; rejects when the reader was disturbed. */
	readonly result: Promise<number>;
	/** The number of rows there are. */
	readonly rowCount: number;
}

/** What a transaction saw. */
export interface TransactionResult {
	/** Process ids of the backends that ran its statements. */
	readonly pids: readonly number[];
	/** Users as which they ran. */
	readonly users: readonly string[];
}

const PAUSE_MS = 10;
/** More than the streams and cursors on the way can hold between them. */
const STREAM_ROW_COUNT = 10_000;

/** Begins a transaction that stores `id` in the ledger and goes on querying until it is told to commit. */
export async function beginTransaction(dataSource: DataSource, id: string): Promise<LastingTransaction> {
	const { insertEntry } = findDialect(dataSource);
	const runner = dataSource.createQueryRunner();
	await runner.startTransaction();
	const pid = await readPid(runner);
	let isCommitting = false;
	const work = async (): Promise<TransactionResult> => {
		const pids = new Set<number>();
		const users = new Set<string>();
		const look = async (): Promise<void> => {
			pids.add(await readPid(runner));
			users.add(await readUser(runner));
		};
		try {
			await runner.query(insertEntry, [id, 0]);
			for (; !isCommitting; await delay(PAUSE_MS)) await look();
			await look();
			await runner.commitTransaction();
		} finally {
			await runner.release();
		}
		return { pids: [...pids], users: [...users] };
	};
	const result = ignoreUntilAwaited(work());
	return {
		commit: async () => {
			isCommitting = true;
			return result;
		},
		pid,
	};
}

/** Begins to read a long answer. The reader waits in the middle of it until `goOn` is called. */
export async function beginStream(dataSource: DataSource): Promise<LastingStream> {
	const runner = dataSource.createQueryRunner();
	const pid = await readPid(runner);
	const rows = await runner.stream(findDialect(dataSource).selectRows(STREAM_ROW_COUNT));
	await once(rows, "readable");
	let goOn: () => void = () => undefined;
	const halfway = new Promise<void>((resolve) => (goOn = resolve));
	const read = async (): Promise<number> => {
		let count = 0;
		try {
			for await (const row of rows) {
				count += row === undefined ? 0 : 1;
				if (count === STREAM_ROW_COUNT / 2) await halfway;
			}
		} finally {
			await runner.release();
		}
		return count;
	};
	return { goOn, pid, result: ignoreUntilAwaited(read()), rowCount: STREAM_ROW_COUNT };
}

async function readPid(runner: QueryRunner): Promise<number> {
	const [row] = (await runner.query(findDialect(runner.connection).selectPid)) as [{ pid: number | string }];
	return Number(row.pid);
}

async function readUser(runner: QueryRunner): Promise<string> {
	const [row] = (await runner.query(findDialect(runner.connection).selectUser)) as [{ user: string }];
	return row.user;
}

/** A failure shows where the result is awaited; until then it must not end the process. */
function ignoreUntilAwaited<Result>(work: Promise<Result>): Promise<Result> {
	work.catch(() => undefined);
	return work;
}
