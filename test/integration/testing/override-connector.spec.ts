/** An application boots without AWS in the place that it has in production: nothing of it is changed, and nothing asks AWS. */
import { Inject, Injectable, Module } from "@nestjs/common";
import { ConfigModule } from "@nestjs/config";
import { Test, type TestingModule } from "@nestjs/testing";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";
import { DataSource } from "typeorm";

import {
	getConnectorToken,
	type ITypeOrmAwsConnectorModuleOptions,
	ParameterStoreConfigModule,
	ParameterStoreConfigService,
	RotatorService,
	SecretsManagerModule,
	SecretsManagerService,
	TypeOrmAwsConnectorModule,
	TypeOrmAwsConnectorService,
} from "../../../src/index.js";
import { type FakeAws, type IConnectorOverride, overrideConnector, startFakeAws } from "../../../src/testing.js";
import { endLater } from "../../support/endings.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";

const STORE = { application: "shop", environment: "production", instanceName: "api", namespace: "aws-ecs-fargate" };

let aws: FakeAws;
let server: PostgresServer;

beforeAll(async () => {
	[aws, server] = await Promise.all([startFakeAws(), startPostgres()]);
	endLater(async () => Promise.all([aws.stop(), server.stop()]));
	await Promise.all([server.createDatabase("shop"), server.createDatabase("reports")]);
});

beforeEach(() => {
	// Whatever asks AWS in spite of the override asks this endpoint, which notes it.
	const before = { ...process.env };
	Object.assign(process.env, aws.env);
	aws.calls.clear();
	endLater(async () => {
		process.env = before;
	});
});

/** Reads everything from AWS, rotates, and has a replica. */
const CONNECTOR: ITypeOrmAwsConnectorModuleOptions = {
	autoLoadEntities: true,
	aws: { region: "eu-west-1" },
	poolSize: 3,
	replicas: [{ host: "replica.shop.example" }],
	rotation: { isEnabled: true },
	secretId: "shop/database",
	ssmLookups: { port: "/shop/port" },
	tls: true,
};

@Injectable()
class Settings {
	constructor(
		@Inject(ParameterStoreConfigService) readonly parameters: ParameterStoreConfigService,
		@Inject(SecretsManagerService) readonly secrets: SecretsManagerService,
	) {}
}

@Module({
	imports: [
		ConfigModule.forRoot({ ignoreEnvFile: true, isGlobal: true }),
		ParameterStoreConfigModule.register(STORE),
		SecretsManagerModule.register(),
		TypeOrmAwsConnectorModule.register(CONNECTOR),
		TypeOrmAwsConnectorModule.register({ ...CONNECTOR, dataSourceName: "reports" }),
		TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
		TypeOrmModule.forRootAsync({
			inject: [getConnectorToken("reports")],
			name: "reports",
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
	],
	providers: [Settings],
})
class AppModule {}

function addressOf(database: string): string {
	const { password, user } = server.superuser;
	return `postgres://${user}:${password}@${server.host}:${String(server.port)}/${database}`;
}

async function boot(options: IConnectorOverride): Promise<TestingModule> {
	const module = await overrideConnector(Test.createTestingModule({ imports: [AppModule] }), options).compile();
	endLater(async () => module.close());
	return module.init();
}

/** The connector as it is made in the place of the application's own. */
function overrideAlone(config: object, database: string): TypeOrmAwsConnectorService {
	let make: ((config: object, names: object) => TypeOrmAwsConnectorService) | undefined;
	const builder = {
		overrideProvider: () => ({
			useFactory: ({ factory }: { factory: unknown }) => (make = factory as typeof make),
			useValue: () => undefined,
		}),
	};
	overrideConnector(builder, { database });
	if (make === undefined) throw new Error("No connector is overridden");
	return make(config, { connectorName: "default" });
}

describe("an application whose connectors are overridden", () => {
	it("has a database of the test for each DataSource, and asks AWS for nothing", async () => {
		const module = await boot({ database: addressOf("shop"), databases: { reports: { poolSize: 1, url: addressOf("reports") } } });
		const sources = [module.get(DataSource), module.get<DataSource>(getDataSourceToken("reports"))];

		const names = await Promise.all(sources.map(async (source) => source.query<object[]>("SELECT current_database() AS name")));

		expect(names).toEqual([[{ name: "shop" }], [{ name: "reports" }]]);
		expect(sources.map(({ options }) => (options as { poolSize?: number }).poolSize)).toEqual([3, 1]);
		expect((await module.get(RotatorService).rotateDatabaseConnection()).outcome).toBe("unchanged");
		expect(aws.calls.count()).toBe(0);
	});

	it("reads parameters and secrets from memory, by lookup and by full name", async () => {
		const module = await boot({
			database: addressOf("shop"),
			parameters: { "/shop/production/aws-ecs-fargate/api/limits/orders": "20", "/shop/other": "x" },
			secrets: { binary: "text", stripe: { key: "sk_test" } },
		});
		const { parameters, secrets } = module.get(Settings);

		expect(parameters.get({ path: ["limits", "orders"] })).toBe("20");
		expect(await parameters.getMany(["/shop/other", "/shop/missing"])).toEqual(["x", null]);
		expect(await secrets.getJson("stripe")).toEqual({ key: "sk_test" });
		expect(await secrets.getString("binary")).toBe("text");
		await expect(secrets.getString("missing")).rejects.toMatchObject({ code: "ERR_CONNECTOR_SECRET_NOT_FOUND" });
		await secrets.set("stripe", { key: "sk_new" });
		expect(await secrets.getJson("stripe")).toEqual({ key: "sk_new" });
		expect(aws.calls.count()).toBe(0);
	});

	it.each([
		["an empty object", {}],
		["a mock without options", { isInitialized: true }],
		["a mock with options", { isInitialized: true, options: { type: "postgres" } }],
		["a mock of mysql", { driver: {}, isInitialized: true, options: { type: "mysql" } }],
		["a double with a driver of its own", { driver: { master: {}, postgres: { Pool: class {} } }, options: { type: "postgres" } }],
	])("boots with %s in the place of the DataSource", async (_, double) => {
		const builder = overrideConnector(Test.createTestingModule({ imports: [AppModule] }));

		const module = await builder
			.overrideProvider(DataSource)
			.useValue(double)
			.overrideProvider(getDataSourceToken("reports"))
			.useValue(double)
			.compile();
		await module.init();
		// The application's own DataSource is gone, so that nothing is left to close.
		expect(module.get(DataSource)).toBe(double);
	});
});

describe("an address of a database", () => {
	it.each([
		[
			"mysql://root:p%40ss@db.local/shop%20one",
			{ database: "shop one", host: "db.local", password: "p@ss", port: 3306, type: "mysql" },
		],
		["postgresql://root@[::1]:5433/shop", { database: "shop", host: "::1", port: 5433, type: "postgres", username: "root" }],
		["mariadb://root:x@db.local:3307/shop", { host: "db.local", port: 3307, type: "mariadb" }],
	])("%s is understood", async (url, expected) => {
		expect(await overrideAlone({ entities: [] }, url).getTypeOrmOptions()).toMatchObject(expected);
	});

	it.each([
		["has verified TLS where it is a database of AWS", "shop.abc123.eu-west-1.rds.amazonaws.com", { rejectUnauthorized: true }],
		["has no TLS in a container", "postgres", false],
		["has no TLS on this machine", "localhost", false],
	])("%s", async (_, host, ssl) => {
		const connector = overrideAlone({ entities: [], isPlaintextAllowed: true, tls: false }, `postgres://root:x@${host}/shop`);

		expect(await connector.getTypeOrmOptions()).toMatchObject({ ssl });
	});

	it.each([{ ssl: { ca: "production" } }, { extra: { max: undefined, ssl: true } }])(
		"is connected to without the TLS that the application has in typeOrmOptions (%j)",
		async (typeOrmOptions) => {
			const options = await overrideAlone({ entities: [], typeOrmOptions }, "postgres://root:x@localhost/shop").getTypeOrmOptions();

			expect(options).toMatchObject({ ssl: false });
			expect(options).not.toHaveProperty("extra.ssl");
		},
	);

	it.each(["not an address hunter2", "redis://user:hunter2@localhost"])("that is none (%s) is refused without being repeated", (url) => {
		const override = (): unknown => overrideConnector(Test.createTestingModule({}), { database: url });

		expect(override).toThrow('database "default"');
		expect(override).not.toThrow("hunter2");
	});
});
