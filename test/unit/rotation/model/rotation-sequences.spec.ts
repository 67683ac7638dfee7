/** What the model once found, as the shortest commands that lead there. */
import { RotatorService } from "../../../../src/rotation/rotator.service.js";
import type { Command } from "./commands.js";
import { runRotationModel } from "./rotation-model.js";

const SEQUENCES: readonly { readonly commands: readonly Command[]; readonly name: string; readonly seed?: number }[] = [
	{
		commands: [
			["secret", "database first"],
			["acquire", 2],
			["advance", 2_000],
			["secret", "create pending"],
		],
		name: "returns to AWSCURRENT after the pending version that it runs on was given up",
	},
	{
		commands: [
			["secret", "alternate user"],
			["acquire", 2],
			["advance", 1],
			["acquire", 3],
			["close", "rotator first"],
		],
		name: "opens no connection too many for those who wait while a retired pool drains at the close",
	},
	{
		commands: [
			["secret", "database first"],
			["acquire", 2],
			["database", "black hole"],
			["release", 0],
			["advance", 2_000],
			["acquire", 3],
		],
		name: "tries a refused login again although the one before hangs",
	},
	{
		commands: [
			["database", "black hole"],
			["advance", 4_000],
			["acquire", 1],
			["secret", "change both"],
			["database", "slower than the deadline"],
			["advance", 6_101],
			["acquire", 2],
		],
		name: "lets one caller try after a login that hung until its budget was used up",
	},
	{
		commands: [["secret", "alternate user"], ["rotate"], ["close", "rotator first"], ["advance", 121]],
		name: "leaves no timer of a drain that has ended",
	},
	{
		commands: [
			["database", "slow goodbyes"],
			["secret", "change both"],
			["acquire", 2],
			["close", "rotator first"],
			["advance", 100],
			["advance", 1],
		],
		name: "closes a connection whose login ends beside a slow goodbye",
	},
	{
		commands: [
			...[8_704, 12, 1_355, 217].map((durationMs): Command => ["advance", durationMs]),
			["database", "slow goodbyes"],
			...[47, 1_202, 6_772, 36, 734, 10].map((durationMs): Command => ["advance", durationMs]),
			["secret", "alternate user"],
			["advance", 1_422],
			["secret", "change both"],
			["acquire", 3],
		],
		name: "waits for the socket of a refused login that pg-pool began in the next tick",
		seed: 28,
	},
];

describe("a rotator", () => {
	it.each(SEQUENCES)("$name", async ({ commands, seed }) => {
		await expect(runRotationModel(RotatorService, commands, seed)).resolves.toBeUndefined();
	});
});
