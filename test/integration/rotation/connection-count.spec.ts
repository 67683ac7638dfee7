/** How many connections there are while generations overlap: those of the pool, and one that is checked or exchanged. */
import { type ConnectionPeaks, sampleConnections } from "../../support/connection-sampler.js";
import { describeEngines } from "../../support/describe-engines.js";
import { fillPool } from "../../support/held-connections.js";
import { beginTransaction } from "../../support/lasting-work.js";
import { startLedgerWorkload } from "../../support/ledger-workload.js";
import type { EngineName } from "../../support/server/database-server.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";

const POOL_SIZE = 5;
const ROTATION_COUNT = 6;
const SAMPLE_COUNT = 30;

/** MariaDB lists a connection for a while after it is closed. */
function expectBounded(serverPeak: number, engine: EngineName): void {
	expect(engine === "postgres" ? serverPeak : 0).toBeLessThanOrEqual(POOL_SIZE + 1);
}

describeEngines("The number of connections", {}, ({ engine, getServers, start }) => {
	let proxy: TcpProxy;

	beforeAll(async () => {
		proxy = await startTcpProxy({ target: getServers().server });
	});

	afterAll(async () => proxy.stop());

	it.each([
		{ lastingCount: 0, title: "under load" },
		{ lastingCount: 3, title: "under load with transactions that outlive several generations" },
	])("stays within poolSize + 1 $title", async ({ lastingCount }) => {
		const scene = await start({ config: { poolSize: POOL_SIZE }, endpoint: proxy });
		const workload = startLedgerWorkload(scene.dataSource);
		const lasting = await Promise.all(
			Array.from({ length: lastingCount }, async (_, index) => beginTransaction(scene.dataSource, `long-${String(index)}`)),
		);
		const sampler = await sampleConnections(scene.server, proxy, scene.database);

		const outcomes: string[] = [];
		// A sampler that sees too little would prove nothing.
		const hasSeenEnough = ({ client, server, serverSampleCount }: ConnectionPeaks): boolean =>
			client >= POOL_SIZE && server >= POOL_SIZE - 1 && serverSampleCount >= SAMPLE_COUNT;
		while (outcomes.length < ROTATION_COUNT || !hasSeenEnough(sampler.peaks)) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		}
		await Promise.all(lasting.map(async ({ commit }) => commit()));
		const peaks = await sampler.stop();
		const { failures } = await workload.stop();
		await scene.stop();

		// A rotation that failed leaves credentials that the next change makes useless: the reason comes first.
		expect(scene.events.filter(({ type }) => type === "rotation.failed")).toEqual([]);
		expect(outcomes).toEqual(outcomes.map(() => "rotated"));
		expect(failures).toEqual([]);
		expect(peaks.client).toBeLessThanOrEqual(POOL_SIZE + 1);
		expectBounded(peaks.server, engine);
	});

	it("stays within poolSize + 1 when many callers come as soon as the connections of a full pool at rest are exchanged", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE }, endpoint: proxy });
		const callAtOnce = async () => fillPool(scene.dataSource, POOL_SIZE);
		const bursts: Promise<unknown>[] = [callAtOnce()];
		scene.rotator.events$.subscribe(({ type }) => {
			if (type === "rotation.succeeded") bursts.push(callAtOnce());
		});
		const sampler = await sampleConnections(scene.server, proxy, scene.database);

		for (let rotation = 0; rotation < 5 || sampler.peaks.client <= POOL_SIZE; rotation += 1) {
			await Promise.all(bursts);
			await scene.exchange();
		}
		await Promise.all(bursts);
		const peaks = await sampler.stop();
		await scene.stop();

		expect(bursts.length).toBeGreaterThan(5);
		expect(peaks.client).toBe(POOL_SIZE + 1);
		expectBounded(peaks.server, engine);
	});
});
