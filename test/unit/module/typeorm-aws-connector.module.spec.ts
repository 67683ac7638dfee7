/** Who is given which connector, in applications with stand-ins for the DataSources. Real ones: test/integration/module. */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import {
	type DynamicModule,
	Global,
	Inject,
	Injectable,
	type InjectionToken,
	Module,
	type ModuleMetadata,
	type OptionalFactoryDependency,
	type Type,
	Logger,
} from "@nestjs/common";
import { ConfigModule } from "@nestjs/config";
import { ModuleRef, NestFactory } from "@nestjs/core";
import { ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";
import { Test } from "@nestjs/testing";
import { getDataSourceToken } from "@nestjs/typeorm";
import { mockClient } from "aws-sdk-client-mock";
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig, ITypeOrmAwsConnectorConfigFactory } from "../../../src/configuration/connector.options.js";
import { readOrigin } from "../../../src/connector/options-origin.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { InjectConnector, InjectRotator } from "../../../src/module/connector.decorators.js";
import { getConnectorToken, getRotatorToken } from "../../../src/module/connector.tokens.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";

const TARGET: ITypeOrmAwsConnectorConfig = { entities: [], host: "127.0.0.1", port: 6543, type: "postgres" };
const LOGIN = { password: "one", username: "app" };
const RAW: ITypeOrmAwsConnectorConfig = { ...TARGET, ...LOGIN, databaseName: "app" };

/** What an application gets by injection, in the order of `inject`. */
type Injected = readonly any[];

async function boot(
	...imports: NonNullable<ModuleMetadata["imports"]>
): Promise<{ close(): Promise<void>; get<T>(token: InjectionToken): T }> {
	const application = await NestFactory.createApplicationContext(defineModule({ imports }), { abortOnError: false, logger: false });
	return { close: async () => application.close(), get: (token) => application.get(token as string, { strict: false }) };
}

function defineModule(metadata: ModuleMetadata): Type {
	class ApplicationModule {}
	Module(metadata)(ApplicationModule);
	return ApplicationModule;
}

/** A module that imports `imports` and keeps what Nest injects there. */
function defineSpy(imports: NonNullable<ModuleMetadata["imports"]>, ...inject: InjectionToken[]): { module: Type; seen: () => Injected } {
	let injected: Injected = [];
	const provider = { inject, provide: Symbol("spy"), useFactory: (...values: unknown[]) => (injected = values) };
	return { module: defineModule({ imports, providers: [provider] }), seen: () => injected };
}

/** Wired as `TypeOrmModule.forRootAsync()` is: a global module that makes options with `inject`, and a DataSource from them. */
function standInTypeOrm(
	dataSourceToken: InjectionToken,
	connectorToken: InjectionToken,
	imports: NonNullable<ModuleMetadata["imports"]> = [],
): DynamicModule {
	@Global()
	@Module({})
	class CoreModule {}
	return {
		exports: [dataSourceToken],
		imports,
		module: CoreModule,
		providers: [
			{
				inject: [connectorToken],
				provide: "OPTIONS",
				useFactory: (connector: TypeOrmAwsConnectorService) => connector.createTypeOrmOptions(),
			},
			{
				inject: ["OPTIONS"],
				provide: dataSourceToken,
				useFactory: (options: DataSourceOptions) => ({ isInitialized: false, options }),
			},
			{ provide: "ID", useValue: Symbol("unique") },
		],
	};
}

describe("one registration without a DataSource token", () => {
	it("serves every module, also through the bare module class", async () => {
		const bare = defineSpy([TypeOrmAwsConnectorModule], TypeOrmAwsConnectorService, RotatorService);
		const none = defineSpy([], TypeOrmAwsConnectorService, RotatorService, getConnectorToken(), getRotatorToken());
		const application = await boot(bare.module, none.module, TypeOrmAwsConnectorModule.register(RAW));

		const [connector, rotator] = bare.seen();
		expect(connector).toBeInstanceOf(TypeOrmAwsConnectorService);
		expect(rotator).toBeInstanceOf(RotatorService);
		expect(none.seen()).toEqual([connector, rotator, connector, rotator]);
		expect(none.seen().every((value, index) => value === [connector, rotator][index % 2])).toBe(true);
		await application.close();
	});

	it("lets the DataSource wait for the connector and the rotator for the DataSource", async () => {
		const token = getDataSourceToken();

		const application = await boot(
			standInTypeOrm(token, TypeOrmAwsConnectorService, [TypeOrmAwsConnectorModule]),
			TypeOrmAwsConnectorModule.register(RAW),
		);

		const { options } = application.get<{ options: DataSourceOptions }>(token);
		expect(readOrigin(options)?.connector).toBe("default");
		await application.close();
	});

	it("boots without ParameterStoreConfigModule, ConfigModule, ScheduleModule and DataSource when all values are given", async () => {
		const application = await boot(TypeOrmAwsConnectorModule.register(RAW));

		const options = await application.get<TypeOrmAwsConnectorService>(TypeOrmAwsConnectorService).getTypeOrmOptions();

		expect(options).toMatchObject({
			database: "app",
			host: "127.0.0.1",
			password: "one",
			port: 6543,
			type: "postgres",
			username: "app",
		});
		await application.close();
	});

	it("fails the boot when its configuration is invalid", async () => {
		await expect(boot(TypeOrmAwsConnectorModule.register({ ...RAW, poolsize: 5 } as never))).rejects.toMatchObject({
			code: "ERR_CONNECTOR_CONFIGURATION_INVALID",
		});
	});
});

describe("several registrations", () => {
	const ORDERS = getDataSourceToken("orders") as string;
	const INVOICES = getDataSourceToken("invoices") as string;

	function registerAll(): { main: DynamicModule; orders: DynamicModule; invoices: DynamicModule } {
		const register = (databaseName: string, dataSourceToken?: string): DynamicModule =>
			TypeOrmAwsConnectorModule.registerAsync({
				...(dataSourceToken === undefined ? {} : { dataSourceToken }),
				useFactory: () => ({ ...RAW, databaseName }),
			});
		return { invoices: register("invoices", INVOICES), main: register("main"), orders: register("orders", ORDERS) };
	}

	it.each(["first", "last"])("each mean themselves in the module that imports them, the global one being imported %s", async (place) => {
		const { invoices, main, orders } = registerAll();
		const inOrders = defineSpy([orders], TypeOrmAwsConnectorService, RotatorService);
		const inInvoices = defineSpy([invoices], TypeOrmAwsConnectorService, RotatorService);
		const inMain = defineSpy([], TypeOrmAwsConnectorService, RotatorService);
		const scoped = [inOrders.module, inInvoices.module, inMain.module];
		const application = await boot(...(place === "first" ? [main, ...scoped] : [...scoped, main]));

		const names = [inOrders, inInvoices, inMain].map(({ seen }): unknown => seen()[0].name);

		expect(names).toEqual(["orders", "invoices", "default"]);
		expect(inOrders.seen()[0]).toBe(application.get(getConnectorToken(ORDERS)));
		expect(inOrders.seen()[1]).toBe(application.get(getRotatorToken(ORDERS)));
		expect(inMain.seen()[1]).toBe(application.get(getRotatorToken()));
		await application.close();
	});

	it("each mean themselves for a class that is made while the application runs", async () => {
		@Injectable()
		class Consumer {
			constructor(@Inject(TypeOrmAwsConnectorService) readonly connector: TypeOrmAwsConnectorService) {}
		}
		const { main, orders } = registerAll();
		const inOrders = defineSpy([orders], ModuleRef);
		const application = await boot(main, inOrders.module);

		const consumer = await (inOrders.seen()[0] as ModuleRef).create(Consumer);

		expect(consumer.connector.name).toBe("orders");
		await application.close();
	});

	it("are reached from anywhere by their tokens, without an import", async () => {
		const { invoices, orders } = registerAll();
		const typeOrm = standInTypeOrm(ORDERS, getConnectorToken(ORDERS));
		const application = await boot(typeOrm, defineModule({ imports: [orders] }), defineModule({ imports: [invoices] }));

		const { options } = application.get<{ options: DataSourceOptions }>(ORDERS);

		expect(options.database).toBe("orders");
		await application.close();
	});

	it("put the name of their DataSource into its options, where @nestjs/typeorm looks for it at shutdown", async () => {
		const { main, orders } = registerAll();
		const application = await boot(main, orders);
		const makeOptions = (token?: string): Promise<unknown> =>
			application.get<TypeOrmAwsConnectorService>(getConnectorToken(token)).getTypeOrmOptions();

		expect(await makeOptions(ORDERS)).toMatchObject({ name: "orders" });
		expect(await makeOptions()).not.toHaveProperty("name");
		await application.close();
	});

	it("rotate the DataSource that they name, and warn where there is none", async () => {
		const warn = jest.spyOn(Logger.prototype, "warn").mockImplementation();
		const registration = TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceToken: ORDERS, rotation: { isEnabled: true } });
		const findWarnings = (): unknown[] =>
			warn.mock.calls.flat().filter((text) => /there is no DataSource to rotate/.test(String(text)));

		const script = await boot(registration);
		await script.close();
		const warnings = findWarnings();
		const application = await boot(registration, standInTypeOrm(ORDERS, getConnectorToken(ORDERS)));
		await application.close();

		expect(warnings).toHaveLength(1);
		expect(findWarnings()).toEqual(warnings);
	});

	it("can be re-exported by the module that owns the database", async () => {
		const { main, orders } = registerAll();
		const owner = defineModule({ exports: [TypeOrmAwsConnectorModule], imports: [orders] });
		const feature = defineSpy([owner], TypeOrmAwsConnectorService);
		const application = await boot(main, feature.module);

		expect(feature.seen()[0].name).toBe("orders");
		await application.close();
	});

	it("stay several although their text is the same", async () => {
		const register = (databaseName: string): DynamicModule =>
			TypeOrmAwsConnectorModule.registerAsync({ useFactory: () => ({ ...RAW, databaseName }) });
		const spies = ["one", "two"].map((name) => defineSpy([register(name)], TypeOrmAwsConnectorService));
		const application = await boot(...spies.map(({ module }) => module));

		const databases = await Promise.all(
			spies.map(async ({ seen }): Promise<unknown> => (await seen()[0].getTypeOrmOptions()).database),
		);

		expect(databases).toEqual(["one", "two"]);
		await application.close();
	});

	it("start and stop each rotator once, however many names it has", async () => {
		const init = jest.spyOn(RotatorService.prototype, "onModuleInit");
		const destroy = jest.spyOn(RotatorService.prototype, "onModuleDestroy");
		const { invoices, main, orders } = registerAll();
		const application = await boot(main, orders, invoices);

		await application.close();

		expect(new Set(init.mock.contexts).size).toBe(3);
		expect(init).toHaveBeenCalledTimes(3);
		expect(destroy).toHaveBeenCalledTimes(3);
	});
});

describe("dataSourceName", () => {
	const ORDERS = getDataSourceToken("orders") as string;
	const NAMED = TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceName: "orders", databaseName: "orders" });

	it("means what the token of that name means", async () => {
		@Injectable()
		class Consumer {
			constructor(
				@InjectConnector("orders") readonly connector: TypeOrmAwsConnectorService,
				@InjectRotator("orders") readonly rotator: RotatorService,
			) {}
		}
		const typeOrm = standInTypeOrm(ORDERS, getConnectorToken("orders"));
		const application = await boot(NAMED, typeOrm, defineModule({ providers: [Consumer] }));

		const { connector, rotator } = application.get<Consumer>(Consumer);

		expect(application.get<{ options: DataSourceOptions }>(ORDERS).options).toMatchObject({ database: "orders", name: "orders" });
		expect(connector).toBe(application.get(getConnectorToken(ORDERS)));
		expect(rotator).toBe(application.get(getRotatorToken("orders")));
		await application.close();
	});

	it('means the default DataSource where it is "default"', async () => {
		const application = await boot(TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceName: "default" }));

		expect(application.get(getConnectorToken())).toBe(application.get(TypeOrmAwsConnectorService));
		await application.close();
	});

	it.each([
		[{ dataSourceName: "" }, "must be the name"],
		[{ dataSourceName: 7 as never }, "must be the name"],
		[{ dataSourceName: "orders", dataSourceToken: ORDERS }, 'cannot be combined with "dataSourceToken"'],
		[{ dataSourceName: ORDERS }, 'use "orders", or, for a DataSource named "ordersDataSource"'],
	])("is refused when it is %j", (binding, reason) => {
		expect(() => TypeOrmAwsConnectorModule.register({ ...RAW, ...binding })).toThrow(reason);
	});
});

describe("a text as dataSourceToken", () => {
	it("that is no token is refused when the application starts, with what to write instead", async () => {
		await expect(boot(TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceToken: "reports" }))).rejects.toThrow(
			'Option "dataSourceToken" is "reports", which is no token of a DataSource; for one of that name, use dataSourceName: "reports".',
		);
	});

	it("is a token where the application provides a DataSource under it", async () => {
		const application = await boot(
			standInTypeOrm("REPORTS", getConnectorToken("REPORTS")),
			TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceToken: "REPORTS" }),
		);

		expect(application.get<{ options: DataSourceOptions }>("REPORTS").options.database).toBe("app");
		await application.close();
	});
});

describe("isGlobal", () => {
	it("false keeps the registration of the default DataSource to the module that imports it", async () => {
		const owner = defineSpy([TypeOrmAwsConnectorModule.register({ ...RAW, isGlobal: false })], TypeOrmAwsConnectorService);
		const stranger = defineSpy([], { optional: true, token: TypeOrmAwsConnectorService } as never, getConnectorToken());
		const application = await boot(owner.module, stranger.module);

		expect(stranger.seen()[0]).toBeUndefined();
		expect(stranger.seen()[1]).toBe(owner.seen()[0]);
		await application.close();
	});

	it("true lets the classes mean the registration of a named DataSource everywhere", async () => {
		const stranger = defineSpy([], TypeOrmAwsConnectorService);
		const application = await boot(
			TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceName: "orders", isGlobal: true }),
			stranger.module,
		);

		expect(stranger.seen()[0]).toBe(application.get(getConnectorToken("orders")));
		await application.close();
	});
});

describe("registerAsync", () => {
	@Injectable()
	class Settings {
		readonly databaseName: string = "from settings";
	}

	@Injectable()
	class ConfigMaker implements ITypeOrmAwsConnectorConfigFactory {
		constructor(@Inject(Settings) private readonly settings: Settings) {}

		createTypeOrmAwsConnectorConfig(): Promise<ITypeOrmAwsConnectorConfig> {
			return Promise.resolve({ ...RAW, databaseName: this.settings.databaseName });
		}
	}

	const settingsModule = defineModule({ exports: [Settings], providers: [Settings] });
	const makerModule = defineModule({ exports: [ConfigMaker], imports: [settingsModule], providers: [ConfigMaker] });
	const optionalToken: OptionalFactoryDependency = { optional: true, token: "NOBODY_PROVIDES_THIS" };

	it.each([
		[
			"useFactory",
			{
				imports: [settingsModule],
				inject: [Settings, optionalToken],
				useFactory: ({ databaseName }: Settings) => ({ ...RAW, databaseName }),
			},
		],
		["useClass", { imports: [settingsModule], useClass: ConfigMaker }],
		["useExisting", { imports: [makerModule], useExisting: ConfigMaker }],
	])("takes the configuration from %s", async (_label, options) => {
		const application = await boot(TypeOrmAwsConnectorModule.registerAsync(options as never));

		const { database } = await application.get<TypeOrmAwsConnectorService>(TypeOrmAwsConnectorService).getTypeOrmOptions();

		expect(database).toBe("from settings");
		await application.close();
	});

	it("provides what the factory needs from extraProviders", async () => {
		const registration = TypeOrmAwsConnectorModule.registerAsync({ extraProviders: [Settings], useClass: ConfigMaker });

		const application = await boot(registration);

		const { database } = await application.get<TypeOrmAwsConnectorService>(TypeOrmAwsConnectorService).getTypeOrmOptions();
		expect(database).toBe("from settings");
		await application.close();
	});

	it("says that inject is missing where the factory fails without it", async () => {
		const registration = TypeOrmAwsConnectorModule.registerAsync({
			useFactory: ({ databaseName }: Settings) => ({ ...RAW, databaseName }),
		});

		await expect(boot(registration)).rejects.toThrow('Option "inject" names 0 providers, and useFactory takes 1 argument and failed');
	});

	it("refuses at once to register without any of them", () => {
		expect(() => TypeOrmAwsConnectorModule.registerAsync({ inject: [] })).toThrow(
			expect.objectContaining({ code: "ERR_CONNECTOR_OPTION_INVALID" }),
		);
	});
});

describe("parameterStoreToken", () => {
	const STORE = { get: ({ path }: { path: string[] }) => (path.join("/") === "postgres/database-name" ? "from the store" : null) };
	const storeModule: DynamicModule = {
		exports: ["STORE"],
		global: true,
		module: defineModule({}),
		providers: [{ provide: "STORE", useValue: STORE }],
	};

	it.each([
		["register", TypeOrmAwsConnectorModule.register({ ...TARGET, ...LOGIN, parameterStoreToken: "STORE" })],
		[
			"registerAsync",
			TypeOrmAwsConnectorModule.registerAsync({ parameterStoreToken: "STORE", useFactory: () => ({ ...TARGET, ...LOGIN }) }),
		],
	])("names the provider that %s reads from", async (_label, registration) => {
		const application = await boot(storeModule, registration);

		const { database } = await application.get<TypeOrmAwsConnectorService>(TypeOrmAwsConnectorService).getTypeOrmOptions();

		expect(database).toBe("from the store");
		await application.close();
	});

	it("has to be provided", async () => {
		await expect(boot(TypeOrmAwsConnectorModule.register({ ...RAW, parameterStoreToken: "STORE" }))).rejects.toThrow(/STORE/);
	});
});

describe("packages of the application", () => {
	const ENVIRONMENT = { ignoreEnvFile: true };

	it.each([
		["global", [ConfigModule.forRoot({ ...ENVIRONMENT, isGlobal: true, load: [() => ({ AWS_REGION: "eu-north-1" })] })]],
		["not global", [ConfigModule.forRoot({ ...ENVIRONMENT, load: [() => ({ AWS_REGION: "eu-north-1" })] })]],
	])("gives the connector the ConfigService of a ConfigModule that is %s", async (_label, imports) => {
		const secretsManager = mockClient(SecretsManagerClient)
			.on(GetSecretValueCommand)
			.resolves({ SecretString: JSON.stringify(LOGIN) });
		const application = await boot(...imports, TypeOrmAwsConnectorModule.register({ ...TARGET, secretId: "app/database" }));

		await application.get<TypeOrmAwsConnectorService>(TypeOrmAwsConnectorService).getCredentials();

		expect(await secretsManager.call(0).thisValue.config.region()).toBe("eu-north-1");
		secretsManager.restore();
		await application.close();
	});

	it("lists the interval in the SchedulerRegistry of the application, and does without one", async () => {
		const rotating = { ...RAW, rotation: { isEnabled: true } };
		const typeOrm = (): DynamicModule => standInTypeOrm(getDataSourceToken(), getConnectorToken());
		const scheduled = await boot(ScheduleModule.forRoot(), typeOrm(), TypeOrmAwsConnectorModule.register(rotating));
		const unscheduled = await boot(typeOrm(), TypeOrmAwsConnectorModule.register(rotating));

		expect(scheduled.get<SchedulerRegistry>(SchedulerRegistry).getIntervals()).toEqual([expect.stringMatching(/^db-rotation:\d+$/)]);
		expect(() => unscheduled.get(SchedulerRegistry)).toThrow();
		await scheduled.close();
		await unscheduled.close();
	});

	it("lets a test put a stub in the place of the connector, for the rotator and under every name", async () => {
		const stub = { getRotationConfig: jest.fn(() => ({ intervalMs: 1_000, isEnabled: false })) };
		const registration = TypeOrmAwsConnectorModule.register({ ...RAW, dataSourceToken: "ordersDataSource" });
		const testing = await Test.createTestingModule({ imports: [registration] })
			.overrideProvider(TypeOrmAwsConnectorService)
			.useValue(stub)
			.compile();

		await testing.init();

		expect(stub.getRotationConfig).toHaveBeenCalled();
		expect(testing.get(getConnectorToken("ordersDataSource") as string, { strict: false })).toBe(stub);
		await testing.close();
	});
});
