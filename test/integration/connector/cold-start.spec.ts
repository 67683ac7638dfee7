/** An application that starts while its secret is being rotated, or after a rotation was broken off: it finds the version that the server takes. */
import type { DataSource } from "typeorm";

import type * as ConnectorModule from "../../../src/connector/typeorm-aws-connector.service.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { failureOf } from "../../support/failure-of.js";
import { countResources, findLeaks, type ResourceCount } from "../../support/leak-check.js";
import { loadWithTypeOrm } from "../../support/load-with-typeorm.js";
import { createSceneDatabase, type SceneDatabase } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";

describeEngines("A start", {}, ({ dialect, getServers, version }) => {
	let before: ResourceCount;
	let connector: ConnectorModule.TypeOrmAwsConnectorService;
	let connectorModule: typeof ConnectorModule;
	let database: SceneDatabase<DatabaseServer>;

	beforeAll(() => {
		// The trial logins are TypeORM's, too.
		connectorModule = loadWithTypeOrm(
			version,
			() => require("../../../src/connector/typeorm-aws-connector.service.js") as typeof ConnectorModule,
		);
	});

	beforeEach(async () => {
		database = await createSceneDatabase<DatabaseServer>(getServers());
		before = await countResources();
		connector = new connectorModule.TypeOrmAwsConnectorService(undefined, undefined, {
			...database.config,
			rotation: { shouldRotateOnAuthFailure: true },
		});
		database.aws.calls.clear();
	});

	/** Attaches the three labels, each to a password of its own. */
	function labelVersions({ current, pending, previous }: { current: string; pending: string; previous: string }): void {
		const { aws, secretId, users } = database;
		for (const password of [previous, current]) aws.secrets.put(secretId, { password, username: users[0] });
		aws.secrets.put(secretId, { password: pending, username: users[0] }, { stages: ["AWSPENDING"] });
	}

	const connect = async (): Promise<DataSource> => {
		const { DataSource: LoadedDataSource } = version.load();
		return new LoadedDataSource(await connector.getTypeOrmOptions()).initialize();
	};

	const listStages = (): unknown[] => database.aws.calls.list.map(({ input }) => input["VersionStage"]).sort();

	const expectNothingLeft = async (): Promise<void> => {
		connector.close();
		await eventually(async () => expect(await database.server.connections(database.users[0])).toEqual([]));
		expect(await findLeaks(before)).toEqual([]);
	};

	it.each([
		{ refusedCount: 1, stages: ["AWSCURRENT", "AWSPENDING"], taken: "pending", title: "AWSPENDING where AWSCURRENT is refused" },
		{
			refusedCount: 2,
			stages: ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"],
			taken: "previous",
			title: "AWSPREVIOUS where both are refused",
		},
		{ refusedCount: 0, stages: ["AWSCURRENT", "AWSPENDING"], taken: "current", title: "AWSCURRENT where that is taken" },
	])("is made with $title, at one login each", async ({ refusedCount, stages, taken }) => {
		labelVersions({ current: "current", pending: "pending", previous: "previous" });
		await database.server.setPassword(database.users[0], taken);

		const dataSource = await connect();
		const answer: unknown = await dataSource.query("SELECT 1 AS one");
		await eventually(async () => expect(await database.server.connections(database.users[0])).toHaveLength(1));
		await dataSource.destroy();

		expect(dataSource.options).toMatchObject({ password: taken });
		expect(answer).toEqual([{ one: 1 }]);
		expect(await database.server.refusedLogins(database.users[0])).toBe(refusedCount);
		expect(listStages()).toEqual(stages);
		await expectNothingLeft();
	});

	it("is refused as AWSCURRENT is where the server takes no version", async () => {
		labelVersions({ current: "current", pending: "pending", previous: "previous" });
		await database.server.setPassword(database.users[0], "unknown");

		const options = await connector.getTypeOrmOptions();
		const failure = await failureOf(connect());

		expect(options).toMatchObject({ password: "current" });
		expect(failure).toMatchObject({ code: dialect.refusalCode });
		await expectNothingLeft();
	});

	it("on AWSPREVIOUS leads to AWSCURRENT as soon as the server takes that", async () => {
		labelVersions({ current: "current", pending: "pending", previous: "previous" });
		await database.server.setPassword(database.users[0], "previous");
		const dataSource = await connect();
		const rotator = new RotatorService(dataSource, undefined, connector, "db-rotation:cold-start");
		await rotator.onModuleInit();

		await database.server.setPassword(database.users[0], "current");
		const { outcome } = await rotator.rotateDatabaseConnection();
		await rotator.onModuleDestroy();
		rotator.beforeApplicationShutdown();
		await Promise.all([rotator.onApplicationShutdown(), dataSource.destroy()]);

		expect(outcome).toBe("rotated");
		expect(dataSource.options).toMatchObject({ password: "current" });
		await expectNothingLeft();
	});
});
