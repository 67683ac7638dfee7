/** Settings reach each engine's driver under the names it knows. */
import { createPool, type PoolOptions } from "mysql2";
import type { MysqlDataSourceOptions } from "typeorm/driver/mysql/MysqlDataSourceOptions.js";
import { EDatabaseType, ERelationLoadStrategy } from "../../../src/configuration/connector.enums.js";
import { CONNECTOR_ORIGIN, readOrigin } from "../../../src/connector/connector-origin.js";
import { createDataSourceOptions } from "../../../src/connector/data-source-options.js";
import { Credentials } from "../../../src/credentials/credentials-provider.js";
import type { ResolvedSettings } from "../../../src/resolution/resolve-settings.js";

const SETTINGS: ResolvedSettings = {
	connectionTimeoutMs: 4000,
	databaseName: "orders",
	host: "db.example.com",
	idleTimeoutMs: 5000,
	isVerbose: true,
	poolSize: 7,
	port: 5433,
	relationLoadStrategy: ERelationLoadStrategy.JOIN,
	replicas: [],
	rotationIntervalMs: 60_000,
	rotationIsEnabled: true,
	secretId: "app/database",
	shouldSynchronize: false,
	type: EDatabaseType.POSTGRES,
};

class User {}

function create(settings: Partial<ResolvedSettings> = {}): ReturnType<typeof createDataSourceOptions> {
	return createDataSourceOptions({
		connector: { connectorId: "id-1", name: "orders" },
		credentials: new Credentials({ password: " p ", username: "app" }),
		config: { entities: [User] },
		settings: { ...SETTINGS, ...settings },
	});
}

const COMMON = {
	database: "orders",
	entities: [User],
	host: "db.example.com",
	logging: true,
	password: " p ",
	port: 5433,
	relationLoadStrategy: "join",
	synchronize: false,
	username: "app",
	[CONNECTOR_ORIGIN]: expect.anything(),
};

describe("createDataSourceOptions", () => {
	it("speaks to pg", () => {
		expect(create()).toStrictEqual({
			...COMMON,
			extra: { connectionTimeoutMillis: 4000, idleTimeoutMillis: 5000, max: 7 },
			type: "postgres",
		});
	});

	it("speaks to mysql2", () => {
		expect(create({ type: EDatabaseType.MYSQL })).toStrictEqual({
			...COMMON,
			connectTimeout: 4000,
			connectorPackage: "mysql2",
			extra: { idleTimeout: 5000, maxIdle: 6 },
			poolSize: 7,
			type: "mysql",
		});
	});

	it("leaves idle connections of mysql2 alone when the timeout is 0, as pg does", () => {
		expect(create({ idleTimeoutMs: 0, type: EDatabaseType.MYSQL })).toHaveProperty("extra", {});
		expect(create({ idleTimeoutMs: 0 })).toHaveProperty("extra.idleTimeoutMillis", 0);
	});

	it.each([
		[1, 1],
		[2, 1],
		[10, 9],
	])("lets a mysql2 pool of %d keep %d idle connections", (poolSize, maxIdle) => {
		expect(create({ poolSize, type: EDatabaseType.MYSQL })).toHaveProperty("extra.maxIdle", maxIdle);
	});

	it("says nothing to mysql2 that it warns of", () => {
		const warn = jest.spyOn(console, "error").mockImplementation();
		const options = create({ type: EDatabaseType.MYSQL }) as MysqlDataSourceOptions;

		// What TypeORM makes of them.
		const { connectTimeout, extra, host, password, poolSize, port, username } = options;
		const pool = createPool({
			connectTimeout,
			connectionLimit: poolSize,
			host,
			password,
			port,
			user: username,
			...extra,
		} as PoolOptions);

		expect(warn).not.toHaveBeenCalled();
		expect((pool as unknown as { config: object }).config).toMatchObject({ connectionLimit: 7, idleTimeout: 5000, maxIdle: 6 });
		pool.end();
	});

	it("marks the options with the connector and what it served", () => {
		const origin = readOrigin(create());

		expect(origin).toMatchObject({ connector: "orders", connectorId: "id-1" });
		expect(origin?.wasServed("database", "orders")).toBe(true);
		expect(origin?.wasServed("host", "db.example.com")).toBe(true);
		expect(origin?.wasServed("password", " p ")).toBe(true);
		expect(origin?.wasServed("port", 5433)).toBe(true);
		expect(origin?.wasServed("username", "app")).toBe(true);
	});

	it("makes a new object each time", () => {
		expect(create()).not.toBe(create());
	});
});
