import { Test } from "@nestjs/testing";
import { RotatorService } from "nestjs-typeorm-aws-connector";
import { type FakeAws, RotationSimulator, startFakeAws } from "nestjs-typeorm-aws-connector/testing";
import { Client } from "pg";
import { DataSource } from "typeorm";

import { AppModule } from "./app.module";

const SECRET_ID = "shop/database";

describe("a rotation", () => {
	const address = new URL(process.env["TEST_DATABASE_URL"] ?? "postgres://test:test@127.0.0.1:5432/test");
	const admin = new Client({ connectionString: address.href });
	const environment = { ...process.env };
	let aws: FakeAws;

	beforeAll(async () => {
		await admin.connect();
		await admin.query("CREATE ROLE shop_api LOGIN PASSWORD 'one'");
		aws = await startFakeAws();
		Object.assign(process.env, aws.env); // every client of the AWS SDK in this process asks the endpoint from now on
		aws.secrets.put(SECRET_ID, { username: "shop_api", password: "one" });
		aws.parameters.putMany({
			"/shop/production/aws-rds/aurora-postgres/host": address.hostname,
			"/shop/production/aws-rds/aurora-postgres/port": address.port,
			"/shop/production/aws-secrets-manager/database/secret-id": SECRET_ID,
			"/shop/production/aws-ecs-fargate/shop-api/postgres/database-name": address.pathname.slice(1),
			"/shop/production/aws-ecs-fargate/shop-api/postgres/type": "postgres",
		});
	});

	afterAll(async () => {
		process.env = environment;
		await aws.stop();
		await admin.query("DROP ROLE shop_api");
		await admin.end();
	});

	it("lets every query through, also while AWSCURRENT is refused", async () => {
		const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
		await module.init();
		const dataSource = module.get(DataSource);
		const rotation = new RotationSimulator({
			aws,
			secretId: SECRET_ID,
			setPassword: ({ username, password }) => admin.query(`ALTER ROLE ${username} PASSWORD '${password}'`),
		});
		// Several queries at once need connections that are not open yet, and with them logins.
		const query = async (): Promise<unknown[]> =>
			Promise.all(Array.from({ length: 5 }, async () => dataSource.query("SELECT current_user AS user FROM pg_sleep(0.2)")));

		await rotation.rotate({
			before: {
				// The server has the new password, and the secret has it as AWSPENDING only.
				finishSecret: async () => {
					expect(await query()).toHaveLength(5);
				},
			},
		});
		const { outcome } = await module.get(RotatorService).rotateDatabaseConnection();

		expect(["rotated", "unchanged"]).toContain(outcome);
		expect(await query()).toContainEqual([{ user: "shop_api" }]);
		await module.close();
	});
});
