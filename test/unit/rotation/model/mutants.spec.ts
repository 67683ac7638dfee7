/** The model finds mistakes: each of these, made in the source, breaks an invariant within a few hundred runs. */
import * as fc from "fast-check";

import type { RotatorService } from "../../../../src/rotation/rotator.service.js";
import { modelRuns } from "./commands.js";
import { loadMutant, type Mutation } from "./load-mutant.js";
import { InvariantBroken, runRotationModel } from "./rotation-model.js";

const RUN_COUNT = 2_000;
const SEED = 1;

interface Mutant extends Mutation {
	/** Invariants that may notice it first. */
	readonly brokenInvariants: readonly string[];
	/** Number of the run that notices it, where that comes late. */
	readonly foundAt?: string;
	readonly name: string;
}

const MUTANTS: readonly Mutant[] = [
	{
		brokenInvariants: ["I2"],
		file: "support/single-flight.ts",
		find: "this.current ??= this.start(task);",
		name: "runs rotations side by side",
		replace: "this.current = this.start(task);",
	},
	{
		brokenInvariants: ["I5"],
		file: "rotation/stage-pools.ts",
		find: "\t\tdiscardPools(created);\n\t\tawait waitUntilClosed(created, request.clock);\n\t\tthrow error;",
		name: "leaves a pool open that failed in staging",
		replace: "\t\tthrow error;",
	},
	{
		brokenInvariants: ["I4"],
		file: "rotation/drain-pools.ts",
		find: "clock.nowMs() - startedAtMs < deadlineMs",
		name: "cuts lent connections at once",
		replace: "clock.nowMs() < startedAtMs",
	},
	{
		brokenInvariants: ["I1"],
		file: "rotation/rotation-runner.ts",
		find: "connector.renewClients?.();",
		name: "tears down the live pool at the third failure",
		replace: "connector.renewClients?.();\n\t\tattachment.live.readPools().master.beginEnd();",
	},
	{
		brokenInvariants: ["I10"],
		file: "rotation/rotation-runner.ts",
		find: "signal: this.closed,",
		name: "promotes after the close",
		replace: "signal: new AbortController().signal,",
	},
	{
		brokenInvariants: ["I6"],
		file: "rotation/drain-pools.ts",
		find: " && clock.nowMs() - startedAtMs < deadlineMs",
		name: "drains without a deadline",
		replace: "",
	},
	{
		brokenInvariants: ["I1"],
		file: "rotation/stage-pools.ts",
		find: "const answer = await verify(pool, node.name, request);",
		name: "promotes what it has not verified",
		replace: "const answer: ProbeAnswer = { isReadOnly: false };",
	},
	{
		brokenInvariants: ["I11"],
		file: "rotation/gate-side.ts",
		find: "permits.reserve(Math.max(0, connectionCount - ledger.heldCount));",
		name: "forgets the idle connections of a retired pool",
		replace: "",
	},
	{
		brokenInvariants: ["I11"],
		file: "rotation/acquire-attempts.ts",
		find: "if (ledger.owedCount === undefined) {",
		name: "gives the permit of a retired connection back twice",
		replace: "if (ledger.owedCount !== undefined) side.permits.give();\n\tif (ledger.owedCount === undefined) {",
	},
	{
		brokenInvariants: ["I11"],
		file: "rotation/acquire-attempts.ts",
		find: "while (this.isRoomWanted(side, deadlineAtMs)) await waitForRoom(side, clock, deadlineAtMs - clock.nowMs());",
		foundAt: "84",
		name: "logs in beside a socket that is closing",
		replace: "",
	},
	{
		brokenInvariants: ["I6", "I7", "I11"],
		file: "rotation/acquire-attempts.ts",
		find: "\t\tawait waitForClosing(pool, clock);\n",
		foundAt: "461",
		name: "gives the permit of a refused login away while its socket is open",
		replace: "",
	},
	{
		brokenInvariants: ["I6", "I7", "L3", "L4"],
		file: "rotation/gate-side.ts",
		find: "\t\t\tpool.cutClosing();\n",
		foundAt: "461",
		name: "never cuts a socket that its peer does not close",
		replace: "",
	},
	{
		brokenInvariants: ["L3", "L4"],
		file: "rotation/gate-side.ts",
		find: "\t\tpermits.give();\n\t\tthrow error;",
		name: "loses the permit of a caller who fails",
		replace: "\t\tthrow error;",
	},
	{
		brokenInvariants: ["I12"],
		file: "rotation/login-watch.ts",
		find: 'return "probe";',
		name: "lets everybody try credentials that nobody has proven",
		replace: 'this.isProbing = false;\n\t\treturn "probe";',
	},
	{
		brokenInvariants: ["L3"],
		file: "rotation/acquire-attempts.ts",
		find: "if (remainingMs <= 0) throw error;",
		name: "passes every refused login on",
		replace: "throw error;",
	},
	{
		brokenInvariants: ["L3"],
		file: "rotation/acquire-attempts.ts",
		find: "if (isRefusal(error) && (isRetired ||",
		foundAt: "205",
		name: "passes a login on that was refused on a retired generation",
		replace: "if (isRetired) throw error;\n\t\tif (isRefusal(error) && (isRetired ||",
	},
	{
		brokenInvariants: ["L3"],
		file: "rotation/choose-replacement.ts",
		find: "const pending = await fetchPending();",
		foundAt: "105",
		name: "never asks for the pending version",
		replace: "const pending = undefined as Awaited<ReturnType<typeof fetchPending>>;",
	},
	{
		brokenInvariants: ["L1"],
		file: "rotation/choose-replacement.ts",
		find: "return { isLivePending: false, replacement: undefined };\n}",
		foundAt: "53",
		name: "believes to be ahead of AWSCURRENT for ever",
		replace: "return { isLivePending, replacement: undefined };\n}",
	},
	{
		brokenInvariants: ["L3"],
		file: "rotation/acquire-attempts.ts",
		find: "if (refusal !== undefined) this.options.onRefusal?.();",
		name: "does not ask for credentials while callers wait",
		replace: "",
	},
	{
		brokenInvariants: ["L1"],
		file: "rotation/rotation-schedule.ts",
		find: "this.plan(chooseDelayMs(this.options.intervalMs, outcome, this.options.random));",
		name: "does not come back after a failure",
		replace: "if (outcome.failureCount === 0) this.plan(chooseDelayMs(this.options.intervalMs, outcome, this.options.random));",
	},
	{
		brokenInvariants: ["I8"],
		file: "rotation/login-watch.ts",
		find: "\t\tthis.isClosed = true;\n\t\tthis.alarm?.cancel();\n",
		name: "leaves a timer behind",
		replace: "",
	},
	{
		brokenInvariants: ["I8"],
		file: "rotation/drain-pools.ts",
		find: "this.hurry.abort();\n\t\tevents.publish",
		name: "leaves the timer of a drain behind",
		replace: "events.publish",
	},
	{
		brokenInvariants: ["I11"],
		file: "rotation/rotator.service.ts",
		find: "\t\tawait this.runner.finishDrains(SHUTDOWN_GRACE_MS);\n\t\tthis.#attachment?.gate.uninstall();\n",
		name: "takes the gate away while retired connections are open",
		replace: "\t\tthis.#attachment?.gate.uninstall();\n\t\tawait this.runner.finishDrains(SHUTDOWN_GRACE_MS);\n",
	},
];

describe("the model of a rotation", () => {
	it.each(MUTANTS)(
		"notices a rotator that $name",
		async ({ brokenInvariants, foundAt, ...mutation }) => {
			const error = await findFailure(loadMutant(mutation), foundAt);

			expect(error).toBeInstanceOf(InvariantBroken);
			expect(brokenInvariants).toContain((error as InvariantBroken).invariant);
		},
		240_000,
	);
});

/** Goes straight to the run in which the mistake showed when this was written; searches where it does not show there any more. */
async function findFailure(Rotator: typeof RotatorService, foundAt?: string): Promise<unknown> {
	const property = fc.asyncProperty(...modelRuns, async (commands, seed) => runRotationModel(Rotator, commands, seed));
	const check = async (path?: string): Promise<unknown> => {
		const { errorInstance } = await fc.check(property, {
			endOnFailure: true,
			numRuns: path === undefined ? RUN_COUNT : 1,
			seed: SEED,
			...(path === undefined ? {} : { path }),
		});
		return errorInstance;
	};
	const known = foundAt === undefined ? undefined : await check(foundAt);
	return known ?? check();
}
