/** Concurrent callers share one promise. */
import { SingleFlight } from "../../../src/support/single-flight.js";

function deferred<Result>(): { promise: Promise<Result>; reject: (error: Error) => void; resolve: (result: Result) => void } {
	let resolve: (result: Result) => void = () => undefined;
	let reject: (error: Error) => void = () => undefined;
	const promise = new Promise<Result>((fulfil, fail) => {
		resolve = fulfil;
		reject = fail;
	});
	return { promise, reject, resolve };
}

let flight: SingleFlight<string>;

beforeEach(() => {
	flight = new SingleFlight();
});

it("gives every caller that asks while a task runs the same promise, and runs it once", async () => {
	const { promise, resolve } = deferred<string>();
	const task = jest.fn(() => promise);
	const other = jest.fn(async () => "other");

	const first = flight.run(task);
	const second = flight.run(other);
	const inFlight = flight.inFlight;
	resolve("answer");

	expect(second).toBe(first);
	expect(inFlight).toBe(first);
	expect(await first).toBe("answer");
	expect(task).toHaveBeenCalledTimes(1);
	expect(other).not.toHaveBeenCalled();
});

it("starts anew once the task has ended, and has nothing in flight before and after", async () => {
	const before = flight.inFlight;

	const answers = [await flight.run(async () => "one"), await flight.run(async () => "two")];

	expect(answers).toEqual(["one", "two"]);
	expect([before, flight.inFlight]).toEqual([undefined, undefined]);
});

it("fails every caller with the failure of the task, and starts anew after it", async () => {
	const { promise, reject } = deferred<string>();
	const failures = [flight.run(() => promise), flight.run(() => promise)].map((run) => expect(run).rejects.toThrow("no answer"));

	reject(new Error("no answer"));
	await Promise.all(failures);

	expect(flight.inFlight).toBeUndefined();
	expect(await flight.run(async () => "again")).toBe("again");
});

it("turns a task that throws at once into a rejection, and starts anew after it", async () => {
	const failing = flight.run(() => {
		throw new Error("not even a promise");
	});

	await expect(failing).rejects.toThrow("not even a promise");
	expect(await flight.run(async () => "again")).toBe("again");
});
