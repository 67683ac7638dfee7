/** Parameter Store in a booted application: on demand, and when it fails. */
import { ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";
import { TypeOrmModule } from "@nestjs/typeorm";
import { DataSource } from "typeorm";

import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ConfigurationError, ParameterStoreUnavailableError } from "../../../src/errors/errors.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { eventually } from "../../support/eventually.js";
import { type Application, ApplicationScene, whoAmI } from "./application-scene.js";

let scene: ApplicationScene;

beforeAll(async () => {
	scene = await ApplicationScene.start();
});

beforeEach(() => scene.reset());

afterEach(async () => scene.close());

afterAll(async () => scene.stop());

function bootShop(parameterStore: ReturnType<ApplicationScene["parameterStore"]>): Promise<Application> {
	return scene.boot(
		ScheduleModule.forRoot(),
		TypeOrmAwsConnectorModule.register({ aws: scene.connectorAws, entities: [] }),
		TypeOrmModule.forRootAsync({
			inject: [TypeOrmAwsConnectorService],
			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
		}),
		parameterStore,
	);
}

describe("on demand", () => {
	it("takes the settings of the rotation from Parameter Store without reading the whole tree", async () => {
		scene.aws.parameters.putMany({
			"/app/test/api/main/typeorm/rotation/enabled": "true",
			"/app/test/api/main/typeorm/rotation/interval-ms": "120000",
		});

		const application = await bootShop(scene.parameterStore({ shouldLoadOnDemand: true }));

		expect(application.get<TypeOrmAwsConnectorService>(TypeOrmAwsConnectorService).getRotationConfig()).toEqual({
			intervalMs: 120_000,
			isEnabled: true,
		});
		expect(application.get<SchedulerRegistry>(SchedulerRegistry).getIntervals()).toHaveLength(1);
		expect(scene.aws.calls.count("GetParametersByPath")).toBe(0);
		expect(scene.aws.calls.count("GetParameters")).toBeLessThanOrEqual(2);
	});

	it("follows the database to another place at a rotation", async () => {
		const application = await bootShop(scene.parameterStore({ shouldLoadOnDemand: true }));
		scene.aws.parameters.put("/app/test/aws-rds/aurora-postgres/host", "localhost");

		const result = await application.get<RotatorService>(RotatorService).rotateDatabaseConnection();

		expect(result.outcome).toBe("rotated");
		expect(application.get(DataSource).options).toMatchObject({ host: "localhost" });
		await eventually(async () => expect(await whoAmI(application.get(DataSource))).toEqual({ database: "shop", user: "shop_blue" }));
	});
});

describe.each([true, false])("failing, with shouldLoadOnDemand: %p", (shouldLoadOnDemand) => {
	it("fails the boot with its own error, not with one about what it could not find", async () => {
		scene.aws.faults.inject({ kind: "denied", service: "ssm" });

		await expect(bootShop(scene.parameterStore({ shouldLoadOnDemand }))).rejects.toThrow(ParameterStoreUnavailableError);
	});

	it("names every parameter that is missing", async () => {
		scene.aws.parameters.delete("/app/test/aws-rds/aurora-postgres/host");
		scene.aws.parameters.delete("/app/test/api/main/postgres/database-name");

		const boot = bootShop(scene.parameterStore({ shouldLoadOnDemand }));

		await expect(boot).rejects.toThrow(ConfigurationError);
		await expect(boot).rejects.toThrow(
			/\/app\/test\/aws-rds\/aurora-postgres\/host[^]*\/app\/test\/api\/main\/postgres\/database-name/,
		);
	});
});
