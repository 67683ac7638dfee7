/** A DataSource without a Nest application: where its options come from, how it rotates, and that nothing stays open at its end. */
import { EntitySchema } from "typeorm";

import { TenantDataSources } from "../../../examples/recipes/tenants.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ConfigurationError } from "../../../src/errors/errors.js";
import { createDataSource } from "../../../src/standalone/create-data-source.js";
import type { IConnectorDataSource, ICreateDataSourceOptions } from "../../../src/standalone/create-data-source.options.js";
import { endLater } from "../../support/endings.js";
import { eventually } from "../../support/eventually.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";

let servers: SceneServers;
let scene: SceneDatabase;

beforeAll(async () => {
	servers = await startSceneServers();
});

beforeEach(async () => {
	scene = await createSceneDatabase(servers);
});

/** It is closed after the test. */
async function create(options: ICreateDataSourceOptions): Promise<IConnectorDataSource> {
	const dataSource = await createDataSource(options);
	endLater(async () => dataSource.close());
	return dataSource;
}

async function findUser(dataSource: IConnectorDataSource): Promise<string> {
	const [row] = await dataSource.query<[{ user: string }]>('SELECT current_user AS "user"');
	return row.user;
}

async function countConnections(): Promise<number> {
	const connections = await Promise.all(scene.users.map(async (user) => scene.server.connections(user)));
	return connections.flat().length;
}

describe("createDataSource", () => {
	it("gives a DataSource that is connected, with the secret of AWS", async () => {
		const dataSource = await create({ connector: scene.config });

		expect(dataSource.isInitialized).toBe(true);
		expect(await findUser(dataSource)).toBe(scene.users[0]);
	});

	it("rotates, and serves both before and after", async () => {
		const dataSource = await create({ connector: scene.config });
		const types: string[] = [];
		dataSource.rotator.events$.subscribe(({ type }) => types.push(type));
		await scene.alternate();

		const { outcome } = await dataSource.rotator.rotateDatabaseConnection();

		expect(outcome).toBe("rotated");
		await eventually(async () => expect(await findUser(dataSource)).toBe(scene.users[1]));
		expect(types).toContain("rotation.succeeded");
	});

	it("rotates on its schedule", async () => {
		const dataSource = await create({ connector: { ...scene.config, rotation: { intervalMs: 200, isEnabled: true } } });

		await scene.alternate();

		await eventually(async () => expect(await findUser(dataSource)).toBe(scene.users[1]));
	});

	it("recovers from a login that is refused", async () => {
		const dataSource = await create({
			connector: { ...scene.config, rotation: { isEnabled: false, shouldRotateOnAuthFailure: true } },
		});
		await scene.alternate();
		const [refused] = scene.users;
		await scene.server.setPassword(refused, "another password");
		await scene.server.terminate(refused);

		await eventually(async () => expect(await findUser(dataSource)).toBe(scene.users[1]));
	});

	it("reads its own parameters and no others", async () => {
		const run = scene.database;
		scene.aws.parameters.putMany({
			[`/${run}/test/api/main/postgres/database-name`]: scene.database,
			[`/${run}/test/api/main/postgres/type`]: "postgres",
			[`/${run}/test/aws-rds/aurora-postgres/host`]: scene.server.host,
			[`/${run}/test/aws-rds/aurora-postgres/port`]: String(scene.server.port),
			[`/${run}/test/aws-secrets-manager/database/secret-id`]: scene.secretId,
		});
		scene.aws.calls.clear();

		const dataSource = await create({
			connector: { ...(scene.config.aws && { aws: scene.config.aws }), entities: [] },
			parameters: { application: run, config: scene.aws.clientConfig, environment: "test", instanceName: "main", namespace: "api" },
		});

		expect(await findUser(dataSource)).toBe(scene.users[0]);
		expect(scene.aws.calls.count("GetParametersByPath")).toBe(0);
		expect(scene.aws.calls.count("GetParameters")).toBeGreaterThan(0);
	});

	it("takes any object with get() for the parameters", async () => {
		const { databaseName, ...config } = scene.config;

		const dataSource = await create({
			connector: config,
			parameters: { get: ({ path }) => (path.join("/") === "postgres/database-name" ? String(databaseName) : null) },
		});

		expect(dataSource.options.database).toBe(databaseName);
	});

	it("names the connector in its events", async () => {
		const dataSource = await create({ connector: scene.config, name: "reports" });
		const names = new Set<string>();
		dataSource.rotator.events$.subscribe(({ connector }) => names.add(connector));

		await dataSource.rotator.rotateDatabaseConnection();

		expect([...names]).toEqual(["reports"]);
	});

	it("leaves a DataSource uninitialized that is to be, and attaches rotation when it is initialized", async () => {
		const dataSource = await create({ connector: scene.config, shouldInitialize: false });
		expect(dataSource.isInitialized).toBe(false);
		expect(await dataSource.rotator.rotateDatabaseConnection()).toEqual({ outcome: "skipped" });

		await dataSource.initialize();
		await scene.alternate();

		expect(await dataSource.rotator.rotateDatabaseConnection()).toMatchObject({ outcome: "rotated" });
		await eventually(async () => expect(await findUser(dataSource)).toBe(scene.users[1]));
	});

	it("rotates a DataSource that was destroyed and initialized again", async () => {
		const dataSource = await create({ connector: scene.config });
		await dataSource.destroy();
		await dataSource.initialize();
		await scene.alternate();

		expect(await dataSource.rotator.rotateDatabaseConnection()).toMatchObject({ outcome: "rotated" });
		await eventually(async () => expect(await findUser(dataSource)).toBe(scene.users[1]));
	});

	it("closes everything, whether it is closed once or twice", async () => {
		const dataSource = await create({ connector: { ...scene.config, rotation: { isEnabled: true } } });
		await findUser(dataSource);

		await Promise.all([dataSource.close(), dataSource.close()]);

		expect(dataSource.isInitialized).toBe(false);
		await expect(dataSource.rotator.rotateDatabaseConnection()).rejects.toMatchObject({ code: "ERR_CONNECTOR_CLOSED" });
		await expect(dataSource.connector.getTypeOrmOptions()).rejects.toMatchObject({ code: "ERR_CONNECTOR_CLOSED" });
		await eventually(async () => expect(await countConnections()).toBe(0));
	});

	it("closes a DataSource that was never initialized", async () => {
		const dataSource = await create({ connector: scene.config, shouldInitialize: false });

		await expect(dataSource.close()).resolves.toBeUndefined();
	});

	it("leaves nothing open when the database refuses the login", async () => {
		scene.aws.secrets.put(scene.secretId, { password: "wrong", username: scene.users[0] });
		const close = jest.spyOn(TypeOrmAwsConnectorService.prototype, "close");

		await expect(createDataSource({ connector: scene.config })).rejects.toMatchObject({ code: "28P01" });

		expect(close).toHaveBeenCalled();
		await eventually(async () => expect(await countConnections()).toBe(0));
	});

	it("leaves nothing open when the secret does not exist", async () => {
		const close = jest.spyOn(TypeOrmAwsConnectorService.prototype, "close");

		await expect(createDataSource({ connector: { ...scene.config, secretId: "absent" } })).rejects.toMatchObject({
			code: "ERR_CONNECTOR_SECRET_NOT_FOUND",
		});

		expect(close).toHaveBeenCalled();
	});
});

describe("DataSources of tenants", () => {
	const Note = new EntitySchema<{ id: number; text: string }>({
		columns: { id: { generated: true, primary: true, type: Number }, text: { type: String } },
		name: "Note",
	});

	it("share a connector, keep their schema over a rotation, and close without the connector", async () => {
		const connector = new TypeOrmAwsConnectorService(undefined, undefined, { ...scene.config, entities: [Note] });
		endLater(async () => Promise.resolve(connector.close()));
		for (const schema of ["acme", "globex"]) {
			await scene.server.admin.query(`CREATE SCHEMA ${schema}`, [], scene.database);
			await scene.server.admin.query(`CREATE TABLE ${schema}.note (id serial PRIMARY KEY, text text NOT NULL)`, [], scene.database);
			await scene.server.admin.query(`GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`, [], scene.database);
			await scene.server.admin.query(`GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO PUBLIC`, [], scene.database);
			await scene.server.admin.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA ${schema} TO PUBLIC`, [], scene.database);
		}
		const tenants = new TenantDataSources(connector);
		endLater(async () => tenants.onModuleDestroy());
		const [acme, globex, again] = await Promise.all([tenants.open("acme"), tenants.open("globex"), tenants.open("acme")]);
		expect(again).toBe(acme);
		await acme.getRepository(Note).save({ text: "before" });
		await scene.alternate();

		await Promise.all([acme, globex].map(async ({ rotator }) => rotator.rotateDatabaseConnection()));
		await acme.getRepository(Note).save({ text: "after" });

		await eventually(async () => expect(await Promise.all([acme, globex].map(findUser))).toEqual([scene.users[1], scene.users[1]]));
		expect(await acme.getRepository(Note).count()).toBe(2);
		expect(await globex.getRepository(Note).count()).toBe(0);
		await tenants.onModuleDestroy();
		expect([acme.isInitialized, globex.isInitialized]).toEqual([false, false]);
		await expect(connector.getTypeOrmOptions()).resolves.toMatchObject({ username: scene.users[1] });
	});
});

it("refuses what it cannot use, all at once, before it asks AWS", async () => {
	scene.aws.calls.clear();
	const options = { conector: {}, connector: { autoLoadEntities: true }, shouldInitialize: "no", typeOrmOptions: { poolSize: 3 } };

	const refused = createDataSource(options as never);

	await expect(refused).rejects.toThrow(ConfigurationError);
	for (const text of [
		'"conector" is unknown; the nearest known one is "connector"',
		'"connector" has autoLoadEntities, which is an option of @nestjs/typeorm: list the entities',
		'"shouldInitialize" must be true or false',
		'"typeOrmOptions.poolSize" belongs to the connector',
	]) {
		await expect(refused).rejects.toThrow(text);
	}
	await expect(createDataSource({} as never)).rejects.toThrow('Option "connector" is required');
	await expect(createDataSource(undefined as never)).rejects.toThrow('Option "options" must be an object');
	await expect(createDataSource({ connector: { entities: [], hots: 1 } } as never)).rejects.toThrow('"hots" is unknown');
	expect(scene.aws.calls.count()).toBe(0);
});

it("refuses a name and parameters beside a connector that has its own", async () => {
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, scene.config);
	endLater(async () => Promise.resolve(connector.close()));

	const refused = createDataSource({ connector, name: "reports", parameters: { get: () => null } });

	await expect(refused).rejects.toThrow(/"name" belongs to the connector[^]*"parameters" belongs to the connector/);
});

it("refuses options of TLS beside a connector that has its own, and adds to those of its driver", async () => {
	const connector = new TypeOrmAwsConnectorService(undefined, undefined, scene.config);
	endLater(async () => Promise.resolve(connector.close()));
	const { extra } = (await connector.getTypeOrmOptions()) as { readonly extra?: object };

	const dataSource = await create({ connector, typeOrmOptions: { extra: { maxUses: 10 } } });
	const refused = createDataSource({ connector, typeOrmOptions: { extra: { authPlugins: {}, ssl: null }, ssl: null as never } });

	for (const option of ["ssl", "extra.ssl", "extra.authPlugins"])
		await expect(refused).rejects.toThrow(`"typeOrmOptions.${option}" belongs to the connector`);
	expect(dataSource.options).toMatchObject({ extra: { ...extra, maxUses: 10 } });
});
