/** What becomes of the pools that were replaced: nothing of them is left, and each was ended exactly once. */
import { countPoolsOf } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { startLedgerWorkload } from "../../support/ledger-workload.js";
import { waitUntil } from "../../support/wait-until.js";

const LOGIN_EVENTS = { mariadb: "connection", mysql: "connection", postgres: "connect" };
/** What a retired pool of mysql2 is watched for: connections that come back. */
const ENDING_EVENTS = { mariadb: { release: 1 }, mysql: { release: 1 }, postgres: {} };

describeEngines("Retired pools", {}, ({ engine, start }) => {
	it("leaves no connection of the former user after rotations under load", async () => {
		const scene = await start();
		const workload = startLedgerWorkload(scene.dataSource);
		for (let rotation = 0; rotation < 5; rotation += 1) {
			await scene.alternate();
			await scene.rotator.rotateDatabaseConnection();
		}
		const formerUser = scene.users[0];

		await waitUntil("the former user has no connection", async () => (await scene.server.connections(formerUser)).length === 0);
		const connections = await scene.server.connections(scene.users[1]);
		const { failures } = await workload.stop();
		await scene.stop();

		expect(failures).toEqual([]);
		expect(connections.length).toBeGreaterThan(0);
	});

	it("ends each pool exactly once, the last one with the DataSource", async () => {
		const { driver, pools } = countPoolsOf(engine);
		const scene = await start({ override: (options) => ({ ...options, driver }) });
		for (let rotation = 0; rotation < 4; rotation += 1) {
			await scene.alternate();
			await scene.rotator.rotateDatabaseConnection();
		}

		await waitUntil("the retired pools are drained", () => scene.events.filter(({ type }) => type === "drain.finished").length === 4);
		const endCounts = pools.map(({ endCount }) => endCount);
		const retired = pools.slice(0, -1);
		await scene.stop();

		expect(endCounts).toEqual([1, 1, 1, 1, 0]);
		expect(pools.map(({ endCount }) => endCount)).toEqual([1, 1, 1, 1, 1]);
		await eventually(() => expect(retired.map(({ totalCount }) => totalCount)).toEqual([0, 0, 0, 0]));
	});

	it("does not gather listeners on the live pool from rotation to rotation", async () => {
		const { driver, pools } = countPoolsOf(engine);
		const scene = await start({ override: (options) => ({ ...options, driver }) });
		let acquisitionCount = 0;
		pools[0]?.pool.on("acquire", () => (acquisitionCount += 1));
		for (let rotation = 0; rotation < 6; rotation += 1) {
			await scene.alternate();
			await scene.rotator.rotateDatabaseConnection();
		}
		const countListeners = (index: number) =>
			pools[index]?.pool.eventNames().map((name) => [name, pools[index]?.pool.listenerCount(name)]);
		const acquisitionCountBefore = acquisitionCount;

		await scene.dataSource.query("SELECT 1");
		const acquisitionCountAfter = acquisitionCount;
		const listeners = [countListeners(6), countListeners(5)];
		await scene.stop();

		expect(acquisitionCountAfter).toBe(acquisitionCountBefore + 1);
		expect(Object.fromEntries(listeners[0] ?? [])).toMatchObject({ acquire: 1, [LOGIN_EVENTS[engine]]: 1 });
		expect((listeners[0] ?? []).map(([, count]) => count)).toEqual((listeners[0] ?? []).map(() => 1));
		expect(Object.fromEntries(listeners[1] ?? [])).toEqual({ ...Object.fromEntries(listeners[0] ?? []), ...ENDING_EVENTS[engine] });
	});
});
