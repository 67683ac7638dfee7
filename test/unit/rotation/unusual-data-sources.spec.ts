/** What a rotator does with test doubles, and with a DataSource that outlives its application context. */
import type { DataSource } from "typeorm";

import { CONNECTOR_ORIGIN, noteConnectorClosed, noteConnectorOpened, OptionsOrigin } from "../../../src/connector/options-origin.js";
import type { RotationSource } from "../../../src/connector/rotation-source.js";
import { DataSourceMismatchError, RotationUnsupportedError } from "../../../src/errors/errors.js";
import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";
import { asDataSource, createFakeDataSource } from "../../support/fake-postgres-driver.js";
import { FakePostgresServer } from "../../support/fake-postgres-server.js";
import { StubConnector } from "../../support/stub-connector.js";

const FORMER_ID = "id-of-the-former-context";
const NAME = "orders";

let clock: FakeClock;
let connector: StubConnector;

beforeEach(() => {
	clock = new FakeClock();
	connector = new StubConnector(clock);
});

afterEach(() => noteConnectorClosed(FORMER_ID));

async function start(double: object, source: RotationSource = connector): Promise<RotatorService> {
	const rotator = new RotatorService(double as DataSource, undefined, source, "db-rotation:1", { clock, random: () => 0.5 });
	await rotator.onModuleInit();
	rotator.onApplicationBootstrap();
	return rotator;
}

describe("A test double of a DataSource", () => {
	const doubles: readonly [string, object][] = [
		["without a property", {}],
		["with query() alone", { query: () => Promise.resolve([]) }],
		["that is initialized and has no options", { isInitialized: true }],
		["with the options of an engine and no driver", { isInitialized: true, options: { type: "postgres" } }],
		["with a driver that has no method", { driver: {}, isInitialized: true, options: { type: "mysql" } }],
		[
			"whose driver has another pool, as that of pg-mem",
			{
				driver: {
					connect: () => undefined,
					createPool: () => undefined,
					disconnect: () => undefined,
					master: {},
					postgres: { Pool: class {} },
				},
				isInitialized: true,
				options: { type: "postgres" },
			},
		],
	];

	it.each(doubles)("%s boots where rotation is off", async (_, double) => {
		connector.isEnabled = false;

		await expect(start(double)).resolves.toBeInstanceOf(RotatorService);
	});

	it.each(doubles.slice(2))("%s is refused with a sentence where rotation is on", async (_, double) => {
		const failure = await failureOf(start(double));

		expect(failure).toBeInstanceOf(RotationUnsupportedError);
		expect(clock.pendingCount).toBe(0);
	});

	it("beside a connector that has options alone boots", async () => {
		const double = { getTypeOrmOptions: () => Promise.resolve({}) } as unknown as RotationSource;

		await expect(start({}, double)).resolves.toBeInstanceOf(RotatorService);
	});
});

describe("A DataSource that outlives its application context", () => {
	async function startAgain(): Promise<RotatorService> {
		const server = new FakePostgresServer(clock, { app: "one" });
		const served = { database: "shop", host: "db", password: "one", port: 5_432, username: "app" };
		const dataSource = createFakeDataSource(clock, { db: server }, { [CONNECTOR_ORIGIN]: new OptionsOrigin(FORMER_ID, NAME, served) });
		await dataSource.initialize();
		return start(asDataSource(dataSource), Object.assign(connector, { connectorId: "id-of-the-next-context" }));
	}

	it("is taken over by the connector of the same name", async () => {
		noteConnectorOpened(FORMER_ID);
		noteConnectorClosed(FORMER_ID);

		const rotator = await startAgain();

		expect(await rotator.rotateDatabaseConnection()).toEqual({ outcome: "unchanged" });
	});

	it("is not taken over while its former connector is open", async () => {
		noteConnectorOpened(FORMER_ID);

		expect(await failureOf(startAgain())).toBeInstanceOf(DataSourceMismatchError);
	});
});
