/** Every step that a rotation may take, and none that it may not. */
import { type RotationPhase, RotationState } from "../../../src/rotation/rotation-state.js";

const PHASES: readonly RotationPhase[] = ["closed", "fetching", "idle", "promoting", "staging", "verifying"];

/** The way from `idle` to each phase. */
const WAYS: Readonly<Record<RotationPhase, readonly RotationPhase[]>> = {
	closed: ["closed"],
	fetching: ["fetching"],
	idle: [],
	promoting: ["fetching", "staging", "verifying", "promoting"],
	staging: ["fetching", "staging"],
	verifying: ["fetching", "staging", "verifying"],
};

const NEXT: Readonly<Record<Exclude<RotationPhase, "closed">, readonly RotationPhase[]>> = {
	fetching: ["closed", "fetching", "idle", "staging"],
	idle: ["closed", "fetching"],
	promoting: ["closed", "idle"],
	staging: ["closed", "fetching", "idle", "staging", "verifying"],
	verifying: ["closed", "fetching", "idle", "promoting", "staging"],
};

function go(phase: RotationPhase): RotationState {
	const state = new RotationState();
	for (const step of WAYS[phase]) state.enter(step);
	return state;
}

describe("RotationState", () => {
	it("begins idle, without failures and without a success", () => {
		const { failureCount, generation, lastSuccessAtMs, phase } = new RotationState();

		expect({ failureCount, generation, lastSuccessAtMs, phase }).toEqual({ failureCount: 0, generation: 1, phase: "idle" });
	});

	describe.each(Object.entries(NEXT))("when %s", (from, allowed) => {
		it.each(allowed)("may be %s next", (phase) => {
			const state = go(from as RotationPhase);

			state.enter(phase);

			expect(state.phase).toBe(phase);
		});

		it.each(PHASES.filter((phase) => !allowed.includes(phase)))("cannot be %s next, and stays", (phase) => {
			const state = go(from as RotationPhase);

			expect(() => state.enter(phase)).toThrow(`A rotation cannot go from ${from} to ${phase}`);
			expect(state.phase).toBe(from);
		});
	});

	it.each(PHASES)("stays closed, silently, when %s is next", (phase) => {
		const state = go("closed");

		state.enter(phase);

		expect(state.phase).toBe("closed");
	});
});
