/** Query runners that are released while they still connect. Their connection must not serve another caller in the middle of a transaction. */
import { describeEngines } from "../../support/describe-engines.js";
import { waitUntil } from "../../support/wait-until.js";

describeEngines("A query runner that is released while it begins a transaction", { engines: ["postgres"] }, ({ dialect, start }) => {
	it("does not pass its open transaction on to the next caller", async () => {
		const scene = await start({ config: { poolSize: 2 } });
		const { dataSource, rotator, server } = scene;
		// The old connection is in use, so the rotation below keeps draining.
		const draining = dataSource.createQueryRunner();
		await draining.connect();
		await scene.alternate();
		await rotator.rotateDatabaseConnection();
		const held = dataSource.createQueryRunner();
		await held.connect();

		const abandoned = dataSource.createQueryRunner();
		const beginning = abandoned.startTransaction().catch(() => undefined);
		await waitUntil("the runner waits for a connection", () => rotator.describe().includes("waiting=1"));
		await abandoned.release();
		await held.release();
		await beginning;
		await dataSource.query(dialect.insertEntry, ["after-the-abandoned", 1]);
		const { rows } = await server.admin.query("SELECT id FROM ledger", [], scene.database);
		await draining.release();
		await scene.stop();

		expect(rows).toEqual([{ id: "after-the-abandoned" }]);
	});
});
