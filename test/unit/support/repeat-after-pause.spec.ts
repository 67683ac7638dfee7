/** A deadline that fires late, because the process stood still, says nothing about what was asked. */
import { hasPaused, repeatAfterPause } from "../../../src/support/repeat-after-pause.js";
import { withDeadline } from "../../../src/support/with-deadline.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";

const DEADLINE_MS = 10_000;

let clock: FakeClock;

beforeEach(() => {
	clock = new FakeClock();
});

/** A task that answers only its `answeredCount`-th request, within a deadline. */
function createTask(answeredCount: number): { readonly ask: () => Promise<string>; readonly count: () => number } {
	let count = 0;
	const request = async (): Promise<string> => {
		count += 1;
		return count === answeredCount ? "answer" : new Promise<string>(() => undefined);
	};
	return { ask: async () => withDeadline(request, { clock, deadlineMs: DEADLINE_MS, subject: "The request" }), count: () => count };
}

describe("repeatAfterPause", () => {
	it("gives what the task gives, after one request", async () => {
		const task = createTask(1);

		await expect(repeatAfterPause(task.ask, { clock, deadlineMs: DEADLINE_MS })).resolves.toBe("answer");
		expect(task.count()).toBe(1);
	});

	it("asks once more where the process stood still until long after the deadline", async () => {
		const task = createTask(2);
		const answer = repeatAfterPause(task.ask, { clock, deadlineMs: DEADLINE_MS });

		await clock.freeze(3_600_000);

		await expect(answer).resolves.toBe("answer");
		expect(task.count()).toBe(2);
	});

	it("fails at the deadline of a process that runs", async () => {
		const task = createTask(2);
		const failure = failureOf(repeatAfterPause(task.ask, { clock, deadlineMs: DEADLINE_MS }));

		await clock.advance(DEADLINE_MS);

		expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT" });
		expect(task.count()).toBe(1);
	});

	it("ends after ten repeats of a process that freezes each time", async () => {
		const task = createTask(0);
		const failure = failureOf(repeatAfterPause(task.ask, { clock, deadlineMs: DEADLINE_MS }));

		for (let index = 0; index < 11; index += 1) await clock.freeze(60_000);

		expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT" });
		expect(task.count()).toBe(11);
	});
});

describe("hasPaused", () => {
	it.each([
		[DEADLINE_MS, false],
		[DEADLINE_MS + 1_000, false],
		[DEADLINE_MS + 1_001, true],
	])("says of a request that is %i ms old, with a deadline of 10 s: %p", async (ageMs, expected) => {
		await clock.advance(ageMs);

		expect(hasPaused(0, { clock, deadlineMs: DEADLINE_MS })).toBe(expected);
	});
});
