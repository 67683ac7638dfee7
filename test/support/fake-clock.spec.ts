/** The clock of the tests: time passes in advance() only, in order, and promises keep up with it. */
import { ConnectorTimeoutError } from "../../src/errors/errors.js";
import { sleep } from "../../src/support/clock.js";
import { withDeadline } from "../../src/support/with-deadline.js";
import { FakeClock } from "./fake-clock.js";

let clock: FakeClock;

beforeEach(() => {
	clock = new FakeClock();
});

it("makes calls in the order they fall due, each at its own time, those due together in the order they were scheduled", async () => {
	const calls: string[] = [];
	for (const [name, delayMs] of Object.entries({ c: 30, a: 10, b1: 20, b2: 20, later: 31 }))
		clock.schedule(() => calls.push(`${name}@${clock.nowMs()}`), delayMs);

	await clock.advance(30);

	expect(calls).toEqual(["a@10", "b1@20", "b2@20", "c@30"]);
	expect([clock.nowMs(), clock.pendingCount, clock.nextDelayMs]).toEqual([30, 1, 1]);
});

it("makes no call before its time, nor one that was cancelled", async () => {
	const callback = jest.fn();
	clock.schedule(callback, 10);
	clock.schedule(callback, 5).cancel();

	await clock.advance(9.5);

	expect(callback).not.toHaveBeenCalled();
	expect(clock.pendingCount).toBe(1);
});

it("lets promises settle between calls, so that a loop of sleeps runs through in one stretch", async () => {
	const wakeUps: number[] = [];
	void (async () => {
		for (let turn = 0; turn < 3; turn += 1) {
			await sleep(clock, 100);
			await Promise.resolve();
			wakeUps.push(clock.nowMs());
		}
	})();

	await clock.advance(1_000);

	expect(wakeUps).toEqual([100, 200, 300]);
	expect(clock.pendingCount).toBe(0);
});

it("sees what is scheduled by promises that were already settling", async () => {
	const callback = jest.fn();
	void Promise.resolve().then(() => clock.schedule(callback, 10));

	await clock.advance(10);

	expect(callback).toHaveBeenCalledTimes(1);
});

it("lets deadlines pass", async () => {
	const failure = withDeadline(() => new Promise(() => undefined), { clock, deadlineMs: 5_000, subject: "It" }).catch(
		(error: unknown) => error,
	);

	await clock.advance(5_000);

	expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
	expect(clock.pendingCount).toBe(0);
});

it("takes a negative delay for none, for time never goes back", async () => {
	const seenMs: number[] = [];
	await clock.advance(50);
	clock.schedule(() => seenMs.push(clock.nowMs()), -10);
	const { nextDelayMs } = clock;

	await clock.advance(0);

	expect([nextDelayMs, ...seenMs]).toEqual([0, 50]);
	expect([clock.nowMs(), clock.nextDelayMs]).toEqual([50, undefined]);
});
