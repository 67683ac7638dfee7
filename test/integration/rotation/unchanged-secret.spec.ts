/** A rotation that finds the secret as it was opens nothing and closes nothing. */
import { type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

let proxy: TcpProxy;
let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers({ settings: { log_connections: "on" } });
	proxy = await startTcpProxy({ target: servers.server });
}, 60_000);

afterAll(async () => {
	await proxy.stop();
	await servers.stop();
});

async function countLogins(user: string): Promise<number> {
	const log = await servers.server.readLog();
	return log.split("\n").filter((line) => line.includes(`connection authorized: user=${user} `)).length;
}

describe.each(TYPEORM_VERSIONS)("An unchanged secret on TypeORM $label", (version) => {
	it("leads to no login and leaves every connection as it is", async () => {
		const scene = await startScene(servers, { endpoint: proxy, version });
		await Promise.all([1, 2, 3].map(async () => scene.dataSource.query("SELECT pg_sleep(0.05)")));
		const listPids = async () => (await scene.server.connections(scene.users[0])).map(({ pid }) => pid);
		const [pidsBefore, loginCountBefore, acceptedCountBefore] = [
			await listPids(),
			await countLogins(scene.users[0]),
			proxy.acceptedCount,
		];
		scene.aws.calls.clear();

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 5; rotation += 1) outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		const fetchCount = scene.aws.calls.count("GetSecretValue");
		const [pidsAfter, loginCountAfter, acceptedCountAfter] = [await listPids(), await countLogins(scene.users[0]), proxy.acceptedCount];
		await scene.stop();

		expect(outcomes).toEqual(Array.from({ length: 5 }, () => "unchanged"));
		expect(fetchCount).toBe(5);
		expect(pidsBefore.length).toBeGreaterThanOrEqual(3);
		expect(pidsAfter).toEqual(pidsBefore);
		expect(loginCountBefore).toBeGreaterThanOrEqual(3);
		expect(loginCountAfter).toBe(loginCountBefore);
		expect(acceptedCountAfter).toBe(acceptedCountBefore);
	}, 60_000);

	it("is seen as unchanged after a rotation, too", async () => {
		const scene = await startScene(servers, { endpoint: proxy, version });
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		const loginCountBefore = await countLogins(scene.users[1]);

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const loginCountAfter = await countLogins(scene.users[1]);
		await scene.stop();

		expect(outcome).toBe("unchanged");
		expect(loginCountAfter).toBe(loginCountBefore);
	}, 60_000);

	it("is seen as unchanged also when it was stored again as a new version", async () => {
		const scene = await startScene(servers, { endpoint: proxy, version });
		scene.aws.secrets.put(scene.secretId, scene.current());
		const loginCountBefore = await countLogins(scene.users[0]);

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const loginCountAfter = await countLogins(scene.users[0]);
		await scene.stop();

		expect(outcome).toBe("unchanged");
		expect(loginCountAfter).toBe(loginCountBefore);
	}, 60_000);
});
