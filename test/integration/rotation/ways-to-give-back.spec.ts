/** Connections that are given back or closed in any way that pg, mysql2 and TypeORM know: the pool has all its places afterwards. */
import type { Pool, PoolConnection } from "mysql2";
import type { PoolClient } from "pg";
import type { DataSource } from "typeorm";

import { describeEngines } from "../../support/describe-engines.js";
import { fillPool } from "../../support/held-connections.js";
import { primaryPool, readPool } from "../../support/live-pools.js";
import type { EngineName } from "../../support/server/database-server.js";
import { waitUntil } from "../../support/wait-until.js";

const POOL_SIZE = 3;
/** More than the pool has places. */
const USE_COUNT = 2 * POOL_SIZE;

interface Way {
	readonly title: string;
	use(dataSource: DataSource): Promise<void>;
}

/** Takes a connection from a runner and gives it back without the runner. */
function withClient(dataSource: DataSource, giveBack: (client: PoolClient) => unknown): Promise<void> {
	return withRunner(dataSource, async (client) => giveBack(client as PoolClient));
}

function withConnection(dataSource: DataSource, giveBack: (connection: PoolConnection) => unknown): Promise<void> {
	return withRunner(dataSource, async (connection) => giveBack(connection as PoolConnection));
}

async function withRunner(dataSource: DataSource, giveBack: (connection: unknown) => Promise<unknown>): Promise<void> {
	const runner = dataSource.createQueryRunner();
	await runner.query("SELECT 1");
	await giveBack(await (runner.connect() as Promise<unknown>));
}

function twice(release: () => unknown): void {
	release();
	ignoreFailure(release);
}

/** pg-pool throws at a second release. */
function ignoreFailure(release: () => unknown): void {
	try {
		release();
	} catch {
		// The pool has the connection.
	}
}

const POSTGRES_WAYS: readonly Way[] = [
	{ title: "client.release()", use: async (dataSource) => withClient(dataSource, (client) => client.release()) },
	{ title: "client.release(true)", use: async (dataSource) => withClient(dataSource, (client) => client.release(true)) },
	{
		title: "client.release(error)",
		use: async (dataSource) => withClient(dataSource, (client) => client.release(new Error("unwanted"))),
	},
	{ title: "client.release() twice", use: async (dataSource) => withClient(dataSource, (client) => twice(() => client.release())) },
	{
		title: "client.release() and the runner's release()",
		use: async (dataSource) => {
			const runner = dataSource.createQueryRunner();
			const client = (await runner.connect()) as PoolClient;
			client.release();
			await runner.release().catch(() => undefined);
		},
	},
	{
		title: "the socket's end and client.release()",
		use: async (dataSource) =>
			withClient(dataSource, async (client) => {
				client.on("error", () => undefined);
				const ended = new Promise((resolve) => client.once("end", resolve));
				await dataSource.query(`SELECT pg_terminate_backend(${String((client as unknown as { processID: number }).processID)})`);
				await ended;
				// TypeORM has given it back by then.
				ignoreFailure(() => client.release());
			}),
	},
	{
		title: "pool.connect()",
		use: async (dataSource) => {
			const client = await (primaryPool(dataSource) as unknown as { connect(): Promise<PoolClient> }).connect();
			await client.query("SELECT 1");
			twice(() => client.release());
		},
	},
	{
		title: "pool.query()",
		use: async (dataSource) =>
			void (await (primaryPool(dataSource) as unknown as { query(sql: string): Promise<unknown> }).query("SELECT 1")),
	},
];

const MYSQL_WAYS: readonly Way[] = [
	{ title: "connection.release()", use: async (dataSource) => withConnection(dataSource, (connection) => connection.release()) },
	{
		title: "connection.release() twice",
		use: async (dataSource) => withConnection(dataSource, (connection) => twice(() => connection.release())),
	},
	{ title: "connection.destroy()", use: async (dataSource) => withConnection(dataSource, (connection) => connection.destroy()) },
	{
		title: "connection.destroy() and connection.release()",
		use: async (dataSource) =>
			withConnection(dataSource, (connection) => {
				connection.destroy();
				connection.release();
			}),
	},
	{
		title: "connection.release() and connection.destroy()",
		use: async (dataSource) =>
			withConnection(dataSource, (connection) => {
				connection.release();
				connection.destroy();
			}),
	},
	{
		title: "connection.release() and the runner's release()",
		use: async (dataSource) => {
			const runner = dataSource.createQueryRunner();
			const connection = (await (runner.connect() as Promise<unknown>)) as PoolConnection;
			connection.release();
			await runner.release();
		},
	},
	{
		title: "pool.getConnection()",
		use: async (dataSource) => {
			const pool = primaryPool(dataSource) as { getConnection(callback: (error: unknown, connection: PoolConnection) => void): void };
			const connection = await new Promise<PoolConnection>((resolve) => pool.getConnection((_, acquired) => resolve(acquired)));
			twice(() => connection.release());
		},
	},
	{
		title: "pool.query()",
		use: async (dataSource) => void (await (primaryPool(dataSource) as Pool).promise().query("SELECT 1")),
	},
];

const WAYS: Readonly<Record<EngineName, readonly Way[]>> = { mariadb: MYSQL_WAYS, mysql: MYSQL_WAYS, postgres: POSTGRES_WAYS };

describeEngines("A connection", {}, ({ engine, start }) => {
	it.each(WAYS[engine])("goes back by $title as often as it likes, also across rotations", async ({ use }) => {
		const scene = await start({ config: { poolSize: POOL_SIZE, rotation: { intervalMs: 2_592_000_000, isEnabled: true } } });
		const pool = primaryPool(scene.dataSource);

		for (let round = 0; round < 2; round += 1) {
			for (let count = 0; count < USE_COUNT; count += 1) await use(scene.dataSource);
			await scene.exchange();
		}
		await fillPool(scene.dataSource, POOL_SIZE);
		await waitUntil("no connection is in use", () => scene.rotator.describe().includes("inUse=0"));

		expect(readPool(pool)).toEqual({ idle: POOL_SIZE, total: POOL_SIZE, waiting: 0 });
		await scene.waitForUser(scene.users[0]);
		// TypeORM's destroy() gives each runner's connection back once more, and fails where pg-pool throws.
		(scene.dataSource.driver as { connectedQueryRunners?: unknown[] }).connectedQueryRunners?.splice(0);
	});
});

describeEngines("A listener of the pool that throws", { engines: ["mariadb"] }, ({ start }) => {
	it("costs no place", async () => {
		const scene = await start({ config: { poolSize: POOL_SIZE } });
		const pool = primaryPool(scene.dataSource);
		let throwCount = 0;
		(pool as unknown as NodeJS.EventEmitter).on("release", () => {
			throwCount += 1;
			throw new Error("of a listener");
		});

		const use = async (): Promise<void> => {
			const runner = scene.dataSource.createQueryRunner();
			await runner.query("SELECT 1");
			await runner.release();
		};
		for (let count = 0; count < USE_COUNT; count += 1) await use().catch(() => undefined);
		(pool as unknown as NodeJS.EventEmitter).removeAllListeners("release");
		const outcome = await scene.exchange();
		await fillPool(scene.dataSource, POOL_SIZE);

		expect(throwCount).toBe(USE_COUNT);
		expect(outcome).toBe("rotated");
		expect(readPool(pool)).toEqual({ idle: POOL_SIZE, total: POOL_SIZE, waiting: 0 });
	});
});
