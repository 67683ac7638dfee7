/** Whatever happens in whatever order, the promises of a rotation hold. */
import * as fc from "fast-check";

import { RotatorService } from "../../../../src/rotation/rotator.service.js";
import { modelRuns } from "./commands.js";
import { runRotationModel } from "./rotation-model.js";

/** The same runs each time, so that a change is what makes a difference. MODEL_SEED and MODEL_RUNS look further; MODEL_PATH repeats what a failure printed. */
const { MODEL_PATH, MODEL_RUNS = "300", MODEL_SEED = "1" } = process.env;

describe("the model of a rotation", () => {
	it("keeps every invariant under any commands", async () => {
		const property = fc.asyncProperty(...modelRuns, async (commands, seed) => runRotationModel(RotatorService, commands, seed));

		const check = fc.assert(property, {
			numRuns: Number(MODEL_RUNS),
			...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
			seed: Number(MODEL_SEED),
		});

		await expect(check).resolves.toBeUndefined();
	}, 600_000);
});
