/** The event loop is blocked for a while: no deadline fires for that, and the schedule does not catch up in a burst. */
import { setTimeout as delay } from "node:timers/promises";

import { describeEngines } from "../support/describe-engines.js";
import { startWatchedScene } from "../support/invariants.js";
import { waitUntil } from "../support/wait-until.js";

function block(durationMs: number): void {
	const endMs = performance.now() + durationMs;
	while (performance.now() < endMs);
}

describeEngines("A blocked event loop", {}, ({ getServers, version }) => {
	it("does not harm rotations under load", async () => {
		const scene = await startWatchedScene(getServers(), { version });
		let isBlocking = true;
		const blocker = (async () => {
			while (isBlocking) {
				block(150);
				await delay(20);
			}
		})();

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 5; rotation += 1) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		}
		isBlocking = false;
		await blocker;

		expect(outcomes).toEqual(["rotated", "rotated", "rotated", "rotated", "rotated"]);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("does not make the schedule catch up", async () => {
		const scene = await startWatchedScene(getServers(), { config: { rotation: { intervalMs: 100, isEnabled: true } }, version });
		const listStarts = () => scene.events.filter(({ type }) => type === "rotation.started");
		await waitUntil("the schedule runs", () => listStarts().length > 0);
		const countBefore = listStarts().length;

		block(1_000);
		// The turn in which what is overdue gets its chance.
		await delay(1);
		const countAfterwards = listStarts().length;

		expect(countAfterwards - countBefore).toBeLessThanOrEqual(1);
		expect(await scene.findViolations()).toEqual([]);
	});
});
