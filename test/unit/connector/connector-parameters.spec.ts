/** Parameters that belong together are read together; a rotation reads again only what decides where a connection goes. */
import { inspect } from "node:util";
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { ConnectorParameters } from "../../../src/connector/connector-parameters.js";
import {
	ConnectorTimeoutError,
	ParameterInvalidError,
	ParameterStoreUnavailableError,
	ConnectorClosedError,
} from "../../../src/errors/errors.js";
import { ALL_FIELDS } from "../../../src/resolution/resolve-settings.js";
import { CANONICAL_PARAMETERS, StubParameterSource } from "../../support/stub-parameter-source.js";

const HOST_PATH = "/shop/test/aws-rds/aurora-postgres/host";
const HOST: IStructuredLookup = { path: ["host"], namespace: "aws-rds", instanceName: "aurora-postgres" };
const POOL_SIZE_PATH = "/shop/test/api/main/typeorm/pool-size";
const POOL_SIZE: IStructuredLookup = { path: ["typeorm", "pool-size"] };

function setUp(config: Partial<ITypeOrmAwsConnectorConfig> = {}): {
	parameters: ConnectorParameters;
	source: StubParameterSource;
	warnings: string[];
} {
	const source = new StubParameterSource();
	const warnings: string[] = [];
	return {
		parameters: new ConnectorParameters({ entities: [], ...config }, source, (message) => warnings.push(message)),
		source,
		warnings,
	};
}

describe("ConnectorParameters.load", () => {
	it("reads every lookup in one go", async () => {
		const { parameters, source } = setUp();

		const reader = await parameters.load(ALL_FIELDS);

		expect(source.reads).toEqual([{ paths: Object.keys(CANONICAL_PARAMETERS), shouldRefresh: undefined }]);
		expect(reader?.get(HOST)).toBe("db.example.com");
		expect(reader?.describePath?.(HOST)).toBe(HOST_PATH);
	});

	it("reads nothing that is given in code", async () => {
		const { parameters, source } = setUp({ host: "localhost", password: "p", port: 1, username: "u" });

		await parameters.load(["host", "port", "secretId", "poolSize"]);

		expect(source.reads.map(({ paths }) => paths)).toEqual([[POOL_SIZE_PATH]]);
	});

	it("does not ask at all when there is nothing to ask for", async () => {
		const { parameters, source } = setUp({ host: "localhost" });

		await expect(parameters.load(["host"])).resolves.toBe(source);

		expect(source.reads).toEqual([]);
	});

	it("keeps what it read, whatever the source says later", async () => {
		const { parameters, source } = setUp();
		const reader = await parameters.load(ALL_FIELDS);

		source.values.set(HOST_PATH, "other.example.com");

		expect(reader?.get(HOST)).toBe("db.example.com");
		expect(source.gets).toEqual([]);
	});

	it("knows what is not there, and asks the source for what was not read", async () => {
		const { parameters, source } = setUp();
		source.values.delete(HOST_PATH);

		const reader = await parameters.load(["host"]);

		expect(reader?.get(HOST)).toBeNull();
		expect(reader?.get(POOL_SIZE)).toBe("7");
		expect(source.gets).toEqual([POOL_SIZE_PATH]);
	});

	it("lets the source answer one by one when a parameter is of a wrong type", async () => {
		const { parameters, source } = setUp();
		jest.spyOn(source, "getMany").mockRejectedValue(new ParameterInvalidError("host", "is a StringList", { lookup: HOST }));

		await expect(parameters.load(ALL_FIELDS)).resolves.toBe(source);
	});

	it("fails when the source cannot be read", async () => {
		const { parameters, source } = setUp();
		const outage = new ParameterStoreUnavailableError("names", "denied", false);
		jest.spyOn(source, "getMany").mockRejectedValue(outage);

		await expect(parameters.load(ALL_FIELDS)).rejects.toBe(outage);
	});

	it("hands the caller's signal on", async () => {
		const { parameters, source } = setUp();
		const getMany = jest.spyOn(source, "getMany");
		const { signal } = new AbortController();

		await parameters.load(["host"], signal);
		await parameters.refresh(signal);

		expect(getMany.mock.calls.map(([, options]) => options)).toEqual([{ signal }, { shouldRefresh: true, signal }]);
	});

	it("works without any source", async () => {
		await expect(new ConnectorParameters({ entities: [] }, undefined, () => undefined).load(ALL_FIELDS)).resolves.toBeUndefined();
	});
});

describe("ConnectorParameters.refresh", () => {
	it("reads the target again, and takes the rest as it was read", async () => {
		const { parameters, source, warnings } = setUp();
		await parameters.load(ALL_FIELDS);
		source.reads.length = 0;
		source.values.set(HOST_PATH, "other.example.com").set(POOL_SIZE_PATH, "99");

		const reader = await parameters.refresh();

		expect(source.reads).toEqual([
			{
				paths: [
					HOST_PATH,
					"/shop/test/aws-rds/aurora-postgres/port",
					"/shop/test/aws-secrets-manager/database/secret-id",
					"/shop/test/api/main/postgres/database-name",
					"/shop/test/api/main/postgres/type",
				],
				shouldRefresh: true,
			},
		]);
		expect(reader?.get(HOST)).toBe("other.example.com");
		expect(reader?.get(POOL_SIZE)).toBe("7");
		expect(source.gets).toEqual([]);
		expect(warnings).toEqual([]);
	});

	it("reads everything first when nothing was read before", async () => {
		const { parameters, source } = setUp();

		const reader = await parameters.refresh();

		expect(source.reads.map(({ paths, shouldRefresh }) => [paths.length, shouldRefresh])).toEqual([
			[13, undefined],
			[5, true],
		]);
		expect(reader?.get(POOL_SIZE)).toBe("7");
	});

	it("sends no request when the whole endpoint is given in code", async () => {
		const { parameters, source } = setUp({ databaseName: "d", host: "h", port: 1, secretId: "s", type: "postgres" });
		await parameters.load(ALL_FIELDS);
		source.reads.length = 0;

		const reader = await parameters.refresh();

		expect(source.reads).toEqual([]);
		expect(reader?.get(POOL_SIZE)).toBe("7");
	});

	it("never mixes two reads, also beside other reads of the source", async () => {
		const { parameters, source } = setUp();
		await parameters.load(ALL_FIELDS);
		const read = source.getMany.bind(source);
		jest.spyOn(source, "getMany").mockImplementation(async (lookups, options) => {
			const values = await read(lookups, options);
			source.values.set(HOST_PATH, "newer.example.com");
			return values;
		});

		const reader = await parameters.refresh();

		expect(reader?.get(HOST)).toBe("db.example.com");
	});

	it.each([
		new ParameterStoreUnavailableError("names", "Rate exceeded (ThrottlingException)", true),
		new ParameterStoreUnavailableError("names", "not authorized (AccessDeniedException)", false),
		new ConnectorTimeoutError("The request", 10_000),
	])("keeps the target as it was during an outage, and says so once: $name", async (outage) => {
		const { parameters, source, warnings } = setUp();
		await parameters.load(ALL_FIELDS);
		const getMany = jest.spyOn(source, "getMany").mockRejectedValue(outage);

		await parameters.refresh();
		const reader = await parameters.refresh();

		expect(reader?.get(HOST)).toBe("db.example.com");
		expect(warnings).toEqual([`Rotations go on with host, port, secret id, database name and type as they were. ${outage.message}`]);

		getMany.mockRestore();
		await parameters.refresh();
		jest.spyOn(source, "getMany").mockRejectedValue(outage);
		await parameters.refresh();
		expect(warnings).toHaveLength(2);
	});

	it("fails during an outage when nothing was read before", async () => {
		const { parameters, source } = setUp();
		jest.spyOn(source, "getMany").mockRejectedValue(new ParameterStoreUnavailableError("names", "denied", false));

		await expect(parameters.refresh()).rejects.toThrow(ParameterStoreUnavailableError);
	});

	it.each([new ConnectorClosedError(), new ParameterInvalidError("host", "is a StringList", { lookup: HOST }), new TypeError("no")])(
		"does not take for an outage: $name",
		async (error) => {
			const { parameters, source } = setUp();
			await parameters.load(ALL_FIELDS);
			jest.spyOn(source, "getMany").mockRejectedValue(error);

			await expect(parameters.refresh()).rejects.toBe(error);
		},
	);

	it("says once that a source without getMany cannot be read again", async () => {
		const warnings: string[] = [];
		const source = { get: ({ path }: IStructuredLookup) => path.join("/") };
		const parameters = new ConnectorParameters({ entities: [] }, source, (message) => warnings.push(message));

		await parameters.load(ALL_FIELDS);
		expect(warnings).toEqual([]);
		await parameters.refresh();
		const reader = await parameters.refresh();

		expect(reader).toBe(source);
		expect(warnings).toEqual([
			"The parameter store in use has no getMany(): a rotation does not see when host, port, secret id, database name or type change.",
		]);
	});

	it("says nothing of that when nothing would be read again anyway", async () => {
		const warnings: string[] = [];
		const config: ITypeOrmAwsConnectorConfig = { databaseName: "d", entities: [], host: "h", port: 1, secretId: "s", type: "postgres" };
		const parameters = new ConnectorParameters(config, { get: () => null }, (message) => warnings.push(message));

		await parameters.refresh();

		expect(warnings).toEqual([]);
	});

	it("works without any source", async () => {
		const warnings: string[] = [];
		const parameters = new ConnectorParameters({ entities: [] }, undefined, (message) => warnings.push(message));

		await expect(parameters.refresh()).resolves.toBeUndefined();

		expect(warnings).toEqual([]);
	});
});

describe("ConnectorParameters.reuse", () => {
	it("gives what was read last, without asking, whatever the source knows by now", async () => {
		const { parameters, source } = setUp();
		await parameters.refresh();
		const readCount = source.reads.length;
		source.values.set(HOST_PATH, "elsewhere.example.com");

		const reader = await parameters.reuse();

		expect(reader?.get(HOST)).toBe("db.example.com");
		expect(source.reads).toHaveLength(readCount);
	});

	it("reads everything where nothing was read before", async () => {
		const { parameters, source } = setUp();

		const reader = await parameters.reuse();

		expect(source.reads).toEqual([{ paths: Object.keys(CANONICAL_PARAMETERS), shouldRefresh: undefined }]);
		expect(reader?.get(HOST)).toBe("db.example.com");
	});
});

describe("ConnectorParameters when printed", () => {
	it("shows no password given in code", async () => {
		const { parameters } = setUp({ password: "canary" });
		await parameters.load(ALL_FIELDS);

		expect(inspect(parameters, { depth: 10, showHidden: true })).not.toContain("canary");
	});
});
