/** The simulated fleet of `npm run fleet` does what it is meant to show, with few instances. */
import { drawPlot } from "../../../bench/fleet/plot.js";
import { type RecoveryScene, simulateRecovery } from "../../../bench/fleet/recovery.js";
import { type ScheduleScene, simulateSchedule } from "../../../bench/fleet/schedule.js";
import { createRandom, VirtualClock } from "../../../bench/fleet/virtual-clock.js";

const FLEET: ScheduleScene = {
	exchange: "gradual",
	instanceCount: 60,
	intervalMs: 60_000,
	loginsPerSecond: 1_000,
	poolSize: 5,
	trigger: "schedule",
};

const OUTAGE: RecoveryScene = {
	canReadPending: true,
	instanceCount: 20,
	isPaced: true,
	loginsPerSecond: 1_000,
	poolSize: 5,
	windowMs: 3_000,
};

describe("the virtual clock", () => {
	it("makes calls in the order of time, those of one moment in the order of their planning, and no cancelled one", async () => {
		const clock = new VirtualClock();
		const made: [string, number][] = [];
		const plan = (name: string, delayMs: number): { cancel: () => void } =>
			clock.schedule(() => void made.push([name, clock.nowMs()]), delayMs);
		for (const [name, delayMs] of [
			["c", 30],
			["a", 10],
			["d", 30],
			["b", 20],
			["e", 40],
		] as const)
			plan(name, delayMs);
		plan("never", 5).cancel();

		await clock.runUntil(35);

		expect(made).toEqual([
			["a", 10],
			["b", 20],
			["c", 30],
			["d", 30],
		]);
	});
});

describe("a fleet on its schedule", () => {
	it("spreads its reads, and uses a new version everywhere within an interval", async () => {
		const outcome = await simulateSchedule(FLEET);

		expect(outcome.readPeak).toBeLessThan(FLEET.instanceCount / 4);
		expect(outcome.convergedAfterMs).toBeGreaterThan(FLEET.intervalMs / 2);
		expect(outcome.convergedAfterMs).toBeLessThan(FLEET.intervalMs + 1_000);
	});

	it("reads in one second in lock-step", async () => {
		await expect(simulateSchedule({ ...FLEET, trigger: "lock-step" })).resolves.toMatchObject({ readPeak: FLEET.instanceCount });
	});

	it("has one more connection for each instance at most, where whole pools have twice as many", async () => {
		const gradual = await simulateSchedule({ ...FLEET, trigger: "event" });
		const whole = await simulateSchedule({ ...FLEET, exchange: "whole-pool", trigger: "event" });

		expect(gradual.peakConnectionCount).toBe(FLEET.instanceCount * (FLEET.poolSize + 1));
		expect(whole.peakConnectionCount).toBe(FLEET.instanceCount * FLEET.poolSize * 2);
	});

	it("runs alike with the same seed", async () => {
		const random = createRandom(7);

		expect([random(), random()].every((value) => value >= 0 && value < 1)).toBe(true);
		expect(await simulateSchedule(FLEET)).toEqual(await simulateSchedule(FLEET));
	});
});

describe("a fleet that loses its connections in the window", () => {
	it("recovers before the window ends where AWSPENDING can be read, with one refused login for each instance", async () => {
		const outcome = await simulateRecovery(OUTAGE);

		expect(outcome.recoveredAfterMs).toBeLessThan(OUTAGE.windowMs);
		expect(outcome.refusedPerInstance).toBe(1);
	});

	it("recovers when the window ends where AWSPENDING is denied", async () => {
		const outcome = await simulateRecovery({ ...OUTAGE, canReadPending: false });

		expect(outcome.recoveredAfterMs).toBeGreaterThan(OUTAGE.windowMs);
		expect(outcome.recoveredAfterMs).toBeLessThan(OUTAGE.windowMs + 2_000);
		expect(outcome.refusedPerInstance).toBeLessThanOrEqual(3);
	});

	it("has a refused login for each caller at least without the pace", async () => {
		const outcome = await simulateRecovery({ ...OUTAGE, isPaced: false });

		expect(outcome.refusedPerInstance).toBeGreaterThanOrEqual(OUTAGE.poolSize);
	});
});

describe("a plot", () => {
	it("draws each series and the limit", () => {
		const plot = drawPlot({
			limit: { name: "limit", value: 100 },
			series: [{ colour: "#000", name: "reads", values: [1, 10, 100] }],
			title: "Reads",
			unit: "reads per second",
		});

		expect(plot.match(/<polyline/g)).toHaveLength(1);
		expect(plot).toContain(">limit</text>");
	});
});
