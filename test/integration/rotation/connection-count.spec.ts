/** How many connections there are while generations overlap: those of one pool, and the one that is being staged. */
import { sampleConnections } from "../../support/connection-sampler.js";
import { describeEngines } from "../../support/describe-engines.js";
import { beginTransaction } from "../../support/lasting-work.js";
import { startLedgerWorkload } from "../../support/ledger-workload.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";

const POOL_SIZE = 5;
const ROTATION_COUNT = 15;

describeEngines("The number of connections", {}, ({ dialect, getServers, start }) => {
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
		for (let rotation = 0; rotation < ROTATION_COUNT; rotation += 1) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		}
		await Promise.all(lasting.map(async ({ commit }) => commit()));
		const peaks = await sampler.stop();
		const { failures } = await workload.stop();
		await scene.stop();

		expect(failures).toEqual([]);
		expect(outcomes).toEqual(Array.from({ length: ROTATION_COUNT }, () => "rotated"));
		expect(peaks.serverSampleCount).toBeGreaterThan(20);
		expect(peaks.client).toBeLessThanOrEqual(POOL_SIZE + 1);
		expect(peaks.server).toBeLessThanOrEqual(POOL_SIZE + 1);
		// A sampler that sees too little would prove nothing.
		expect(peaks.client).toBeGreaterThanOrEqual(POOL_SIZE);
		expect(peaks.server).toBeGreaterThanOrEqual(POOL_SIZE - 1);
	});

	it("stays within poolSize + 1 when many callers come as soon as a full pool at rest is retired", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE }, endpoint: proxy });
		const callAtOnce = async () =>
			Promise.all(Array.from({ length: POOL_SIZE }, async () => scene.dataSource.query(dialect.sleepSeconds(0.02))));
		const bursts: Promise<unknown>[] = [callAtOnce()];
		scene.rotator.events$.subscribe(({ type }) => {
			if (type === "drain.started") bursts.push(callAtOnce());
		});
		const sampler = await sampleConnections(scene.server, proxy, scene.database);

		for (let rotation = 0; rotation < 5; rotation += 1) {
			await Promise.all(bursts);
			await scene.alternate();
			await scene.rotator.rotateDatabaseConnection();
		}
		await Promise.all(bursts);
		const peaks = await sampler.stop();
		await scene.stop();

		expect(bursts).toHaveLength(6);
		expect(peaks.client).toBe(POOL_SIZE + 1);
		expect(peaks.server).toBeLessThanOrEqual(POOL_SIZE + 1);
	});
});
