/** A steady load on the application, each query of it timed and counted under the chapter of the story in which it began. */
import { setTimeout as sleep } from "node:timers/promises";

import type { BankService } from "./bank.service.js";

/** One read or one transfer. */
export interface Sample {
	readonly chapter: string;
	readonly durationMs: number;
	readonly hasFailed: boolean;
	readonly kind: "read" | "transfer";
}

/** How heavy the load is. */
export interface LoadOptions {
	readonly accountCount: number;
	/** Longest pause of a worker between two queries. */
	readonly thinkMs: number;
	readonly workerCount: number;
}

/** Transfers among the reads: one in three. */
const TRANSFER_FRACTION = 1 / 3;
const LARGEST_AMOUNT = 100;
/** After a failure a worker rests: a crowd of refused logins would slow down both applications. */
const FAILURE_PAUSE_MS = 200;

/** Workers that read balances and transfer money until they are stopped. */
export class Load {
	/** What the story tells at the moment. */
	chapter = "";
	readonly samples: Sample[] = [];
	/** The first error that reached a worker. */
	firstError: Error | undefined;

	private busyCount = 0;
	private isStopping = false;
	private pause: Promise<void> | undefined;
	private readonly workers: Promise<void>[];

	/** Starts the workers. */
	constructor(
		private readonly bank: BankService,
		private readonly options: LoadOptions,
	) {
		this.workers = Array.from({ length: options.workerCount }, async () => this.work());
	}

	get failedCount(): number {
		return this.samples.filter(({ hasFailed }) => hasFailed).length;
	}

	/** Transfers of which the application was told that they are committed. */
	get transferCount(): number {
		return this.samples.filter(({ hasFailed, kind }) => kind === "transfer" && !hasFailed).length;
	}

	/** Runs `action` at a moment in which no query is on its way; the workers go on after it. */
	async betweenQueries(action: () => Promise<void>): Promise<void> {
		let resume: () => void = () => undefined;
		this.pause = new Promise((resolve) => (resume = resolve));
		try {
			while (this.busyCount > 0) await sleep(1);
			await action();
		} finally {
			this.pause = undefined;
			resume();
		}
	}

	/** Ends the workers after the query they are at. */
	async stop(): Promise<void> {
		this.isStopping = true;
		await Promise.all(this.workers);
	}

	private async work(): Promise<void> {
		while (!this.isStopping) {
			await sleep(Math.random() * this.options.thinkMs);
			await this.pause;
			this.busyCount += 1;
			await (Math.random() < TRANSFER_FRACTION
				? this.measure("transfer", async () => this.transfer())
				: this.measure("read", async () => this.read()));
			this.busyCount -= 1;
			if (this.samples.at(-1)?.hasFailed === true) await sleep(FAILURE_PAUSE_MS);
		}
	}

	private async measure(kind: Sample["kind"], query: () => Promise<unknown>): Promise<void> {
		const { chapter } = this;
		const startedAtMs = performance.now();
		let hasFailed = false;
		try {
			await query();
		} catch (error) {
			hasFailed = true;
			this.firstError ??= error as Error;
		}
		this.samples.push({ chapter, durationMs: performance.now() - startedAtMs, hasFailed, kind });
	}

	private async read(): Promise<void> {
		await this.bank.readBalance(this.chooseAccount());
	}

	private async transfer(): Promise<void> {
		const fromId = this.chooseAccount();
		const toId = (fromId % this.options.accountCount) + 1;
		await this.bank.transfer(fromId, toId, 1 + Math.floor(Math.random() * LARGEST_AMOUNT));
	}

	private chooseAccount(): number {
		return 1 + Math.floor(Math.random() * this.options.accountCount);
	}
}
