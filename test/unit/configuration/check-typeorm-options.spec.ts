/** What the connector fills in by itself cannot be said a second time; everything else is TypeORM's. */
import { checkTypeOrmOptions } from "../../../src/configuration/check-typeorm-options.js";

function findFaults(options: Readonly<Record<string, unknown>>): string[] {
	return checkTypeOrmOptions(options).map(({ message }) => message);
}

const LOGIN = 'leave the login to the secret, or use "username" and "password"';
const TARGET = 'use "host", "port" and "databaseName", and leave the login to the secret';

describe("checkTypeOrmOptions", () => {
	it("lets TypeORM's own options pass", () => {
		const options = {
			applicationName: "shop",
			cache: true,
			charset: "utf8mb4",
			extra: { maxIdle: 2, maxLifetimeSeconds: 60, min: 1, ssl: {} },
			logger: "file",
			logging: ["error"],
			migrations: [],
			migrationsRun: true,
			schema: "shop",
			ssl: true,
			subscribers: [],
			timeTravelQueries: true,
		};

		expect(findFaults(options)).toEqual([]);
	});

	it.each([
		["acquireTimeout", 'use "connectionTimeoutMs"'],
		["connectorPackage", "the driver of MySQL and MariaDB is mysql2"],
		["connectTimeout", 'use "connectionTimeoutMs"'],
		["connectTimeoutMS", 'use "connectionTimeoutMs"'],
		["database", 'use "databaseName"'],
		["entities", 'use "entities"'],
		["host", 'use "host"'],
		["password", LOGIN],
		["poolSize", 'use "poolSize"'],
		["port", 'use "port"'],
		["relationLoadStrategy", 'use "relationLoadStrategy"'],
		["replication", 'use "replicas" and "defaultMode"'],
		["socketPath", 'use "host"'],
		["synchronize", 'use "shouldSynchronize"'],
		["type", 'use "type"'],
		["url", TARGET],
		["username", LOGIN],
		["extra.connectionLimit", 'use "poolSize"'],
		["extra.connectionString", TARGET],
		["extra.connectionTimeoutMillis", 'use "connectionTimeoutMs"'],
		["extra.connectTimeout", 'use "connectionTimeoutMs"'],
		["extra.database", 'use "databaseName"'],
		["extra.host", 'use "host"'],
		["extra.idleTimeout", 'use "idleTimeoutMs"'],
		["extra.idleTimeoutMillis", 'use "idleTimeoutMs"'],
		["extra.max", 'use "poolSize"'],
		["extra.password", LOGIN],
		["extra.port", 'use "port"'],
		["extra.socketPath", 'use "host"'],
		["extra.uri", TARGET],
		["extra.user", LOGIN],
	])("refuses %s and says what to do", (option, advice) => {
		const [key, extraKey] = option.split(".") as [string, string | undefined];
		const options = { [key]: extraKey === undefined ? "canary" : { [extraKey]: "canary" } };

		expect(findFaults(options)).toEqual([`Option "typeOrmOptions.${option}" belongs to the connector: ${advice}.`]);
		expect(findFaults({ [key]: extraKey === undefined ? undefined : { [extraKey]: undefined } })).toEqual([]);
	});

	it("reports everything at once", () => {
		const options = { extra: { max: 1, password: "canary" }, host: "canary", logging: "all" };

		expect(checkTypeOrmOptions(options)).toHaveLength(4);
	});

	it.each([[true], [false], ["all"], [null]])("refuses logging: %p, of which isVerbose is the switch", (logging) => {
		expect(findFaults({ logging })).toEqual([
			'Option "typeOrmOptions.logging" must be a list such as ["error"]; to log everything or nothing, use "isVerbose".',
		]);
	});

	it.each([[null], [7], [[]]])("refuses extra: %p", (extra) => {
		expect(findFaults({ extra })).toEqual(['Option "typeOrmOptions.extra" must be an object.']);
	});

	it("takes no inherited name for one of its own", () => {
		expect(findFaults({ extra: { toString: 1 }, valueOf: 1 })).toEqual([]);
	});
});
