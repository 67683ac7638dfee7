/** The server ends connections in the middle of work. That costs the operations it hits; none is lost, repeated or left open. */
import { setTimeout as delay } from "node:timers/promises";

import { describeEngines } from "../support/describe-engines.js";
import { fillPool } from "../support/held-connections.js";
import { startWatchedScene } from "../support/invariants.js";
import { waitUntil } from "../support/wait-until.js";

const ROTATION = { intervalMs: 50, isEnabled: true };

/** Shutdown, crash and start of the server, and what TypeORM and the drivers say when a connection is gone. */
const CONNECTION_CODES = new Set([
	...["57P01", "57P02", "57P03", "ECONNREFUSED", "ECONNRESET", "EPIPE"],
	...["ER_CONNECTION_KILLED", "ER_QUERY_INTERRUPTED", "ER_SERVER_SHUTDOWN", "PROTOCOL_CONNECTION_LOST"],
]);
const CONNECTION_WORDS = /terminated|connection error|not queryable|released|Client was closed|timeout|closed state/i;

function isConnectionLoss(failure: Error): boolean {
	return CONNECTION_CODES.has(String((failure as { code?: unknown }).code)) || CONNECTION_WORDS.test(failure.message);
}

describeEngines("The server", {}, ({ getServers, version }) => {
	it("may terminate backends while rotations run", async () => {
		const scene = await startWatchedScene(getServers(), { config: { rotation: ROTATION }, isExpected: isConnectionLoss, version });

		for (let round = 0; round < 10; round += 1) {
			await scene.alternate();
			await delay(30);
			await Promise.all(scene.users.map(async (user) => scene.server.terminate(user)));
		}
		await waitUntil("the newest user serves", async () => (await scene.findUser().catch(() => "")) === scene.current().username);
		const { operationCount } = scene.workload.report();
		await waitUntil("the load goes on", () => scene.workload.report().operationCount > operationCount + 20);

		expect(await scene.findViolations()).toEqual([]);
	});

	it("may restart under load and come back with other passwords", async () => {
		const scene = await startWatchedScene(getServers(), { config: { rotation: ROTATION }, isExpected: isConnectionLoss, version });
		await waitUntil("the load runs", () => scene.workload.report().operationCount > 20);

		await scene.server.restart();
		const upAtOperation = scene.workload.report().operationCount;
		await scene.alternate();
		await waitUntil("rotation has resumed", () => scene.events.some(({ type }) => type === "rotation.succeeded"));
		const failureCount = scene.workload.report().failures.length;
		await waitUntil("the load goes on", () => scene.workload.report().operationCount > upAtOperation + 50);

		await scene.waitForUser(scene.users[1]);
		// Once it serves again, nothing fails any more.
		expect(scene.workload.report().failures).toHaveLength(failureCount);
		expect(await scene.findViolations()).toEqual([]);
	});
});

describeEngines("The role of the live side", {}, ({ dialect, getServers, version }) => {
	it("may be locked: open connections serve on, and who needs a new one is served by the next role", async () => {
		const scene = await startWatchedScene(getServers(), {
			config: { rotation: { intervalMs: 2_592_000_000, isEnabled: true } },
			version,
			workerCount: 2,
		});
		const [liveUser, nextUser] = scene.users;
		await scene.server.admin.query(dialect.lockUser(liveUser));
		await scene.alternate();

		await fillPool(scene.dataSource, 3);
		await scene.waitForUser(nextUser);

		expect(await scene.findViolations()).toEqual([]);
	});

	it("may be dropped once it is retired", async () => {
		const scene = await startWatchedScene(getServers(), { version });
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.rotator.waitForExchange();

		if (scene.server.engine === "postgres") {
			const handOver = `REASSIGN OWNED BY ${scene.users[0]} TO ${scene.users[1]}; DROP OWNED BY ${scene.users[0]}`;
			await scene.server.admin.query(handOver, [], scene.database);
		}
		await scene.server.admin.query(dialect.dropUser(scene.users[0]));

		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
