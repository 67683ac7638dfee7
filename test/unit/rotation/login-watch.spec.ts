/** One login asks the server, the others wait for what it says, and nobody is forgotten. */
import { LoginWatch } from "../../../src/rotation/login-watch.js";
import type { ScheduledCall } from "../../../src/support/clock.js";
import { FakeClock } from "../../support/fake-clock.js";

const REFUSAL = new Error("refused");

/** As the timers of Node, which drop fractions and count from the start of the turn: they may fire before the monotonic clock says so. */
class HastyClock extends FakeClock {
	override schedule(callback: () => void, delayMs: number): ScheduledCall {
		return super.schedule(callback, Math.trunc(delayMs) - 1);
	}
}

describe("LoginWatch", () => {
	let clock: FakeClock;
	let randomValue: number;
	let watch: LoginWatch;

	beforeEach(() => {
		clock = new FakeClock();
		randomValue = 0;
		watch = new LoginWatch(clock, () => randomValue);
	});

	/** Sleeps, and notes the moment of waking. */
	function sleepers(count: number, timeoutMs = Infinity): number[] {
		const wokenAtMs: number[] = [];
		for (let index = 0; index < count; index += 1) void watch.sleep(timeoutMs).then(() => wokenAtMs.push(clock.nowMs()));
		return wokenAtMs;
	}

	it("does not count the login with which the driver connected once: the first one is a probe", () => {
		expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
		expect(watch.refusal).toBeUndefined();
		expect(watch.waitingCount).toBe(0);
	});

	describe("after a login that succeeded", () => {
		beforeEach(() => watch.noteSuccess());

		it("lets everybody log in for a tenth of a second", async () => {
			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["login", "login"]);

			await clock.advance(99);

			expect(watch.takeTurn()).toBe("login");
		});

		it("asks for a probe when that time is over, one only", async () => {
			await clock.advance(100);

			expect([watch.takeTurn(), watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait", "wait"]);
		});

		it("counts the time from the last success", async () => {
			await clock.advance(90);
			watch.noteSuccess();
			await clock.advance(90);

			expect(watch.takeTurn()).toBe("login");
		});
	});

	describe("while one probes", () => {
		beforeEach(() => void watch.takeTurn());

		it("wakes everybody when the probe succeeds, and all may log in", async () => {
			const woken = sleepers(3);

			watch.noteSuccess();
			await clock.advance(0);

			expect(woken).toHaveLength(3);
			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["login", "login"]);
		});

		it("asks for the next probe when the success is too long ago", async () => {
			watch.noteSuccess();

			await clock.advance(100);

			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
		});

		it("keeps the others no longer than a second when the login says nothing", async () => {
			const woken = sleepers(2);

			await clock.advance(999);
			expect(woken).toEqual([]);
			expect(watch.takeTurn()).toBe("wait");

			await clock.advance(1);
			expect(woken).toEqual([1_000, 1_000]);
			expect(watch.takeTurn()).toBe("login");
		});

		it("wakes everybody when the probe ends in another fault, and lets them find out themselves", async () => {
			const woken = sleepers(2);

			watch.noteOtherFault();
			await clock.advance(0);

			expect(woken).toHaveLength(2);
			expect(watch.refusal).toBeUndefined();
			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["login", "login"]);
		});

		it("wakes one when the probe got an idle connection, and that one probes", async () => {
			const woken = sleepers(2);

			watch.noteProbeEnd();
			await clock.advance(0);

			expect(woken).toHaveLength(1);
			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
		});

		it("is patient with the next probe from its own start", async () => {
			await clock.advance(500);
			watch.noteProbeEnd();
			watch.takeTurn();

			await clock.advance(999);

			expect(watch.takeTurn()).toBe("wait");
		});
	});

	describe("after a refusal", () => {
		beforeEach(() => watch.noteRefusal(REFUSAL));

		it("remembers it, and makes everybody wait although the last success is fresh", () => {
			expect(watch.refusal).toBe(REFUSAL);
			expect(watch.takeTurn()).toBe("wait");
		});

		it("lets one try again after two seconds, and the others wait for it", async () => {
			const woken = sleepers(2);

			await clock.advance(1_999);
			expect(woken).toEqual([]);
			expect(watch.takeTurn()).toBe("wait");

			await clock.advance(1);
			expect(woken).toHaveLength(2);
			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
		});

		it("shortens the pause by up to a quarter, at random", async () => {
			randomValue = 1;
			watch.noteRefusal(REFUSAL);
			const woken = sleepers(1);

			await clock.advance(1_500);

			expect(woken).toEqual([1_500]);
			expect(watch.takeTurn()).toBe("probe");
		});

		it("lets the next one probe when a probe hangs, one at a time", async () => {
			await clock.advance(2_000);
			watch.takeTurn();
			await clock.advance(999);
			expect(watch.takeTurn()).toBe("wait");

			await clock.advance(1);

			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
		});

		it("pauses anew when the probe is refused, too", async () => {
			await clock.advance(2_000);
			watch.takeTurn();
			const again = new Error("refused again");

			watch.noteRefusal(again);

			expect(watch.refusal).toBe(again);
			expect(watch.takeTurn()).toBe("wait");
			await clock.advance(1_999);
			expect(watch.takeTurn()).toBe("wait");
			await clock.advance(1);
			expect(watch.takeTurn()).toBe("probe");
		});

		it("tells whether it is the first since a login succeeded", () => {
			expect(watch.noteRefusal(REFUSAL)).toBe(false);
			watch.noteSuccess();

			expect(watch.noteRefusal(REFUSAL)).toBe(true);
		});

		describe("when there are no other credentials to go to", () => {
			it("lets one try again who was refused as a probe", async () => {
				watch.noteSuccess();
				await clock.advance(100);
				watch.takeTurn();
				watch.noteRefusal(REFUSAL);
				await clock.advance(500);

				watch.allowProbe();

				expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
			});

			it("lets one try again half a second after the refusal, without the rest of the pause", async () => {
				await clock.advance(500);
				const woken = sleepers(2);

				watch.allowProbe();
				await clock.advance(0);

				expect(woken).toHaveLength(2);
				expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
			});

			it("waits on in the first half second", async () => {
				await clock.advance(499);
				const woken = sleepers(1);

				watch.allowProbe();
				await clock.advance(0);

				expect(woken).toEqual([]);
				expect(watch.takeTurn()).toBe("wait");
			});

			it("counts the half second from the last refusal", async () => {
				await clock.advance(400);
				watch.noteRefusal(REFUSAL);
				await clock.advance(400);

				watch.allowProbe();

				expect(watch.takeTurn()).toBe("wait");
			});

			it("wakes nobody while one probes", async () => {
				await clock.advance(2_000);
				watch.takeTurn();
				const woken = sleepers(1);

				watch.allowProbe();
				await clock.advance(0);

				expect(woken).toEqual([]);
				expect(watch.takeTurn()).toBe("wait");
			});
		});

		it("is over with the first login that succeeds, without the rest of the pause", async () => {
			const woken = sleepers(2);

			watch.noteSuccess();
			await clock.advance(0);

			expect(woken).toHaveLength(2);
			expect(watch.refusal).toBeUndefined();
			expect(watch.takeTurn()).toBe("login");
		});

		it("keeps the refusal when the next probe ends in another fault, and lets the next one probe at once", async () => {
			await clock.advance(2_000);
			watch.takeTurn();
			const woken = sleepers(1);

			watch.noteOtherFault();
			await clock.advance(0);

			expect(watch.refusal).toBe(REFUSAL);
			expect(woken).toHaveLength(1);
			expect([watch.takeTurn(), watch.takeTurn()]).toEqual(["probe", "wait"]);
		});

		it("forgets the pause once a login has succeeded: the next doubt is probed at once", async () => {
			watch.noteSuccess();

			await clock.advance(1_000);

			expect(watch.takeTurn()).toBe("probe");
		});
	});

	describe("on a clock whose timers fire early", () => {
		beforeEach(() => {
			clock = new HastyClock();
			watch = new LoginWatch(clock, () => 0.3);
		});

		it("lets whoever the timer woke after a refusal probe, since nothing would wake them again", async () => {
			const turns: string[] = [];
			watch.noteRefusal(REFUSAL);
			void watch.sleep(Infinity).then(() => turns.push(watch.takeTurn()));

			await clock.advance(2_000);

			expect(turns).toEqual(["probe"]);
		});

		it("lets whoever the timer woke pass a slow probe", async () => {
			watch.takeTurn();
			const turns: string[] = [];
			void watch.sleep(Infinity).then(() => turns.push(watch.takeTurn()));

			await clock.advance(1_000);

			expect(turns).toEqual(["login"]);
		});
	});

	describe("asleep", () => {
		it("wakes at its own time without anybody's doing", async () => {
			const woken = sleepers(1, 300);

			await clock.advance(300);

			expect(woken).toEqual([300]);
			expect(watch.waitingCount).toBe(0);
		});

		it("keeps the process alive, which the alarm does not", () => {
			watch.noteRefusal(REFUSAL);
			expect(clock.isProcessKept).toBe(false);

			sleepers(1, 300);

			expect(clock.isProcessKept).toBe(true);
		});

		it("counts who waits", () => {
			sleepers(2, 300);

			expect(watch.waitingCount).toBe(2);
		});

		it("wakes the one who waits longest, one at a time", async () => {
			const order: string[] = [];
			void watch.sleep(Infinity).then(() => order.push("first"));
			void watch.sleep(Infinity).then(() => order.push("second"));

			watch.wakeOne();
			await clock.advance(0);

			expect(order).toEqual(["first"]);
			expect(watch.waitingCount).toBe(1);
		});

		it("has nobody to wake when nobody waits", () => {
			expect(() => watch.wakeOne()).not.toThrow();
		});

		it("leaves no timer behind whoever was woken", async () => {
			sleepers(2, 60_000);

			watch.wakeAll();

			expect(clock.pendingCount).toBe(0);
			expect(watch.waitingCount).toBe(0);
		});
	});

	it("lets everybody go and leaves no timer when it is closed", async () => {
		watch.noteRefusal(REFUSAL);
		const woken = sleepers(2, 60_000);

		watch.close();
		await clock.advance(0);

		expect(woken).toHaveLength(2);
		expect(clock.pendingCount).toBe(0);
	});

	it("starts no timer any more once it is closed", () => {
		watch.close();

		watch.noteRefusal(REFUSAL);

		expect(clock.pendingCount).toBe(0);
	});
});
