/** No sequence of borrowing, rotating and failing breaks an invariant. */
import * as fc from "fast-check";

import { actions, runModel } from "./rotation-model.js";

it("holds its invariants in random sequences", async () => {
	const outcome = await fc.check(
		fc.asyncProperty(actions, async (sequence) => runModel(sequence)),
		{ numRuns: 150, seed: 1 },
	);

	expect([outcome.failed, outcome.counterexample, outcome.errorInstance]).toEqual([false, null, null]);
});
