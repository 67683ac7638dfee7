/** One module for both places: with DATABASE_URL nothing asks AWS, without it everything comes from there. */
import type * as core from "@nestjs/core";
import type * as typeorm from "typeorm";

import type * as library from "../../../src/index.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { endLater } from "../../support/endings.js";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.js";

let aws: FakeAws;
let server: PostgresServer;

beforeAll(async () => {
	[aws, server] = await Promise.all([startFakeAws(), startPostgres()]);
	endLater(async () => Promise.all([aws.stop(), server.stop()]));
	await server.createDatabase("shop");
});

async function boot(environment: Record<string, string>): Promise<{ dataSource: typeorm.DataSource; rotator: library.RotatorService }> {
	const before = { ...process.env };
	Object.assign(process.env, aws.env, environment);
	endLater(async () => {
		process.env = before;
	});
	aws.calls.clear();
	const { AppModule, NestFactory, ...packages } = loadApplication();
	const application = await NestFactory.createApplicationContext(AppModule, { abortOnError: false, logger: false });
	endLater(async () => application.close());
	return { dataSource: application.get(packages.typeorm.DataSource), rotator: application.get(packages.library.RotatorService) };
}

/** Anew for each start, as a process does: the module looks at the environment when it is loaded. */
function loadApplication(): {
	AppModule: new () => object;
	NestFactory: typeof core.NestFactory;
	library: typeof library;
	typeorm: typeof typeorm;
} {
	let loaded: unknown;
	jest.isolateModules(() => {
		loaded = {
			...require("@nestjs/core"),
			...require("../../../examples/recipes/local.module"),
			library: require("../../../src/index"),
			typeorm: require("typeorm"),
		};
	});
	return loaded as ReturnType<typeof loadApplication>;
}

it("boots on DATABASE_URL without asking AWS for anything", async () => {
	const { password, user } = server.superuser;
	const { dataSource } = await boot({ DATABASE_URL: `postgres://${user}:${password}@${server.host}:${String(server.port)}/shop` });

	await dataSource.getRepository("Note").save({ text: "milk" });

	expect(await dataSource.getRepository("Note").count()).toBe(1);
	expect(aws.calls.list).toEqual([]);
});

it("boots on AWS without DATABASE_URL, and rotates", async () => {
	aws.secrets.put("shop/database", { password: "one", username: "shop_api" });
	await server.createRole("shop_api", "one", { databases: ["shop"] });
	aws.parameters.putMany({
		"/shop/production/aws-ecs-fargate/shop-api/postgres/database-name": "shop",
		"/shop/production/aws-ecs-fargate/shop-api/postgres/type": "postgres",
		"/shop/production/aws-rds/aurora-postgres/host": server.host,
		"/shop/production/aws-rds/aurora-postgres/port": String(server.port),
		"/shop/production/aws-secrets-manager/database/secret-id": "shop/database",
	});

	const { dataSource, rotator } = await boot({});

	expect(await dataSource.query("SELECT current_user AS user")).toEqual([{ user: "shop_api" }]);
	expect((await rotator.rotateDatabaseConnection()).outcome).toBe("unchanged");
});
