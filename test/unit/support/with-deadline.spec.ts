/** A wait that ends: by the answer, by the deadline or by the end of the rotator, whatever the task does. */
import { getEventListeners } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectorTimeoutError, ConnectorClosedError } from "../../../src/errors/errors.js";
import { withDeadline } from "../../../src/support/with-deadline.js";
import { FakeClock } from "../../support/fake-clock.js";

const never = new Promise<never>(() => undefined);

let clock: FakeClock;
let options: { clock: FakeClock; deadlineMs: number; subject: string };

beforeEach(() => {
	clock = new FakeClock();
	options = { clock, deadlineMs: 5_000, subject: "The fetch of the secret" };
});

describe("an answer in time", () => {
	it.each([
		["a promise", () => Promise.resolve("answer")],
		["a plain value", () => "answer"],
	])("is handed over when it is %s, and the timer goes", async (_, task) => {
		expect(await withDeadline<string>(task, options)).toBe("answer");
		expect(clock.pendingCount).toBe(0);
	});

	it.each([
		["rejects", () => Promise.reject(new Error("no such secret"))],
		[
			"throws at once",
			() => {
				throw new Error("no such secret");
			},
		],
	])("may be a failure: the task's own when it %s", async (_, task) => {
		await expect(withDeadline(task, options)).rejects.toThrow("no such secret");
		expect(clock.pendingCount).toBe(0);
	});

	it("is never disposed of", async () => {
		const disposeLate = jest.fn();

		await withDeadline(() => "answer", { ...options, disposeLate });
		await clock.advance(10_000);

		expect(disposeLate).not.toHaveBeenCalled();
	});

	it("counts when it was there, unread, as the deadline expired after a long block", async () => {
		let answer: (value: string) => void = () => undefined;
		let expire: () => void = () => undefined;
		const blockedClock = {
			...options,
			clock: { nowMs: () => 0, schedule: (callback: () => void) => ((expire = callback), { cancel: () => undefined }) },
		};
		const wait = withDeadline(() => new Promise<string>((resolve) => (answer = resolve)), blockedClock);

		setImmediate(() => answer("just there"));
		expire();

		await expect(wait).resolves.toBe("just there");
	});
});

describe("an expired deadline", () => {
	it("ends the wait with an error that names what was waited for", async () => {
		const failure = withDeadline(() => never, options).catch((error: unknown) => error);

		await clock.advance(4_999);
		const pendingCountBefore = clock.pendingCount;
		await clock.advance(1);

		expect(pendingCountBefore).toBe(1);
		expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
		expect(await failure).toMatchObject({
			deadlineMs: 5_000,
			message: "The fetch of the secret did not end within 5000 ms.",
			subject: "The fetch of the secret",
		});
	});

	it("aborts the task, and only then", async () => {
		let seen: AbortSignal | undefined;
		const failure = withDeadline((signal) => {
			seen = signal;
			return never;
		}, options).catch((error: unknown) => error);
		await clock.advance(4_999);
		const wasAbortedBefore = seen?.aborted;

		await clock.advance(1);
		await failure;

		expect([wasAbortedBefore, seen?.aborted]).toEqual([false, true]);
	});

	it("disposes of what a task that ignored the abort hands over late, once", async () => {
		const disposeLate = jest.fn();
		let answer: (pool: string) => void = () => undefined;
		const failure = withDeadline(() => new Promise<string>((resolve) => (answer = resolve)), { ...options, disposeLate }).catch(
			(error: unknown) => error,
		);
		await clock.advance(5_000);
		await failure;

		answer("pool");
		await nextTurn();

		expect(disposeLate.mock.calls).toEqual([["pool"]]);
	});

	it.each([
		["a late failure of the task", undefined, (reject: (error: Error) => void) => reject(new Error("late"))],
		[
			"a failing disposal",
			() => Promise.reject(new Error("cannot dispose")),
			(_: unknown, resolve: (pool: string) => void) => resolve("pool"),
		],
		[
			"a disposal that throws",
			() => {
				throw new Error("cannot dispose");
			},
			(_: unknown, resolve: (pool: string) => void) => resolve("pool"),
		],
	])("leaves no unhandled rejection behind after %s", async (_, disposeLate, settle) => {
		const onUnhandled = jest.fn();
		process.on("unhandledRejection", onUnhandled);
		let resolve: (pool: string) => void = () => undefined;
		let reject: (error: Error) => void = () => undefined;
		const task = () =>
			new Promise<string>((fulfil, fail) => {
				resolve = fulfil;
				reject = fail;
			});
		const failure = withDeadline(task, { ...options, disposeLate }).catch((error: unknown) => error);
		await clock.advance(5_000);

		settle(reject, resolve);
		await nextTurn();
		await nextTurn();
		process.off("unhandledRejection", onUnhandled);

		expect(await failure).toBeInstanceOf(ConnectorTimeoutError);
		expect(onUnhandled).not.toHaveBeenCalled();
	});

	it("is timed by a timer that keeps the process alive", async () => {
		const schedule = jest.spyOn(clock, "schedule");

		await withDeadline(() => "answer", options);

		expect(schedule).toHaveBeenCalledWith(expect.any(Function), 5_000, false);
	});
});

describe("the signal of the caller", () => {
	it("ends the wait at once, aborts the task, and what comes late is disposed of", async () => {
		const controller = new AbortController();
		const disposeLate = jest.fn();
		let answer: (pool: string) => void = () => undefined;
		let seen: AbortSignal | undefined;
		const wait = withDeadline(
			(signal) => {
				seen = signal;
				return new Promise<string>((resolve) => (answer = resolve));
			},
			{ ...options, disposeLate, signal: controller.signal },
		);

		controller.abort();
		await expect(wait).rejects.toBeInstanceOf(ConnectorClosedError);
		answer("pool");
		await nextTurn();

		expect(seen?.aborted).toBe(true);
		expect(disposeLate).toHaveBeenCalledWith("pool");
		expect(clock.pendingCount).toBe(0);
	});

	it("keeps the task from starting when it was aborted before", async () => {
		const task = jest.fn();

		await expect(withDeadline(task, { ...options, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(ConnectorClosedError);

		expect(task).not.toHaveBeenCalled();
		expect(clock.pendingCount).toBe(0);
	});

	it("keeps no listener after the wait", async () => {
		const { signal } = new AbortController();

		await withDeadline(() => "answer", { ...options, signal });

		expect(getEventListeners(signal, "abort")).toHaveLength(0);
	});
});

it("goes by the clock of the process unless it is given another one", async () => {
	const failure = withDeadline(() => never, { deadlineMs: 1, subject: "It" });

	await expect(failure).rejects.toBeInstanceOf(ConnectorTimeoutError);
});
