/** A run of the model: commands, then the end of all faults, then the close; the invariants are checked after each step. */
import type { RotatorService } from "../../../../src/rotation/rotator.service.js";
import { FakeClock } from "../../../support/fake-clock.js";
import type { Command } from "./commands.js";
import { HEALING_MS, Invariants, SLACK_MS } from "./invariants.js";
import { BUDGET_MS, INTERVAL_MS, POOL_SIZE, RotationScene, SLOW_GOODBYE_MS } from "./rotation-scene.js";

/** Time in which everything has come to its end when nothing is wrong any more: two ticks, a caller's wait, a healing. */
const CONVERGENCE_MS = 2 * INTERVAL_MS + BUDGET_MS + HEALING_MS;

/** An invariant that does not hold. */
export class InvariantBroken extends Error {
	override readonly name = "InvariantBroken";

	constructor(
		readonly invariant: string,
		finding: string,
		atMs: number,
	) {
		super(`${invariant} at ${atMs} ms: ${finding}`);
	}
}

/**
 * Runs commands against a rotator, then lets the faults end and sees whether everything comes right.
 * @param seed For what is left to chance: the jitter of the library, and how the run ends.
 * @throws InvariantBroken
 */
export async function runRotationModel(Rotator: typeof RotatorService, commands: readonly Command[], seed = 1): Promise<void> {
	const clock = new FakeClock();
	let broken: InvariantBroken | undefined;
	const blame = (invariant: string, finding: string): void => {
		broken ??= new InvariantBroken(invariant, finding, clock.nowMs());
	};
	const scene = await RotationScene.create(clock, Rotator, seed, blame);
	const invariants = new Invariants(scene, blame, () => {
		if (broken !== undefined) throw broken;
	});
	scene.observer = invariants;

	await executeAll(scene, commands);
	await executeAll(scene, [
		["database", "ok"],
		["fetch", "ok"],
	]);
	if (!scene.isClosing) {
		await convergeAndLend(scene, invariants, seed);
		if (scene.holders.length < POOL_SIZE) blame("L4", `of ${POOL_SIZE} connections only ${scene.holders.length} can be had`);
		await rotateAndClose(scene, seed);
	}
	await scene.execute(["advance", CONVERGENCE_MS]);
	if (scene.closedAtMs === undefined) blame("I8", "the close has not ended");
	invariants.onStep();
}

async function executeAll(scene: RotationScene, commands: readonly Command[]): Promise<void> {
	for (const command of commands) await scene.execute(command);
}

async function convergeAndLend(scene: RotationScene, invariants: Invariants, seed: number): Promise<void> {
	const isCompleted = scene.secret.isTaken(scene.secret.pending) && seed % 2 === 0;
	await executeAll(scene, [
		["secret", isCompleted ? "secret catches up" : "roll back"],
		["advance", CONVERGENCE_MS],
	]);
	invariants.checkConvergence();
	await executeAll(scene, [["release all"], ["acquire", POOL_SIZE], ["advance", SLACK_MS]]);
}

/** A full pool is retired and wanted again before its connections are closed; then the close comes in the middle of a rotation, while callers wait. */
async function rotateAndClose(scene: RotationScene, seed: number): Promise<void> {
	await executeAll(scene, [
		["release all"],
		["database", "slow goodbyes"],
		["secret", "change both"],
		["rotate"],
		["acquire", POOL_SIZE + 2],
		["advance", 2 * SLOW_GOODBYE_MS],
		["secret", "change both"],
		["database", "slow"],
		["rotate"],
		["advance", seed % 100],
		["close", seed % 3 === 0 ? "typeorm first" : "rotator first"],
	]);
}
