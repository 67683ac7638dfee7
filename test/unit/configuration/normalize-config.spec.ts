/** Options that nothing would read, or that cannot mean anything, are refused; all of them at once. */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { normalizeConfig, validateConfig } from "../../../src/configuration/normalize-config.js";
import { ConfigurationError } from "../../../src/errors/errors.js";

function findProblems(config: unknown): string[] {
	try {
		validateConfig(config as ITypeOrmAwsConnectorConfig);
		return [];
	} catch (error) {
		if (!(error instanceof ConfigurationError)) throw error;
		return error.problems.map((problem) => `${problem.code}: ${problem.message}`);
	}
}

function findProblem(options: object): string {
	const problems = findProblems({ entities: [], ...options });
	expect(problems).toHaveLength(1);
	return problems[0] as string;
}

const LOOKUP_KIND = 'must be the full name of a parameter, or an object with a "path"';

describe("validateConfig", () => {
	it("accepts every option there is", () => {
		const lookup = { application: "a", environment: "e", instanceName: "i", namespace: "n", path: ["p", "q"] };
		const config: Required<ITypeOrmAwsConnectorConfig> = {
			aws: {
				credentials: async () => Promise.resolve({ accessKeyId: "a", secretAccessKey: "b" }),
				endpoint: "https://vpce-1.example.com:8443",
				region: "eu-west-1",
				secretsManagerClient: new SecretsManagerClient({}),
			},
			autoLoadEntities: true,
			connectionTimeoutMs: 1,
			credentials: {
				keys: { databaseName: "d", host: "h", password: "p", port: "o", type: "t", username: "u" },
				shouldReadEndpointFromSecret: true,
				source: "secrets-manager",
			},
			databaseName: "orders",
			defaultMode: "master",
			entities: [],
			host: "localhost",
			idleTimeoutMs: 1,
			isPlaintextAllowed: true,
			shouldLogFields: true,
			isVerbose: true,
			password: "p",
			poolSize: 1,
			port: 1,
			relationLoadStrategy: "join",
			replicas: [
				{
					host: "h",
					password: "p",
					port: 1,
					secretId: "s",
					ssmLookups: { host: lookup, port: lookup, secretId: lookup },
					username: "u",
				},
			],
			rotation: {
				allowedHosts: ["db.shop.internal"],
				drainTimeoutMs: 0,
				intervalMs: 1,
				isEnabled: true,
				shouldRotateOnAuthFailure: false,
			},
			secretId: "s",
			shouldSynchronize: false,
			ssmLookupDefaults: { application: "a", environment: "e", instanceName: "i", namespace: "n" },
			ssmLookups: {
				connectionTimeoutMs: lookup,
				databaseName: lookup,
				host: lookup,
				idleTimeoutMs: lookup,
				isVerbose: lookup,
				poolSize: lookup,
				port: lookup,
				relationLoadStrategy: lookup,
				rotationIntervalMs: lookup,
				rotationIsEnabled: lookup,
				secretId: lookup,
				shouldSynchronize: lookup,
				type: lookup,
			},
			tls: { rejectUnauthorized: true },
			type: "mysql",
			typeOrmOptions: { charset: "utf8mb4", extra: { maxIdle: 2 }, logging: ["error"], migrationsRun: true },
			username: "u",
		};

		expect(findProblems(config)).toEqual([]);
	});

	it.each(["static"])("accepts the source of credentials %j", (source) => {
		expect(findProblems({ credentials: { source }, entities: [], password: "p", username: "u" })).toEqual([]);
	});

	it("wants the whole login in code for the source static", () => {
		expect(findProblem({ credentials: { source: "static" }, password: "p" })).toContain(
			'Option "username" is needed with credentials.source "static"',
		);
		expect(findProblems({ credentials: { source: "static" }, entities: [] })).toHaveLength(2);
	});

	it.each([[undefined], [7], ["vault"], ["toString"]])("refuses the source of credentials %p", (source) => {
		expect(findProblem({ credentials: { source } })).toContain(
			'Option "credentials.source" must be one of "dsql-iam", "parameter-store", "rds-iam", "secrets-manager", "static"',
		);
	});

	it.each([
		["credentials", "secrets-manager", "must be an object"],
		[
			"credentials.shouldReadEndpointFromSecret",
			{ shouldReadEndpointFromSecret: "false", source: "secrets-manager" },
			"must be true or false",
		],
		["credentials.keys", { keys: "user", source: "secrets-manager" }, "must be an object"],
		["credentials.keys.username", { keys: { username: "" }, source: "secrets-manager" }, "must be the name of a value in the secret"],
		[
			"credentials.keys.usrname",
			{ keys: { usrname: "u" }, source: "secrets-manager" },
			'nearest known one is "credentials.keys.username"',
		],
		["credentials.tokenDurationSecs", { source: "secrets-manager", tokenDurationSecs: 1 }, "is unknown"],
	])("refuses %s when it cannot mean anything", (option, credentials, expectation) => {
		const problem = findProblem({ credentials });

		expect(problem).toContain(`Option "${option}"`);
		expect(problem).toContain(expectation);
	});

	it.each([
		["replicas", { replicas: {} }, "must be a list of replicas"],
		["replicas[1].host", { replicas: [{ host: "h" }, {}] }, "is not given"],
		["defaultMode", { defaultMode: "replica", replicas: [] }, 'must be "master" or "slave"'],
		["defaultMode", { defaultMode: "slave" }, 'needs "replicas"'],
		["typeOrmOptions", { typeOrmOptions: [] }, "must be an object"],
		["typeOrmOptions.host", { typeOrmOptions: { host: "h" } }, 'belongs to the connector: use "host"'],
	])("refuses %s when it cannot mean anything: %j", (option, options, expectation) => {
		expect(findProblem(options)).toContain(`Option "${option}" ${expectation}`);
	});

	it.each(["master", "slave"])("accepts the mode %s, also when a list of replicas is empty", (defaultMode) => {
		expect(findProblems({ defaultMode, entities: [], replicas: [] })).toEqual([]);
	});

	it("takes an option that is undefined for one that is left out", () => {
		const nothing = {
			aws: undefined,
			host: undefined,
			rotation: undefined,
			ssmLookupDefaults: undefined,
			ssmLookups: { host: undefined },
		};

		expect(findProblems({ entities: [], ...nothing, aws: { region: undefined } })).toEqual([]);
	});

	it("accepts entities as an object", () => {
		expect(findProblems({ entities: { User: class User {} } })).toEqual([]);
	});

	it.each([[undefined], [null], ["text"]])("refuses %p in the place of a configuration", (config) => {
		expect(findProblems(config)).toEqual(['ERR_CONNECTOR_OPTION_INVALID: Option "config" must be an object.']);
	});

	it("requires entities", () => {
		expect(findProblems({})).toEqual([
			expect.stringMatching(/Option "entities" is required: list TypeORM's entities, or use autoLoadEntities: true/),
		]);
		expect(findProblems({ autoLoadEntities: false })).toHaveLength(1);
		expect(findProblems({ autoLoadEntities: true })).toEqual([]);
		expect(findProblem({ entities: "User" })).toBe(
			'ERR_CONNECTOR_OPTION_INVALID: Option "entities" must be an array or an object of entities.',
		);
	});

	it.each([
		[{ hots: 1 }, "hots", "host"],
		[{ aws: { regoin: "eu-west-1" } }, "aws.regoin", "aws.region"],
		[{ rotation: { interval: 1 } }, "rotation.interval", "rotation.intervalMs"],
		[{ ssmLookups: { "secret-id": { path: ["x"] } } }, "ssmLookups.secret-id", "ssmLookups.secretId"],
		[{ ssmLookups: { host: { instance: "x", path: ["x"] } } }, "ssmLookups.host.instance", "ssmLookups.host.instanceName"],
	])("names the unknown option in %j, and the nearest known one", (options, unknown, nearest) => {
		const problem = findProblem(options);

		expect(problem).toContain(`Option "${unknown}" is unknown; the nearest known one is "${nearest}".`);
	});

	it.each([
		[{ aws: { dataSourceToken: "token" } }, "aws.dataSourceToken", '"aws.credentials", "aws.endpoint", "aws.region"'],
		[{ rotation: { ttl: 1 } }, "rotation.ttl", '"rotation.drainTimeoutMs", "rotation.intervalMs"'],
		[{ ssmLookupDefaults: { path: ["x"] } }, "ssmLookupDefaults.path", '"ssmLookupDefaults.application"'],
	])("lists the known options where none is near the one in %j", (options, unknown, known) => {
		expect(findProblem(options)).toContain(`Option "${unknown}" is unknown; the known ones are ${known}`);
	});

	it.each([
		["ttl", 'Option "ttl" is unknown.'],
		["url", 'Option "url" is unknown; use "host", "port" and "databaseName"'],
		["synchronize", 'Option "synchronize" is unknown; use "shouldSynchronize"'],
		["logging", 'Option "logging" is unknown; use "isVerbose"'],
		["migrations", 'Option "migrations" belongs in "typeOrmOptions"'],
		["name", 'Option "name" is unknown; to serve a named DataSource, use "dataSourceName"'],
		["retryAttempts", 'Option "retryAttempts" belongs in "typeOrmOptions"'],
		["ssl", 'Option "ssl" is unknown; use "tls"'],
	])("says what to do with %s", (name, expected) => {
		expect(findProblem({ [name]: 1 })).toContain(expected);
	});

	it("does not know a name because every object has it", () => {
		expect(findProblem({ constructor: 1 })).toContain('Option "constructor" is unknown');
	});

	it.each(["dataSourceName", "dataSourceToken", "extraProviders", "isGlobal", "parameterStoreToken"])(
		"says that %s belongs beside a factory, not in what it returns",
		(name) => {
			expect(findProblem({ [name]: "token" })).toContain(`Option "${name}" belongs beside the factory`);
		},
	);

	it.each([
		[{ aws: "eu-west-1" }, "aws", "must be an object"],
		[{ aws: null }, "aws", "must be an object"],
		[{ aws: { credentials: "key" } }, "aws.credentials", "must be an AWS identity or a function that fetches one"],
		[{ aws: { endpoint: "localhost:4566" } }, "aws.endpoint", "must be an http or https URL"],
		[{ aws: { endpoint: "http://" } }, "aws.endpoint", "must be an http or https URL"],
		[{ aws: { endpoint: 1 } }, "aws.endpoint", "must be an http or https URL"],
		[{ aws: { region: " " } }, "aws.region", "must be the name of a region"],
		[{ aws: { region: 1 } }, "aws.region", "must be the name of a region"],
		[{ aws: { secretsManagerClient: {} } }, "aws.secretsManagerClient", "must be a SecretsManagerClient"],
		[{ aws: { secretsManagerClient: "client" } }, "aws.secretsManagerClient", "must be a SecretsManagerClient"],
		[{ rotation: true }, "rotation", "must be an object"],
		[{ rotation: [] }, "rotation", "must be an object"],
		[{ rotation: [1] }, "rotation", "must be an object"],
		[{ rotation: { shouldRotateOnAuthFailure: "yes" } }, "rotation.shouldRotateOnAuthFailure", "must be true or false"],
		[{ ssmLookupDefaults: "api" }, "ssmLookupDefaults", "must be an object"],
		[{ ssmLookups: [] }, "ssmLookups", "must be an object"],
		[{ ssmLookups: { host: ["db", "host"] } }, "ssmLookups.host", LOOKUP_KIND],
		[{ ssmLookups: { host: 7 } }, "ssmLookups.host", LOOKUP_KIND],
		[{ ssmLookups: { connection: null } }, "ssmLookups.connection", LOOKUP_KIND],
	])("refuses %j", (options, option, expectation) => {
		expect(findProblem(options)).toBe(`ERR_CONNECTOR_OPTION_INVALID: Option "${option}" ${expectation}.`);
	});

	it.each([[-1], [1.5], [2 ** 31], [NaN], [Infinity], ["60000"], [null]])("refuses a drainTimeoutMs of %p", (drainTimeoutMs) => {
		const problem = findProblem({ rotation: { drainTimeoutMs } });

		expect(problem).toBe('ERR_CONNECTOR_OPTION_INVALID: Option "rotation.drainTimeoutMs" must be an integer from 0 to 2147483647.');
	});

	it("refuses a list of allowed hosts that allows everything", () => {
		expect(findProblem({ rotation: { allowedHosts: ["*"] } })).toContain('"rotation.allowedHosts" must be a list of host names');
	});

	it("accepts the longest time Node can sleep as drainTimeoutMs", () => {
		expect(findProblems({ entities: [], rotation: { drainTimeoutMs: 2 ** 31 - 1 } })).toEqual([]);
	});

	it.each([[{}], [{ path: [] }], [{ path: "host" }]])("refuses a lookup without a path: %j", (lookup) => {
		const problem = findProblem({ ssmLookups: { secretId: lookup } });

		expect(problem).toBe(
			`ERR_CONNECTOR_LOOKUP_INVALID: The lookup of "secret-id" is invalid: "path" must be a list of at least one segment. Lookup: ${JSON.stringify(lookup)}.`,
		);
	});

	it.each([
		[{ path: ["a", ""] }, 'segment "path[1]" must not be empty'],
		[{ path: ["a/b"] }, 'segment "path[0]" must not contain "/"'],
		[{ path: [1] }, 'segment "path[0]" must be text'],
		[{ path: [undefined] }, 'segment "path[0]" is missing'],
		[{ application: " ", path: ["a"] }, 'segment "application" must not be empty'],
		[{ environment: "a/b", path: ["a"] }, 'segment "environment" must not contain "/"'],
		[{ namespace: 1, path: ["a"] }, 'segment "namespace" must be text'],
		[{ instanceName: null, path: ["a"] }, 'segment "instanceName" is missing'],
	])("refuses the segments of %j", (lookup, reason) => {
		const problem = findProblem({ ssmLookups: { host: lookup } });

		expect(problem).toContain(`ERR_CONNECTOR_LOOKUP_INVALID: The lookup of "host" is invalid: ${reason}.`);
	});

	it("refuses a default segment with a slash", () => {
		const problem = findProblem({ ssmLookupDefaults: { instanceName: "a/b" } });

		expect(problem).toContain('The lookup of "ssmLookupDefaults" is invalid: segment "instanceName" must not contain "/".');
	});

	it("leaves the values of fields for when they are resolved", () => {
		expect(findProblems({ entities: [], password: "", port: "5432", rotation: { intervalMs: "1" } })).toEqual([]);
	});

	it("reports every fault in one error", () => {
		const problems = findProblems({
			aws: { regoin: "x" },
			hots: "x",
			rotation: { drainTimeoutMs: -1, interval: 1 },
			ssmLookups: { host: { path: ["a/b", ""] }, nothing: { path: ["x"] }, port: {} },
		});

		expect(problems).toHaveLength(9);
	});
});

describe("normalizeConfig", () => {
	it("returns the options that were given", () => {
		const config = { entities: [], host: "localhost" };

		expect(normalizeConfig(config)).toBe(config);
	});

	it("turns a connection in a secret into that secret, once", () => {
		const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
		const normalized = normalizeConfig({ entities: [], ssmLookups: { connection: arn } });

		expect(normalized).toMatchObject({ credentials: { source: "secrets-manager" }, secretId: arn, ssmLookups: {} });
		expect(normalizeConfig(normalized)).toBe(normalized);
	});

	it("refuses options each time that they are given", () => {
		const config = { entities: [], hots: "localhost" } as ITypeOrmAwsConnectorConfig;

		expect(() => normalizeConfig(config)).toThrow(ConfigurationError);
		expect(() => normalizeConfig(config)).toThrow(ConfigurationError);
	});
});
