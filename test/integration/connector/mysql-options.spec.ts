/** What a connector's options do on a real MariaDB: the size of the pool, both timeouts, and the choice of a login at the start. */
import type { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { describeWith } from "../../support/describe-with.js";
import type { MariadbServer } from "../../support/mariadb/mariadb-server.js";
import { eventually } from "../../support/eventually.js";
import { fillPool, holdConnections } from "../../support/held-connections.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const NEW_PASSWORD = "password-of-the-next-version";

describeWith("mariadb")("A connector of MariaDB", () => {
	let complaints: jest.SpyInstance;
	let scene: SceneDatabase<MariadbServer>;
	let servers: SceneServers<MariadbServer>;

	beforeAll(async () => {
		servers = await startSceneServers({ engine: "mariadb" });
	});

	beforeEach(async () => {
		scene = await createSceneDatabase(servers);
		complaints = jest.spyOn(console, "error").mockImplementation();
	});

	afterAll(async () => servers.stop());

	const listUsers = async (): Promise<string[]> => (await scene.server.connections()).map(({ user }) => user);

	describe.each(typeOrmVersionsFor("mariadb"))("on TypeORM $label", (version) => {
		async function connect(config: Partial<ITypeOrmAwsConnectorConfig> = {}): Promise<DataSource> {
			const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...scene.config, ...config });
			const { DataSource } = version.load();
			const options = await connector.getTypeOrmOptions();
			connector.close();
			return new DataSource(options).initialize();
		}

		it.each(["mariadb", "mysql"] as const)(
			"opens no more than poolSize connections as %s, and hears no complaint of mysql2",
			async (type) => {
				const dataSource = await connect({ poolSize: 3, type });

				const held = await holdConnections(dataSource, 3);
				const waiting = Array.from({ length: 5 }, async () => dataSource.query("SELECT 1"));
				await eventually(async () => expect(await scene.server.connections()).toHaveLength(3));
				await held.release();
				await Promise.all(waiting);
				const connections = await scene.server.connections();
				await dataSource.destroy();

				expect(connections.length).toBeLessThanOrEqual(3);
				expect(complaints).not.toHaveBeenCalled();
			},
		);

		it("closes connections that are idle for idleTimeoutMs", async () => {
			const dataSource = await connect({ idleTimeoutMs: 200, poolSize: 3 });
			await fillPool(dataSource, 3);

			await waitUntil("the idle ones are gone", async () => (await scene.server.connections()).length === 0);
			const rows: unknown = await dataSource.query("SELECT 1 AS one");
			await dataSource.destroy();

			expect(rows).toEqual([{ one: 1 }]);
		});

		it("gives up after connectionTimeoutMs", async () => {
			const proxy: TcpProxy = await startTcpProxy({ target: scene.server });
			proxy.hold();

			const error: unknown = await connect({ connectionTimeoutMs: 300, host: proxy.host, port: proxy.port }).catch(
				(caught: unknown) => caught,
			);
			await proxy.stop();

			expect(error).toMatchObject({ code: "ETIMEDOUT" });
		});

		it("starts with AWSPENDING in the middle of a single-user rotation, and leaves no connection behind", async () => {
			const { username } = scene.current();
			scene.aws.secrets.put(scene.secretId, { password: NEW_PASSWORD, username }, { stages: ["AWSPENDING"] });
			await scene.server.setPassword(username, NEW_PASSWORD);

			const dataSource = await connect();
			const rows: unknown = await dataSource.query("SELECT 1 AS one");
			const users = await listUsers();
			await dataSource.destroy();
			await waitUntil("every connection is closed", async () => (await listUsers()).length === 0);

			expect(rows).toEqual([{ one: 1 }]);
			expect(users).toEqual([username]);
			expect(await scene.server.refusedLogins(username)).toBe(1);
		});

		it("starts with AWSPENDING when the current password has expired, and leaves no connection behind", async () => {
			const { password, username } = scene.current();
			const [, other] = scene.users;
			await scene.server.admin.query(`ALTER USER '${username}'@'%' PASSWORD EXPIRE`);
			scene.aws.secrets.put(scene.secretId, { password, username: other }, { stages: ["AWSPENDING"] });

			const dataSource = await connect();
			const rows: unknown = await dataSource.query("SELECT current_user() AS user");
			await dataSource.destroy();
			await waitUntil("every connection is closed", async () => (await listUsers()).length === 0);

			expect(rows).toEqual([{ user: `${other}@%` }]);
		});

		it("takes TypeORM's own options, and extra beside its own", async () => {
			const typeOrmOptions = {
				charset: "utf8mb4_bin",
				extra: { maxIdle: 1 },
				logging: ["error" as const],
				migrationsTableName: "changes",
			};
			const dataSource = await connect({ type: "mariadb", typeOrmOptions });

			const [row] = await dataSource.query<[{ name: string }]>("SELECT @@collation_connection AS name");
			const { options } = dataSource;
			await dataSource.destroy();

			expect(row.name).toBe("utf8mb4_bin");
			expect(options).toMatchObject({
				extra: { idleTimeout: 30_000, maxIdle: 1 },
				logging: ["error"],
				migrationsTableName: "changes",
			});
		});

		it("reads from a replica and writes to the master, each in a cluster that mysql2 does not shrink", async () => {
			const proxy = await startTcpProxy({ target: scene.server });
			const dataSource = await connect({ replicas: [{ host: proxy.host, port: proxy.port }] });
			const acceptedAtStart = proxy.acceptedCount;

			const slave = dataSource.createQueryRunner("slave");
			await slave.query("SELECT 1");
			await slave.release();
			const acceptedForReads = proxy.acceptedCount;
			const master = dataSource.createQueryRunner("master");
			await master.query("SELECT 1");
			await master.release();
			proxy.reset();
			await proxy.refuse();
			for (let attempt = 0; attempt < 10; attempt += 1) {
				const runner = dataSource.createQueryRunner("slave");
				await expect(runner.query("SELECT 1")).rejects.toThrow();
				await runner.release().catch(() => undefined);
			}
			await proxy.thaw();
			const recovered = dataSource.createQueryRunner("slave");
			const rows: unknown = await recovered.query("SELECT 1 AS one");
			await recovered.release();
			await dataSource.destroy();
			await proxy.stop();

			expect([acceptedAtStart, acceptedForReads]).toEqual([0, 1]);
			expect(rows).toEqual([{ one: 1 }]);
			expect(complaints).not.toHaveBeenCalled();
		});
	});
});
