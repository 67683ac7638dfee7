/** Throttling at a mass start is waited out, up to a deadline; no other failure is. */
import { waitOutThrottling } from "../../../src/aws/wait-out-throttling.js";
import { SecretUnavailableError } from "../../../src/errors/errors.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";

const THROTTLED = Object.assign(new Error("Rate exceeded"), { name: "ThrottlingException" });
const DENIED = Object.assign(new Error("No"), { name: "AccessDeniedException" });

let clock: FakeClock;

beforeEach(() => {
	clock = new FakeClock();
});

function failTimes(count: number, error: Error): jest.Mock<Promise<string>, []> {
	const task = jest.fn(async () => Promise.resolve("answer"));
	for (let index = 0; index < count; index += 1) task.mockRejectedValueOnce(error);
	return task;
}

describe("waitOutThrottling", () => {
	it("asks again after pauses that double from half a second to eight seconds", async () => {
		const task = failTimes(7, THROTTLED);
		const startedAtMs: number[] = [];
		const answer = waitOutThrottling(
			async () => {
				startedAtMs.push(clock.nowMs());
				return task();
			},
			{ clock, deadlineMs: 60_000, random: () => 1 },
		);

		await clock.advance(60_000);

		await expect(answer).resolves.toBe("answer");
		expect(startedAtMs).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500, 23_500, 31_500]);
	});

	it("takes half of each pause at random, so that instances come apart", async () => {
		const task = failTimes(1, THROTTLED);
		const answer = waitOutThrottling(task, { clock, deadlineMs: 60_000, random: () => 0 });

		await clock.advance(250);

		await expect(answer).resolves.toBe("answer");
	});

	it("knows throttling also as the cause of an error of its own", async () => {
		const task = failTimes(1, new SecretUnavailableError("app", "Rate exceeded", true, { cause: THROTTLED }));
		const answer = waitOutThrottling(task, { clock, deadlineMs: 60_000 });

		await clock.advance(500);

		await expect(answer).resolves.toBe("answer");
	});

	it("passes the throttling on when no attempt can start before the deadline", async () => {
		const task = failTimes(100, THROTTLED);
		const failure = failureOf(waitOutThrottling(task, { clock, deadlineMs: 3_000, random: () => 1 }));

		await clock.advance(3_000);

		expect(await failure).toBe(THROTTLED);
		expect(task).toHaveBeenCalledTimes(3);
	});

	it("passes any other failure on at once", async () => {
		const task = failTimes(1, DENIED);

		expect(await failureOf(waitOutThrottling(task, { clock, deadlineMs: 60_000 }))).toBe(DENIED);
		expect(task).toHaveBeenCalledTimes(1);
	});

	it("ends with the caller's signal, in the middle of a pause", async () => {
		const caller = new AbortController();
		const task = failTimes(100, THROTTLED);
		const failure = failureOf(waitOutThrottling(task, { clock, deadlineMs: 60_000, signal: caller.signal }));

		await clock.advance(100);
		caller.abort();

		expect(await failure).toBe(THROTTLED);
		expect(task).toHaveBeenCalledTimes(1);
	});

	it("says once that it waits, and for how long at most", async () => {
		const onWait = jest.fn();
		const answer = waitOutThrottling(failTimes(3, THROTTLED), { clock, deadlineMs: 60_000, onWait });

		await clock.advance(60_000);
		await answer;

		expect(onWait.mock.calls).toEqual([["AWS throttles requests. They are repeated for up to 60 s."]]);
	});
});
