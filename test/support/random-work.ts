/** Seeded work on a DataSource that does whatever an application may do with connections, right and wrong, many callers at once. */
import type { DataSource, QueryRunner } from "typeorm";

import { borrow, queryPool, type RawClient, takeClient } from "./raw-clients.js";
import type { DatabaseServer } from "./server/database-server.js";
import { findDialect, type SqlDialect } from "./sql-dialects.js";

/** How much work is done. */
export interface RandomWorkOptions {
	readonly poolSize: number;
	/** Decides what each caller does in which order. */
	readonly seed: number;
	readonly stepCount: number;
	readonly workerCount: number;
}

/** What came of it. */
export interface RandomWorkReport {
	/** Ids whose commit was acknowledged. */
	readonly acknowledged: readonly string[];
	/** Errors that no misuse explains, with the step in which they came. */
	readonly failures: readonly string[];
	/** Steps in which a lost connection was noticed. */
	readonly lossCount: number;
	/** Ids that were rolled back. */
	readonly rolledBack: readonly string[];
	/** How often each step was done. */
	readonly steps: Readonly<Record<string, number>>;
}

/** What pg, mysql2, TypeORM and the servers say of a connection that is lost, and of a runner that has lost its own. */
const LOSS_CODES: ReadonlySet<unknown> = new Set([
	"08006",
	"57P01",
	"ECONNRESET",
	"EPIPE",
	"ER_CONNECTION_KILLED",
	"ER_QUERY_INTERRUPTED",
	"ERR_STREAM_DESTROYED",
	"PROTOCOL_CONNECTION_LOST",
]);
const LOSS_NAMES: ReadonlySet<string> = new Set(["QueryRunnerAlreadyReleasedError", "QueryRunnerProviderAlreadyReleasedError"]);
const LOSS_MESSAGE =
	/connection (?:is )?(?:terminated|ended|lost)|connection error and is not queryable|closed state|socket has been ended|server closed the connection/i;

/** Whether an error says that a connection was lost. */
export function isLoss(error: unknown): boolean {
	const { code, message, name } = error as { code?: unknown; message: string; name: string };
	return LOSS_CODES.has(code) || LOSS_NAMES.has(name) || LOSS_MESSAGE.test(message);
}

/** Runs the work to its end. */
export async function runRandomWork(
	dataSource: DataSource,
	server: DatabaseServer,
	{ poolSize, seed, stepCount, workerCount }: RandomWorkOptions,
): Promise<RandomWorkReport> {
	const work = new RandomWork(dataSource, server, poolSize);
	const workers = Array.from({ length: workerCount }, async (_, worker) => {
		const random = createRandom(seed * 1_000 + worker);
		for (let turn = 0; turn < stepCount; turn += 1) await work.step(`${worker}-${turn}`, random);
	});
	await Promise.all(workers);
	return work.report();
}

type Step = (id: string) => Promise<unknown>;

class RandomWork {
	private readonly acknowledged: string[] = [];
	private readonly dialect: SqlDialect;
	private readonly failures: string[] = [];
	private lossCount = 0;
	/** Runners that hold one connection and wait for another: as many as the pool has connections would wait for ever. */
	private nestedCount = 0;
	private readonly rolledBack: string[] = [];
	private readonly steps: Readonly<Record<string, Step>>;
	private readonly stepCounts: Record<string, number> = {};

	constructor(
		private readonly dataSource: DataSource,
		private readonly server: DatabaseServer,
		private readonly poolSize: number,
	) {
		this.dialect = findDialect(dataSource);
		this.steps = this.listSteps();
	}

	async step(id: string, random: () => number): Promise<void> {
		const names = Object.keys(this.steps);
		const name = names[Math.floor(random() * names.length)] ?? "";
		this.stepCounts[name] = (this.stepCounts[name] ?? 0) + 1;
		try {
			await this.steps[name]?.(id);
		} catch (error) {
			if (isLoss(error)) this.lossCount += 1;
			else this.failures.push(`${name}: ${String(error)} (${String((error as { code?: unknown }).code)})`);
		}
	}

	report(): RandomWorkReport {
		const { acknowledged, failures, lossCount, rolledBack, stepCounts } = this;
		return { acknowledged, failures, lossCount, rolledBack, steps: stepCounts };
	}

	private listSteps(): Readonly<Record<string, Step>> {
		const { dataSource } = this;
		const { sleepSeconds } = this.dialect;
		return {
			"client of a runner discarded": async () => this.giveBackPastRunner((client) => client.discard()),
			"client of a runner released": async () => this.giveBackPastRunner((client) => client.release()),
			"connection in use killed": async () => this.useRunner(async (runner) => this.kill(async (sql) => runner.query(sql))),
			insert: async (id) => {
				await dataSource.query(this.dialect.insertEntry, [id, 0]);
				this.acknowledged.push(id);
			},
			loan: async () => this.useLoan(async (client) => client.query("SELECT 1")),
			"loan discarded": async () => (await borrow(dataSource)).discard(),
			"loan ended": async () => (await borrow(dataSource)).end(),
			"loan killed": async () => this.useLoan(async (client) => this.kill(async (sql) => client.query(sql))),
			"loan released twice": async () => {
				const client = await borrow(dataSource);
				client.release();
				expectDoubleRelease(() => client.release());
			},
			"nested runners": async () => this.nest(),
			"query of the pool": async () => queryPool(dataSource, "SELECT 1"),
			rollback: async (id) => this.rollBack(id),
			"runner held": async () => this.useRunner(async (runner) => runner.query(sleepSeconds(0.02))),
			"runner released twice": async () => {
				const runner = dataSource.createQueryRunner();
				await runner.connect();
				await Promise.all([runner.release(), runner.release()]);
			},
			"single query": async () => dataSource.query("SELECT 1"),
			transaction: async (id) => {
				await dataSource.transaction(async (manager) => manager.query(this.dialect.insertEntry, [id, 0]));
				this.acknowledged.push(id);
			},
		};
	}

	private async rollBack(id: string): Promise<void> {
		this.rolledBack.push(id);
		const reason = new Error("rolled back");
		await dataSourceTransaction(this.dataSource, async (query) => {
			await query(this.dialect.insertEntry, [id, 0]);
			throw reason;
		}).catch((error: unknown) => {
			if (error !== reason) throw error;
		});
	}

	private async nest(): Promise<void> {
		if (this.nestedCount >= this.poolSize - 1) return;
		this.nestedCount += 1;
		try {
			await this.useRunner(async () => this.useRunner(async (inner) => inner.query("SELECT 1")));
		} finally {
			this.nestedCount -= 1;
		}
	}

	/** The client goes back to the pool behind the back of its runner, which is released in the same tick. */
	private async giveBackPastRunner(giveBack: (client: RawClient) => void): Promise<void> {
		const runner = this.dataSource.createQueryRunner();
		const client = await takeClient(runner);
		giveBack(client);
		await runner.release().catch(ignoreDoubleRelease);
		// TypeORM leaves a runner whose release throws in this list, and its destroy() never ends then.
		const { connectedQueryRunners: runners } = this.dataSource.driver as unknown as { connectedQueryRunners?: QueryRunner[] };
		if (runners?.includes(runner) === true) runners.splice(runners.indexOf(runner), 1);
	}

	/** The server ends the connection on which `query` runs, which notices at its next statement. */
	private async kill(query: (sql: string) => Promise<unknown>): Promise<void> {
		const pid = readPid(await query(this.dialect.selectPid));
		await this.server.admin.query(this.dialect.killConnection(pid)).catch(ignoreMissingThread);
		await query("SELECT 1");
	}

	private async useRunner(use: (runner: QueryRunner) => Promise<unknown>): Promise<void> {
		const runner = this.dataSource.createQueryRunner();
		try {
			await runner.connect();
			await use(runner);
		} finally {
			await runner.release();
		}
	}

	private async useLoan(use: (client: RawClient) => Promise<unknown>): Promise<void> {
		const client = await borrow(this.dataSource);
		try {
			await use(client);
		} finally {
			client.release();
		}
	}
}

async function dataSourceTransaction(
	dataSource: DataSource,
	work: (query: (sql: string, parameters: unknown[]) => Promise<unknown>) => Promise<void>,
): Promise<void> {
	await dataSource.transaction(async (manager) => work(async (sql, parameters) => manager.query(sql, parameters)));
}

/** pg throws at the second release, mysql2 ignores it. */
function expectDoubleRelease(release: () => void): void {
	try {
		release();
	} catch (error) {
		ignoreDoubleRelease(error);
	}
}

function ignoreDoubleRelease(error: unknown): void {
	if (!/already been released/.test(String(error))) throw error;
}

/** MariaDB knows of no such connection that has ended in the meantime. */
function ignoreMissingThread(error: unknown): void {
	if ((error as { code?: unknown }).code !== "ER_NO_SUCH_THREAD") throw error;
}

/** From the rows of TypeORM or mysql2, or the result of pg. */
function readPid(result: unknown): number {
	const rows = Array.isArray(result) ? (result as unknown[]) : (result as { rows: unknown[] }).rows;
	const [first] = rows;
	const row = Array.isArray(first) ? (first[0] as unknown) : first;
	return Number((row as { pid: number | string }).pid);
}

/** A generator of the family mulberry32: the same numbers for the same seed. */
function createRandom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}
