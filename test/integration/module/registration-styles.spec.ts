/** Every way to register and to wire ends in a DataSource on the right database. */
import { Inject, Injectable, Module } from "@nestjs/common";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";
import { DataSource, Entity, PrimaryGeneratedColumn } from "typeorm";

import type {
	ITypeOrmAwsConnectorConfig,
	ITypeOrmAwsConnectorConfigFactory,
	IStructuredLookup,
} from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { getConnectorToken } from "../../../src/module/connector.tokens.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { waitForUser } from "../../support/eventually.js";
import { ApplicationScene, whoAmI } from "./application-scene.js";

let scene: ApplicationScene;

beforeAll(async () => {
	scene = await ApplicationScene.start();
});

beforeEach(() => scene.reset());

afterEach(async () => scene.close());

afterAll(async () => scene.stop());

@Injectable()
class Settings {
	get connector(): ITypeOrmAwsConnectorConfig {
		return { aws: scene.connectorAws, databaseName: "orders", entities: [], secretId: "orders" };
	}
}

@Module({ exports: [Settings], providers: [Settings] })
class SettingsModule {}

@Injectable()
class ConfigMaker implements ITypeOrmAwsConnectorConfigFactory {
	constructor(@Inject(Settings) private readonly settings: Settings) {}

	async createTypeOrmAwsConnectorConfig(): Promise<ITypeOrmAwsConnectorConfig> {
		return Promise.resolve(this.settings.connector);
	}
}

@Module({ exports: [ConfigMaker], imports: [SettingsModule], providers: [ConfigMaker] })
class ConfigMakerModule {}

const wiring = TypeOrmModule.forRootAsync({
	inject: [TypeOrmAwsConnectorService],
	useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
});

it.each([
	["useFactory", { imports: [SettingsModule], inject: [Settings], useFactory: ({ connector }: Settings) => connector }],
	["useClass", { imports: [SettingsModule], useClass: ConfigMaker }],
	["useExisting", { imports: [ConfigMakerModule], useExisting: ConfigMaker }],
])("registers with %s", async (_label, options) => {
	const application = await scene.boot(scene.parameterStore(), TypeOrmAwsConnectorModule.registerAsync(options), wiring);

	expect(await whoAmI(application.get(DataSource))).toEqual({ database: "orders", user: "orders_blue" });
});

it("wires with useExisting", async () => {
	const application = await scene.boot(
		scene.parameterStore(),
		TypeOrmAwsConnectorModule.register({ aws: scene.connectorAws, entities: [] }),
		TypeOrmModule.forRootAsync({ useExisting: TypeOrmAwsConnectorService }),
	);

	expect(await whoAmI(application.get(DataSource))).toEqual({ database: "shop", user: "shop_blue" });
});

it("wires a named DataSource with useExisting, and closes it", async () => {
	const connector = TypeOrmAwsConnectorModule.register({
		aws: scene.connectorAws,
		dataSourceToken: "ordersDataSource",
		databaseName: "orders",
		entities: [],
		secretId: "orders",
	});
	const application = await scene.boot(
		scene.parameterStore(),
		TypeOrmModule.forRootAsync({ imports: [connector], name: "orders", useExisting: TypeOrmAwsConnectorService }),
	);
	const dataSource = application.get("ordersDataSource");

	expect(await whoAmI(dataSource)).toEqual({ database: "orders", user: "orders_blue" });
	await scene.close();
	expect(dataSource.isInitialized).toBe(false);
});

it("wires a named DataSource by its name, with its entities loaded by forFeature", async () => {
	@Entity()
	class Invoice {
		@PrimaryGeneratedColumn()
		id!: number;
	}
	const application = await scene.boot(
		scene.parameterStore(),
		TypeOrmAwsConnectorModule.register({
			autoLoadEntities: true,
			aws: scene.connectorAws,
			dataSourceName: "invoices",
			databaseName: "invoices",
			secretId: "invoices",
			typeOrmOptions: { retryAttempts: 0 },
		}),
		TypeOrmModule.forRootAsync({
			inject: [getConnectorToken("invoices")],
			name: "invoices",
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
		TypeOrmModule.forFeature([Invoice], "invoices"),
	);
	const dataSource = application.get(getDataSourceToken("invoices"));

	expect(await whoAmI(dataSource)).toEqual({ database: "invoices", user: "invoices_blue" });
	expect(dataSource.entityMetadatas.map(({ target }) => target)).toEqual([Invoice]);
	await scene.close();
	expect(dataSource.isInitialized).toBe(false);
});

it("does without ParameterStoreConfigModule and without AWS when all values are given", async () => {
	const { host, port } = scene.server;
	const login = { password: "blue password", username: "orders_blue" };
	const raw = { ...login, databaseName: "orders", entities: [], host, port, type: "postgres" } as const;

	const application = await scene.boot(TypeOrmAwsConnectorModule.register({ ...raw, entities: [] }), wiring);

	expect(await whoAmI(application.get(DataSource))).toEqual({ database: "orders", user: "orders_blue" });
	expect(scene.aws.calls.count()).toBe(0);
});

describe("with another provider in the place of ParameterStoreConfigService", () => {
	/** Nothing but `get`, as the companion of the reference has it. */
	class ForeignStore {
		get({ instanceName, path }: IStructuredLookup): string | null {
			const values: Record<string, string> = {
				"aurora-postgres/host": scene.server.host,
				"aurora-postgres/port": String(scene.server.port),
				"database/secret-id": "invoices",
				"postgres/database-name": "invoices",
				"postgres/type": "postgres",
			};
			return values[[...(instanceName === undefined ? [] : [instanceName]), ...path].join("/")] ?? null;
		}
	}

	@Module({ exports: ["FOREIGN_STORE"], providers: [{ provide: "FOREIGN_STORE", useClass: ForeignStore }] })
	class ForeignStoreModule {}

	it("looks everything up there, by its token", async () => {
		const application = await scene.boot(
			TypeOrmAwsConnectorModule.registerAsync({
				imports: [ForeignStoreModule],
				parameterStoreToken: "FOREIGN_STORE",
				useFactory: () => ({ aws: scene.connectorAws, entities: [] }),
			}),
			wiring,
		);

		expect(await whoAmI(application.get(DataSource))).toEqual({ database: "invoices", user: "invoices_blue" });
		expect(scene.aws.calls.count("GetParametersByPath")).toBe(0);
	});

	it("rotates the login, and says once that it cannot read the target again", async () => {
		const application = await scene.boot(
			TypeOrmAwsConnectorModule.registerAsync({
				imports: [ForeignStoreModule],
				parameterStoreToken: "FOREIGN_STORE",
				useFactory: () => ({ aws: scene.connectorAws, entities: [] }),
			}),
			wiring,
		);
		const rotator = application.get<RotatorService>(RotatorService);
		scene.moveSecret("invoices");

		await rotator.rotateDatabaseConnection();
		await rotator.rotateDatabaseConnection();

		await waitForUser("invoices_green", async () => (await whoAmI(application.get(DataSource))).user);
		expect(application.warnings.filter((warning) => warning.includes("getMany"))).toHaveLength(1);
	});
});
