/** As many logins as a second allows begin at once, the others at the pace of the limit, in their order. */
import { LoginRate } from "../../../src/credentials/login-rate.js";
import { FakeClock } from "../../support/fake-clock.js";

function takeTurns(rate: LoginRate, clock: FakeClock, count: number): number[] {
	const beganAtMs: number[] = [];
	for (let turn = 0; turn < count; turn += 1) void rate.waitForTurn().then(() => beganAtMs.push(clock.nowMs()));
	return beganAtMs;
}

describe("LoginRate", () => {
	it("lets a second's worth of logins begin at once and the others after them", async () => {
		const clock = new FakeClock();
		const beganAtMs = takeTurns(new LoginRate(10, clock), clock, 13);

		await clock.advance(1_000);

		expect(beganAtMs).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 300]);
	});

	it("never lets more than the limit begin within any second after that", async () => {
		const clock = new FakeClock();
		const rate = new LoginRate(10, clock);

		const first = takeTurns(rate, clock, 40);
		await clock.advance(3_500);
		const second = takeTurns(rate, clock, 10);
		await clock.advance(10_000);

		expect(first).toHaveLength(40);
		expect(first.at(-1)).toBe(3_000);
		expect(second.filter((atMs) => atMs < 3_600)).toHaveLength(5);
		expect(second).toHaveLength(10);
	});

	it("is as generous as ever after a pause, and not more", async () => {
		const clock = new FakeClock();
		const rate = new LoginRate(10, clock);
		takeTurns(rate, clock, 10);
		await clock.advance(60_000);

		const beganAtMs = takeTurns(rate, clock, 11);
		await clock.advance(1_000);

		expect(beganAtMs).toEqual([...Array.from({ length: 10 }, () => 60_000), 60_100]);
	});

	it("keeps the process alive for those who wait", async () => {
		const clock = new FakeClock();

		takeTurns(new LoginRate(1, clock), clock, 2);
		const isProcessKept = clock.isProcessKept;
		await clock.advance(1_000);

		expect(isProcessKept).toBe(true);
	});
});
