/** The value given in code wins, then the parameter, then the default; what is missing or invalid is reported at once. */
import { inspect } from "node:util";

import { EDatabaseType, ERelationLoadStrategy } from "../../../src/configuration/connector.enums.js";
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import type { FieldName } from "../../../src/configuration/connector-fields.js";
import { ConfigurationError, ParameterNotLoadedError } from "../../../src/errors/errors.js";
import { ALL_FIELDS, resolveRotation, resolveAccess, resolveSettings, TARGET_FIELDS } from "../../../src/resolution/resolve-settings.js";
import { listLookups } from "../../../src/resolution/list-lookups.js";
import type { ParameterReader } from "../../../src/resolution/read-parameter.js";
import { CANONICAL_PARAMETERS, StubParameterSource } from "../../support/stub-parameter-source.js";

const NOTHING_GIVEN: ITypeOrmAwsConnectorConfig = { entities: [] };
const ALL_GIVEN = {
	connectionTimeoutMs: 1,
	databaseName: "given-database",
	entities: [],
	host: "given-host",
	idleTimeoutMs: 2,
	isVerbose: false,
	poolSize: 3,
	port: 4,
	relationLoadStrategy: "query",
	rotation: { intervalMs: 5, isEnabled: false },
	secretId: "given-secret",
	shouldSynchronize: false,
	type: "mysql",
} as const satisfies ITypeOrmAwsConnectorConfig;

/** What each field is at each of the three levels. `undefined` as a default: the field is required. */
const LEVELS: Readonly<
	Record<FieldName, { readonly fallback: unknown; readonly given: unknown; readonly parameter: unknown; readonly path: string }>
> = {
	host: { fallback: undefined, given: "given-host", parameter: "db.example.com", path: "/shop/test/aws-rds/aurora-postgres/host" },
	port: { fallback: undefined, given: 4, parameter: 5433, path: "/shop/test/aws-rds/aurora-postgres/port" },
	secretId: {
		fallback: undefined,
		given: "given-secret",
		parameter: "app/database",
		path: "/shop/test/aws-secrets-manager/database/secret-id",
	},
	databaseName: { fallback: undefined, given: "given-database", parameter: "orders", path: "/shop/test/api/main/postgres/database-name" },
	type: { fallback: undefined, given: EDatabaseType.MYSQL, parameter: EDatabaseType.POSTGRES, path: "/shop/test/api/main/postgres/type" },
	poolSize: { fallback: 10, given: 3, parameter: 7, path: "/shop/test/api/main/typeorm/pool-size" },
	connectionTimeoutMs: { fallback: 30_000, given: 1, parameter: 4000, path: "/shop/test/api/main/typeorm/connection-timeout-ms" },
	idleTimeoutMs: { fallback: 30_000, given: 2, parameter: 5000, path: "/shop/test/api/main/typeorm/idle-timeout-ms" },
	isVerbose: { fallback: false, given: false, parameter: true, path: "/shop/test/api/main/typeorm/logging" },
	shouldSynchronize: { fallback: false, given: false, parameter: true, path: "/shop/test/api/main/typeorm/synchronize" },
	relationLoadStrategy: {
		fallback: ERelationLoadStrategy.QUERY,
		given: ERelationLoadStrategy.QUERY,
		parameter: ERelationLoadStrategy.JOIN,
		path: "/shop/test/api/main/typeorm/relation-load-strategy",
	},
	rotationIntervalMs: { fallback: 3_600_000, given: 5, parameter: 60_000, path: "/shop/test/api/main/typeorm/rotation/interval-ms" },
	rotationIsEnabled: { fallback: false, given: false, parameter: true, path: "/shop/test/api/main/typeorm/rotation/enabled" },
};
const EVERY_FIELD = Object.entries(LEVELS).map(([name, levels]) => ({ name: name as FieldName, ...levels }));

function findProblems(resolve: () => unknown): string[] {
	try {
		resolve();
		return [];
	} catch (error) {
		if (!(error instanceof ConfigurationError)) throw error;
		return error.problems.map((problem) => `${problem.name}: ${problem.message}`);
	}
}

describe("resolveSettings", () => {
	it.each(EVERY_FIELD)("takes $name as given in code, without asking for the parameter", ({ given, name, path }) => {
		const reader = new StubParameterSource();

		const settings = resolveSettings(ALL_GIVEN, reader);

		expect(settings[name]).toBe(given);
		expect(reader.gets).not.toContain(path);
	});

	it.each(EVERY_FIELD)("takes $name from the parameter when it is not given", ({ name, parameter, path }) => {
		const reader = new StubParameterSource();

		const settings = resolveSettings(NOTHING_GIVEN, reader);

		expect(settings[name]).toBe(parameter);
		expect(reader.gets.filter((asked) => asked === path)).toHaveLength(1);
	});

	it.each(EVERY_FIELD.filter(({ fallback }) => fallback !== undefined))(
		"falls back for $name to its default",
		({ fallback, name, path }) => {
			const reader = new StubParameterSource();
			reader.values.delete(path);

			expect(resolveSettings(NOTHING_GIVEN, reader)[name]).toBe(fallback);
		},
	);

	it.each(EVERY_FIELD.filter(({ fallback }) => fallback === undefined))("requires $name", ({ path }) => {
		const reader = new StubParameterSource();
		reader.values.delete(path);

		const problems = findProblems(() => resolveSettings(NOTHING_GIVEN, reader));

		expect(problems).toEqual([expect.stringContaining(`was not found at "${path}" (lookup {`)]);
	});

	it("does not read what is not needed", () => {
		const reader = new StubParameterSource();

		const settings = resolveSettings({ ...NOTHING_GIVEN, password: "p", username: "u" }, reader);

		expect(settings.secretId).toBeUndefined();
		expect(reader.gets).toHaveLength(12);
		expect(reader.gets.join()).not.toContain("secret-id");
	});

	it.each([{ username: "u" }, { password: "p" }])("needs the secret for the other half of %j", (given) => {
		expect(resolveSettings({ ...NOTHING_GIVEN, ...given }, new StubParameterSource()).secretId).toBe("app/database");
	});

	it("is frozen", () => {
		expect(Object.isFrozen(resolveSettings(ALL_GIVEN, undefined))).toBe(true);
	});

	it("looks a field up where the options say", () => {
		const reader = new StubParameterSource({
			...CANONICAL_PARAMETERS,
			"/shop/test/aws-rds/writer/db/host": "other.example.com",
			"/shop/test/api/two/typeorm/pool-size": "9",
		});

		const settings = resolveSettings(
			{
				...ALL_GIVEN,
				host: undefined,
				poolSize: undefined,
				ssmLookupDefaults: { instanceName: "two" },
				ssmLookups: { host: { instanceName: "writer", path: ["db", "host"] } },
			} as never,
			reader,
		);

		expect(settings).toMatchObject({ host: "other.example.com", poolSize: 9 });
	});

	it("needs no parameter store when everything required is given", () => {
		const { databaseName, host, port, secretId, type } = ALL_GIVEN;

		expect(resolveSettings({ databaseName, entities: [], host, port, secretId, type }, undefined)).toMatchObject({
			host: "given-host",
			poolSize: 10,
			rotationIntervalMs: 3_600_000,
		});
	});

	it("says that no parameter store is registered", () => {
		const problems = findProblems(() =>
			resolveSettings({ entities: [], host: "localhost", password: "p", port: 1, username: "u" }, undefined),
		);

		expect(problems).toEqual([
			expect.stringMatching(
				/^OptionInvalidError: Option "databaseName" is not given, and no ParameterStoreConfigModule .* "ssmLookups\.databaseName"\.$/,
			),
			expect.stringMatching(
				/^OptionInvalidError: Option "type" is not given, and no ParameterStoreConfigModule .* "ssmLookups\.type"\.$/,
			),
		]);
	});

	it("reports every missing and invalid field at once, in the order of the table", () => {
		const reader = new StubParameterSource({
			"/shop/test/aws-rds/aurora-postgres/port": "5432abc",
			"/shop/test/api/main/postgres/type": "oracle",
			"/shop/test/api/main/typeorm/logging": "yes",
			"/shop/test/api/main/typeorm/idle-timeout-ms": "2147483648",
			"/shop/test/api/main/typeorm/rotation/interval-ms": "2592000001",
			"/shop/test/api/main/typeorm/rotation/enabled": "1",
		});

		const problems = findProblems(() =>
			resolveSettings(
				{ entities: [], password: "", poolSize: "ten" as never, rotation: {}, shouldSynchronize: 1 as never, username: 7 as never },
				reader,
			),
		);

		expect(problems.map((problem) => problem.split(" (")[0])).toEqual([
			'ParameterNotFoundError: "host" was not found at "/shop/test/aws-rds/aurora-postgres/host"',
			'ParameterInvalidError: "port" must be an integer from 1 to 65535, not "5432abc" at "/shop/test/aws-rds/aurora-postgres/port"',
			'ParameterNotFoundError: "databaseName" was not found at "/shop/test/api/main/postgres/database-name"',
			'ParameterInvalidError: "type" must be one of "cockroachdb", "mariadb", "mysql", "postgres", not "oracle" at "/shop/test/api/main/postgres/type"',
			'OptionInvalidError: Option "poolSize" must be an integer from 1 to 100000, not "ten".',
			'ParameterInvalidError: "idleTimeoutMs" must be an integer from 0 to 2147483647, not "2147483648" at "/shop/test/api/main/typeorm/idle-timeout-ms"',
			'ParameterInvalidError: "isVerbose" must be true or false, not "yes" at "/shop/test/api/main/typeorm/logging"',
			'OptionInvalidError: Option "shouldSynchronize" must be true or false, not 1.',
			'ParameterInvalidError: "rotation.intervalMs" must be an integer from 1 to 2592000000, not "2592000001" at "/shop/test/api/main/typeorm/rotation/interval-ms"',
			'ParameterInvalidError: "rotation.isEnabled" must be true or false, not "1" at "/shop/test/api/main/typeorm/rotation/enabled"',
			'OptionInvalidError: Option "username" must be a string that is not empty.',
			'OptionInvalidError: Option "password" must be a string that is not empty.',
		]);
	});

	it("takes a user name and a password of white space as they are", () => {
		expect(findProblems(() => resolveSettings({ ...ALL_GIVEN, password: " ", username: " " }, undefined))).toEqual([]);
	});

	it("does not take an empty parameter for a missing one", () => {
		const reader = new StubParameterSource({ ...CANONICAL_PARAMETERS, "/shop/test/api/main/typeorm/pool-size": "" });

		expect(findProblems(() => resolveSettings(NOTHING_GIVEN, reader))).toHaveLength(1);
	});

	it("reports what the parameter store throws as an invalid lookup, and goes on with the others", () => {
		const reader: ParameterReader = {
			get: (lookup) => {
				const { path } = lookup as IStructuredLookup;
				if (path.includes("host")) throw new Error("segment refused.");
				return path.includes("port") ? null : "1";
			},
		};

		const problems = findProblems(() => resolveSettings({ ...ALL_GIVEN, host: undefined, port: undefined } as never, reader));

		expect(inspect(problems, { depth: null, showHidden: true })).not.toContain("segment refused");
		expect(problems).toEqual([
			'LookupInvalidError: The lookup of "host" is invalid: the parameter store threw Error; its text is withheld, since it may quote a value. Lookup: {"path":["host"],"namespace":"aws-rds","instanceName":"aurora-postgres"}.',
			expect.stringContaining('"port" was not found (lookup {'),
		]);
	});

	it("says so when something that is no error was thrown", () => {
		const reader: ParameterReader = {
			get: () => {
				// eslint-disable-next-line @typescript-eslint/only-throw-error
				throw "no";
			},
		};

		expect(findProblems(() => resolveSettings({ ...ALL_GIVEN, host: undefined } as never, reader))[0]).toContain(
			"the parameter store refused it",
		);
	});

	it("does not take a fault of the parameter store itself for one of the configuration", () => {
		const fault = new TypeError("describePath is broken");
		const reader: ParameterReader = {
			describePath: () => {
				throw fault;
			},
			get: () => null,
		};

		expect(() => resolveSettings({ ...ALL_GIVEN, host: undefined } as never, reader)).toThrow(fault);
	});

	it("keeps an error of this library as it is", () => {
		const cause = new ParameterNotLoadedError("/shop/test/host");
		const reader: ParameterReader = {
			get: () => {
				throw cause;
			},
		};

		const resolve = (): unknown => resolveSettings({ ...ALL_GIVEN, host: undefined } as never, reader);

		expect(resolve).toThrow(expect.objectContaining({ problems: [cause] }));
	});

	it.each([[undefined], [null]])("takes %p from a parameter store for a missing parameter", (nothing) => {
		const reader = { get: () => nothing as never };

		expect(resolveSettings({ ...ALL_GIVEN, poolSize: undefined } as never, reader).poolSize).toBe(10);
	});

	it("does not wait for a parameter store that answers with a promise", () => {
		const reader = { get: () => Promise.resolve("db.example.com") as never };

		const problems = findProblems(() => resolveSettings({ ...ALL_GIVEN, host: undefined } as never, reader));

		expect(problems[0]).toContain('"host" must be text, but get() of the parameter store returned a value of type object');
	});
});

describe("resolveRotation", () => {
	it("reads the interval first, then whether rotations are scheduled, and nothing else", () => {
		const reader = new StubParameterSource();

		const rotation = resolveRotation(NOTHING_GIVEN, reader);

		expect(rotation).toStrictEqual({ intervalMs: 60_000, isEnabled: true });
		expect(reader.gets).toEqual([LEVELS.rotationIntervalMs.path, LEVELS.rotationIsEnabled.path]);
	});

	it("asks for the half that is not given", () => {
		const reader = new StubParameterSource();

		expect(resolveRotation({ entities: [], rotation: { intervalMs: 5000 } }, reader)).toEqual({ intervalMs: 5000, isEnabled: true });
		expect(reader.gets).toEqual([LEVELS.rotationIsEnabled.path]);
	});

	it.each([0, -1, 2 ** 31 + 0.5, 2_592_000_001, Infinity, NaN, "60s"])("refuses an interval of %p", (intervalMs) => {
		const problems = findProblems(() => resolveRotation({ entities: [], rotation: { intervalMs: intervalMs as never } }, undefined));

		expect(problems).toHaveLength(1);
		expect(problems[0]).toContain('Option "rotation.intervalMs" must be an integer from 1 to 2592000000');
	});

	it("accepts an interval of thirty days", () => {
		expect(resolveRotation({ entities: [], rotation: { intervalMs: 2_592_000_000 } }, undefined).intervalMs).toBe(2_592_000_000);
	});

	it("does not look at user name and password", () => {
		expect(findProblems(() => resolveRotation({ entities: [], password: "" }, undefined))).toEqual([]);
	});
});

describe("resolveAccess", () => {
	it("asks for that parameter only", () => {
		const reader = new StubParameterSource();

		expect(resolveAccess(NOTHING_GIVEN, reader).secretId).toBe("app/database");
		expect(reader.gets).toEqual([LEVELS.secretId.path]);
	});

	it("asks for nothing when user name and password are given", () => {
		const { login, secretId } = resolveAccess({ entities: [], password: "p", username: "u" }, new StubParameterSource({}));

		expect(secretId).toBeUndefined();
		expect([login.username, login.password]).toEqual(["u", "p"]);
	});

	it("refuses an empty password", () => {
		expect(findProblems(() => resolveAccess({ entities: [], password: "", username: "u" }, undefined))).toEqual([
			'OptionInvalidError: Option "password" must be a string that is not empty.',
		]);
	});
});

describe("listLookups", () => {
	it("lists what is not given in code, in the order of the table", () => {
		expect(
			listLookups(NOTHING_GIVEN, ALL_FIELDS).map((lookup) => new StubParameterSource().describePath(lookup as IStructuredLookup)),
		).toEqual(EVERY_FIELD.map(({ path }) => path));
		expect(listLookups(ALL_GIVEN, ALL_FIELDS)).toEqual([]);
	});

	it("lists the five that decide where a connection goes", () => {
		expect(listLookups(NOTHING_GIVEN, TARGET_FIELDS).map((lookup) => (lookup as IStructuredLookup).path.at(-1))).toEqual([
			"host",
			"port",
			"secret-id",
			"database-name",
			"type",
		]);
	});

	it("leaves the secret out when user name and password are given", () => {
		expect(listLookups({ entities: [], password: "p", username: "u" }, ["secretId"])).toEqual([]);
	});
});

describe("resolveSettings with what a secret says", () => {
	const TARGET = {
		secretId: "app/database",
		values: {
			databaseName: { key: "dbname", text: "secret-database" },
			host: { key: "host", text: "secret-host" },
			port: { key: "port", text: " 6543 " },
			type: { key: "engine", text: "mysql" },
		},
	};

	it("takes it over the parameters", () => {
		const settings = resolveSettings(NOTHING_GIVEN, new StubParameterSource(), TARGET);

		expect(settings).toMatchObject({ databaseName: "secret-database", host: "secret-host", port: 6543, type: "mysql" });
		expect(settings.secretId).toBe("app/database");
	});

	it("takes code over it", () => {
		expect(resolveSettings(ALL_GIVEN, undefined, TARGET)).toMatchObject({ host: "given-host", port: 4 });
	});

	it("looks up what it lacks", () => {
		const { host, port } = resolveSettings(NOTHING_GIVEN, new StubParameterSource(), {
			secretId: "app/database",
			values: { host: TARGET.values.host },
		});

		expect([host, port]).toEqual(["secret-host", 5433]);
	});

	it("needs no parameter store when it says all that is required", () => {
		expect(resolveSettings({ entities: [], secretId: "app/database" }, undefined, TARGET)).toMatchObject({ host: "secret-host" });
	});

	it.each([
		["host", "https://hunter2", "a host name"],
		["port", "hunter2", "an integer from 1 to 65535"],
		["port", "70000", "an integer from 1 to 65535"],
		["type", "hunter2", 'one of "cockroachdb", "mariadb", "mysql", "postgres"'],
	])("refuses a %s of %j without repeating it", (field, text, expectation) => {
		const target = { ...TARGET, values: { ...TARGET.values, [field]: { key: "its-key", text } } };

		const resolve = (): unknown => resolveSettings(NOTHING_GIVEN, new StubParameterSource(), target);

		expect(resolve).toThrow(`Secret "app/database" holds a "its-key" of the wrong form. It must be ${expectation}.`);
		expect(resolve).not.toThrow(text);
	});
});
