/** What an application puts on top of the connector's options stays its own, and what TypeORM does at a start is not done again. */
import type { DataSourceOptions, MigrationInterface, QueryRunner } from "typeorm";

import { readLedger } from "../../support/ledger-workload.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

let proxy: TcpProxy;
let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
	proxy = await startTcpProxy({ target: servers.server });
}, 60_000);

afterAll(async () => {
	await proxy.stop();
	await servers.stop();
});

async function rotate(scene: Scene): Promise<string> {
	await scene.alternate();
	const { outcome } = await scene.rotator.rotateDatabaseConnection();
	return outcome;
}

describe.each(TYPEORM_VERSIONS)("Options of the application on TypeORM $label", (version) => {
	it("survive rotations: another address, extra, logging", async () => {
		const override = (options: DataSourceOptions): DataSourceOptions =>
			({
				...options,
				extra: { ...(options.extra as object), application_name: "shop-web", max: 2 },
				host: proxy.host,
				logging: ["error"],
				maxQueryExecutionTime: 4_321,
				port: proxy.port,
			}) as DataSourceOptions;
		const scene = await startScene(servers, { override, version });

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		await Promise.all([1, 2, 3, 4].map(async () => scene.dataSource.query("SELECT pg_sleep(0.02)")));
		const connections = await scene.server.connections(scene.users[1]);
		await waitUntil("only the live pool is connected", () => proxy.openCount === 2);
		const { options } = scene.dataSource;
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(connections.map(({ applicationName }) => applicationName)).toEqual(["shop-web", "shop-web"]);
		expect(options).toMatchObject({ host: proxy.host, logging: ["error"], maxQueryExecutionTime: 4_321, port: proxy.port });
		expect(options).toMatchObject(scene.current());
	}, 60_000);

	it("survive rotations when they are given as typeOrmOptions, too", async () => {
		const typeOrmOptions = {
			extra: { application_name: "shop-web", statement_timeout: 7_000 },
			logging: ["error" as const],
			maxQueryExecutionTime: 4_321,
		};
		const scene = await startScene(servers, { config: { poolSize: 2, typeOrmOptions }, version });

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		await Promise.all([1, 2, 3, 4].map(async () => scene.dataSource.query("SELECT pg_sleep(0.02)")));
		const [row] = await scene.dataSource.query<[{ limit: string }]>("SELECT current_setting('statement_timeout') AS limit");
		const connections = await scene.server.connections(scene.users[1]);
		const { options } = scene.dataSource;
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect([row.limit, ...connections.map(({ applicationName }) => applicationName)]).toEqual(["7s", "shop-web", "shop-web"]);
		expect(options).toMatchObject({ ...scene.current(), logging: ["error"], maxQueryExecutionTime: 4_321 });
	}, 60_000);

	it("do not drop, synchronize or migrate the schema again", async () => {
		let migrationCount = 0;
		class AddOrders1700000000000 implements MigrationInterface {
			async up(runner: QueryRunner): Promise<void> {
				migrationCount += 1;
				await runner.query("CREATE TABLE orders (id int PRIMARY KEY)");
			}
			async down(): Promise<void> {}
		}
		const { EntitySchema } = version.load();
		const entity = new EntitySchema({ columns: { id: { primary: true, type: Number } }, name: "customer" });
		const override = (options: DataSourceOptions): DataSourceOptions => ({
			...options,
			dropSchema: true,
			entities: [entity],
			migrations: [AddOrders1700000000000],
			migrationsRun: true,
			synchronize: true,
		});
		const scene = await startScene(servers, { override, version });
		await scene.dataSource.query("INSERT INTO ledger (id, worker) VALUES ('kept', 0)");
		await scene.dataSource.query("INSERT INTO customer (id) VALUES (1)");
		await scene.dataSource.query("INSERT INTO orders (id) VALUES (1)");
		// A synchronization would put it back.
		await scene.dataSource.query("ALTER TABLE customer RENAME TO patron");

		const outcomes = [await rotate(scene), await rotate(scene)];
		const stored = await readLedger(scene.dataSource);
		const tables: { name: string }[] = await scene.dataSource.query(
			"SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
		);
		const counts: unknown = await scene.dataSource.query(
			"SELECT (SELECT count(*)::int FROM patron) + (SELECT count(*)::int FROM orders) AS sum",
		);
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect(stored).toEqual(["kept"]);
		expect(tables.map(({ name }) => name)).toEqual(["ledger", "migrations", "orders", "patron"]);
		expect(counts).toEqual([{ sum: 2 }]);
		expect(migrationCount).toBe(1);
	}, 60_000);

	it("may be frozen", async () => {
		const scene = await startScene(servers, { override: (options) => Object.freeze({ ...options }), version });

		const outcomes = [await rotate(scene), await rotate(scene)];
		const user = await scene.findUser();
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect(user).toBe(scene.users[0]);
	}, 60_000);
});

describe.each(TYPEORM_VERSIONS)("destroy() and initialize() on TypeORM $label", (version) => {
	it("log in with the newest credentials, and the next rotation works", async () => {
		const scene = await startScene(servers, { version });
		await rotate(scene);
		await scene.server.setPassword(scene.users[0], "revoked");

		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const userAfterwards = await scene.findUser();
		const outcome = await rotate(scene);
		const userAtLast = await scene.findUser();
		await scene.stop();

		expect(userAfterwards).toBe(scene.users[1]);
		expect([outcome, userAtLast]).toEqual(["rotated", scene.users[0]]);
	}, 60_000);

	it("keep the number of connections and the healing of refused logins", async () => {
		const scene = await startScene(servers, { config: { rotation: { intervalMs: 2_592_000_000, isEnabled: true } }, version });
		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const { username } = scene.current();
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);

		const rows = await Promise.all(
			Array.from({ length: 20 }, async () => scene.dataSource.query<unknown>("SELECT pg_sleep(0.02)::text, 1 AS one")),
		);
		const connections = await scene.server.connections(username);
		await scene.stop();

		expect(rows).toHaveLength(20);
		expect(connections.length).toBeLessThanOrEqual(5);
	}, 60_000);
});
