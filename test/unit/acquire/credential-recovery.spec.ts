/** While callers wait, credentials are fetched: after 25 ms × 1.6ⁿ up to 1 s at first, after pauses that double to 30 s once the first caller's time is over. */
import { AsyncLocalStorage } from "node:async_hooks";

import { CredentialRecovery } from "../../../src/acquire/credential-recovery.js";
import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { FakeClock } from "../../support/fake-clock.js";

const BUDGET_MS = 10_000;
const REFUSAL = Object.assign(new Error("password authentication failed"), { code: "28P01" });

let clock: FakeClock;
let closing: AbortController;
let events: ConnectorEvent[];
let isThrottled: boolean;
let isWanted: boolean;
let randomValue: number;
let recovery: CredentialRecovery;
let refresh: jest.Mock<Promise<boolean>, []>;
let startedAtMs: number[];

beforeEach(() => {
	clock = new FakeClock();
	closing = new AbortController();
	events = [];
	isThrottled = false;
	isWanted = true;
	randomValue = 0;
	startedAtMs = [];
	const channel = new EventChannel("orders");
	channel.events$.subscribe((event) => events.push(event));
	refresh = jest.fn(() => {
		startedAtMs.push(clock.nowMs());
		return Promise.resolve(false);
	});
	recovery = new CredentialRecovery({
		budgetMs: () => BUDGET_MS,
		clock,
		closed: closing.signal,
		events: channel,
		isThrottled: () => isThrottled,
		isWanted: () => isWanted,
		random: () => randomValue,
		refresh: async () => refresh(),
	});
});

/** Pauses between the fetches, in whole milliseconds. */
function readPauses(): number[] {
	return startedAtMs.slice(1).map((atMs, index) => Math.round(atMs - (startedAtMs[index] ?? 0)));
}

function readReports(): [type: string, atMs: unknown][] {
	return events.map((event) => [event.type, "durationMs" in event ? event.durationMs : undefined]);
}

describe("CredentialRecovery", () => {
	it("has not begun at first", () => {
		expect(recovery.startedAtMs).toBeUndefined();
		expect(clock.pendingCount).toBe(0);
	});

	it("fetches at once, and remembers when it began", async () => {
		await clock.advance(500);

		recovery.start(REFUSAL);
		await clock.advance(0);

		expect(startedAtMs).toEqual([500]);
		expect(recovery.startedAtMs).toBe(500);
	});

	it("holds off while AWS throttles it: the pauses double from 1 s to 30 s, spread over half of them", async () => {
		isThrottled = true;
		recovery.start(REFUSAL);
		await clock.advance(64_000);
		const held = readPauses();

		randomValue = 1;
		await clock.advance(30_000 + 15_000);

		expect(held).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
		expect(readPauses().slice(held.length)).toEqual([30_000, 15_000]);
	});

	it("goes on quickly once AWS answers again", async () => {
		isThrottled = true;
		recovery.start(REFUSAL);
		await clock.advance(1_000);
		isThrottled = false;
		await clock.advance(2_000 + 25 + 40);

		expect(readPauses()).toEqual([1_000, 2_000, 25, 40]);
	});

	it("fetches again after pauses of 25 ms × 1.6ⁿ up to 1 s", async () => {
		recovery.start(REFUSAL);
		await clock.advance(6_000);

		expect(readPauses().slice(0, 10)).toEqual([25, 40, 64, 102, 164, 262, 419, 671, 1_000, 1_000]);
	});

	it("shortens each pause by up to a quarter, at random", async () => {
		randomValue = 1;
		recovery.start(REFUSAL);
		await clock.advance(5_000);

		expect(readPauses().slice(0, 9)).toEqual([19, 30, 48, 77, 123, 197, 315, 503, 750]);
	});

	it("doubles the pauses up to 30 s once the first caller's time is over, while nothing changes", async () => {
		recovery.start(REFUSAL);
		await clock.advance(200_000);

		const slow = readPauses().filter((_, index) => (startedAtMs[index] ?? 0) >= BUDGET_MS);
		expect(slow.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
	});

	it.each([
		["quick", 3_000, [25, 40, 64, 102]],
		["slow", 100_000, [1_000, 2_000, 4_000]],
	])("starts the %s pauses anew when the secret has changed", async (_, elapsedMs, expected) => {
		recovery.start(REFUSAL);
		await clock.advance(elapsedMs);
		refresh.mockImplementationOnce(() => {
			startedAtMs = [clock.nowMs()];
			return Promise.resolve(true);
		});

		await clock.advance(40_000);

		expect(readPauses().slice(0, expected.length)).toEqual(expected);
	});

	it("counts a pause from the end of the last fetch", async () => {
		let finish: (hasChanged: boolean) => void = () => undefined;
		refresh.mockImplementation(() => {
			startedAtMs.push(clock.nowMs());
			return new Promise((resolve) => (finish = resolve));
		});
		recovery.start(REFUSAL);
		await clock.advance(400);

		finish(false);
		await clock.advance(25);

		expect(startedAtMs).toEqual([0, 425]);
	});

	it("runs one fetch at a time, however many callers start it", async () => {
		recovery.start(REFUSAL);
		recovery.start(REFUSAL);
		await clock.advance(10);
		recovery.start(REFUSAL);
		await clock.advance(15);

		expect(startedAtMs).toEqual([0, 25]);
	});

	describe("when no caller waits any more", () => {
		it("fetches nothing, and leaves no timer of the loop", async () => {
			isWanted = false;

			recovery.start(REFUSAL);
			await clock.advance(5_000);

			expect(refresh).not.toHaveBeenCalled();
		});

		it("stops after the pause under way", async () => {
			recovery.start(REFUSAL);
			await clock.advance(30);
			isWanted = false;
			await clock.advance(60_000);

			expect(startedAtMs).toEqual([0, 25]);
		});

		it("goes on where the pauses were when a caller comes again, so that callers cause no burst of fetches", async () => {
			recovery.start(REFUSAL);
			await clock.advance(2_000);
			isWanted = false;
			await clock.advance(10);
			const { length } = startedAtMs;

			isWanted = true;
			recovery.start(REFUSAL);
			await clock.advance(5_000);

			expect(startedAtMs.length - length).toBeLessThanOrEqual(6);
		});
	});

	describe("finished", () => {
		it("ends the pauses and the timers, and reports how long it took", async () => {
			recovery.start(REFUSAL);
			await clock.advance(1_234);

			recovery.finish();
			await clock.advance(120_000);

			expect(readReports()).toEqual([
				["recovery.started", undefined],
				["recovery.finished", 1_234],
			]);
			expect(recovery.startedAtMs).toBeUndefined();
			expect(clock.pendingCount).toBe(0);
		});

		it("counts the time from the beginning of the recovery, in both of its reports", async () => {
			await clock.advance(700);
			recovery.start(REFUSAL);
			await clock.advance(BUDGET_MS + 300);

			recovery.finish();

			expect(readReports()).toEqual([
				["recovery.started", undefined],
				["recovery.overdue", BUDGET_MS],
				["recovery.finished", BUDGET_MS + 300],
			]);
		});

		it("fetches at once in the next recovery, and counts its time anew", async () => {
			recovery.start(REFUSAL);
			await clock.advance(30_000);
			recovery.finish();
			await clock.advance(1_000);
			startedAtMs = [];

			recovery.start(REFUSAL);
			await clock.advance(25);

			expect(startedAtMs).toEqual([31_000, 31_025]);
			expect(recovery.startedAtMs).toBe(31_000);
		});

		it("runs one loop when the next recovery begins during a fetch of the last one", async () => {
			let finish: (hasChanged: boolean) => void = () => undefined;
			refresh.mockImplementationOnce(() => {
				startedAtMs.push(clock.nowMs());
				return new Promise((resolve) => (finish = resolve));
			});
			recovery.start(REFUSAL);
			await clock.advance(100);
			recovery.finish();
			recovery.start(REFUSAL);
			await clock.advance(100);
			expect(startedAtMs).toEqual([0]);

			finish(false);
			await clock.advance(25);

			expect(startedAtMs).toEqual([0, 200, 225]);
		});

		it("has nothing to report when none was under way", () => {
			recovery.finish();

			expect(events).toEqual([]);
		});
	});

	describe("reports", () => {
		it("its beginning once, with the server's code", async () => {
			recovery.start(REFUSAL);
			recovery.start(REFUSAL);
			await clock.advance(5_000);

			expect(events).toEqual([{ code: "28P01", connector: "orders", isLocked: false, type: "recovery.started" }]);
		});

		it("the name of an error that has no code", () => {
			recovery.start(new TypeError("no token"));

			expect(events[0]).toMatchObject({ code: "TypeError" });
		});

		it("that the account is locked, as the server said last", async () => {
			recovery.start(REFUSAL);
			await clock.advance(1_000);

			recovery.start(Object.assign(new Error("locked"), { code: "ER_USER_IS_BLOCKED", errno: 4_150 }));
			await clock.advance(BUDGET_MS);

			expect(events).toMatchObject([
				{ isLocked: false, type: "recovery.started" },
				{ isLocked: true, type: "recovery.overdue" },
			]);
		});

		it("once that the first caller's time is over, then at most once a minute", async () => {
			recovery.start(REFUSAL);
			await clock.advance(BUDGET_MS + 150_000);

			expect(readReports().slice(1)).toEqual([
				["recovery.overdue", BUDGET_MS],
				["recovery.overdue", BUDGET_MS + 60_000],
				["recovery.overdue", BUDGET_MS + 120_000],
			]);
			expect(events[1]).toMatchObject({ code: "28P01" });
		});

		it("that the first caller's time is over also when that caller has just received the refusal", async () => {
			recovery.start(REFUSAL);
			await clock.advance(BUDGET_MS - 10);
			isWanted = false;

			await clock.advance(10);

			expect(readReports().slice(1)).toEqual([["recovery.overdue", BUDGET_MS]]);
		});

		it("nothing more while no caller waits, and then with the next caller", async () => {
			recovery.start(REFUSAL);
			await clock.advance(BUDGET_MS);
			isWanted = false;
			await clock.advance(300_000);
			expect(readReports().slice(1)).toEqual([["recovery.overdue", BUDGET_MS]]);

			recovery.start(REFUSAL);
			recovery.start(REFUSAL);

			expect(readReports().slice(2)).toEqual([["recovery.overdue", BUDGET_MS + 300_000]]);
		});

		it("at most one overdue recovery a minute, however seldom a caller comes", async () => {
			isWanted = false;
			for (let elapsedMs = 0; elapsedMs < 600_000; elapsedMs += 7_000) {
				recovery.start(REFUSAL);
				await clock.advance(7_000);
			}

			const overdueAtMs = readReports()
				.slice(1)
				.map(([, atMs]) => Number(atMs));
			expect(overdueAtMs.length).toBeGreaterThanOrEqual(9);
			for (const [index, atMs] of overdueAtMs.slice(1).entries())
				expect(atMs - (overdueAtMs[index] ?? 0)).toBeGreaterThanOrEqual(60_000);
		});
	});

	describe("when the rotator is closed", () => {
		it("does not begin", async () => {
			closing.abort();

			recovery.start(REFUSAL);
			await clock.advance(0);

			expect(refresh).not.toHaveBeenCalled();
			expect(events).toEqual([]);
		});

		it("fetches nothing more and leaves no timer once it is stopped", async () => {
			recovery.start(REFUSAL);
			await clock.advance(500);
			const { length } = startedAtMs;

			closing.abort();
			recovery.stop();
			await clock.advance(60_000);

			expect(startedAtMs).toHaveLength(length);
			expect(clock.pendingCount).toBe(0);
			expect(readReports()).toEqual([["recovery.started", undefined]]);
		});
	});

	it("keeps no process alive by itself: the callers that wait do", async () => {
		recovery.start(REFUSAL);
		await clock.advance(10);

		expect(clock.isProcessKept).toBe(false);
	});

	it("fetches and reports outside of the async context of the request that was refused", async () => {
		const storage = new AsyncLocalStorage<string>();
		const contexts: (string | undefined)[] = [];
		refresh.mockImplementation(() => {
			contexts.push(storage.getStore());
			return Promise.resolve(false);
		});
		storage.run("request 1", () => recovery.start(REFUSAL));

		await clock.advance(30);

		expect(contexts).toEqual([undefined, undefined]);
	});
});
