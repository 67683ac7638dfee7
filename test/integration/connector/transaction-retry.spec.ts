/** Two transactions collide on a real server: the loser runs again, from its first statement to its commit. */
import type { DataSource } from "typeorm";

import { runTransactionWithRetry } from "../../../src/connector/transaction-retry.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";
import { type TypeOrmVersion, typeOrmVersionsFor } from "../../support/typeorm-versions.js";

const WORKER_COUNT = 8;
const ROUND_COUNT = 10;

let server: PostgresServer;

beforeAll(async () => {
	server = await startPostgres();
	await server.admin.query("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)");
});

afterAll(async () => server.stop());

async function connect({ load }: TypeOrmVersion): Promise<DataSource> {
	const { DataSource: LoadedDataSource } = load();
	const { password, user } = server.superuser;
	return new LoadedDataSource({
		database: "postgres",
		host: server.host,
		password,
		poolSize: WORKER_COUNT,
		port: server.port,
		type: "postgres",
		username: user,
	}).initialize();
}

describe.each(typeOrmVersionsFor("postgres"))("runTransactionWithRetry on TypeORM $label", (version) => {
	it("loses no update of workers that collide all the time", async () => {
		const dataSource = await connect(version);
		await dataSource.query("DELETE FROM account");
		await dataSource.query("INSERT INTO account VALUES (1, 0)");
		let runCount = 0;

		const deposit = async (): Promise<void> =>
			runTransactionWithRetry(
				dataSource,
				async (manager) => {
					runCount += 1;
					const [{ balance }] = await manager.query<[{ balance: number }]>("SELECT balance FROM account WHERE id = 1");
					await manager.query("UPDATE account SET balance = $1 WHERE id = 1", [balance + 1]);
				},
				{ isolationLevel: "REPEATABLE READ", maximumAttempts: 100, maximumDelayMs: 50 },
			);
		await Promise.all(
			Array.from({ length: WORKER_COUNT }, async () => {
				for (let round = 0; round < ROUND_COUNT; round += 1) await deposit();
			}),
		);
		const [row] = await dataSource.query<[{ balance: number }]>("SELECT balance FROM account WHERE id = 1");
		await dataSource.destroy();

		expect(row).toEqual({ balance: WORKER_COUNT * ROUND_COUNT });
		expect(runCount).toBeGreaterThan(WORKER_COUNT * ROUND_COUNT);
	});

	it("throws any other error of the server at once, and keeps nothing of the transaction", async () => {
		const dataSource = await connect(version);
		await dataSource.query("DELETE FROM account");
		let runCount = 0;

		const outcome = runTransactionWithRetry(dataSource, async (manager) => {
			runCount += 1;
			await manager.query("INSERT INTO account VALUES (1, 0)");
			await manager.query("INSERT INTO account VALUES (1, 0)");
		});

		await expect(outcome).rejects.toMatchObject({ code: "23505" });
		await expect(dataSource.query("SELECT * FROM account")).resolves.toEqual([]);
		expect(runCount).toBe(1);
		await dataSource.destroy();
	});
});
