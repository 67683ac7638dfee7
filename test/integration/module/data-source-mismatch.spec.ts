/** A connector never rotates a DataSource that another connector made. */
import type { DynamicModule } from "@nestjs/common";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";

import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { DataSourceMismatchError } from "../../../src/errors/errors.js";
import { getConnectorToken, getRotatorToken } from "../../../src/module/connector.tokens.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import type { RotatorService } from "../../../src/rotation/rotator.service.js";
import { type Application, ApplicationScene, whoAmI } from "./application-scene.js";

const ORDERS = getDataSourceToken("orders");

let scene: ApplicationScene;

beforeAll(async () => {
	scene = await ApplicationScene.start();
});

beforeEach(() => scene.reset());

afterEach(async () => scene.close());

afterAll(async () => scene.stop());

/** The DataSource of the orders, wired with the class, which outside of a module that imports the scoped connector means the unnamed one. */
async function bootMiswired(
	isEnabled: boolean,
	override: { host?: string } = {},
	token: string | typeof TypeOrmAwsConnectorService = TypeOrmAwsConnectorService,
): Promise<Application> {
	const common = { aws: scene.connectorAws, entities: [] };
	return scene.boot(
		scene.parameterStore(),
		TypeOrmAwsConnectorModule.register(common),
		TypeOrmAwsConnectorModule.register({
			...common,
			databaseName: "orders",
			dataSourceToken: ORDERS,
			rotation: { isEnabled },
			secretId: "orders",
		}),
		TypeOrmModule.forRootAsync({
			imports: [TypeOrmAwsConnectorModule],
			inject: [token],
			name: "orders",
			useFactory: async (connector: TypeOrmAwsConnectorService) =>
				Object.assign(await connector.getTypeOrmOptions(), { ...override, name: "orders" }),
		}),
	);
}

it("fails the boot when rotation is on, naming both connectors", async () => {
	const boot = bootMiswired(true);

	await expect(boot).rejects.toThrow(DataSourceMismatchError);
	await expect(boot).rejects.toMatchObject({ boundConnector: "orders", optionsConnector: "default" });
	await expect(boot).rejects.toThrow(/"orders".*"default".*getConnectorToken/);
});

it("warns, naming both connectors, when rotation is off", async () => {
	const application = await bootMiswired(false);

	const warnings = application.warnings.filter((warning) => warning.includes('"orders"') && warning.includes('"default"'));

	expect(warnings).toHaveLength(1);
	expect(await whoAmI(application.get(ORDERS))).toMatchObject({ database: "shop" });
});

it("does not rotate such a DataSource by hand either", async () => {
	const application = await bootMiswired(false);
	scene.moveSecret("orders");

	const rotation = application.get<RotatorService>(getRotatorToken(ORDERS)).rotateDatabaseConnection();

	await expect(rotation).rejects.toThrow(DataSourceMismatchError);
	expect(await whoAmI(application.get(ORDERS))).toEqual({ database: "shop", user: "shop_blue" });
});

it("says that two registrations serve the default DataSource, when neither names one of its own", async () => {
	const register = (databaseName: "orders" | "shop"): DynamicModule =>
		TypeOrmAwsConnectorModule.register({ aws: scene.connectorAws, databaseName, entities: [], secretId: databaseName });

	const application = await scene.boot(
		scene.parameterStore(),
		register("orders"),
		register("shop"),
		TypeOrmModule.forRootAsync({ useExisting: TypeOrmAwsConnectorService }),
	);

	expect(
		application.warnings.filter((warning) => warning.includes("give one of the two registrations its own dataSourceName")),
	).toHaveLength(1);
});

it("accepts its own options with overrides of the user", async () => {
	const application = await bootMiswired(true, { host: "localhost" }, getConnectorToken(ORDERS) as string);

	expect(await whoAmI(application.get(ORDERS))).toEqual({ database: "orders", user: "orders_blue" });
	expect(application.warnings).toEqual([]);
});
