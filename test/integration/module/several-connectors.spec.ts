/** Three databases in one application: each connector, DataSource and rotator on its own. */
import { type DynamicModule, Module } from "@nestjs/common";
import { ConfigModule } from "@nestjs/config";
import { ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { getConnectorToken, getRotatorToken } from "../../../src/module/connector.tokens.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import type { RotatorService } from "../../../src/rotation/rotator.service.js";
import { eventually } from "../../support/eventually.js";
import { type Application, ApplicationScene, DATABASES, type Session, whoAmI } from "./application-scene.js";

const ORDERS = getDataSourceToken("orders");
const INVOICES = getDataSourceToken("invoices");
const TOKENS = { invoices: INVOICES, orders: ORDERS, shop: getDataSourceToken() };

let scene: ApplicationScene;

beforeAll(async () => {
	scene = await ApplicationScene.start();
});

beforeEach(() => scene.reset());

afterEach(async () => scene.close());

afterAll(async () => scene.stop());

/** What the connectors have in common; the rest of the unnamed one is in Parameter Store. */
function describeCommon(): ITypeOrmAwsConnectorConfig {
	return { aws: scene.connectorAws, entities: [], rotation: { intervalMs: 3_600_000, isEnabled: true } };
}

async function bootAll(): Promise<Application> {
	const orders = TypeOrmAwsConnectorModule.register({
		...describeCommon(),
		databaseName: "orders",
		dataSourceToken: ORDERS,
		secretId: "orders",
	});
	const ordersTypeOrm = TypeOrmModule.forRootAsync({
		imports: [orders],
		inject: [TypeOrmAwsConnectorService],
		name: "orders",
		useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
	});
	const invoices = TypeOrmAwsConnectorModule.registerAsync({
		dataSourceToken: INVOICES,
		useFactory: () => ({ ...describeCommon(), databaseName: "invoices", secretId: "invoices" }),
	});
	const shop = TypeOrmAwsConnectorModule.registerAsync({ useFactory: describeCommon });
	const wire = (name: string | undefined, token: string | symbol | object): DynamicModule =>
		TypeOrmModule.forRootAsync({
			...(name === undefined ? {} : { name }),
			inject: [token as string],
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		});

	@Module({ imports: [orders, ordersTypeOrm] })
	class OrdersModule {}
	@Module({ imports: [invoices, wire("invoices", getConnectorToken(INVOICES) as string)] })
	class InvoicesModule {}
	@Module({ imports: [shop, wire(undefined, TypeOrmAwsConnectorService)] })
	class ShopModule {}
	return scene.boot(ConfigModule.forRoot(), ScheduleModule.forRoot(), scene.parameterStore(), OrdersModule, ShopModule, InvoicesModule);
}

async function listSessions(application: Application): Promise<Record<string, Session>> {
	const entries = DATABASES.map(async (name) => [name, await whoAmI(application.get(TOKENS[name]))] as const);
	return Object.fromEntries(await Promise.all(entries));
}

it("connects each DataSource to its own database as its own user", async () => {
	const application = await bootAll();

	expect(await listSessions(application)).toEqual({
		invoices: { database: "invoices", user: "invoices_blue" },
		orders: { database: "orders", user: "orders_blue" },
		shop: { database: "shop", user: "shop_blue" },
	});
});

it("rotates each DataSource by its own secret and leaves the others alone", async () => {
	const application = await bootAll();
	const rotatorOf = (name: keyof typeof TOKENS): RotatorService => application.get(getRotatorToken(TOKENS[name]));
	scene.moveSecret("orders");

	const outcomes = await Promise.all(DATABASES.map(async (name) => (await rotatorOf(name).rotateDatabaseConnection()).outcome));

	expect(outcomes).toEqual(DATABASES.map((name) => (name === "orders" ? "rotated" : "unchanged")));
	await eventually(async () =>
		expect(await listSessions(application)).toEqual({
			invoices: { database: "invoices", user: "invoices_blue" },
			orders: { database: "orders", user: "orders_green" },
			shop: { database: "shop", user: "shop_blue" },
		}),
	);
});

it("lists an interval for each", async () => {
	const application = await bootAll();

	const names = application.get<SchedulerRegistry>(SchedulerRegistry).getIntervals();

	expect(names).toHaveLength(3);
	expect(new Set(names).size).toBe(3);
});

it("closes every DataSource with the application", async () => {
	const application = await bootAll();
	const dataSources = DATABASES.map((name) => application.get(TOKENS[name]));

	await scene.close();

	expect(dataSources.filter(({ isInitialized }) => isInitialized)).toEqual([]);
	await eventually(async () => expect(await scene.server.connections()).toEqual([]));
});
