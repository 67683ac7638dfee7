/** What an application puts on top of the connector's options stays its own, and what TypeORM does at a start is not done again. */
import type { DataSourceOptions, MigrationInterface, QueryRunner } from "typeorm";

import { countPoolsOf } from "../../support/counted-pools.js";
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { askConnections } from "../../support/held-connections.js";
import { readLedger } from "../../support/ledger-workload.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseServer, EngineName } from "../../support/server/database-server.js";
import { type TcpProxy, startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

type AnyScene = Scene<DatabaseServer>;

/** Options for the driver of an engine, which a session can be asked for. */
interface SessionOptions {
	readonly answer: string;
	readonly ask: string;
	readonly extra: Readonly<Record<string, unknown>>;
	readonly limitPool: (size: number) => object;
}

const MYSQL2: SessionOptions = {
	answer: "latin1_swedish_ci",
	ask: "SELECT @@collation_connection AS answer",
	extra: { charset: "latin1_swedish_ci" },
	limitPool: (size) => ({ connectionLimit: size }),
};

const SESSION_OPTIONS: Readonly<Record<EngineName, SessionOptions>> = {
	mariadb: MYSQL2,
	mysql: MYSQL2,
	postgres: {
		answer: "shop-web 7s",
		ask: "SELECT current_setting('application_name') || ' ' || current_setting('statement_timeout') AS answer",
		extra: { application_name: "shop-web", statement_timeout: 7_000 },
		limitPool: (size) => ({ max: size }),
	},
};

async function rotate(scene: AnyScene): Promise<string> {
	await scene.alternate();
	const { outcome } = await scene.rotator.rotateDatabaseConnection();
	return outcome;
}

describeEngines("Options of the application", {}, ({ engine, getServers, start, version }) => {
	const { answer, ask, extra, limitPool } = SESSION_OPTIONS[engine];
	let proxy: TcpProxy;

	beforeAll(async () => {
		proxy = await startTcpProxy({ target: getServers().server });
	});

	afterAll(async () => proxy.stop());

	it("survive rotations: another address, extra, logging", async () => {
		const override = (options: DataSourceOptions): DataSourceOptions =>
			({
				...options,
				extra: { ...(options.extra as object), ...extra, ...limitPool(2) },
				host: proxy.host,
				logging: ["error"],
				maxQueryExecutionTime: 4_321,
				port: proxy.port,
			}) as DataSourceOptions;
		const scene = await start({ override });

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		await Promise.all([1, 2, 3, 4].map(async () => scene.dataSource.query("SELECT 1")));
		const answers = await askConnections(scene.dataSource, ask, 2);
		await waitUntil("only the live pool is connected", () => proxy.openCount === 2);
		const { options } = scene.dataSource;

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		await eventually(async () => expect(await scene.server.connections(scene.users[1])).toHaveLength(2));
		expect(answers).toEqual([answer, answer]);
		expect(options).toMatchObject({ host: proxy.host, logging: ["error"], maxQueryExecutionTime: 4_321, port: proxy.port });
		expect(options).toMatchObject(scene.current());
	});

	it("survive rotations when they are given as typeOrmOptions, too", async () => {
		const typeOrmOptions = { extra, logging: ["error" as const], maxQueryExecutionTime: 4_321 };
		const scene = await start({ config: { poolSize: 2, typeOrmOptions } });

		const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
		const answers = await askConnections(scene.dataSource, ask, 2);
		const { options } = scene.dataSource;
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
		expect(answers).toEqual([answer, answer]);
		expect(options).toMatchObject({ ...scene.current(), logging: ["error"], maxQueryExecutionTime: 4_321 });
	});

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
		const scene = await start({ override });
		await scene.dataSource.query("INSERT INTO ledger (id, worker) VALUES ('kept', 0)");
		await scene.dataSource.query("INSERT INTO customer (id) VALUES (1)");
		await scene.dataSource.query("INSERT INTO orders (id) VALUES (1)");
		// A synchronization would put it back.
		await scene.dataSource.query("ALTER TABLE customer RENAME TO patron");

		const outcomes = [await rotate(scene), await rotate(scene)];
		const stored = await readLedger(scene.dataSource);
		const tables: { name: string }[] = await scene.dataSource.query(
			`SELECT table_name AS name FROM information_schema.tables WHERE table_schema IN ('public', '${scene.database}') ORDER BY 1`,
		);
		const [row] = await scene.dataSource.query<[{ sum: number | string }]>(
			"SELECT (SELECT count(*) FROM patron) + (SELECT count(*) FROM orders) AS sum",
		);
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect(stored).toEqual(["kept"]);
		expect(tables.map(({ name }) => name)).toEqual(["ledger", "migrations", "orders", "patron"]);
		expect(Number(row.sum)).toBe(2);
		expect(migrationCount).toBe(1);
	});

	it("may be frozen", async () => {
		const scene = await start({ override: (options) => Object.freeze({ ...options }) });

		const outcomes = [await rotate(scene), await rotate(scene)];

		expect(outcomes).toEqual(["rotated", "rotated"]);
		await scene.waitForUser(scene.users[0]);
	});
});

describeEngines("destroy() and initialize()", {}, ({ dialect, engine, start }) => {
	it("log in with the newest credentials, and the next rotation works", async () => {
		const scene = await start();
		await rotate(scene);
		await scene.waitForUser(scene.users[1]);
		await scene.server.setPassword(scene.users[0], "revoked");

		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const userAfterwards = await scene.findUser();
		const outcome = await rotate(scene);

		expect(userAfterwards).toBe(scene.users[1]);
		expect(outcome).toBe("rotated");
		await scene.waitForUser(scene.users[0]);
	});

	it("keep the number of connections and the recovery from refused logins", async () => {
		const { driver, pools } = countPoolsOf(engine);
		const scene = await start({
			config: { rotation: { intervalMs: 2_592_000_000, isEnabled: true } },
			override: (options) => ({ ...options, driver }),
		});
		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const { username } = scene.current();
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		await waitUntil("the pool has noticed", () => pools.at(-1)?.idleCount === 0);

		const rows = await Promise.all(Array.from({ length: 20 }, async () => scene.dataSource.query<unknown>(dialect.sleepSeconds(0.02))));

		expect(rows).toHaveLength(20);
		await eventually(async () => expect((await scene.server.connections(username)).length).toBeLessThanOrEqual(5));
	});
});
