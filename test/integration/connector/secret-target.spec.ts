/** The secret says where the database is, and nothing else does: the application connects there, and follows when it moves. */
import type { DataSource } from "typeorm";

import type { ISecretsManagerCredentialsSource } from "../../../src/configuration/credentials.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { createSceneDatabase, type SceneDatabase } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { waitUntil } from "../../support/wait-until.js";

describeEngines("A secret with host, port, database and engine", {}, ({ dialect, engine, getServers, version }) => {
	const endings: (() => Promise<unknown>)[] = [];
	let database: SceneDatabase<DatabaseServer>;

	beforeEach(async () => {
		database = await createSceneDatabase(getServers());
	});

	afterEach(async () => {
		for (const end of endings.splice(0).reverse()) await end();
	});

	/** No place in code, and no Parameter Store. */
	async function start(source: Omit<ISecretsManagerCredentialsSource, "source"> = {}): Promise<[DataSource, RotatorService]> {
		const { aws, entities, rotation, secretId } = database.config;
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, {
			...(aws && { aws }),
			credentials: { ...source, shouldReadEndpointFromSecret: true, source: "secrets-manager" },
			entities,
			...(rotation && { rotation }),
			...(secretId !== undefined && { secretId }),
		});
		const { DataSource: LoadedDataSource } = version.load();
		const dataSource = await new LoadedDataSource(await connector.getTypeOrmOptions()).initialize();
		const rotator = new RotatorService(dataSource, undefined, connector, `db-rotation:${database.database}`);
		await rotator.onModuleInit();
		endings.push(async () => {
			await rotator.onModuleDestroy();
			connector.close();
			rotator.beforeApplicationShutdown();
			await Promise.all([rotator.onApplicationShutdown(), dataSource.destroy()]);
		});
		return [dataSource, rotator];
	}

	async function findUser(dataSource: DataSource): Promise<unknown> {
		const [row] = await dataSource.query<[{ user: string }]>(dialect.selectUser);
		return row.user;
	}

	it("is all that an application needs", async () => {
		const { aws, database: dbname, secretId, server, users } = database;
		aws.secrets.put(secretId, { ...database.current(), dbname, engine, host: server.host, port: server.port });

		const [dataSource] = await start();

		const user = await findUser(dataSource);
		expect(user).toBe(users[0]);
		await eventually(async () =>
			expect((await server.connections(users[0])).map((connection) => connection.database)).toEqual([dbname]),
		);
	});

	it("leads a rotation to another place, whatever its fields are called", async () => {
		const { aws, database: name, secretId, server, users } = database;
		const proxy = await startTcpProxy({ target: server });
		endings.push(async () => proxy.stop());
		const place = { db: name, endpoint: server.host, engine };
		aws.secrets.put(secretId, { ...database.current(), ...place, port: String(server.port) });
		const [dataSource, rotator] = await start({ keys: { databaseName: "db", host: "endpoint" } });
		await findUser(dataSource);
		aws.secrets.put(secretId, { ...database.current(), ...place, port: String(proxy.port) });

		const result = await rotator.rotateDatabaseConnection();

		await waitUntil("the former connections are closed", async () => {
			const connections = await server.connections(users[0]);
			return connections.length === proxy.openCount;
		});
		expect(result).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
		expect(proxy.openCount).toBeGreaterThan(0);
		expect(await findUser(dataSource)).toBe(users[0]);
	});
});
