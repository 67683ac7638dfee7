/** Every TypeScript snippet of the documentation does what the text around it says. */
import { type DynamicModule, type INestApplicationContext, Logger, Module, type ModuleMetadata, type Type } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { metrics } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";
import { DataSource } from "typeorm";

import { CONNECTOR_FIELDS, type FieldName } from "../../src/configuration/connector-fields.js";
import { ConnectorHealthIndicator } from "../../src/health/connector-health.service.js";
import { ParameterStoreConfigModule, RotatorService, TypeOrmAwsConnectorService } from "../../src/index.js";
import { buildParameterPath } from "../../src/parameter-store/parameter-path.js";
import { buildFieldLookup } from "../../src/resolution/field-lookup.js";
import { forgetIdentity } from "../../src/secrets/aws-identity-cache.js";
import { CertificateAuthority } from "../support/certificates.js";
import { type FakeAws, startFakeAws } from "../../src/testing/fake-aws.js";
import { APPLICATION_KEY, type IamScene, startIamScene } from "../support/iam-gateway/iam-scene.js";
import { type PostgresServer, startPostgres } from "../support/postgres/postgres-server.js";
import { serveTls } from "../support/postgres/serve-tls.js";
import { runText } from "../support/virtual-modules.js";
import { SNIPPETS } from "./documented-snippets.js";
import { ReportEntity } from "./entities/report.entity.js";
import { UserEntity } from "./entities/user.entity.js";

const SECRET_ID = "shop/database";
const BLUE = { password: "first password", username: "shop_blue" };
const GREEN = { password: "second password", username: "shop_green" };

/** What the README's parameters hold, by field. */
const SETTINGS = { databaseName: "shop", poolSize: "3", relationLoadStrategy: "join", secretId: SECRET_ID, type: "postgres" };

let application: INestApplicationContext | undefined;
let aws: FakeAws;
let iamScene: IamScene | undefined;
let server: PostgresServer;
const environment = { ...process.env };

beforeAll(async () => {
	[aws, server] = await Promise.all([startFakeAws(), startPostgres()]);
	for (const database of ["mydb", "reports", "shop"]) await server.createDatabase(database);
	await server.createRole("shop_owner", "unused", { databases: ["reports", "shop"] });
	for (const { password, username } of [BLUE, GREEN]) await server.createRole(username, password, { memberOf: ["shop_owner"] });
	await server.createRole("local-user", "local-password", { databases: ["mydb"] });
	await server.admin.query("CREATE TABLE user_entity (id serial PRIMARY KEY, name text NOT NULL)", [], "shop");
	await server.admin.query("CREATE TABLE report_entity (id serial PRIMARY KEY, title text NOT NULL)", [], "reports");
	await server.admin.query("INSERT INTO user_entity (name) VALUES ('Ada')", [], "shop");
	await server.admin.query("INSERT INTO report_entity (title) VALUES ('March')", [], "reports");
	aws.parameters.putMany(placeSettings({ ...SETTINGS, host: server.host, port: String(server.port) }, "shop-api"));
	aws.parameters.putMany(placeSettings({ databaseName: "reports", type: "postgres" }, "reports"));
	Object.assign(process.env, aws.env);
});

beforeEach(() => {
	aws.secrets.put(SECRET_ID, BLUE);
	aws.calls.clear();
});

afterEach(async () => {
	await application?.close();
	application = undefined;
	metrics.disable();
	await iamScene?.stop();
	iamScene = undefined;
	delete process.env["AWS_SESSION_TOKEN"];
	Object.assign(process.env, aws.env);
});

afterAll(async () => {
	process.env = environment;
	await Promise.all([aws.stop(), server.stop()]);
});

/** Values by the full names that the README gives; another test ties its table to the source. */
function placeSettings(settings: Partial<Record<FieldName, string>>, instanceName: string): Record<string, string> {
	const segments = { application: "shop", environment: "production", instanceName, namespace: "aws-ecs-fargate" };
	const names = Object.keys(CONNECTOR_FIELDS) as FieldName[];
	return Object.fromEntries(
		names.flatMap((name) => {
			const value = settings[name];
			return value === undefined ? [] : [[buildParameterPath(buildFieldLookup(name, { entities: [] }), segments), value]];
		}),
	);
}

function run<Exported>(name: string): Exported {
	return runAll<Record<string, Exported>>(name)[name] as Exported;
}

function runAll<Exports>(name: string): Exports {
	const { path, text } = SNIPPETS.get(name) ?? { path: "", text: "" };
	return runText(text, path, { decoratorMetadata: true }) as Exports;
}

async function boot(metadata: ModuleMetadata): Promise<INestApplicationContext> {
	@Module(metadata)
	class RootModule {}
	application = await NestFactory.createApplicationContext(RootModule, { abortOnError: false, logger: false });
	return application;
}

/** Starts an application that logs in with the AWS identity of the process, through a gateway in the place of AWS. */
async function bootOnGateway(service: "dsql" | "rds-db", connector: DynamicModule): Promise<DataSource> {
	iamScene = await startIamScene(service);
	const { ssl, tunnel } = iamScene;
	const { accessKeyId, secretAccessKey, sessionToken } = APPLICATION_KEY;
	Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken });
	forgetIdentity(undefined);
	const wiring = TypeOrmModule.forRootAsync({
		inject: [TypeOrmAwsConnectorService],
		useFactory: async (service: TypeOrmAwsConnectorService) => ({ ...(await service.getTypeOrmOptions()), ...tunnel, ssl }) as never,
	});
	const context = await boot({ imports: [connector, wiring] });
	return context.get(DataSource, { strict: false });
}

/** TypeORM on the default connector, as most snippets leave it out. */
function wireTypeOrm(): DynamicModule {
	return TypeOrmModule.forRootAsync({
		inject: [TypeOrmAwsConnectorService],
		useFactory: async (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
	});
}

async function whoAmI(dataSource: DataSource): Promise<unknown> {
	const rows = await dataSource.query<unknown[]>('SELECT current_database() AS "database", current_user AS "user"');
	return rows[0];
}

async function listMetrics(reader: PrometheusExporter): Promise<string[]> {
	const { resourceMetrics } = await reader.collect();
	return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics.map(({ descriptor }) => descriptor.name));
}

interface DatabaseController {
	describe(): string;
	rotate(): Promise<string>;
}

/** What each snippet is to do. One without an entry here fails. */
const CLAIMS: Readonly<Record<string, () => Promise<void>>> = {
	AppModule: async () => {
		const context = await boot({ imports: [run<Type>("AppModule")] });
		const dataSource = context.get(DataSource, { strict: false });
		const rotator = context.get(RotatorService, { strict: false });
		expect(await whoAmI(dataSource)).toEqual({ database: "shop", user: BLUE.username });
		expect(await dataSource.getRepository(UserEntity).find()).toEqual([{ id: 1, name: "Ada" }]);
		expect(dataSource.options).toMatchObject({ poolSize: 3, relationLoadStrategy: "join" });
		aws.secrets.put(SECRET_ID, GREEN);

		expect(await rotator.rotateDatabaseConnection()).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
		await rotator.waitForExchange();
		expect(await whoAmI(dataSource)).toEqual({ database: "shop", user: GREEN.username });
		expect(context.get(TypeOrmAwsConnectorService, { strict: false }).getRotationConfig()).toEqual({
			intervalMs: 3_600_000,
			isEnabled: true,
		});
	},

	bootWith: async () => {
		const double = { find: () => ["milk"], isInitialized: false };
		const bootWith = run<(double: object, application: Type) => Promise<INestApplicationContext>>("bootWith");

		application = await bootWith(double, run<Type>("AppModule"));
		await application.init();

		expect(application.get(DataSource, { strict: false })).toBe(double);
		expect(aws.calls.count()).toBe(0);
	},

	ConnectionReport: async () => {
		const ConnectionReport = run<Type<{ log(): Promise<void> }>>("ConnectionReport");
		const context = await boot({ imports: [run<Type>("AppModule")], providers: [ConnectionReport] });
		const logged = jest.spyOn(Logger.prototype, "log").mockImplementation();

		await context.get<{ log(): Promise<void> }>(ConnectionReport).log();

		const text = String(logged.mock.calls[0]?.[0]);
		logged.mockRestore();
		expect(text).toMatch(/^databaseName +shop +parameter +\/shop\/production\/aws-ecs-fargate\/shop-api\/postgres\/database-name$/m);
		expect(text).toMatch(/No problem\.$/);
		expect(text).not.toContain(BLUE.password);
	},

	HealthModule: async () => {
		const context = await boot({ imports: [run<Type>("AppModule"), run<Type>("HealthModule")] });
		const database = context.get(ConnectorHealthIndicator, { strict: false });

		expect(await database.isReady("database", { timeoutMs: 10_000 })).toEqual({ database: { status: "up" } });
	},

	PoolMetrics: async () => {
		const PoolMetrics = run<Type<{ scrape(): Promise<string> }>>("PoolMetrics");
		const context = await boot({ imports: [run<Type>("AppModule")], providers: [PoolMetrics] });
		await context.get(DataSource, { strict: false }).query("SELECT 1");

		expect(await context.get<{ scrape(): Promise<string> }>(PoolMetrics).scrape()).toContain(
			'db_pool_connections{server="primary",state="idle"} 1',
		);
	},

	RotationAlarm: async () => {
		const context = await boot({ imports: [run<Type>("AppModule")], providers: [run<Type>("RotationAlarm")] });
		const fatal = jest.spyOn(Logger.prototype, "fatal").mockImplementation();
		aws.faults.inject({ kind: "denied", service: "secretsmanager" });
		const rotator = context.get(RotatorService, { strict: false });

		await rotator.rotateDatabaseConnection();
		expect(fatal).not.toHaveBeenCalled();
		await rotator.rotateDatabaseConnection();
		aws.faults.clear();

		expect(fatal.mock.calls).toEqual([["Call the team: ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE"]]);
		fatal.mockRestore();
	},

	TelemetryModule: async () => {
		const exporter = new PrometheusExporter({ preventServerStart: true });
		metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
		await boot({ imports: [run<Type>("AppModule"), run<Type>("TelemetryModule")] });

		expect(await listMetrics(exporter)).toEqual(
			expect.arrayContaining(["db.client.connection.count", "typeorm_aws_connector.generation"]),
		);
	},

	PoolReporter: async () => {
		const PoolReporter = run<Type<{ report(): void }>>("PoolReporter");
		const context = await boot({ imports: [run<Type>("AppModule")], providers: [PoolReporter] });
		const logged = jest.spyOn(Logger.prototype, "log").mockImplementation();

		context.get<{ report(): void }>(PoolReporter).report();

		const [[pool], [rest]] = logged.mock.calls as [[unknown], [unknown]];
		logged.mockRestore();
		expect(pool).toMatchObject({ inUse: 0, limit: 3, name: "primary", waiting: 0 });
		expect(rest).toMatchObject({ ageMs: expect.any(Number) as number, refusedLogins: 0 });
	},

	ReadinessController: async () => {
		const ReadinessController = run<Type<{ check(): Promise<object> }>>("ReadinessController");
		const context = await boot({ imports: [run<Type>("AppModule")], providers: [ReadinessController] });

		expect(await context.get<{ check(): Promise<object> }>(ReadinessController).check()).toMatchObject({ status: "up" });
	},

	DatabaseController: async () => {
		const DatabaseController = run<Type<DatabaseController>>("DatabaseController");
		const promised = /\/\*\* (state=.*) \*\//.exec(SNIPPETS.get("DatabaseController")?.text ?? "")?.[1];
		const context = await boot({ controllers: [DatabaseController], imports: [run<Type>("AppModule")] });
		const [guard] = Reflect.getMetadata("__guards__", DatabaseController) as [new () => { canActivate(request: object): boolean }];
		const isLetIn = (user?: object): boolean => new guard().canActivate({ switchToHttp: () => ({ getRequest: () => ({ user }) }) });
		expect([isLetIn(), isLetIn({}), isLetIn({ isOperator: true })]).toEqual([false, false, true]);
		const controller = context.get<DatabaseController>(DatabaseController);
		aws.secrets.put(SECRET_ID, GREEN);

		expect(await controller.rotate()).toBe("rotated");
		expect(await controller.rotate()).toBe("unchanged");
		expect(controller.describe().replaceAll(/=\S+/g, "")).toBe(promised?.replaceAll(/=\S+/g, ""));
		expect(controller.describe()).toMatch(/^state=idle generation=2 .* failures=0 lastSuccess=\d+s$/);
	},

	localConnector: async () => {
		const wiring = TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: async (connector: TypeOrmAwsConnectorService) => ({ ...(await connector.getTypeOrmOptions()), port: server.port }),
		});
		const context = await boot({ imports: [run("localConnector"), wiring] });
		const connector = context.get(TypeOrmAwsConnectorService, { strict: false });

		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "mydb", user: "local-user" });
		expect(await connector.getTypeOrmOptions()).toMatchObject({ host: "127.0.0.1", port: 5432, type: "postgres" });
		expect(aws.calls.count()).toBe(0);
	},

	connectorWithSearchPath: async () => {
		const parameters = ParameterStoreConfigModule.register({
			application: "shop",
			environment: "production",
			instanceName: "shop-api",
			namespace: "aws-ecs-fargate",
		});
		const wiring = TypeOrmModule.forRootAsync({ useExisting: TypeOrmAwsConnectorService });
		const context = await boot({ imports: [parameters, run("connectorWithSearchPath"), wiring] });

		expect(await context.get(DataSource, { strict: false }).query("SHOW search_path")).toEqual([{ search_path: "shop,public" }]);
	},

	connectorWithReplica: async () => {
		aws.parameters.put("/shop/production/aws-rds/aurora-postgres/reader/host", server.host);
		const parameters = ParameterStoreConfigModule.register({
			application: "shop",
			environment: "production",
			instanceName: "shop-api",
			namespace: "aws-ecs-fargate",
		});
		const wiring = TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: async (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		});

		const context = await boot({ imports: [parameters, run("connectorWithReplica"), wiring] });

		const dataSource = context.get(DataSource, { strict: false });
		const { host, port } = server;
		expect(dataSource.options).toMatchObject({
			applicationName: "shop-api",
			extra: { maxLifetimeSeconds: 1_800 },
			logging: ["error", "migration"],
			poolSize: 3,
			replication: { master: { host, port }, slaves: [{ database: "shop", host, port, username: BLUE.username }] },
		});
		expect(await whoAmI(dataSource)).toEqual({ database: "shop", user: BLUE.username });
	},

	createTunnelledConnector: async () => {
		const authority = new CertificateAuthority("Corporate CA");
		await serveTls(server, { server: authority.issue({ names: ["db.internal"] }) });
		const create = run<(ca: string, servername: string) => DynamicModule>("createTunnelledConnector");
		const parameters = ParameterStoreConfigModule.register({
			application: "shop",
			environment: "production",
			instanceName: "shop-api",
			namespace: "aws-ecs-fargate",
		});
		const wiring = TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: async (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		});

		const context = await boot({ imports: [parameters, create(authority.certificate, "db.internal"), wiring] });

		const rows: unknown = await context
			.get(DataSource, { strict: false })
			.query("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
		expect(rows).toEqual([{ version: "TLSv1.3" }]);
	},

	namedConnector: async () => {
		const { host, port } = server;
		aws.secrets.put("rds!cluster-6a1b", BLUE);
		aws.parameters.putMany({
			"/prod/db/engine": "aurora-postgresql",
			"/prod/db/host": host,
			"/prod/db/name": "shop",
			"/prod/db/port": String(port),
			"/prod/db/secret-arn": aws.secrets.arn("rds!cluster-6a1b"),
		});

		const context = await boot({ imports: [run("namedConnector"), wireTypeOrm()] });

		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "shop", user: BLUE.username });
	},

	wholeConnector: async () => {
		const { host, port } = server;
		const connection = JSON.stringify({ ...BLUE, dbname: "shop", engine: "postgres", host, port });
		aws.parameters.put("/prod/db", connection, "SecureString");

		const context = await boot({ imports: [run("wholeConnector"), wireTypeOrm()] });

		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "shop", user: BLUE.username });
	},

	rdsIamConnector: async () => {
		const dataSource = await bootOnGateway("rds-db", run("rdsIamConnector"));

		expect(await whoAmI(dataSource)).toEqual({ database: "shop", user: "app" });
	},

	dsqlConnector: async () => {
		const dataSource = await bootOnGateway("dsql", run("dsqlConnector"));

		expect(await whoAmI(dataSource)).toEqual({ database: "postgres", user: "admin" });
	},

	renameUser: async () => {
		const renameUser = run<(dataSource: DataSource, id: number, name: string) => Promise<void>>("renameUser");
		const context = await boot({ imports: [run<Type>("AppModule")] });
		const dataSource = context.get(DataSource, { strict: false });
		const users = dataSource.getRepository(UserEntity);

		await renameUser(dataSource, 1, "Grace");
		const renamed = await users.findOneByOrFail({ id: 1 });
		await renameUser(dataSource, 1, "Ada");

		expect(renamed.name).toBe("Grace");
		expect(await users.findOneByOrFail({ id: 1 })).toEqual({ id: 1, name: "Ada" });
	},

	secretConnector: async () => {
		const { host, port } = server;
		const { password, username } = BLUE;
		aws.secrets.put("shop/rds", {
			dbname: "shop",
			engine: "aurora-postgresql",
			hostname: host,
			password,
			port: String(port),
			user: username,
		});
		const wiring = TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: async (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		});

		const context = await boot({ imports: [run("secretConnector"), wiring] });

		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "shop", user: username });
	},

	ApiKeys: async () => {
		aws.secrets.put("shop/api-keys", { stripe: "old key" });
		const { ApiKeys, ApiKeysModule } = runAll<{
			ApiKeys: Type<{ read(): Promise<string>; replace(stripe: string): Promise<void> }>;
			ApiKeysModule: Type;
		}>("ApiKeys");
		const keys = (await boot({ imports: [ApiKeysModule] })).get(ApiKeys, { strict: false });

		const before = [await keys.read(), await keys.read()];
		await keys.replace("new key");

		expect([...before, await keys.read()]).toEqual(["old key", "old key", "new key"]);
		expect(aws.secrets.get("shop/api-keys")).toBe('{"stripe":"new key"}');
		expect(aws.calls.count("GetSecretValue")).toBe(1);
	},

	handler: async () => {
		await boot({});

		expect(await run<() => Promise<string>>("handler")()).toBe("ERR_CONNECTOR_SECRET_NOT_FOUND");
		aws.secrets.put("stripe-api-key", "sk_1");
		expect(await run<() => Promise<string>>("handler")()).toBe("ready");
	},

	ReportsDatabaseModule: async () => {
		const context = await boot({ imports: [run<Type>("AppModule"), run<Type>("ReportsDatabaseModule")] });
		const reports = context.get<DataSource>(getDataSourceToken("reports"), { strict: false });

		expect(await whoAmI(reports)).toEqual({ database: "reports", user: BLUE.username });
		expect(await reports.getRepository(ReportEntity).find()).toEqual([{ id: 1, title: "March" }]);
		expect(await whoAmI(context.get(DataSource, { strict: false }))).toEqual({ database: "shop", user: BLUE.username });
	},
};

it("have a claim each", () => {
	expect([...SNIPPETS.keys()].sort()).toEqual(Object.keys(CLAIMS).sort());
});

it.each(Object.entries(CLAIMS))("%s keeps its promise", async (_, claim) => {
	await claim();

	expect(application).toBeDefined();
});
