/** Where TypeORM's drivers keep their pools: TypeORM's own drivers above servers in memory, with the code of mysql2 and of pg-pool between them. */
import * as mysql2 from "mysql2";
import type { DataSource, DataSourceOptions } from "typeorm";

import { RotationUnsupportedError } from "../../../src/errors/errors.js";
import type { ConnectionPool } from "../../../src/rotation/connection-pool.js";
import { listPools } from "../../../src/rotation/driver-family.js";
import { LiveDataSource } from "../../../src/rotation/live-data-source.js";
import { MysqlPool } from "../../../src/rotation/mysql-pool.js";
import type { CredentialPlan, LooseOptions, NodeCredentials } from "../../../src/rotation/plan-credentials.js";
import { PostgresPool } from "../../../src/rotation/postgres-pool.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { FakeMysqlServer } from "../../support/fake-mysql-server.js";
import { asDataSource, createFakeDataSource } from "../../support/fake-postgres-driver.js";
import { FakePostgresServer } from "../../support/fake-postgres-server.js";
import { createOpenGuard } from "../../support/obtain-guard.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

const NODE = { database: "shop", password: "one", port: 3_306, username: "app" };
const REPLICATION = {
	canRetry: false,
	master: { ...NODE, host: "db" },
	removeNodeErrorCount: 1_000,
	slaves: [
		{ ...NODE, host: "reader-1" },
		{ ...NODE, host: "reader-2" },
	],
};

let clock: FakeClock;
let reader: FakeMysqlServer;
let server: FakeMysqlServer;

beforeEach(() => {
	clock = new FakeClock();
	reader = new FakeMysqlServer(clock, { app: "one", green: "two" });
	server = new FakeMysqlServer(clock, { app: "one", green: "two" });
});

/** The fields of TypeORM's MysqlDriver that are looked at. */
interface MysqlDriver {
	mysql: object;
	obtainMasterConnection(): Promise<mysql2.PoolConnection>;
	obtainSlaveConnection(): Promise<mysql2.PoolConnection>;
	options: LooseOptions;
	pool: object | undefined;
	poolCluster: object | undefined;
}

function driverOf(dataSource: DataSource): MysqlDriver {
	return dataSource.driver as unknown as MysqlDriver;
}

function plan(options: LooseOptions, master: NodeCredentials, slaves: readonly NodeCredentials[] = []): CredentialPlan {
	return { isUnchanged: false, master, options, slaves };
}

/** Opens all pools of a plan. */
async function open(live: LiveDataSource, planned: CredentialPlan): Promise<[ConnectionPool, ...ConnectionPool[]]> {
	const openings = live.openPools(planned, () => undefined);
	return Promise.all(openings.map(async (openOne) => openOne())) as Promise<[ConnectionPool, ...ConnectionPool[]]>;
}

function raw(pool: ConnectionPool | undefined): object | undefined {
	return (pool as MysqlPool | undefined)?.pool;
}

describe("listPools", () => {
	it("has the master first", () => {
		const [master, first, second] = ["master", "first", "second"] as unknown as [ConnectionPool, ConnectionPool, ConnectionPool];

		expect(listPools({ master, slaves: [first, second] })).toEqual(["master", "first", "second"]);
	});
});

describe.each(TYPEORM_VERSIONS)("The MySQL family on TypeORM $label", ({ load }) => {
	let dataSource: DataSource;

	async function initialize(options: Record<string, unknown> = {}): Promise<LiveDataSource> {
		const { DataSource: RealDataSource } = load();
		const servers: Readonly<Record<string, FakeMysqlServer>> = { db: server, "reader-1": reader, "reader-2": reader };
		const stream = ({ config }: { config: { host: string } }): unknown => servers[config.host]?.accept();
		const all = {
			...NODE,
			connectorPackage: "mysql2",
			connectTimeout: 0,
			driver: mysql2,
			entities: [],
			extra: { stream },
			host: "db",
			poolSize: 3,
			type: "mysql",
			...options,
		};
		dataSource = await new RealDataSource(all as unknown as DataSourceOptions).initialize();
		return new LiveDataSource(dataSource);
	}

	function optionsOf(changes: object = {}): LooseOptions {
		return { ...(dataSource.options as unknown as LooseOptions), ...changes };
	}

	describe.each(["mysql", "mariadb"])("with type %s and no replicas", (type) => {
		it("reads the one pool, and the same view of it each time", async () => {
			const live = await initialize({ type });

			const { master, slaves } = live.readPools();

			expect(master).toBeInstanceOf(MysqlPool);
			expect(raw(master)).toBe(driverOf(dataSource).pool);
			expect(master).toMatchObject({ idleCount: 1, size: 3, totalCount: 1 });
			expect(live.readPools().master).toBe(master);
			expect(slaves).toEqual([]);
			expect(live.isUsable).toBe(true);
		});

		it("opens a pool with what the driver makes of the options, and announces it before it connects", async () => {
			const live = await initialize({ type });
			const created: unknown[] = [];
			const green = { ...NODE, host: "db", password: "two", username: "green" };
			const openings = live.openPools(plan(optionsOf(), green), (pool, index) => created.push([pool, index, pool.idleCount]));
			expect(openings).toHaveLength(1);
			expect(created).toEqual([]);

			const pool = await openings[0]?.();

			expect(created).toEqual([[pool, 0, 0]]);
			expect(pool).toMatchObject({ idleCount: 1, size: 3 });
			expect(server.openUsers).toEqual(["app", "green"]);
			expect(driverOf(dataSource).mysql).toHaveProperty("createPool", mysql2.createPool);
			expect(raw(pool)).not.toBe(driverOf(dataSource).pool);
		});

		it("lets a refused login through, with the pool known all the same", async () => {
			const live = await initialize({ type });
			const created: ConnectionPool[] = [];
			const wrong = { ...NODE, host: "db", password: "three" };

			const [openOne] = live.openPools(plan(optionsOf(), wrong), (pool) => created.push(pool));

			expect(await failureOf(openOne?.() as Promise<unknown>)).toMatchObject({ errno: 1_045 });
			expect(created[0]).toMatchObject({ isEnding: false, totalCount: 0 });
			// Whoever staged it ends it.
			created[0]?.beginEnd();
		});

		it("puts the new pool and the new options where TypeORM reads them", async () => {
			const live = await initialize({ type });
			const before = live.identity;
			const options = optionsOf({ password: "two", username: "green" });
			const [master] = await open(live, plan(options, { ...NODE, host: "db", password: "two", username: "green" }));

			live.exchangePools({ master, slaves: [] }, options);
			const connection = await driverOf(dataSource).obtainMasterConnection();

			expect(live.identity).not.toBe(before);
			expect(live.readPools().master).toBe(master);
			expect(connection.config.user).toBe("green");
			expect(dataSource.options).toBe(options);
			expect(driverOf(dataSource).options).toMatchObject({ password: "two", username: "green" });
			connection.release();
		});

		it("is ended and begun again by the application with the options of the last exchange", async () => {
			const live = await initialize({ type });
			const options = optionsOf({ password: "two", username: "green" });
			const [master] = await open(live, plan(options, { ...NODE, host: "db", password: "two", username: "green" }));
			const first = live.readPools().master;
			live.exchangePools({ master, slaves: [] }, options);
			first.beginEnd();

			await dataSource.destroy();
			await server.settle();
			expect(live.identity).toBeUndefined();
			expect(live.isUsable).toBe(false);
			expect(() => live.readPools()).toThrow("it is not connected");
			expect(server.openCount).toBe(0);
			await dataSource.initialize();

			expect(server.openUsers).toEqual(["green"]);
			expect(live.isUsable).toBe(true);
		});

		it("takes a call for a replica for one for the master", async () => {
			const live = await initialize({ type });
			const calls: string[] = [];
			live.wrapObtain(createOpenGuard(calls));

			const connection = await driverOf(dataSource).obtainSlaveConnection();

			expect(calls).toEqual(["master"]);
			connection.release();
			expect(live.readPools().master.idleCount).toBe(1);
		});
	});

	describe("with replicas", () => {
		it("reads the nodes of the cluster, the master first", async () => {
			const live = await initialize({ replication: REPLICATION });

			const pools = listPools(live.readPools());

			expect(pools.map((pool) => (pool as MysqlPool).pool.config.connectionConfig)).toMatchObject([
				{ host: "db" },
				{ host: "reader-1" },
				{ host: "reader-2" },
			]);
			expect(live.identity).toBe(driverOf(dataSource).poolCluster);
			listPools(live.readPools()).forEach((pool, index) => expect(pool).toBe(pools[index]));
		});

		it("opens a cluster of its own, one connection to each node, and nothing before it is told to", async () => {
			const live = await initialize({ replication: REPLICATION });
			const before = [server.openCount, reader.openCount];
			const created: unknown[] = [];
			const master = { ...REPLICATION.master, password: "two", username: "green" };

			const planned = plan(optionsOf(), master, REPLICATION.slaves);
			const openings = live.openPools(planned, (pool, index) => created.push([pool, index]));
			await server.settle();
			expect([server.openCount, reader.openCount]).toEqual(before);
			const pools = await Promise.all(openings.map(async (openOne) => openOne()));

			expect(created).toEqual(pools.map((pool, index) => [pool, index]));
			expect(pools.map(({ idleCount }) => idleCount)).toEqual([1, 1, 1]);
			expect([server.openCount, reader.openCount]).toEqual([Number(before[0]) + 1, Number(before[1]) + 2]);
			expect(server.openUsers).toContain("green");
		});

		it("exchanges the cluster with its pools", async () => {
			const live = await initialize({ replication: REPLICATION });
			const { poolCluster } = driverOf(dataSource);
			const nodes = [REPLICATION.master, ...REPLICATION.slaves].map((node) => ({ ...node, password: "two", username: "green" }));
			const [green, ...greenSlaves] = nodes as unknown as [NodeCredentials, ...NodeCredentials[]];
			const options = optionsOf({ replication: { ...REPLICATION, master: green, slaves: greenSlaves } });
			const [master, ...slaves] = await open(live, plan(options, green, greenSlaves));

			live.exchangePools({ master, slaves }, options);
			const connections = [
				await driverOf(dataSource).obtainMasterConnection(),
				await driverOf(dataSource).obtainSlaveConnection(),
				await driverOf(dataSource).obtainSlaveConnection(),
			];

			expect(live.identity).not.toBe(poolCluster);
			expect(listPools(live.readPools())).toEqual([master, ...slaves]);
			expect(connections.map(({ config }) => config.user)).toEqual(["green", "green", "green"]);
			for (const connection of connections) connection.release();
		});

		it("takes a call for a replica for one for the master where the cluster has no other", async () => {
			const live = await initialize({ replication: { ...REPLICATION, slaves: [] } });
			const calls: string[] = [];
			live.wrapObtain(createOpenGuard(calls));

			(await driverOf(dataSource).obtainSlaveConnection()).release();

			expect(calls).toEqual(["master"]);
		});

		it("sees a replica's connection as one", async () => {
			const live = await initialize({ replication: REPLICATION });
			const calls: string[] = [];
			live.wrapObtain(createOpenGuard(calls));

			(await driverOf(dataSource).obtainSlaveConnection()).release();

			expect(calls).toEqual(["slave"]);
		});

		it.each([0, 1])("gets a connection of replica %i where that is asked for", async (index) => {
			const live = await initialize({ replication: REPLICATION });
			live.wrapObtain(createOpenGuard([], index));

			for (let count = 0; count < 5; count += 1) {
				const connection = await driverOf(dataSource).obtainSlaveConnection();
				expect(connection.config.host).toBe(REPLICATION.slaves[index]?.host);
				connection.release();
			}
		});

		it("says so when mysql2 has removed the master, which it does after a number of errors", async () => {
			const live = await initialize({ replication: { ...REPLICATION, removeNodeErrorCount: 1 } });
			server.passwords.set("app", "three");
			server.cutConnections();
			await server.settle();
			await failureOf(driverOf(dataSource).obtainMasterConnection());

			expect(() => live.readPools()).toThrow(RotationUnsupportedError);
			expect(() => live.readPools()).toThrow("mysql2 has removed its master; set replication.removeNodeErrorCount");
		});

		it("leaves out a replica that mysql2 has removed", async () => {
			const live = await initialize({ replication: { ...REPLICATION, removeNodeErrorCount: 1 } });
			reader.passwords.set("app", "three");
			await failureOf(driverOf(dataSource).obtainSlaveConnection());

			expect(live.readPools().slaves).toHaveLength(1);
		});
	});

	describe("refuses", () => {
		it.each(["createConnectionOptions", "obtainMasterConnection", "obtainSlaveConnection"])(
			"a driver without %s(), and names the versions that have it",
			async (method) => {
				await initialize();
				Object.defineProperty(dataSource.driver, method, { value: undefined });

				expect(() => new LiveDataSource(dataSource)).toThrow(`its driver has no ${method}(); use TypeORM 0.3.20 to 1.x.`);
			},
		);

		it.each([{}, undefined])("a driver whose module is %j and not mysql2", async (mysql) => {
			await initialize();
			Object.defineProperty(dataSource.driver, "mysql", { value: mysql });

			expect(() => new LiveDataSource(dataSource)).toThrow("its driver is not mysql2.");
		});
	});
});

describe("The PostgreSQL family", () => {
	it.each(["cockroachdb", "postgres"])("serves type %s", async (type) => {
		const database = new FakePostgresServer(clock, { app: "one" });
		const fake = await createFakeDataSource(clock, { db: database }, { type }).initialize();
		const live = new LiveDataSource(asDataSource(fake));

		const [master] = await open(live, plan(fake.options, fake.options));
		live.exchangePools({ master, slaves: [] }, fake.options);

		expect(master).toBeInstanceOf(PostgresPool);
		expect(fake.driver.master).toBe(raw(master));
		expect(live.identity).toBe(fake.driver.master);
	});
});
