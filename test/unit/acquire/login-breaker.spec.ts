/** One login probes, the other callers wait for its outcome, and refused credentials are tried at the pace of their user. */
import { AsyncLocalStorage } from "node:async_hooks";

import { isRefusal, LoginBreaker, type LoginBreakerOptions } from "../../../src/acquire/login-breaker.js";
import { findPace, fingerprint } from "../../../src/acquire/login-pace.js";
import type { ServerOptions } from "../../../src/drivers/loose-options.js";
import { SecretUnavailableError } from "../../../src/errors/errors.js";
import type { ScheduledCall } from "../../../src/support/clock.js";
import { FakeClock } from "../../support/fake-clock.js";

const FULL = Object.assign(new Error("sorry, too many clients already"), { code: "53300" });
const REFUSAL = Object.assign(new Error("password authentication failed"), { code: "28P01" });
const UNREACHABLE = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

/** As the timers of Node, which drop fractions and count from the start of the turn: they may fire before the monotonic clock says so. */
class HastyClock extends FakeClock {
	override schedule(callback: () => void, delayMs: number): ScheduledCall {
		return super.schedule(callback, Math.max(1, Math.trunc(delayMs) - 1));
	}
}

let breaker: LoginBreaker;
let clock: FakeClock;
let credentials: ServerOptions;
let log: string[];
let randomValue: number;
let wokenAtMs: number[];

function createBreaker(options: Partial<LoginBreakerOptions> = {}): LoginBreaker {
	// Not those of the next test: an outcome wakes callers in a later turn.
	const woken = wokenAtMs;
	return new LoginBreaker({
		clock,
		getCredentials: () => credentials,
		isRecoveryOn: true,
		onCallerHeld: (error) => log.push(`held: ${error.message}`),
		onRecovered: () => log.push("recovered"),
		onRefused: (error) => log.push(`refused: ${error.message}`),
		random: () => randomValue,
		wake: () => woken.push(clock.nowMs()),
		...options,
	});
}

beforeEach(() => {
	clock = new FakeClock();
	credentials = { host: "db", password: "one", port: 5_432, username: "app" };
	log = [];
	randomValue = 0;
	wokenAtMs = [];
	breaker = createBreaker();
});

/** Begins a login as a pool does; `false` when the gate holds it back. */
function tryLogin(gate = breaker): boolean {
	if (!gate.mayLogin()) return false;
	gate.loginStarted(false);
	return true;
}

/** A login that the server refuses. */
function refuse(gate = breaker): boolean {
	gate.loginStarted(false);
	return gate.loginFailed(REFUSAL, true);
}

function succeed(gate = breaker): void {
	gate.loginStarted(false);
	gate.loginSucceeded(true);
}

describe("LoginBreaker", () => {
	it("is closed at first, reports no failure, and the first login probes", () => {
		expect(breaker).toMatchObject({ failure: undefined, refusal: undefined, state: "closed" });

		expect([tryLogin(), tryLogin()]).toEqual([true, false]);
	});

	describe("after a successful login", () => {
		beforeEach(() => succeed());

		it("lets every login pass for 100 ms", async () => {
			expect([tryLogin(), tryLogin()]).toEqual([true, true]);

			await clock.advance(99);

			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
		});

		it("asks for one probe after that", async () => {
			await clock.advance(100);

			expect([tryLogin(), tryLogin(), tryLogin()]).toEqual([true, false, false]);
		});

		it("counts the time from the last success", async () => {
			await clock.advance(90);
			succeed();
			await clock.advance(90);

			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
		});

		it("asks for a probe at once when a connection is lost", () => {
			breaker.connectionLost();

			expect([tryLogin(), tryLogin()]).toEqual([true, false]);
		});

		it("wakes callers after the turn in which the driver hands the connection out", async () => {
			expect(wokenAtMs).toEqual([]);

			await clock.advance(0);

			expect(wokenAtMs).toEqual([0]);
			expect(log).toEqual([]);
		});
	});

	describe("while a login probes", () => {
		beforeEach(() => breaker.loginStarted(false));

		it("lets every login pass when the probe succeeds", () => {
			breaker.loginSucceeded(true);

			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
			expect(breaker.state).toBe("closed");
		});

		it("holds other callers no longer than 1 s when the login does not end", async () => {
			await clock.advance(999);
			expect(breaker.mayLogin()).toBe(false);
			expect(wokenAtMs).toEqual([]);

			await clock.advance(1);

			expect(breaker.mayLogin()).toBe(true);
			expect(wokenAtMs).toEqual([1_000]);
		});

		it("lets each caller find out for itself when the probe ends in another fault", async () => {
			expect(breaker.loginFailed(UNREACHABLE, true)).toBe(false);
			await clock.advance(0);

			expect(wokenAtMs).toEqual([0]);
			expect(breaker.failure).toBeUndefined();
			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
			expect(log).toEqual([]);
		});

		it("says nothing of a login with former credentials, whose caller tries again", () => {
			expect(breaker.loginFailed(REFUSAL, false)).toBe(true);
			breaker.loginSucceeded(false);

			expect(breaker.failure).toBeUndefined();
			expect(breaker.mayLogin()).toBe(false);
			expect(log).toEqual([]);
		});
	});

	it("lets the caller of a refused login wait", () => {
		expect(refuse()).toBe(true);
	});

	describe("with a login of an exchange", () => {
		it("does not make callers wait for its outcome", () => {
			breaker.loginStarted(true);

			expect(breaker.mayLogin()).toBe(true);
		});

		it("opens when the login is refused", () => {
			breaker.loginStarted(true);

			breaker.loginFailed(REFUSAL, true);

			expect(breaker).toMatchObject({ refusal: REFUSAL, state: "open" });
		});

		it("counts it as the probe while credentials are refused", async () => {
			refuse();
			await clock.advance(1_000);

			breaker.loginStarted(true);

			expect(breaker.state).toBe("halfOpen");
			expect(breaker.mayLogin()).toBe(false);
		});
	});

	describe("after a refusal", () => {
		beforeEach(async () => {
			await clock.advance(500);
			refuse();
		});

		it("is open, knows since when, and reports the refusal once for each login", () => {
			expect(breaker).toMatchObject({ failure: REFUSAL, failureSinceMs: 500, refusal: REFUSAL, state: "open" });
			expect(log).toEqual(["refused: password authentication failed"]);
		});

		it("holds callers although the last success is fresh, and reports each that waits", async () => {
			succeed();
			refuse();

			expect(tryLogin()).toBe(false);
			breaker.callerHeld();

			expect(log.at(-1)).toBe("held: password authentication failed");
		});

		it("wakes callers when the pause is over, and one of them probes", async () => {
			await clock.advance(999);
			expect(tryLogin()).toBe(false);
			expect(wokenAtMs).toEqual([]);

			await clock.advance(1);

			expect(wokenAtMs).toEqual([1_500]);
			expect([tryLogin(), tryLogin()]).toEqual([true, false]);
			expect(breaker.state).toBe("halfOpen");
		});

		it("tries again at 1, 3, 7, 15 and 27 s, however many callers come meanwhile", async () => {
			const attemptsAtMs: number[] = [];
			for (let elapsedMs = 0; elapsedMs < 60_000; elapsedMs += 50) {
				await clock.advance(50);
				breaker.callerHeld();
				for (let caller = 0; caller < 3; caller += 1) {
					if (!tryLogin()) continue;
					attemptsAtMs.push(clock.nowMs() - 500);
					breaker.loginFailed(REFUSAL, true);
				}
			}

			expect(attemptsAtMs).toEqual([1_000, 3_000, 7_000, 15_000, 27_000, 57_000]);
		});

		it("lets the next caller try after a probe that hangs, at the pace of its user", async () => {
			await clock.advance(1_000);
			tryLogin();
			await clock.advance(1_999);
			expect(breaker.mayLogin()).toBe(false);

			await clock.advance(1);

			expect(breaker.mayLogin()).toBe(true);
			expect(wokenAtMs.at(-1)).toBe(3_500);
		});

		it("stays open after another fault, whose caller gets the fault, and tries again at its pace", async () => {
			await clock.advance(1_000);
			tryLogin();

			expect(breaker.loginFailed(UNREACHABLE, true)).toBe(false);

			expect(breaker).toMatchObject({ refusal: REFUSAL, state: "open" });
			expect(breaker.mayLogin()).toBe(false);
			await clock.advance(2_000);
			expect(breaker.mayLogin()).toBe(true);
			expect(wokenAtMs.at(-1)).toBe(3_500);
		});

		it("keeps the moment of the first refusal while logins stay refused", async () => {
			await clock.advance(1_000);
			refuse();

			expect(breaker.failureSinceMs).toBe(500);
		});

		it("closes with the first login that succeeds, and reports the recovery once", async () => {
			await clock.advance(1_000);
			succeed();
			succeed();
			await clock.advance(0);

			expect(breaker).toMatchObject({ failure: undefined, state: "closed" });
			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
			expect(log.filter((line) => line === "recovered")).toHaveLength(1);
			expect(clock.pendingCount).toBe(0);
		});

		it("begins the pauses anew after a login that succeeded", async () => {
			await clock.advance(1_000);
			succeed();
			await clock.advance(10_000);
			refuse();

			await clock.advance(1_000);

			expect(breaker.mayLogin()).toBe(true);
		});

		it("closes at a promotion, wakes callers in the same turn, and reports the recovery", () => {
			credentials = { ...credentials, password: "two" };

			breaker.credentialsPromoted();

			expect(wokenAtMs).toEqual([500]);
			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
			expect(log.at(-1)).toBe("recovered");
		});

		it("tries again at the same pace for every server object with this user and endpoint", async () => {
			const other = createBreaker();

			refuse(other);
			await clock.advance(1_000);
			expect(tryLogin(other)).toBe(true);

			expect(tryLogin()).toBe(false);
		});

		it.each([{ username: "app_green" }, { host: "elsewhere" }, { port: 6_432 }])("has another pace for %j", async (change) => {
			credentials = { ...credentials, ...change };

			expect(breaker.mayLogin()).toBe(true);
		});

		it("wakes a caller that came after a staging had taken the turn", async () => {
			// The alarm of the first pause rings while no caller waits.
			await clock.advance(1_000);
			const pace = findPace(credentials, clock, () => 0);
			pace.begin(fingerprint(credentials));
			pace.recordAuthFailure(fingerprint(credentials), REFUSAL);
			await clock.advance(500);
			expect(tryLogin()).toBe(false);

			breaker.callerHeld();
			await clock.advance(1_500);

			expect(wokenAtMs.at(-1)).toBe(3_500);
			expect(breaker.mayLogin()).toBe(true);
		});

		it("does not leave callers asleep on a clock whose timers fire early", async () => {
			clock = new HastyClock();
			let attemptCount = 0;
			breaker = createBreaker({ wake: () => (attemptCount += tryLogin() ? 1 : 0) });
			refuse();

			await clock.advance(1_100);

			expect(attemptCount).toBe(1);
		});
	});

	describe("at a server that has no room", () => {
		it("passes the error on where no rotation is under way", () => {
			expect(breaker.loginFailed(FULL, true)).toBe(false);
			expect(breaker.failure).toBeUndefined();
		});

		describe.each([true, false])("during a rotation (recovery: %p)", (isRecoveryOn) => {
			beforeEach(() => {
				breaker = createBreaker({ isRecoveryOn });
				breaker.noteCrowd();
				breaker.loginFailed(FULL, true);
			});

			it("holds every caller for 200 ms, and wakes them then", async () => {
				expect(breaker).toMatchObject({ failure: FULL, refusal: undefined, state: "closed" });
				await clock.advance(199);
				expect(breaker.mayLogin()).toBe(false);

				await clock.advance(1);

				expect(breaker.mayLogin()).toBe(true);
				expect(wokenAtMs).toEqual([200]);
				expect(log).toEqual([]);
			});

			it("forgets the error with the next login that succeeds", () => {
				breaker.loginSucceeded(true);

				expect(breaker.failure).toBeUndefined();
				expect(breaker.mayLogin()).toBe(true);
			});

			it("forgets the error with another fault", () => {
				breaker.loginFailed(UNREACHABLE, true);

				expect(breaker.failure).toBeUndefined();
			});
		});

		it("shortens the pause by up to one half, at random", async () => {
			randomValue = 1;
			breaker.noteCrowd();
			breaker.loginFailed(FULL, true);

			await clock.advance(100);

			expect(breaker.mayLogin()).toBe(true);
		});

		it("lets the caller wait", () => {
			breaker.noteCrowd();

			expect(breaker.loginFailed(FULL, true)).toBe(true);
		});

		it("passes the error on 15 s after the last rotation", async () => {
			breaker.noteCrowd();
			await clock.advance(15_000);

			expect(breaker.loginFailed(FULL, true)).toBe(false);
		});

		it("keeps trying refused credentials", async () => {
			refuse();
			breaker.noteCrowd();
			await clock.advance(1_000);
			tryLogin();
			breaker.loginFailed(FULL, true);

			await clock.advance(2_000);

			expect(breaker.mayLogin()).toBe(true);
			expect(wokenAtMs.at(-1)).toBeGreaterThanOrEqual(3_000);
		});
	});

	describe("without a login token", () => {
		const missing = new SecretUnavailableError("app/database", "throttled", true);

		it("tries again after 1 s, and leaves the pace of the user alone, since no server has counted a login", async () => {
			breaker.loginStarted(false);
			expect(breaker.loginFailed(missing, true)).toBe(true);
			await clock.advance(999);
			expect(breaker.mayLogin()).toBe(false);

			await clock.advance(1);

			expect(breaker.mayLogin()).toBe(true);
			expect(wokenAtMs).toEqual([1_000]);
			expect(findPace(credentials, clock, () => 0).isRefused).toBe(false);
		});

		it("shortens the pause by up to one half, at random", async () => {
			randomValue = 1;
			breaker.loginFailed(missing, true);

			await clock.advance(500);

			expect(breaker.mayLogin()).toBe(true);
		});
	});

	describe("without recovery", () => {
		beforeEach(() => (breaker = createBreaker({ isRecoveryOn: false })));

		it("holds no caller and passes every refusal on", () => {
			expect([tryLogin(), tryLogin()]).toEqual([true, true]);
			expect(refuse()).toBe(false);

			expect(breaker.refusal).toBeUndefined();
			expect(breaker.mayLogin()).toBe(true);
			expect(log).toEqual([]);
			expect(clock.pendingCount).toBe(0);
		});

		it("has nothing to report of a caller that waits for a place", () => {
			breaker.callerHeld();

			expect(log).toEqual([]);
		});
	});

	it("passes refusals on and ends its timer when recovery is stopped", () => {
		refuse();
		expect(clock.pendingCount).toBe(1);

		breaker.stopRecovery();

		expect(breaker.mayLogin()).toBe(true);
		expect(refuse()).toBe(false);
		expect(clock.pendingCount).toBe(0);
	});

	it("wakes callers outside of the async context in which the refusal came", async () => {
		const storage = new AsyncLocalStorage<string>();
		const contexts: (string | undefined)[] = [];
		breaker = createBreaker({ wake: () => contexts.push(storage.getStore()) });
		storage.run("request 1", () => refuse());

		await clock.advance(1_000);

		expect(contexts).toEqual([undefined]);
	});
});

describe("isRefusal", () => {
	it.each([
		["a refused login", REFUSAL, true],
		["a locked account", { errno: 4_151 }, true],
		["a token that is missing for a moment", new SecretUnavailableError("a", "throttled", true), true],
		["a token that is missing in the plugin of mysql2", { cause: new SecretUnavailableError("a", "no", true) }, true],
		["a token that a person has to make possible", new SecretUnavailableError("a", "denied", false), false],
		["a full server", FULL, false],
		["an unreachable server", UNREACHABLE, false],
		["no error at all", undefined, false],
	])("%s: %#", (_, error, expected) => {
		expect(isRefusal(error)).toBe(expected);
	});
});
