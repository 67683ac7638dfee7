/** One application on several databases: of two engines, and twice on the same one. Each connector rotates alone, and a second application is as good as the first. */
import { type INestApplicationContext, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { getDataSourceToken, TypeOrmModule } from "@nestjs/typeorm";
import type { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import type { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { getConnectorToken, getRotatorToken } from "../../../src/module/connector.tokens.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import type { RotatorService } from "../../../src/rotation/rotator.service.js";
import { describeWith } from "../../support/describe-with.js";
import { eventually, waitForUser } from "../../support/eventually.js";
import { createSceneDatabase, type SceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { DIALECTS } from "../../support/sql-dialects.js";
import { waitUntil } from "../../support/wait-until.js";

type Name = "audit" | "invoices" | "orders";

/** A running application. */
interface Application {
	close(): Promise<void>;
	findUser(name: Name): Promise<string>;
	rotate(name: Name): Promise<string>;
}

const running = new Set<INestApplicationContext>();

/** Boots an application with one named connector for each entry. */
async function boot(configs: Partial<Record<Name, ITypeOrmAwsConnectorConfig>>): Promise<Application> {
	const imports = Object.entries(configs).flatMap(([name, config]) => {
		const dataSourceToken = getDataSourceToken(name);
		const connector = TypeOrmAwsConnectorModule.register({ ...config, dataSourceToken });
		const typeOrm = TypeOrmModule.forRootAsync({
			imports: [connector],
			inject: [getConnectorToken(dataSourceToken) as string],
			name,
			useFactory: async (service: TypeOrmAwsConnectorService) => ({ ...(await service.getTypeOrmOptions()), retryAttempts: 0 }),
		});
		return [connector, typeOrm];
	});
	@Module({ imports })
	class ApplicationModule {}
	const application = await NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger: false });
	running.add(application);
	return {
		close: async () => {
			running.delete(application);
			await application.close();
		},
		findUser: async (name) => {
			const dialect = DIALECTS[configs[name]?.type === "postgres" ? "postgres" : "mariadb"];
			const [row] = await application.get<DataSource>(getDataSourceToken(name)).query<[{ user: string }]>(dialect.selectUser);
			return row.user;
		},
		rotate: async (name) => {
			const rotator = application.get<RotatorService>(getRotatorToken(getDataSourceToken(name)), { strict: false });
			const { outcome } = await rotator.rotateDatabaseConnection();
			await waitUntil("the former connections are closed", () => rotator.describe().includes("draining=0"));
			return outcome;
		},
	};
}

async function countConnections({ server, users }: SceneDatabase<DatabaseServer>): Promise<number> {
	const connections = await Promise.all(users.map(async (user) => server.connections(user)));
	return connections.flat().length;
}

describeWith("mariadb")("An application with several connectors", () => {
	let invoices: SceneDatabase<DatabaseServer>;
	let orders: SceneDatabase<DatabaseServer>;
	let servers: SceneServers<DatabaseServer>[];

	beforeAll(async () => {
		servers = [await startSceneServers({ engine: "postgres" }), await startSceneServers({ engine: "mariadb" })];
	});

	beforeEach(async () => {
		const [postgres, mariadb] = servers as [SceneServers<DatabaseServer>, SceneServers<DatabaseServer>];
		[orders, invoices] = [await createSceneDatabase(postgres), await createSceneDatabase(mariadb)];
	});

	afterEach(async () => {
		for (const application of running) await application.close();
		running.clear();
	});

	afterAll(async () => {
		await Promise.all(servers.map(async (pair) => pair.stop()));
	});

	it("rotates one engine and leaves the other alone", async () => {
		const application = await boot({ invoices: invoices.config, orders: orders.config });
		const expectUsers = async (...users: string[]): Promise<void> =>
			eventually(async () => expect([await application.findUser("orders"), await application.findUser("invoices")]).toEqual(users));

		await expectUsers(orders.users[0], invoices.users[0]);
		await orders.alternate();
		expect([await application.rotate("invoices"), await application.rotate("orders")]).toEqual(["unchanged", "rotated"]);
		await expectUsers(orders.users[1], invoices.users[0]);
		await invoices.alternate();
		expect([await application.rotate("orders"), await application.rotate("invoices")]).toEqual(["unchanged", "rotated"]);
		await expectUsers(orders.users[1], invoices.users[1]);
	});

	it.each(["postgres", "mariadb"])("rotates each of two connectors that share a secret of %s by itself", async (engine) => {
		const database = engine === "postgres" ? orders : invoices;
		const application = await boot({ audit: database.config, orders: database.config });
		await database.alternate();
		database.aws.calls.clear();

		const first = await application.rotate("orders");
		await waitForUser(database.users[1], async () => application.findUser("orders"));
		const userOfOther = await application.findUser("audit");
		const second = await application.rotate("audit");
		await waitForUser(database.users[1], async () => application.findUser("audit"));

		expect([first, second]).toEqual(["rotated", "rotated"]);
		expect(userOfOther).toBe(database.users[0]);
		await eventually(async () => expect(await database.server.connections(database.users[0])).toEqual([]));
	});

	it("can be closed and booted again in one process, with the same names", async () => {
		const configs = { invoices: invoices.config, orders: orders.config };
		for (const index of [1, 0] as const) {
			const application = await boot(configs);
			await Promise.all([orders.alternate(), invoices.alternate()]);

			const outcomes = [await application.rotate("orders"), await application.rotate("invoices")];
			await waitForUser(orders.users[index], async () => application.findUser("orders"));
			await waitForUser(invoices.users[index], async () => application.findUser("invoices"));
			await application.close();

			expect(outcomes).toEqual(["rotated", "rotated"]);
			await eventually(async () => expect([await countConnections(orders), await countConnections(invoices)]).toEqual([0, 0]));
		}
	});
});
