/** The clock of the process, on patched timers, and sleep on the clock of the tests. */
import { getEventListeners } from "node:events";
import { lastingClock, sleep, systemClock } from "../../../src/support/clock.js";
import { FakeClock } from "../../support/fake-clock.js";

const SLICE_MS = 2 ** 30;

describe("systemClock.schedule", () => {
	beforeEach(() => {
		jest.useFakeTimers();
		jest.spyOn(globalThis, "setTimeout");
	});

	afterEach(() => {
		jest.useRealTimers();
	});

	it("calls once, when the delay is over and not before", () => {
		const callback = jest.fn();
		systemClock.schedule(callback, 1_000);

		jest.advanceTimersByTime(999);
		const callCountBefore = callback.mock.calls.length;
		jest.advanceTimersByTime(100_000);

		expect(callCountBefore).toBe(0);
		expect(callback).toHaveBeenCalledTimes(1);
	});

	it("sleeps in slices that Node can count, and still calls to the millisecond", () => {
		const callback = jest.fn();
		const delayMs = 2 * SLICE_MS + 5;
		systemClock.schedule(callback, delayMs);

		jest.advanceTimersByTime(delayMs - 1);
		const callCountBefore = callback.mock.calls.length;
		jest.advanceTimersByTime(1);

		expect(callCountBefore).toBe(0);
		expect(callback).toHaveBeenCalledTimes(1);
		expect(jest.mocked(setTimeout).mock.calls.map(([, sliceMs]) => sliceMs)).toEqual([SLICE_MS, SLICE_MS, 5]);
	});

	it("needs no second slice for a delay of exactly one", () => {
		const callback = jest.fn();
		systemClock.schedule(callback, SLICE_MS);

		jest.advanceTimersByTime(SLICE_MS);

		expect(callback).toHaveBeenCalledTimes(1);
		expect(setTimeout).toHaveBeenCalledTimes(1);
	});

	it.each([0, SLICE_MS])("can be called off when %i ms of a long delay have passed", (passedMs) => {
		const callback = jest.fn();
		const call = systemClock.schedule(callback, SLICE_MS + 10);
		jest.advanceTimersByTime(passedMs);

		call.cancel();
		jest.advanceTimersByTime(2 * SLICE_MS);

		expect(callback).not.toHaveBeenCalled();
		expect(jest.getTimerCount()).toBe(0);
	});

	it("takes a negative delay for none", () => {
		systemClock.schedule(() => undefined, -5);

		expect(setTimeout).toHaveBeenCalledWith(expect.any(Function), 0);
	});

	it("works with a patched setTimeout that returns a bare number", () => {
		const clearTimeout = jest.spyOn(globalThis, "clearTimeout").mockReturnValue(undefined);
		jest.mocked(setTimeout).mockReturnValue(7 as never);

		systemClock.schedule(() => undefined, 10).cancel();

		expect(clearTimeout).toHaveBeenCalledWith(7);
	});
});

describe("the timers of systemClock", () => {
	it.each([
		["keep the process alive when they are not in the background", false, true],
		["do not keep the process alive when they are in the background", true, false],
		["are in the background unless told otherwise", undefined, false],
	])("%s", (_, isBackground, hasRef) => {
		const spy = jest.spyOn(globalThis, "setTimeout");

		const call = systemClock.schedule(() => undefined, 60_000, isBackground);
		const timer = spy.mock.results[0]?.value as NodeJS.Timeout;
		call.cancel();

		expect(timer.hasRef()).toBe(hasRef);
	});

	it("stay in the background from slice to slice", () => {
		jest.useFakeTimers();
		const spy = jest.spyOn(globalThis, "setTimeout");

		const call = systemClock.schedule(() => undefined, 2 * SLICE_MS);
		jest.advanceTimersByTime(SLICE_MS);
		const timers = spy.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef());
		call.cancel();
		jest.useRealTimers();

		expect(timers).toEqual([false, false]);
	});
});

describe("systemClock.nowMs", () => {
	it("is not moved by a change of the wall clock", () => {
		const beforeMs = systemClock.nowMs();
		jest.spyOn(Date, "now").mockReturnValue(0);

		const passedMs = systemClock.nowMs() - beforeMs;

		expect(passedMs).toBeGreaterThanOrEqual(0);
		expect(passedMs).toBeLessThan(60_000);
	});
});

describe("sleep", () => {
	let clock: FakeClock;

	beforeEach(() => {
		clock = new FakeClock();
	});

	it("resolves when the delay is over", async () => {
		const wakeUp = jest.fn();
		void sleep(clock, 100).then(wakeUp);

		await clock.advance(99);
		const callCountBefore = wakeUp.mock.calls.length;
		await clock.advance(1);

		expect([callCountBefore, wakeUp.mock.calls.length]).toEqual([0, 1]);
	});

	it("resolves at once when it is aborted, and leaves no timer", async () => {
		const controller = new AbortController();
		const nap = sleep(clock, 100, controller.signal);

		controller.abort();

		await expect(nap).resolves.toBeUndefined();
		expect(clock.pendingCount).toBe(0);
	});

	it("does not begin when it was aborted before", async () => {
		await expect(sleep(clock, 100, AbortSignal.abort())).resolves.toBeUndefined();
		expect(clock.pendingCount).toBe(0);
	});

	it("leaves no listener on the signal when the delay is over", async () => {
		const { signal } = new AbortController();
		const nap = sleep(clock, 100, signal);

		await clock.advance(100);
		await nap;

		expect(getEventListeners(signal, "abort")).toHaveLength(0);
	});
});

describe("lastingClock.nowMs", () => {
	const readGap = (): number => lastingClock.nowMs() - systemClock.nowMs();

	it("counts the time in which the machine was suspended, where the system's clock stands still", () => {
		const gapBefore = readGap();
		const wallMs = Date.now();
		jest.spyOn(Date, "now").mockReturnValue(wallMs + 3_600_000);

		expect(readGap() - gapBefore).toBeGreaterThan(3_500_000);
	});

	it("never goes back when the time of day is set back", () => {
		const nowMs = lastingClock.nowMs();
		const wallMs = Date.now();
		jest.spyOn(Date, "now").mockReturnValue(wallMs - 3_600_000);

		expect(lastingClock.nowMs()).toBeGreaterThanOrEqual(nowMs);
	});
});
