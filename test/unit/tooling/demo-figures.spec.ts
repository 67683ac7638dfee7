/** What the demonstration counts, it counts: a failure shows. */
import type { BankService } from "../../../examples/demo/bank.service.js";
import { sumUp } from "../../../examples/demo/figures.js";
import { Load, type Sample } from "../../../examples/demo/load.js";

describe("sumUp", () => {
	it("counts queries, transfers and failures, and takes latencies that were measured", () => {
		const samples = Array.from({ length: 200 }, (_, index) => createSample({ durationMs: 200 - index }));
		const odd = [createSample({ durationMs: 500, hasFailed: true }), createSample({ durationMs: 0.5, kind: "transfer" })];

		expect(sumUp([...samples, ...odd])).toEqual({
			failedCount: 1,
			longestMs: 500,
			p50Ms: 100,
			p99Ms: 199,
			queryCount: 202,
			transferCount: 1,
		});
	});

	it("has no latency of no queries", () => {
		expect(sumUp([])).toMatchObject({ longestMs: Number.NaN, p50Ms: Number.NaN, p99Ms: Number.NaN, queryCount: 0 });
	});
});

describe("Load", () => {
	it("counts a query that fails, keeps the first error and goes on", async () => {
		let callCount = 0;
		const fail = async (): Promise<never> => {
			callCount += 1;
			throw new Error(`failure ${String(callCount)}`);
		};
		const load = new Load({ readBalance: fail, transfer: fail } as unknown as BankService, {
			accountCount: 2,
			thinkMs: 0,
			workerCount: 1,
		});
		load.chapter = "all";

		while (callCount < 3) await new Promise((resolve) => setImmediate(resolve));
		await load.stop();

		expect(load.failedCount).toBe(callCount);
		expect(load.firstError?.message).toBe("failure 1");
		expect(load.transferCount).toBe(0);
		expect(load.samples.every(({ chapter, hasFailed }) => chapter === "all" && hasFailed)).toBe(true);
	});

	it("waits between two queries until none is on its way, and goes on afterwards", async () => {
		let openCount = 0;
		let isPaused = false;
		const startedWhilePaused: number[] = [];
		const query = async (): Promise<number> => {
			if (isPaused) startedWhilePaused.push(openCount);
			openCount += 1;
			await new Promise((resolve) => setTimeout(resolve, 2));
			openCount -= 1;
			return 0;
		};
		const load = new Load({ readBalance: query, transfer: query } as unknown as BankService, {
			accountCount: 2,
			thinkMs: 1,
			workerCount: 4,
		});

		while (openCount === 0) await new Promise((resolve) => setImmediate(resolve));
		let openCountThen: number | undefined;
		await load.betweenQueries(async () => {
			openCountThen = openCount;
			isPaused = true;
			await new Promise((resolve) => setTimeout(resolve, 10));
			isPaused = false;
		});
		const countThen = load.samples.length;
		while (load.samples.length === countThen) await new Promise((resolve) => setImmediate(resolve));
		await load.stop();

		expect(openCountThen).toBe(0);
		expect(startedWhilePaused).toEqual([]);
	});
});

function createSample(differences: Partial<Sample>): Sample {
	return { chapter: "all", durationMs: 1, hasFailed: false, kind: "read", ...differences };
}
