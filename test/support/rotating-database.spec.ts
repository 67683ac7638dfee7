/** Scenes on each engine, with and without a replica: the connector's own options reach both servers, and the load counts what is stored. */
import { sampleConnections } from "./connection-sampler.js";
import { describeWith } from "./describe-with.js";
import { beginStream, beginTransaction } from "./lasting-work.js";
import { readLedger, startLedgerWorkload } from "./ledger-workload.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "./rotating-database.js";
import type { DatabaseServer, EngineName } from "./server/database-server.js";
import { startTcpProxy } from "./tcp-proxy.js";
import { LATEST_TYPEORM, typeOrmVersionsFor } from "./typeorm-versions.js";
import { waitUntil } from "./wait-until.js";

describe("a scene on PostgreSQL", () => {
	itServes("postgres", true);
});

describeWith("mariadb")("a scene on MariaDB", () => {
	itServes("mariadb", true);
});

describeWith("mysql")("a scene on MySQL", () => {
	itServes("mysql", false);
});

function itServes(engine: EngineName, hasReplica: boolean): void {
	let servers: SceneServers<DatabaseServer>;
	let scene: Scene<DatabaseServer>;

	beforeAll(async () => {
		servers = await startSceneServers({ engine, hasReplica });
	});

	afterEach(async () => {
		await scene.stop();
	});

	afterAll(async () => {
		await servers.stop();
	});

	describe.each(typeOrmVersionsFor("postgres"))("with TypeORM $label", (version) => {
		it("logs in to the server alone where there is no replica", async () => {
			scene = await startScene({ ...servers, replica: undefined }, { version });

			const users = [await scene.findUser(), await scene.findUser("slave")];

			expect(users).toEqual([scene.users[0], scene.users[0]]);
			expect((await scene.server.connections(scene.users[0])).length).toBeGreaterThan(0);
			expect((await servers.replica?.connections(scene.users[0])) ?? []).toEqual([]);
		});

		it("logs in to both where there are two, and reads from it what the load has written", async () => {
			scene = await startScene(servers, { version });
			const workload = startLedgerWorkload(scene.dataSource, { workerCount: 4 });
			await waitUntil("the load has done something", () => workload.report().operationCount > 100);

			const { acknowledged, failures, unknown } = await workload.stop();
			await scene.replica?.catchUp();

			expect([failures, unknown]).toEqual([[], []]);
			expect((await readLedger(scene.dataSource)).sort()).toEqual([...acknowledged].sort());
			const runner = scene.dataSource.createQueryRunner("slave");
			const [row] = (await runner.query("SELECT count(*) AS count FROM ledger")) as [{ count: number | string }];
			await runner.release();
			expect(Number(row.count)).toBe(acknowledged.length);
			expect(await scene.findUser("slave")).toBe(scene.users[0]);
			const reader = servers.replica ?? servers.server;
			expect((await reader.connections(scene.users[0])).length).toBeGreaterThan(0);
		});
	});

	it("lets a transaction and a stream last, each on one connection that the server knows", async () => {
		const version = LATEST_TYPEORM;
		scene = await startScene(servers, { version });
		const proxy = await startTcpProxy({ target: scene.server });
		const sampler = await sampleConnections(scene.server, proxy, scene.database);

		const transaction = await beginTransaction(scene.dataSource, "lasting");
		const stream = await beginStream(scene.dataSource);
		const pids = (await scene.server.connections(scene.users[0])).map(({ pid }) => pid);
		stream.goOn();

		expect(pids).toEqual(expect.arrayContaining([transaction.pid, stream.pid]));
		expect(await transaction.commit()).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(await stream.result).toBe(stream.rowCount);
		expect(await readLedger(scene.dataSource)).toEqual(["lasting"]);
		expect((await sampler.stop()).server).toBeGreaterThanOrEqual(2);
		await proxy.stop();
	});

	it("gives the other user a new password, the right to what the first one made, and the secret", async () => {
		const version = LATEST_TYPEORM;
		scene = await startScene(servers, { version });

		await scene.alternate();
		await scene.replica?.catchUp();
		const { password, username } = scene.current();
		const { DataSource } = version.load();
		const other = await new DataSource({ ...(await scene.connector.getTypeOrmOptions()) }).initialize();
		const workload = startLedgerWorkload(other, { workerCount: 2 });
		await waitUntil("the load has done something", () => workload.report().operationCount > 20);
		const { failures } = await workload.stop();
		const connections = await scene.server.connections(scene.users[1]);
		await other.destroy();

		expect([password, username]).toEqual(["password-1", scene.users[1]]);
		expect(connections.length).toBeGreaterThan(0);
		expect(failures).toEqual([]);
		expect(await scene.server.refusedLogins()).toBe(0);
	});
}
