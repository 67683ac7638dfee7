/** Rotations are spread over time, come sooner after a failure, and end with the registry's entry. */
import { SchedulerRegistry } from "@nestjs/schedule";

import { chooseDelayMs, type IntervalRegistry, type LastOutcome, RotationSchedule } from "../../../src/rotation/rotation-schedule.js";
import { FakeClock } from "../../support/fake-clock.js";

const INTERVAL_MS = 60_000;
const NAME = "db-rotation:1";
const SUCCESS: LastOutcome = { failureCount: 0, isTransient: true };

let clock: FakeClock;
let onUnscheduled: jest.Mock;
let randomValue: number;
let run: jest.Mock<Promise<LastOutcome>, []>;
let startedAtMs: number[];

beforeEach(() => {
	clock = new FakeClock();
	onUnscheduled = jest.fn();
	randomValue = 0.5;
	startedAtMs = [];
	run = jest.fn(() => {
		startedAtMs.push(clock.nowMs());
		return Promise.resolve(SUCCESS);
	});
});

function start(registry?: IntervalRegistry): RotationSchedule {
	const schedule = new RotationSchedule({
		clock,
		intervalMs: INTERVAL_MS,
		intervalName: NAME,
		onUnscheduled,
		random: () => randomValue,
		registry,
		run,
	});
	schedule.start();
	return schedule;
}

describe("RotationSchedule", () => {
	describe("starts", () => {
		it.each([
			[0, 0],
			[0.25, 15_000],
			[0.99, 59_400],
		])("with a phase of %d of the interval, at random", async (random, phaseMs) => {
			randomValue = random;
			start();
			expect(clock.nextDelayMs).toBe(phaseMs);

			await clock.advance(phaseMs);

			expect(startedAtMs).toEqual([phaseMs]);
		});

		it("nothing by itself before it is told to", () => {
			new RotationSchedule({
				clock,
				intervalMs: INTERVAL_MS,
				intervalName: NAME,
				onUnscheduled,
				random: () => 0,
				registry: undefined,
				run,
			});

			expect(clock.pendingCount).toBe(0);
		});
	});

	it("goes on with 80 to 100 % of the interval", async () => {
		start();
		await clock.advance(30_000);

		randomValue = 0;
		await clock.advance(54_000);
		randomValue = 0.75;
		await clock.advance(60_000);
		await clock.advance(51_000);

		expect(startedAtMs).toEqual([30_000, 84_000, 144_000, 195_000]);
	});

	it("starts no second one while the first runs, however long that takes", async () => {
		let finish: (outcome: LastOutcome) => void = () => undefined;
		run.mockImplementation(() => new Promise((resolve) => (finish = resolve)));
		randomValue = 0;
		start();

		await clock.advance(10 * INTERVAL_MS);
		expect(run).toHaveBeenCalledTimes(1);
		expect(clock.pendingCount).toBe(0);

		finish(SUCCESS);
		await clock.advance(INTERVAL_MS);
		expect(run).toHaveBeenCalledTimes(2);
	});

	it("comes sooner after a failure", async () => {
		run.mockImplementation(() => {
			startedAtMs.push(clock.nowMs());
			return Promise.resolve({ failureCount: startedAtMs.length, isTransient: true });
		});
		start();

		await clock.advance(30_000 + 1_000 + 2_000);

		expect(startedAtMs).toEqual([30_000, 31_000, 33_000]);
	});

	describe("with a SchedulerRegistry", () => {
		let registry: SchedulerRegistry;

		beforeEach(() => (registry = new SchedulerRegistry()));

		it("shows up in it", () => {
			start(registry);

			expect(registry.getIntervals()).toEqual([NAME]);
		});

		it("lists a handle that can be treated as an interval and holds no timer", () => {
			start(registry);
			const handle = registry.getInterval(NAME) as NodeJS.Timeout;

			expect(handle.hasRef()).toBe(false);
			expect(() => clearInterval(handle)).not.toThrow();
			expect(() => [handle.ref(), handle.unref()]).not.toThrow();
		});

		it("goes on while the entry is there", async () => {
			start(registry);

			await clock.advance(3 * INTERVAL_MS);

			expect(run).toHaveBeenCalledTimes(3);
			expect(onUnscheduled).not.toHaveBeenCalled();
		});

		it("stops for good when the entry was deleted, and says so once", async () => {
			start(registry);
			await clock.advance(30_000);

			registry.deleteInterval(NAME);
			await clock.advance(10 * INTERVAL_MS);

			expect(run).toHaveBeenCalledTimes(1);
			expect(onUnscheduled).toHaveBeenCalledTimes(1);
			expect(clock.pendingCount).toBe(0);
		});

		it("takes its entry out when it is stopped", () => {
			start(registry).stop();

			expect(registry.getIntervals()).toEqual([]);
		});

		it("does not mind that the entry is gone when it is stopped", () => {
			const schedule = start(registry);
			registry.deleteInterval(NAME);

			expect(() => schedule.stop()).not.toThrow();
		});

		it("leaves an entry alone that was made by others after it was stopped", () => {
			const schedule = start(registry);
			schedule.stop();
			const foreign = setInterval(() => undefined, 1_000_000);
			registry.addInterval(NAME, foreign);

			schedule.stop();

			expect(registry.getIntervals()).toEqual([NAME]);
			clearInterval(foreign);
		});

		it("does not start when the name is taken", () => {
			start(registry);

			expect(() => start(registry)).toThrow(NAME);
			expect(clock.pendingCount).toBe(1);
		});
	});

	describe("with a stand-in for it", () => {
		it("that has only addInterval: runs on, and stops without a word to it", async () => {
			const addInterval = jest.fn();
			const schedule = start({ addInterval });

			await clock.advance(2 * INTERVAL_MS);
			schedule.stop();

			expect(addInterval).toHaveBeenCalledTimes(1);
			expect(addInterval).toHaveBeenCalledWith(NAME, expect.any(Object));
			expect(run).toHaveBeenCalledTimes(2);
		});

		it("that has doesExist: asks by kind and name, and believes it before the list", async () => {
			const doesExist = jest.fn(() => false);
			start({ addInterval: jest.fn(), doesExist, getIntervals: () => [NAME] });

			await clock.advance(30_000);

			expect(doesExist).toHaveBeenCalledWith("interval", NAME);
			expect(run).not.toHaveBeenCalled();
			expect(onUnscheduled).toHaveBeenCalledTimes(1);
		});

		it("that has getIntervals: looks for its name in the list", async () => {
			let names = [NAME];
			start({ addInterval: jest.fn(), getIntervals: () => names });
			await clock.advance(30_000);

			names = ["another"];
			await clock.advance(INTERVAL_MS);

			expect(run).toHaveBeenCalledTimes(1);
			expect(onUnscheduled).toHaveBeenCalledTimes(1);
		});

		it("that fails when it is asked or told to delete: runs on, and stops without a word", async () => {
			const fail = (): never => {
				throw new Error("The registry is broken");
			};
			const schedule = start({ addInterval: jest.fn(), deleteInterval: fail, doesExist: fail });

			await clock.advance(2 * INTERVAL_MS);

			expect(run).toHaveBeenCalledTimes(2);
			expect(onUnscheduled).not.toHaveBeenCalled();
			expect(() => schedule.stop()).not.toThrow();
			expect(clock.pendingCount).toBe(0);
		});

		it("that fails when its list is asked for: runs on", async () => {
			const fail = (): never => {
				throw new Error("The registry is broken");
			};
			start({ addInterval: jest.fn(), getIntervals: fail });

			await clock.advance(2 * INTERVAL_MS);

			expect(run).toHaveBeenCalledTimes(2);
		});

		it("is asked with its own this", async () => {
			class Registry implements IntervalRegistry {
				private readonly names = new Set<string>();

				addInterval(name: string): void {
					this.names.add(name);
				}

				deleteInterval(name: string): void {
					this.names.delete(name);
				}

				doesExist(_: "interval", name: string): boolean {
					return this.names.has(name);
				}
			}
			const registry = new Registry();
			const schedule = start(registry);

			await clock.advance(30_000);
			schedule.stop();

			expect(run).toHaveBeenCalledTimes(1);
			expect(registry.doesExist("interval", NAME)).toBe(false);
		});
	});

	describe("stopped", () => {
		it("starts nothing any more and leaves no timer", async () => {
			const schedule = start();

			schedule.stop();
			await clock.advance(10 * INTERVAL_MS);

			expect(run).not.toHaveBeenCalled();
			expect(clock.pendingCount).toBe(0);
		});

		it("while one runs, lets it end and starts no other", async () => {
			let finish: (outcome: LastOutcome) => void = () => undefined;
			run.mockImplementation(() => new Promise((resolve) => (finish = resolve)));
			randomValue = 0;
			const schedule = start();
			await clock.advance(0);
			expect(run).toHaveBeenCalledTimes(1);

			schedule.stop();
			finish(SUCCESS);
			await clock.advance(10 * INTERVAL_MS);

			expect(run).toHaveBeenCalledTimes(1);
			expect(clock.pendingCount).toBe(0);
		});

		it("before it was started has nothing to stop", () => {
			const deleteInterval = jest.fn();
			const registry = { addInterval: jest.fn(), deleteInterval };
			const schedule = new RotationSchedule({
				clock,
				intervalMs: INTERVAL_MS,
				intervalName: NAME,
				onUnscheduled,
				random: () => 0,
				registry,
				run,
			});

			schedule.stop();

			expect(deleteInterval).not.toHaveBeenCalled();
		});
	});
});

describe("chooseDelayMs", () => {
	const HOUR_MS = 3_600_000;

	it.each([
		[0, HOUR_MS],
		[0.5, 0.9 * HOUR_MS],
		[1, 0.8 * HOUR_MS],
	])("takes a fifth of the interval off at random (%d) after a success", (random, delayMs) => {
		expect(chooseDelayMs(HOUR_MS, SUCCESS, () => random)).toBe(delayMs);
	});

	it.each([
		[1, 2_000],
		[2, 4_000],
		[5, 32_000],
		[6, 60_000],
		[40, 60_000],
	])("backs off after %d transient failures to no more than a minute", (failureCount, delayMs) => {
		expect(chooseDelayMs(HOUR_MS, { failureCount, isTransient: true }, () => 1)).toBe(delayMs);
	});

	it.each([
		[1, 2_000],
		[8, 256_000],
		[9, 300_000],
		[5_000, 300_000],
	])("backs off after %d permanent failures to no more than five minutes", (failureCount, delayMs) => {
		expect(chooseDelayMs(HOUR_MS, { failureCount, isTransient: false }, () => 1)).toBe(delayMs);
	});

	it("spreads the back-off over the whole range, from nothing", () => {
		const outcome = { failureCount: 3, isTransient: true };

		expect(chooseDelayMs(HOUR_MS, outcome, () => 0)).toBe(0);
		expect(chooseDelayMs(HOUR_MS, outcome, () => 0.5)).toBe(4_000);
	});

	it("is never later after a failure than the interval itself", () => {
		expect(chooseDelayMs(1_500, { failureCount: 8, isTransient: true }, () => 1)).toBe(1_500);
	});
});
