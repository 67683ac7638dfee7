/** An ordinary service on TypeORM. Nothing in it knows that credentials change. */
import { setTimeout as sleep } from "node:timers/promises";

import { Inject, Injectable } from "@nestjs/common";
import { DataSource } from "typeorm";

import { Account, Transfer } from "./bank.entities.js";

/** What a long report saw. */
export interface Report {
	/** Whether every reading within its one transaction was the same. */
	readonly isConsistent: boolean;
	readonly readingCount: number;
}

/** Pause between two readings of a report. */
const READING_INTERVAL_MS = 100;

/** Moves money between accounts. */
@Injectable()
export class BankService {
	constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

	/** Opens accounts 1 … `count` with the same balance. */
	async openAccounts(count: number, balance: number): Promise<void> {
		const accounts = Array.from({ length: count }, (_, index) => ({ balance, id: index + 1 }));
		await this.dataSource.manager.insert(Account, accounts);
	}

	async readBalance(id: number): Promise<number> {
		const { balance } = await this.dataSource.manager.findOneByOrFail(Account, { id });
		return balance;
	}

	/** One transaction: both balances and a record of the transfer. */
	async transfer(fromId: number, toId: number, amount: number): Promise<void> {
		await this.dataSource.transaction(async (manager) => {
			const changes = [
				{ amount: -amount, id: fromId },
				{ amount, id: toId },
			];
			// Each transfer locks in the same order, so that two opposite transfers wait for one another instead of for ever.
			changes.sort((left, right) => left.id - right.id);
			for (const change of changes) await manager.increment(Account, { id: change.id }, "balance", change.amount);
			await manager.insert(Transfer, { amount, fromId, toId });
		});
	}

	async sumBalances(): Promise<number> {
		return (await this.dataSource.manager.sum(Account, "balance")) ?? 0;
	}

	async countTransfers(): Promise<number> {
		return this.dataSource.manager.count(Transfer);
	}

	/** Reads the sum of all balances again and again in one transaction, which keeps its connection for `durationMs`. */
	async report(durationMs: number, signal: AbortSignal): Promise<Report> {
		return this.dataSource.transaction("REPEATABLE READ", async (manager) => {
			const endAtMs = performance.now() + durationMs;
			const readings: number[] = [];
			while (performance.now() < endAtMs && !signal.aborted) {
				readings.push((await manager.sum(Account, "balance")) ?? 0);
				await sleep(READING_INTERVAL_MS);
			}
			return { isConsistent: new Set(readings).size === 1, readingCount: readings.length };
		});
	}
}
