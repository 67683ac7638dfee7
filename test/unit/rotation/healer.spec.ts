/** While somebody waits somebody asks: one at a time, about once a second, and never after the end. */
import { Healer } from "../../../src/rotation/healer.js";
import type { TRotationResult } from "../../../src/rotation/rotation.options.js";
import { FakeClock } from "../../support/fake-clock.js";

const ROTATED: TRotationResult = { generation: 2, outcome: "rotated" };
const UNCHANGED: TRotationResult = { outcome: "unchanged" };

let clock: FakeClock;
let closing: AbortController;
let healer: Healer;
let inFlight: Promise<TRotationResult> | undefined;
let isWanted: boolean;
let onNothingNew: jest.Mock;
let randomValue: number;
let rotate: jest.Mock<Promise<TRotationResult>, [string]>;
let startedAtMs: number[];

beforeEach(() => {
	clock = new FakeClock();
	closing = new AbortController();
	inFlight = undefined;
	isWanted = true;
	onNothingNew = jest.fn();
	randomValue = 0;
	startedAtMs = [];
	rotate = jest.fn<Promise<TRotationResult>, [string]>(() => {
		startedAtMs.push(clock.nowMs());
		return Promise.resolve(UNCHANGED);
	});
	healer = new Healer({
		clock,
		closed: closing.signal,
		inFlight: () => inFlight,
		isWanted: () => isWanted,
		onNothingNew,
		random: () => randomValue,
		rotate,
	});
});

describe("Healer", () => {
	it("asks at once, and says why", async () => {
		healer.start();
		await clock.advance(0);

		expect(startedAtMs).toEqual([0]);
		expect(rotate).toHaveBeenCalledWith("authentication-failure");
	});

	it("asks again every second while it is wanted, and stops then", async () => {
		healer.start();
		await clock.advance(2_500);
		expect(startedAtMs).toEqual([0, 1_000, 2_000]);

		isWanted = false;
		await clock.advance(10_000);

		expect(startedAtMs).toEqual([0, 1_000, 2_000]);
		expect(clock.pendingCount).toBe(0);
	});

	it("shortens the pause by up to a quarter, at random", async () => {
		randomValue = 1;

		healer.start();
		await clock.advance(1_500);

		expect(startedAtMs).toEqual([0, 750, 1_500]);
	});

	it("counts the pause from the end of the last try", async () => {
		let finish: (result: TRotationResult) => void = () => undefined;
		rotate.mockImplementation(() => {
			startedAtMs.push(clock.nowMs());
			return new Promise((resolve) => (finish = resolve));
		});
		healer.start();
		await clock.advance(400);

		finish(UNCHANGED);
		await clock.advance(1_000);

		expect(startedAtMs).toEqual([0, 1_400]);
	});

	it("does nothing more when it is started again while it runs", async () => {
		healer.start();
		healer.start();
		await clock.advance(500);
		healer.start();
		await clock.advance(500);

		expect(startedAtMs).toEqual([0, 1_000]);
	});

	it("keeps the pause when it is started anew", async () => {
		rotate.mockImplementationOnce(() => {
			startedAtMs.push(clock.nowMs());
			isWanted = false;
			return Promise.resolve(ROTATED);
		});
		healer.start();
		await clock.advance(300);

		isWanted = true;
		healer.start();
		await clock.advance(699);
		expect(startedAtMs).toEqual([0]);
		await clock.advance(1);

		expect(startedAtMs).toEqual([0, 1_000]);
	});

	it("does not ask when nobody waits any more when its turn comes", async () => {
		isWanted = false;

		healer.start();
		await clock.advance(5_000);

		expect(rotate).not.toHaveBeenCalled();
	});

	describe("with a rotation under way that knows nothing of the refusal", () => {
		it("lets it end first, and asks then", async () => {
			let finish: (result: TRotationResult) => void = () => undefined;
			inFlight = new Promise((resolve) => (finish = resolve));
			healer.start();
			await clock.advance(300);
			expect(rotate).not.toHaveBeenCalled();

			finish(UNCHANGED);
			await clock.advance(0);

			expect(rotate).toHaveBeenCalledTimes(1);
		});

		it("asks also when that one fails", async () => {
			inFlight = Promise.reject(new Error("closed"));

			healer.start();
			await clock.advance(0);

			expect(rotate).toHaveBeenCalledTimes(1);
		});

		it("does not ask when it has brought what was wanted", async () => {
			inFlight = new Promise((resolve) => {
				isWanted = false;
				resolve(ROTATED);
			});

			healer.start();
			await clock.advance(0);

			expect(rotate).not.toHaveBeenCalled();
		});
	});

	describe("says that there is nothing new", () => {
		it.each([UNCHANGED, { outcome: "skipped" } as const, { error: new Error("no"), outcome: "failed" } as const])(
			"when it ended in %j",
			async (result) => {
				rotate.mockResolvedValue(result);

				healer.start();
				await clock.advance(0);

				expect(onNothingNew).toHaveBeenCalledTimes(1);
			},
		);

		it("when it could not rotate at all, and goes on", async () => {
			rotate.mockRejectedValue(new Error("closed"));

			healer.start();
			await clock.advance(1_000);

			expect(onNothingNew).toHaveBeenCalledTimes(2);
		});

		it("but not when there is a new generation", async () => {
			rotate.mockResolvedValue(ROTATED);

			healer.start();
			await clock.advance(0);

			expect(onNothingNew).not.toHaveBeenCalled();
		});
	});

	describe("when the rotator is closed", () => {
		it("asks no more, and leaves no timer", async () => {
			healer.start();
			await clock.advance(500);

			closing.abort();
			await clock.advance(5_000);

			expect(startedAtMs).toEqual([0]);
			expect(clock.pendingCount).toBe(0);
		});

		it("does not begin", async () => {
			closing.abort();

			healer.start();
			await clock.advance(0);

			expect(rotate).not.toHaveBeenCalled();
		});
	});
});
