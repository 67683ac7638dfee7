/** A task ends with the first of its signals, and leaves nothing behind in any. */
import { getEventListeners } from "node:events";

import { failureOf } from "../../support/failure-of.js";
import { withAnySignal } from "../../../src/support/with-any-signal.js";

const endOf = async (signal: AbortSignal): Promise<never> =>
	new Promise((_, reject) => {
		const fail = (): void => reject(new Error("called off"));
		if (signal.aborted) fail();
		else signal.addEventListener("abort", fail);
	});

describe("withAnySignal", () => {
	it("comes to what the task comes to", async () => {
		await expect(withAnySignal([new AbortController().signal], () => "done")).resolves.toBe("done");
		await expect(withAnySignal([], async () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
	});

	it.each([0, 1])("calls the task off with signal %i", async (index) => {
		const controllers = [new AbortController(), new AbortController()];
		const failure = failureOf(
			withAnySignal(
				controllers.map(({ signal }) => signal),
				endOf,
			),
		);

		controllers[index]?.abort();

		expect(await failure).toMatchObject({ message: "called off" });
	});

	it("calls it off at once where one has been aborted before", async () => {
		await expect(withAnySignal([new AbortController().signal, AbortSignal.abort()], endOf)).rejects.toThrow("called off");
	});

	it("leaves no listener, whatever the task came to", async () => {
		const { signal } = new AbortController();

		await withAnySignal([signal], () => {
			expect(getEventListeners(signal, "abort")).toHaveLength(1);
		});
		await failureOf(withAnySignal([signal], async () => Promise.reject(new Error("broken"))));

		expect(getEventListeners(signal, "abort")).toEqual([]);
	});
});
