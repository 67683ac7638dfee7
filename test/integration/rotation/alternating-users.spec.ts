/** Alternating users under load: no operation fails, and the old user's connections go away. */
import { ALL_ENGINES, describeEngines } from "../../support/describe-engines.js";
import { readLedger, startLedgerWorkload } from "../../support/ledger-workload.js";

const ROTATION_COUNT = 12;

describeEngines("Alternating users", { engines: ALL_ENGINES }, ({ start }) => {
	it("rotates again and again under 16 workers without a failed operation", async () => {
		const scene = await start();
		const workload = startLedgerWorkload(scene.dataSource, { workerCount: 16 });

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < ROTATION_COUNT; rotation += 1) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		}
		const report = await workload.stop();

		expect(report.failures).toEqual([]);
		expect(outcomes).toEqual(Array.from({ length: ROTATION_COUNT }, () => "rotated"));
		expect(new Set(await readLedger(scene.dataSource))).toEqual(new Set(report.acknowledged));
		await scene.stop();
	});
});
