/** Moving over from `@elsikora/nestjs-typeorm-aws-connector` is one changed import: every snippet of its README boots as it stands. */
import { type DynamicModule, type INestApplicationContext, Module, type ModuleMetadata, type Type } from "@nestjs/common";
import { ConfigModule } from "@nestjs/config";
import { NestFactory } from "@nestjs/core";
import { ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";
import { DataSource } from "typeorm";

import {
	getConnectorToken,
	ParameterStoreConfigService,
	RotatorService,
	TypeOrmAwsConnectorModule,
	TypeOrmAwsConnectorService,
} from "../../src/index.js";
import { type FakeAws, startFakeAws } from "../../src/testing/fake-aws.js";
import { type PostgresServer, startPostgres } from "../support/postgres/postgres-server.js";
import { completeSnippet, readSnippet, runSnippet, SNIPPETS } from "./compile-snippet.js";
import { ProviderEntity } from "./entities/provider.entity.js";
import { UserEntity } from "./entities/user.entity.js";

const SECRET_ID = "shop/database";
const FIRST_LOGIN = { password: "first password", username: "shop_blue" };
const SECOND_LOGIN = { password: "second password", username: "shop_green" };
const SHOP = { database: "shop", user: FIRST_LOGIN.username };

let application: INestApplicationContext | undefined;
let aws: FakeAws;
let server: PostgresServer;
const environment = { ...process.env };

beforeAll(async () => {
	[aws, server] = await Promise.all([startFakeAws(), startPostgres()]);
	for (const database of ["shop", "mydb"]) await server.createDatabase(database);
	await server.createRole("shop_owner", "unused", { databases: ["shop"] });
	for (const { password, username } of [FIRST_LOGIN, SECOND_LOGIN])
		await server.createRole(username, password, { memberOf: ["shop_owner"] });
	await server.createRole("local-user", "local-password", { databases: ["mydb"] });
	await server.admin.query("CREATE TABLE user_entity (id serial PRIMARY KEY, name text NOT NULL)", [], "shop");
	await server.admin.query("CREATE TABLE provider_entity (id serial PRIMARY KEY, name text NOT NULL)", [], "shop");
	await server.admin.query(
		"INSERT INTO user_entity (name) VALUES ('Ada'); INSERT INTO provider_entity (name) VALUES ('Initech')",
		undefined,
		"shop",
	);
	aws.parameters.putMany({
		"/shop/test/aws-ecs-fargate/my-api/postgres/database-name": "shop",
		"/shop/test/aws-ecs-fargate/my-api/postgres/type": "postgres",
		"/shop/test/aws-ecs-fargate/my-api/typeorm/pool-size": "3",
		"/shop/test/aws-rds/aurora-postgres/host": server.host,
		"/shop/test/aws-rds/aurora-postgres/port": String(server.port),
		"/shop/test/aws-secrets-manager/database/secret-id": SECRET_ID,
	});
	Object.assign(process.env, aws.env, { APPLICATION: "shop", ENVIRONMENT: "test" });
});

beforeEach(() => {
	aws.secrets.put(SECRET_ID, FIRST_LOGIN);
	aws.calls.clear();
});

afterEach(async () => {
	await application?.close();
	application = undefined;
});

afterAll(async () => {
	process.env = environment;
	await Promise.all([aws.stop(), server.stop()]);
});

async function boot(...imports: NonNullable<ModuleMetadata["imports"]>): Promise<INestApplicationContext> {
	@Module({ imports })
	class RootModule {}
	application = await NestFactory.createApplicationContext(RootModule, { abortOnError: false, logger: false });
	return application;
}

/** The module of the first snippet, which all others need beside them. Its ConfigModule is not global. */
function parameterStoreModule(): Type {
	return runSnippet("parameter-store")["AppModule"] as Type;
}

function registrationOf(snippet: "async-registration" | "custom-lookups" | "raw-values" | "rotation" | "several-databases"): DynamicModule {
	return runSnippet(snippet)["registration"] as DynamicModule;
}

/** As the second snippet does it. */
function wireTypeOrm(overrides: { port?: number } = {}): DynamicModule {
	return TypeOrmModule.forRootAsync({
		imports: [TypeOrmAwsConnectorModule],
		inject: [TypeOrmAwsConnectorService],
		useFactory: async (connector: TypeOrmAwsConnectorService) => ({ ...(await connector.getTypeOrmOptions()), ...overrides }),
	});
}

async function whoAmI(dataSource: DataSource): Promise<unknown> {
	const rows = await dataSource.query<unknown[]>('SELECT current_database() AS "database", current_user AS "user"');
	return rows[0];
}

it.each(SNIPPETS)("leaves the snippet %s as it is, but for package names, missing imports and a name to import it by", (name) => {
	const own = readSnippet(name).replaceAll(/"@elsikora\/nestjs-[a-z-]+"/g, '"nestjs-typeorm-aws-connector"');

	const completed = completeSnippet(name).replace("export const registration = ", "");

	expect(completed.endsWith(own)).toBe(true);
	expect(completed.slice(0, -own.length)).toMatch(/^(?:import \{ \w+ \} from "[^"]+";\n)*$/);
});

it("boots the registration of Parameter Store", async () => {
	const context = await boot(parameterStoreModule());

	const parameters = context.get(ParameterStoreConfigService, { strict: false });

	expect(parameters.get({ path: ["postgres", "database-name"] })).toBe("shop");
});

it("boots the static registration, with the bare module in the imports of forRootAsync", async () => {
	const { DatabaseModule } = runSnippet("static-registration");

	const context = await boot(parameterStoreModule(), DatabaseModule as Type);

	const dataSource = context.get(DataSource, { strict: false });
	expect(await whoAmI(dataSource)).toEqual(SHOP);
	expect(await dataSource.getRepository(UserEntity).find()).toEqual([{ id: 1, name: "Ada" }]);
	expect(dataSource.options).toMatchObject({ poolSize: 3 });
});

it("boots the static registration whatever the order of the imports", async () => {
	const { DatabaseModule } = runSnippet("static-registration");

	const context = await boot(DatabaseModule as Type, parameterStoreModule());

	expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual(SHOP);
});

it("boots the lookups of one's own", async () => {
	const context = await boot(parameterStoreModule(), registrationOf("custom-lookups"), wireTypeOrm());

	expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual(SHOP);
});

it("boots the raw values without Parameter Store, and without asking AWS anything", async () => {
	const context = await boot(registrationOf("raw-values"), wireTypeOrm({ port: server.port }));

	expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "mydb", user: "local-user" });
	expect(await context.get(TypeOrmAwsConnectorService, { strict: false }).getTypeOrmOptions()).toMatchObject({
		host: "127.0.0.1",
		port: 5432,
	});
	expect(aws.calls.count()).toBe(0);
});

describe("the rotation", () => {
	it("boots, is listed in the application's SchedulerRegistry, and rotates", async () => {
		const context = await boot(ScheduleModule.forRoot(), parameterStoreModule(), registrationOf("rotation"), wireTypeOrm());
		const dataSource = context.get(DataSource, { strict: false });
		aws.secrets.put(SECRET_ID, SECOND_LOGIN);

		const rotator = context.get(RotatorService, { strict: false });
		await rotator.rotateDatabaseConnection();
		await rotator.waitForExchange();

		expect(await whoAmI(dataSource)).toEqual({ database: "shop", user: SECOND_LOGIN.username });
		expect(await dataSource.getRepository(UserEntity).count()).toBe(1);
		expect(context.get(SchedulerRegistry, { strict: false }).getIntervals()).toEqual([expect.stringMatching(/^db-rotation:\d+$/)]);
		expect(context.get(TypeOrmAwsConnectorService, { strict: false }).getRotationConfig()).toEqual({
			intervalMs: 3_600_000,
			isEnabled: true,
		});
	});

	it("boots without ScheduleModule", async () => {
		const context = await boot(parameterStoreModule(), registrationOf("rotation"), wireTypeOrm());
		aws.secrets.put(SECRET_ID, SECOND_LOGIN);

		const rotator = context.get(RotatorService, { strict: false });
		await rotator.rotateDatabaseConnection();
		await rotator.waitForExchange();

		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "shop", user: SECOND_LOGIN.username });
	});
});

describe("the asynchronous registration", () => {
	it("boots with its own defaults", async () => {
		const context = await boot(parameterStoreModule(), registrationOf("async-registration"), wireTypeOrm());

		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual(SHOP);
		expect(context.get(TypeOrmAwsConnectorService, { strict: false }).getRotationConfig()).toEqual({
			intervalMs: 3_600_000,
			isEnabled: false,
		});
	});

	it("takes its settings from the application's ConfigModule, which is not global", async () => {
		const settings = ConfigModule.forRoot({ load: [() => ({ DB_ROTATION_ENABLED: true, DB_ROTATION_INTERVAL: 60_000 })] });

		const context = await boot(
			settings,
			ScheduleModule.forRoot(),
			parameterStoreModule(),
			registrationOf("async-registration"),
			wireTypeOrm(),
		);

		expect(context.get(TypeOrmAwsConnectorService, { strict: false }).getRotationConfig()).toEqual({
			intervalMs: 60_000,
			isEnabled: true,
		});
		expect(context.get(SchedulerRegistry, { strict: false }).getIntervals()).toEqual([expect.stringMatching(/^db-rotation:\d+$/)]);
	});
});

describe("the registration for one of several databases", () => {
	const TOKEN = getDataSourceToken("provider");

	it("boots where its own module wires it, by class", async () => {
		const registration = registrationOf("several-databases");
		const wiring = TypeOrmModule.forRootAsync({
			imports: [registration],
			inject: [TypeOrmAwsConnectorService],
			name: "provider",
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		});
		@Module({ imports: [registration, wiring] })
		class ProviderDatabaseModule {}

		const context = await boot(parameterStoreModule(), ProviderDatabaseModule);

		const dataSource = context.get<DataSource>(TOKEN, { strict: false });
		expect(await whoAmI(dataSource)).toEqual(SHOP);
		expect(await dataSource.getRepository(ProviderEntity).find()).toEqual([{ id: 1, name: "Initech" }]);
	});

	it("boots where another module provides it, by its token and without an import", async () => {
		const wiring = TypeOrmModule.forRootAsync({
			inject: [getConnectorToken(TOKEN)],
			name: "provider",
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		});

		const context = await boot(parameterStoreModule(), wiring, registrationOf("several-databases"));

		expect(await whoAmI(context.get<DataSource>(TOKEN as string, { strict: false }))).toEqual(SHOP);
	});
});
