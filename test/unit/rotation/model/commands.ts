/** What happens in a run of the model, as plain data that prints, shrinks and can be pasted into a spec. */
import * as fc from "fast-check";

import type { FetchState, SecretStep } from "./model-secret.js";

/** How the database fares. */
export type DatabaseState =
	| "black hole"
	| "down"
	| "hang"
	| "full"
	| "ok"
	| "read-only"
	| "slow"
	| "slow goodbyes"
	| "slower than the deadline"
	| "statements fail"
	| "statements hang";

/** One command. */
export type Command =
	| readonly ["acquire", number]
	| readonly ["advance", number]
	| readonly ["close", "rotator first" | "typeorm first"]
	| readonly ["database", DatabaseState]
	| readonly ["fetch", FetchState]
	| readonly ["idle connections are cut"]
	| readonly ["release", number]
	| readonly ["release all"]
	| readonly ["rotate"]
	| readonly ["secret", SecretStep];

/** Commands at the frequency at which each kind of mistake shows soon. Closing is rare: it ends what the others need time for. */
const command: fc.Arbitrary<Command> = fc.oneof(
	weighted(32, fc.tuple(fc.constant("acquire"), fc.integer({ max: 4, min: 1 }))),
	weighted(24, fc.tuple(fc.constant("release"), fc.nat(9))),
	weighted(6, fc.constant(["release all"])),
	weighted(20, fc.constant(["rotate"])),
	weighted(20, fc.tuple(fc.constant("advance"), fc.integer({ max: 60, min: 0 }))),
	weighted(24, fc.tuple(fc.constant("advance"), fc.integer({ max: 1_500, min: 100 }))),
	weighted(10, fc.tuple(fc.constant("advance"), fc.integer({ max: 9_000, min: 2_000 }))),
	weighted(
		32,
		fc.tuple(
			fc.constant("secret"),
			fc.constantFrom<SecretStep[]>(
				"alternate user",
				"change both",
				"change both",
				"create pending",
				"database first",
				"database first",
				"roll back",
				"secret catches up",
				"secret catches up",
			),
		),
	),
	weighted(
		20,
		fc.tuple(
			fc.constant("database"),
			fc.constantFrom<DatabaseState[]>(
				"black hole",
				"down",
				"full",
				"hang",
				"ok",
				"ok",
				"ok",
				"ok",
				"read-only",
				"slow",
				"slow",
				"slow goodbyes",
				"slower than the deadline",
				"statements fail",
				"statements hang",
			),
		),
	),
	weighted(8, fc.constant(["idle connections are cut"])),
	weighted(10, fc.tuple(fc.constant("fetch"), fc.constantFrom<FetchState[]>("fail", "hang", "no pending", "ok", "ok", "ok"))),
	weighted(1, fc.tuple(fc.constant("close"), fc.constantFrom("rotator first", "typeorm first"))),
);

/** Up to sixty commands, and a seed for what is left to chance. */
export const modelRuns: [fc.Arbitrary<Command[]>, fc.Arbitrary<number>] = [
	fc.array(command, { maxLength: 60, size: "max" }),
	fc.integer({ max: 2_147_483_646, min: 1 }),
];

function weighted(weight: number, arbitrary: fc.Arbitrary<readonly unknown[]>): fc.WeightedArbitrary<Command> {
	return { arbitrary: arbitrary as unknown as fc.Arbitrary<Command>, weight };
}
