/** What a process has once, every copy of the library finds. */
import type * as ProcessWide from "../../../src/support/process-wide.js";
import { shareInProcess } from "../../../src/support/process-wide.js";

describe("shareInProcess", () => {
	it("makes a value once for its name", () => {
		const first = shareInProcess("spec.once", () => new Set());

		expect(shareInProcess("spec.once", () => new Set())).toBe(first);
		expect(shareInProcess("spec.another", () => new Set())).not.toBe(first);
	});

	it("gives another copy of the library the same one", () => {
		const load = (): typeof ProcessWide => {
			let copy: unknown;
			jest.isolateModules(() => (copy = jest.requireActual("../../../src/support/process-wide.js")));
			return copy as typeof ProcessWide;
		};
		const [one, other] = [load(), load()];
		expect(one).not.toBe(other);

		expect(one.shareInProcess("spec.copies", () => new Set())).toBe(other.shareInProcess("spec.copies", () => new Set()));
	});
});
