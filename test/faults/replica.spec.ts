/** The network between the application and its replica cuts connections or falls silent while rotations run: the master is not held up by it. */
import { describeEngines } from "../support/describe-engines.js";
import { startWatchedScene, type WatchedScene, type WatchOptions } from "../support/invariants.js";
import type { DatabaseReplica } from "../support/server/database-server.js";
import { type TcpProxy, startTcpProxy } from "../support/tcp-proxy.js";
import { waitUntil } from "../support/wait-until.js";

const MONTH_MS = 2_592_000_000;
const ROUND_COUNT = 6;

/** What the drivers and TypeORM say of a connection that is cut in the middle of a statement. */
function isConnectionLoss({ code, message }: Error & { readonly code?: unknown }): boolean {
	return (
		["ECONNRESET", "EPIPE", "PROTOCOL_CONNECTION_LOST"].includes(String(code)) || /terminated|not queryable|closed state/i.test(message)
	);
}

describeEngines("The network to a replica", { hasReplica: true }, ({ getServers, version }) => {
	let proxy: TcpProxy;

	beforeEach(async () => {
		proxy = await startTcpProxy({ target: getServers().replica as DatabaseReplica });
	});

	const start = async (options: Partial<WatchOptions>): Promise<WatchedScene> =>
		startWatchedScene(getServers(), { ...options, replicaEndpoint: proxy, version });

	it("may cut all its connections in the middle of every rotation", async () => {
		// A replica that was cut while it was checked keeps its credentials, which the second rotation after that makes stale.
		const scene = await start({ config: { rotation: { intervalMs: MONTH_MS, isEnabled: true } }, isExpected: isConnectionLoss });

		const outcomes: string[] = [];
		for (let round = 0; round < ROUND_COUNT; round += 1) {
			await scene.alternate();
			await scene.replica?.catchUp();
			const acceptedCount = proxy.acceptedCount;
			let hasEnded = false;
			const rotation = scene.rotator.rotateDatabaseConnection().finally(() => (hasEnded = true));
			// The replica may have followed by itself already: it is asked again after each cut.
			await waitUntil("the replica is staged, or the rotation has ended", () => hasEnded || proxy.acceptedCount > acceptedCount);
			proxy.reset();
			outcomes.push((await rotation).outcome);
		}
		await scene.rotator.rotateDatabaseConnection();
		const { operationCount } = scene.workload.report();
		await waitUntil("the load goes on", () => scene.workload.report().operationCount > operationCount + 20);

		expect(outcomes).not.toContain("failed");
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[0], mode);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may fall silent: the master is rotated meanwhile, and the replica once it answers", async () => {
		const scene = await start({ rotatorOptions: { deadlines: { connectMs: 1_000, drainMs: 300 } }, workerCount: 0 });
		const listReports = (): unknown[] => scene.events.flatMap((event) => (/^replica\./.test(event.type) ? [event.type] : []));
		for (const mode of ["master", "slave"] as const) await scene.findUser(mode);
		proxy.freeze();
		await scene.alternate();

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1], "master");
		await waitUntil("the silence is reported", () => listReports().length > 0);
		await proxy.thaw();
		await scene.replica?.catchUp();
		await waitUntil("the replica has followed", () => listReports().length > 1);
		const afterwards = await scene.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		expect(afterwards).toEqual({ outcome: "unchanged" });
		expect(listReports()).toEqual(["replica.unverified", "replica.verified"]);
		for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.users[1], mode);
		expect(await scene.findViolations()).toEqual([]);
	});
});
