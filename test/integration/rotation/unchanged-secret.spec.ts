/** A rotation that finds the secret as it was opens nothing and closes nothing. */
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { fillPool } from "../../support/held-connections.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";

describeEngines("An unchanged secret", {}, ({ getServers, start }) => {
	let proxy: TcpProxy;

	beforeAll(async () => {
		proxy = await startTcpProxy({ target: getServers().server });
	});

	afterAll(async () => proxy.stop());

	it("leads to no connection and leaves every connection as it is", async () => {
		const scene = await start({ endpoint: proxy });
		await fillPool(scene.dataSource, 3);
		const listPids = async () => (await scene.server.connections(scene.users[0])).map(({ pid }) => pid);
		const [pidsBefore, acceptedCountBefore] = [await listPids(), proxy.acceptedCount];
		scene.aws.calls.clear();

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 5; rotation += 1) outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		const fetchCount = scene.aws.calls.count("GetSecretValue");
		const [pidsAfter, acceptedCountAfter] = [await listPids(), proxy.acceptedCount];
		await scene.stop();

		expect(outcomes).toEqual(Array.from({ length: 5 }, () => "unchanged"));
		expect(fetchCount).toBe(5);
		expect(pidsBefore.length).toBeGreaterThanOrEqual(3);
		expect(pidsAfter).toEqual(pidsBefore);
		expect(acceptedCountBefore).toBeGreaterThanOrEqual(3);
		expect(acceptedCountAfter).toBe(acceptedCountBefore);
	});

	it("is seen as unchanged after a rotation, too", async () => {
		const scene = await start({ endpoint: proxy });
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await eventually(async () => expect(await scene.server.connections(scene.users[0])).toEqual([]));
		const acceptedCountBefore = proxy.acceptedCount;

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const acceptedCountAfter = proxy.acceptedCount;

		expect(outcome).toBe("unchanged");
		expect(acceptedCountAfter).toBe(acceptedCountBefore);
	});

	it("is seen as unchanged also when it was stored again as a new version", async () => {
		const scene = await start({ endpoint: proxy });
		scene.aws.secrets.put(scene.secretId, scene.current());
		const acceptedCountBefore = proxy.acceptedCount;

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const acceptedCountAfter = proxy.acceptedCount;
		await scene.stop();

		expect(outcome).toBe("unchanged");
		expect(acceptedCountAfter).toBe(acceptedCountBefore);
	});
});
