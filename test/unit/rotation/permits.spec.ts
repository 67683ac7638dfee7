/** Permits are served in order, end at a deadline, and are never more than there are. */
import { AcquireTimeoutError } from "../../../src/errors/errors.js";
import { Permits } from "../../../src/rotation/permits.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";

describe("Permits", () => {
	let clock: FakeClock;
	let permits: Permits;

	beforeEach(() => {
		clock = new FakeClock();
		permits = new Permits(2, clock);
	});

	/** Waits for a permit and notes what came of it. */
	function queue(name: string, into: string[], deadlineMs = 0): void {
		permits.take(deadlineMs).then(
			() => into.push(name),
			() => into.push(`${name} left`),
		);
	}

	describe("free", () => {
		it("are handed out until none is left", () => {
			expect([permits.tryTake(), permits.tryTake(), permits.tryTake()]).toEqual([true, true, false]);
			expect(permits.takenCount).toBe(2);
		});

		it("are taken without a wait and without a timer", async () => {
			await permits.take(1_000);

			expect(permits.takenCount).toBe(1);
			expect(permits.waitingCount).toBe(0);
			expect(clock.pendingCount).toBe(0);
		});

		it("have no end where the pool has no limit, and are counted all the same", () => {
			const unlimited = new Permits(Number.POSITIVE_INFINITY, clock);

			expect([unlimited.tryTake(), unlimited.tryTake()]).toEqual([true, true]);
			unlimited.give();

			expect(unlimited).toMatchObject({ freeCount: Number.POSITIVE_INFINITY, takenCount: 1 });
		});

		it("are none where the pool has no place", () => {
			expect(new Permits(0, clock).tryTake()).toBe(false);
		});
	});

	describe("all taken", () => {
		beforeEach(() => permits.reserve(2));

		it("make callers wait, and the one who waits longest is served first", async () => {
			const served: string[] = [];
			queue("first", served);
			queue("second", served);
			expect(permits.waitingCount).toBe(2);

			permits.give();
			await clock.advance(0);

			expect(served).toEqual(["first"]);
			expect(permits.waitingCount).toBe(1);
			expect(permits.takenCount).toBe(2);
		});

		it("refuse a caller who does not want to wait even when one was just given to a waiter", () => {
			queue("waiter", []);

			permits.give();

			expect(permits.tryTake()).toBe(false);
		});

		it("let a waiter go at its deadline, with what it waited and for how many", async () => {
			const failure = failureOf(permits.take(1_000));

			await clock.advance(1_000);

			expect(await failure).toBeInstanceOf(AcquireTimeoutError);
			expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_ACQUIRE_TIMEOUT", poolSize: 2, waitedMs: 1_000 });
			expect(permits.waitingCount).toBe(0);
		});

		it("keep a waiter until its deadline", async () => {
			const served: string[] = [];
			queue("waiter", served, 1_000);

			await clock.advance(999);

			expect(served).toEqual([]);
			expect(permits.waitingCount).toBe(1);
		});

		it("take nobody else out of the queue when one leaves", async () => {
			const served: string[] = [];
			queue("patient", served);
			queue("hasty", served, 10);
			queue("last", served);

			await clock.advance(10);
			permits.give();
			permits.give();
			await clock.advance(0);

			expect(served).toEqual(["hasty left", "patient", "last"]);
		});

		it("do not go to a waiter who left", async () => {
			const served: string[] = [];
			queue("hasty", served, 10);
			await clock.advance(10);

			permits.give();

			expect(permits.takenCount).toBe(1);
			expect(permits.tryTake()).toBe(true);
		});

		it.each([0, -1])("make a caller with a deadline of %d wait for ever", async (deadlineMs) => {
			const served: string[] = [];
			queue("waiter", served, deadlineMs);

			await clock.advance(3_600_000);

			expect(served).toEqual([]);
			expect(permits.waitingCount).toBe(1);
		});

		it("cancel the timer of a waiter who is served", async () => {
			queue("waiter", [], 1_000);

			permits.give();

			expect(clock.pendingCount).toBe(0);
		});
	});

	describe("reserved beyond what there is", () => {
		it("are counted and paid back before anybody is served", async () => {
			const served: string[] = [];
			permits.reserve(4);
			queue("waiter", served);

			permits.give();
			permits.give();
			await clock.advance(0);
			expect(permits.takenCount).toBe(2);
			expect(served).toEqual([]);

			permits.give();
			await clock.advance(0);
			expect(served).toEqual(["waiter"]);
		});
	});

	it("never become more than there were", () => {
		permits.give();
		permits.give();

		expect(permits.takenCount).toBe(0);
		expect([permits.tryTake(), permits.tryTake(), permits.tryTake()]).toEqual([true, true, false]);
	});

	describe("dismissing the waiters", () => {
		it("lets everybody in, in order, and cancels their timers", async () => {
			const served: string[] = [];
			permits.reserve(2);
			queue("first", served, 1_000);
			queue("second", served, 1_000);

			permits.dismissWaiters();
			await clock.advance(0);

			expect(served).toEqual(["first", "second"]);
			expect(permits.waitingCount).toBe(0);
			expect(clock.pendingCount).toBe(0);
		});

		it("counts those who were let in, so that what they give back serves nobody twice", () => {
			permits.reserve(2);
			queue("first", []);

			permits.dismissWaiters();
			expect(permits.takenCount).toBe(3);

			permits.give();
			expect(permits.tryTake()).toBe(false);
		});
	});
});
