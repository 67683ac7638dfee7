/** Work that began before a rotation: it ends on the connection it has, while new work uses the new user. */
import { type EngineCase, describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { beginStream, beginTransaction } from "../../support/lasting-work.js";
import { readLedger } from "../../support/ledger-workload.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

async function rotate(scene: Scene<DatabaseServer>): Promise<string> {
	await scene.alternate();
	const { outcome } = await scene.rotator.rotateDatabaseConnection();
	return outcome;
}

describeEngines("Work", {}, (engineCase) => {
	describe.each([true, false])("when rotation.isEnabled is %s", (isEnabled) => {
		itLasts(engineCase, isEnabled);
	});
});

describeEngines("A very long transaction", {}, ({ start }) => {
	it("lives through three rotations", async () => {
		const scene = await start();
		const transaction = await beginTransaction(scene.dataSource, "very-long");

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		const seen = await transaction.commit();
		const stored = await readLedger(scene.dataSource);

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(stored).toEqual(["very-long"]);
	});
});

function itLasts({ dialect, start }: EngineCase, isEnabled: boolean): void {
	const config = { rotation: { intervalMs: 2_592_000_000, isEnabled } };

	it("lets a transaction commit on its own connection while new work uses the new user", async () => {
		const scene = await start({ config });
		const transaction = await beginTransaction(scene.dataSource, "long");

		const outcome = await rotate(scene);
		await scene.waitForUser(scene.users[1]);
		const isDrainedMeanwhile = scene.events.some(({ type }) => type === "drain.finished");
		const seen = await transaction.commit();
		const stored = await readLedger(scene.dataSource);
		await waitUntil("the old pool is drained", () => scene.events.some(({ type }) => type === "drain.finished"));

		expect([outcome, isDrainedMeanwhile]).toEqual(["rotated", false]);
		expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(stored).toEqual(["long"]);
		await eventually(async () => expect(await scene.server.connections(scene.users[0])).toEqual([]));
	});

	it("lets a slow reader of a stream read every row", async () => {
		const scene = await start({ config });
		const stream = await beginStream(scene.dataSource);

		const outcomes = [await rotate(scene), await rotate(scene)];
		const pids = (await scene.server.connections(scene.users[0])).map(({ pid }) => pid);
		stream.goOn();
		const rowCount = await stream.result;
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect(pids).toContain(stream.pid);
		expect(rowCount).toBe(stream.rowCount);
	});

	it("gives a runner that was created before and connects after a connection of the new user", async () => {
		const scene = await start({ config });
		const runner = scene.dataSource.createQueryRunner();

		await scene.exchange();
		await scene.server.setPassword(scene.users[0], "revoked");
		const rows: unknown = await runner.query(dialect.selectUser);
		await runner.release();

		expect(rows).toEqual([{ user: scene.users[1] }]);
	});
}
