/** Refused credentials are tried at 1, 3, 7, 15 and 27 s, then every 15–30 s: one pace for each user at a server, whatever asks for a login. */
import { inspect } from "node:util";

import { findPace, fingerprint, LoginPace } from "../../../src/acquire/login-pace.js";
import { FakeClock } from "../../support/fake-clock.js";

/** Numbers from 0 up to 1 that are the same in each run. */
function createRandom(seed: number): () => number {
	let state = seed;
	return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

const REFUSAL = Object.assign(new Error("refused"), { code: "28P01" });

let clock: FakeClock;
let pace: LoginPace;
let randomValue: number;

beforeEach(() => {
	clock = new FakeClock();
	randomValue = 0;
	pace = new LoginPace(clock, () => randomValue);
});

/** Tries each version as soon as the pace allows it, is refused each time, and notes when. */
async function tryAgain(
	versions: readonly string[],
	durationMs: number,
	error: Error = REFUSAL,
): Promise<[atMs: number, version: string][]> {
	const attempts: [number, string][] = [];
	const endMs = clock.nowMs() + durationMs;
	for (;;) {
		for (const version of versions) {
			if (!pace.mayTry(version)) continue;
			pace.begin(version);
			pace.recordAuthFailure(version, error);
			attempts.push([clock.nowMs(), version]);
		}
		const nextAtMs = Math.min(...versions.map((version) => pace.nextAtMs(version)));
		if (nextAtMs > endMs) return attempts;
		await clock.advance(nextAtMs - clock.nowMs());
	}
}

function readTimes(attempts: readonly (readonly [atMs: number, version: string])[]): number[] {
	return attempts.map(([atMs]) => atMs);
}

describe("LoginPace", () => {
	it("allows any version before the first refusal, and remembers none", () => {
		expect(pace.mayTry("one")).toBe(true);
		expect(pace.isRefused).toBe(false);
		expect(pace.findRefusal("one")).toBeUndefined();
	});

	it("tries the same version again at 1, 3, 7, 15 and 27 s, then after the longest pause", async () => {
		const attempts = await tryAgain(["one"], 100_000);

		expect(readTimes(attempts)).toEqual([0, 1_000, 3_000, 7_000, 15_000, 27_000, 57_000, 87_000]);
	});

	it("shortens the pauses after 27 s by up to one half, at random, and none before", async () => {
		randomValue = 1;

		const attempts = await tryAgain(["one"], 60_000);

		expect(readTimes(attempts)).toEqual([0, 1_000, 3_000, 7_000, 15_000, 27_000, 42_000, 57_000]);
	});

	it("allows at most 5 attempts in 10 s and 200 in an hour", async () => {
		const random = createRandom(7);
		pace = new LoginPace(clock, random);
		const times = readTimes(await tryAgain(["one"], 3_600_000));

		expect(times.filter((atMs) => atMs <= 10_000).length).toBeLessThanOrEqual(5);
		expect(times.length).toBeGreaterThanOrEqual(120);
		expect(times.length).toBeLessThanOrEqual(200);
	});

	it("keeps the refusal of each version", () => {
		const other = new Error("also refused");

		pace.recordAuthFailure("one", REFUSAL);
		pace.recordAuthFailure("two", other);

		expect(pace.findRefusal("one")).toBe(REFUSAL);
		expect(pace.findRefusal("two")).toBe(other);
		expect(pace.isRefused).toBe(true);
	});

	it("delays further attempts from the beginning of a login, whose outcome may come late", async () => {
		pace.recordAuthFailure("one", REFUSAL);
		await clock.advance(1_000);

		pace.begin("one");

		expect(pace.mayTry("one")).toBe(false);
		expect(pace.nextAtMs("one")).toBe(3_000);
	});

	describe("with another version of the same user", () => {
		it("allows a version at once that was never refused, and starts the pauses anew when it is refused", async () => {
			await tryAgain(["one"], 20_000);
			expect(pace.mayTry("two")).toBe(true);

			pace.begin("two");
			pace.recordAuthFailure("two", REFUSAL);

			expect(pace.nextAtMs("one") - clock.nowMs()).toBe(1_000);
		});

		it("lets refused versions take turns at the pace of one", async () => {
			const attempts = await tryAgain(["one", "two"], 30_000);

			expect(attempts.slice(0, 2).map(([, version]) => version)).toEqual(["one", "two"]);
			expect(attempts.slice(2).map(([, version]) => version)).toEqual(["one", "two", "one", "two", "one"]);
			expect(attempts.length).toBeLessThanOrEqual(8);
		});

		it("lets three versions take turns, the one that waits longest first", async () => {
			const attempts = await tryAgain(["one", "two", "three"], 100_000);

			const order = attempts.map(([, version]) => version);
			expect(order.slice(0, 6)).toEqual(["one", "two", "three", "one", "two", "three"]);
			expect(attempts.length).toBeLessThanOrEqual(10);
		});

		it("leaves a version a whole pause to take its turn, since the secret may be read as seldom as that", async () => {
			pace.recordAuthFailure("one", REFUSAL);
			await clock.advance(1_000);
			pace.recordAuthFailure("two", REFUSAL);

			await clock.advance(1_000);
			expect(pace.mayTry("one")).toBe(true);
			expect(pace.mayTry("two")).toBe(false);

			await clock.advance(999);
			expect(pace.mayTry("two")).toBe(false);
			await clock.advance(1);
			expect(pace.mayTry("two")).toBe(true);
		});

		it("does not wait for the turn of a version that is not in use any more", async () => {
			pace.recordAuthFailure("one", REFUSAL);
			pace.recordAuthFailure("two", REFUSAL);

			pace.retain(["two"]);

			expect(pace.findRefusal("one")).toBeUndefined();
			expect(pace.findRefusal("two")).toBe(REFUSAL);
			expect(readTimes(await tryAgain(["two"], 1_000))).toEqual([1_000]);
		});
	});

	it.each(["clear", "a new pace"])("begins anew after a successful login (%s)", async (way) => {
		await tryAgain(["one"], 20_000);

		if (way === "clear") pace.clear();
		else pace = new LoginPace(clock, () => randomValue);

		expect(pace.isRefused).toBe(false);
		expect(pace.mayTry("one")).toBe(true);
		const startedAtMs = clock.nowMs();
		expect(readTimes(await tryAgain(["one"], 7_000)).map((atMs) => atMs - startedAtMs)).toEqual([0, 1_000, 3_000, 7_000]);
	});

	describe.each([
		["MariaDB", 4_150],
		["MariaDB", 4_151],
		["MySQL", 3_118],
		["MySQL", 3_955],
	])("with an account that %s has locked (%d)", (_, errno) => {
		const locked = Object.assign(new Error("locked"), { errno });

		it("has no short pauses", async () => {
			const attempts = await tryAgain(["one"], 100_000, locked);

			expect(readTimes(attempts)).toEqual([0, 30_000, 60_000, 90_000]);
		});

		it("makes also a new version wait, which the lock would refuse", async () => {
			pace.recordAuthFailure("one", locked);

			expect(pace.mayTry("two")).toBe(false);
			await clock.advance(30_000);
			expect(pace.mayTry("two")).toBe(true);
		});

		it("makes the other versions wait when a new one is tried", async () => {
			pace.recordAuthFailure("one", locked);
			await clock.advance(30_000);

			pace.begin("two");

			expect(pace.mayTry("one")).toBe(false);
		});

		it("goes back to the short pauses when the account is unlocked and the password is still wrong", async () => {
			pace.recordAuthFailure("one", locked);
			await clock.advance(30_000);
			pace.begin("one");
			pace.recordAuthFailure("one", REFUSAL);

			expect(pace.mayTry("two")).toBe(true);
			expect(pace.nextAtMs("one") - clock.nowMs()).toBeLessThanOrEqual(2_000);
		});
	});
});

describe("findPace", () => {
	const SERVER = { host: "db", password: "one", port: 5_432, username: "app" };

	it("finds one pace for a user at a server, whatever the password", () => {
		expect(findPace({ ...SERVER, password: "two" }, clock, Math.random)).toBe(findPace(SERVER, clock, Math.random));
	});

	it.each([{ host: "elsewhere" }, { port: 6_432 }, { username: "app_green" }])("finds another pace for %j", (change) => {
		expect(findPace({ ...SERVER, ...change }, clock, Math.random)).not.toBe(findPace(SERVER, clock, Math.random));
	});

	it("does not take the end of one value for the beginning of the next", () => {
		const [left, right] = [
			{ ...SERVER, host: "db5", port: 432 },
			{ ...SERVER, host: "db", port: 5_432 },
		];

		expect(findPace(left, clock, Math.random)).not.toBe(findPace(right, clock, Math.random));
	});
});

describe("fingerprint", () => {
	it("is the same for the same password, and another one for another", () => {
		expect(fingerprint({ password: "one", username: "app" })).toBe(fingerprint({ password: "one" }));
		expect(fingerprint({ password: "one" })).not.toBe(fingerprint({ password: "two" }));
	});

	it("is one for all tokens, which a function makes anew for each login", () => {
		expect(fingerprint({ password: () => "token-1" })).toBe(fingerprint({ password: () => "token-2" }));
	});

	it("shows no password in a printed pace", () => {
		pace.recordAuthFailure(fingerprint({ password: "hunter2" }), REFUSAL);

		expect(inspect(pace, { depth: null, showHidden: true })).not.toContain("hunter2");
	});
});
