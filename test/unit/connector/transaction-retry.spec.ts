/** A conflict is tried again a few times, after pauses that grow and differ; anything else is thrown as it is. */
import type { DataSource, EntityManager } from "typeorm";

import { runTransactionWithRetry } from "../../../src/connector/transaction-retry.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";

const MANAGER = {} as EntityManager;

function createDataSource(): { readonly dataSource: Pick<DataSource, "transaction">; readonly levels: unknown[] } {
	const levels: unknown[] = [];
	const transaction = async (...parameters: unknown[]): Promise<unknown> => {
		const work = parameters.pop() as (manager: EntityManager) => Promise<unknown>;
		levels.push(parameters[0]);
		return work(MANAGER);
	};
	return { dataSource: { transaction } as Pick<DataSource, "transaction">, levels };
}

function conflict(code = "40001"): Error {
	return Object.assign(new Error("conflict"), { code });
}

/** Fails as often as it is told to, then says so. */
function createWork(failures: readonly unknown[]): { readonly atMs: number[]; work: (clock: FakeClock) => () => Promise<string> } {
	const atMs: number[] = [];
	return {
		atMs,
		work: (clock) => async () => {
			atMs.push(clock.nowMs());

			if (atMs.length <= failures.length) throw failures[atMs.length - 1];
			return Promise.resolve("done");
		},
	};
}

describe("runTransactionWithRetry", () => {
	it.each([
		["40001", conflict("40001")],
		["OC000", conflict("OC000")],
		["OC001", conflict("OC001")],
		["40001 of the driver's error", { driverError: conflict("40001") }],
	])("runs the work again after %s", async (_, failure) => {
		const clock = new FakeClock();
		const { dataSource } = createDataSource();
		const { atMs, work } = createWork([failure]);

		const outcome = runTransactionWithRetry(dataSource, work(clock), {}, { clock, random: () => 1 });
		await clock.advance(25);

		await expect(outcome).resolves.toBe("done");
		expect(atMs).toEqual([0, 25]);
	});

	it("gives up after four attempts, with pauses that double", async () => {
		const clock = new FakeClock();
		const { dataSource } = createDataSource();
		const failures = Array.from({ length: 9 }, () => conflict());
		const { atMs, work } = createWork(failures);

		const failure = failureOf(runTransactionWithRetry(dataSource, work(clock), {}, { clock, random: () => 1 }));
		await clock.advance(10_000);

		expect(await failure).toBe(failures[3]);
		expect(atMs).toEqual([0, 25, 75, 175]);
	});

	it("pauses a random part of that, as long and as often as it is told to", async () => {
		const clock = new FakeClock();
		const { dataSource } = createDataSource();
		const { atMs, work } = createWork(Array.from({ length: 9 }, () => conflict()));
		const options = { initialDelayMs: 100, maximumAttempts: 5, maximumDelayMs: 300 };

		const failure = failureOf(runTransactionWithRetry(dataSource, work(clock), options, { clock, random: () => 0.5 }));
		await clock.advance(10_000);
		await failure;

		expect(atMs).toEqual([0, 50, 150, 300, 450]);
	});

	it.each([[conflict("23505")], [conflict("57P01")], [new Error("Connection terminated unexpectedly")], [undefined]])(
		"throws %s at once",
		async (error) => {
			const clock = new FakeClock();
			const { dataSource } = createDataSource();
			const { atMs, work } = createWork([error]);

			const failure = await failureOf(runTransactionWithRetry(dataSource, work(clock), {}, { clock }));

			expect(failure).toBe(error);
			expect(atMs).toEqual([0]);
		},
	);

	it("keeps the process alive for a pause", async () => {
		const clock = new FakeClock();
		const { dataSource } = createDataSource();
		const { work } = createWork([conflict()]);

		const outcome = runTransactionWithRetry(dataSource, work(clock), {}, { clock, random: () => 1 });
		await clock.advance(0);
		const isProcessKept = clock.isProcessKept;
		await clock.advance(25);
		await outcome;

		expect(isProcessKept).toBe(true);
	});

	it("begins each attempt with the isolation that was asked for", async () => {
		const clock = new FakeClock();
		const { dataSource, levels } = createDataSource();

		await runTransactionWithRetry(dataSource, createWork([]).work(clock), { isolationLevel: "SERIALIZABLE" }, { clock });
		await runTransactionWithRetry(dataSource, createWork([]).work(clock), {}, { clock });

		expect(levels).toEqual(["SERIALIZABLE", undefined]);
	});
});
