/** Rotation before the DataSource is initialized: skipped, and no obstacle to what comes later. */
import { Logger } from "@nestjs/common";
import type { DataSource } from "typeorm";

import { eventually, waitForUser } from "../../support/eventually.js";
import { startNestApplication } from "../../support/nest-application.js";
import { createSceneDatabase, type SceneServers, startSceneServers } from "../../support/rotating-database.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;

async function findUser(dataSource: DataSource): Promise<string> {
	const [row] = await dataSource.query<[{ user: string }]>("SELECT current_user AS user");
	return row.user;
}

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

it("is skipped with a warning, and works once the application has initialized the DataSource", async () => {
	const warn = jest.spyOn(Logger.prototype, "warn");
	const database = await createSceneDatabase(servers);
	const { dataSource, events, rotator } = await startNestApplication({
		config: { ...database.config, rotation: { intervalMs: MONTH_MS, isEnabled: true } },
		typeOrm: { manualInitialization: true },
	});

	const early = await rotator.rotateDatabaseConnection();
	const earlyEvents = events.map(({ type }) => type);
	const warnings = warn.mock.calls.map(([message]) => String(message));
	await dataSource.initialize();
	await database.alternate();
	const late = await rotator.rotateDatabaseConnection();
	await waitForUser(database.users[1], async () => findUser(dataSource));

	expect(early).toEqual({ outcome: "skipped" });
	expect(earlyEvents).toEqual(["rotation.skipped"]);
	expect(warnings).toEqual([expect.stringContaining("not initialized")]);
	expect(late).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
});

it("is taken up by the schedule, whenever the DataSource is initialized", async () => {
	const database = await createSceneDatabase(servers);
	const { dataSource, events } = await startNestApplication({
		config: { ...database.config, rotation: { intervalMs: 50, isEnabled: true } },
		typeOrm: { manualInitialization: true },
	});
	await waitUntil("a rotation was skipped", () => events.some(({ type }) => type === "rotation.skipped"));

	await dataSource.initialize();
	await database.alternate();

	await eventually(() => expect(events.map(({ type }) => type)).toContain("rotation.succeeded"));
	await waitForUser(database.users[1], async () => findUser(dataSource));
});
