/**
 * What a connector's options do in TypeORM's CockroachDB driver. No such server is at hand: the driver, which speaks PostgreSQL's protocol, is connected to a
 * PostgreSQL. `initialize()` is not, since it sends a statement that only CockroachDB knows.
 */
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const NEW_PASSWORD = "password-of-the-next-version";

/** The part of a query runner that is used. */
interface Runner {
	query(sql: string): Promise<unknown>;
	release(): Promise<void>;
}

describe.each(typeOrmVersionsFor("postgres"))("The CockroachDB driver of TypeORM $label", (version) => {
	let scene: SceneDatabase;
	let servers: SceneServers;

	beforeAll(async () => {
		servers = await startSceneServers();
	});

	beforeEach(async () => {
		scene = await createSceneDatabase(servers);
	});

	afterAll(async () => servers.stop());

	async function connect(config: Partial<ITypeOrmAwsConnectorConfig> = {}): Promise<{
		disconnect: () => Promise<void>;
		query: (sql: string, mode?: "master" | "slave") => Promise<unknown>;
	}> {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...scene.config, type: "cockroachdb", ...config });
		const options = await connector.getTypeOrmOptions();
		connector.close();
		const { driver } = new (version.load().DataSource)(options);
		await driver.connect();
		return {
			disconnect: async () => driver.disconnect(),
			query: async (sql, mode = "master") => {
				const runner: Runner = driver.createQueryRunner(mode);
				try {
					return await runner.query(sql);
				} finally {
					await runner.release();
				}
			},
		};
	}

	it("opens no more than poolSize connections", async () => {
		const { disconnect, query } = await connect({ poolSize: 3 });

		const work = Array.from({ length: 8 }, async () => query("SELECT pg_sleep(0.2)"));
		await waitUntil("three of them are at work", async () => (await scene.server.connections(scene.users[0])).length >= 3);
		const connections = await scene.server.connections(scene.users[0]);
		await Promise.all(work);
		await disconnect();

		expect(connections).toHaveLength(3);
	});

	it("closes connections that are idle for idleTimeoutMs", async () => {
		const { disconnect, query } = await connect({ idleTimeoutMs: 100 });
		await query("SELECT 1");

		await waitUntil("it is gone", async () => (await scene.server.connections(scene.users[0])).length === 0);
		const rows = await query("SELECT 1 AS one");
		await disconnect();

		expect(rows).toEqual([{ one: 1 }]);
	});

	it("gives up after connectionTimeoutMs", async () => {
		const proxy = await startTcpProxy({ target: scene.server });
		proxy.hold();

		const connecting = connect({ connectionTimeoutMs: 300, host: proxy.host, port: proxy.port });

		await expect(connecting).rejects.toThrow(/timeout/);
		await proxy.stop();
	});

	it("starts with AWSPENDING in the middle of a single-user rotation", async () => {
		const { username } = scene.current();
		scene.aws.secrets.put(scene.secretId, { password: NEW_PASSWORD, username }, { stages: ["AWSPENDING"] });
		await scene.server.setPassword(username, NEW_PASSWORD);

		const { disconnect, query } = await connect();
		const rows = await query("SELECT 1 AS one");
		await disconnect();

		expect(rows).toEqual([{ one: 1 }]);
	});

	it("reads from a replica", async () => {
		const proxy = await startTcpProxy({ target: scene.server });
		const { disconnect, query } = await connect({ replicas: [{ host: proxy.host, port: proxy.port }] });
		const acceptedAtStart = proxy.acceptedCount;
		proxy.reset();
		await waitUntil("it is cut", () => proxy.openCount === 0);

		const rows = [await query("SELECT 1 AS one", "slave"), await query("SELECT 2 AS two")];
		await disconnect();
		const acceptedAtEnd = proxy.acceptedCount;
		await proxy.stop();

		expect(rows).toEqual([[{ one: 1 }], [{ two: 2 }]]);
		expect([acceptedAtStart, acceptedAtEnd]).toEqual([1, 2]);
	});
});
