/** Work that began before a rotation: it ends on the connection it has, while new work uses the new user. */
import { type EngineCase, describeEngines } from "../../support/describe-engines.js";
import { beginStream, beginTransaction } from "../../support/lasting-work.js";
import { readLedger } from "../../support/ledger-workload.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

/** Nothing in it depends on its length; the one of five seconds has a test of its own. */
const TRANSACTION_MS = 1_000;

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
	it("lives through three rotations in five seconds", async () => {
		const scene = await start();
		const transaction = await beginTransaction(scene.dataSource, "very-long", 5_000);

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		const seen = await transaction.result;
		const stored = await readLedger(scene.dataSource);
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(stored).toEqual(["very-long"]);
	});
});

function itLasts({ dialect, start }: EngineCase, isEnabled: boolean): void {
	const config = { rotation: { intervalMs: 2_592_000_000, isEnabled } };

	it("lets a transaction commit on its own connection while new work uses the new user", async () => {
		const scene = await start({ config });
		const transaction = await beginTransaction(scene.dataSource, "long", TRANSACTION_MS);

		const outcome = await rotate(scene);
		const userMeanwhile = await scene.findUser();
		const isDrainedMeanwhile = scene.events.some(({ type }) => type === "drain.finished");
		const seen = await transaction.result;
		const stored = await readLedger(scene.dataSource);
		await waitUntil("the old pool is drained", () => scene.events.some(({ type }) => type === "drain.finished"));
		const remaining = await scene.server.connections(scene.users[0]);
		await scene.stop();

		expect([outcome, userMeanwhile, isDrainedMeanwhile]).toEqual(["rotated", scene.users[1], false]);
		expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(stored).toEqual(["long"]);
		expect(remaining).toEqual([]);
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

		await rotate(scene);
		await scene.server.setPassword(scene.users[0], "revoked");
		const rows: unknown = await runner.query(dialect.selectUser);
		await runner.release();
		await scene.stop();

		expect(rows).toEqual([{ user: scene.users[1] }]);
	});
}
