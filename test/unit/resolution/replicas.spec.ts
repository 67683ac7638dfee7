/** A replica's values come from code, then from a lookup of its own, then from the master. */
import type { IStructuredLookup, ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import type { ITypeOrmAwsConnectorReplica } from "../../../src/configuration/replica.options.js";
import { ConfigurationError } from "../../../src/errors/errors.js";
import { ALL_FIELDS, resolveSettings, TARGET_FIELDS } from "../../../src/resolution/resolve-settings.js";
import { listLookups } from "../../../src/resolution/list-lookups.js";
import { StubParameterSource } from "../../support/stub-parameter-source.js";

const READER_HOST = "/shop/test/aws-rds/aurora-postgres/reader/host";
const READER_PORT = "/shop/test/aws-rds/aurora-postgres/reader/port";
const READER_SECRET = "/shop/test/aws-secrets-manager/database/reader/secret-id";
const LOOKUPS = { host: { path: ["reader", "host"] }, port: { path: ["reader", "port"] }, secretId: { path: ["reader", "secret-id"] } };

function createReader(values: Readonly<Record<string, string>> = {}): StubParameterSource {
	const reader = new StubParameterSource();
	for (const [path, value] of Object.entries(values)) reader.values.set(path, value);
	return reader;
}

function configure(...replicas: readonly ITypeOrmAwsConnectorReplica[]): ITypeOrmAwsConnectorConfig {
	return { entities: [], replicas };
}

function findProblems(config: ITypeOrmAwsConnectorConfig, reader: StubParameterSource | undefined): string[] {
	try {
		resolveSettings(config, reader);
		return [];
	} catch (error) {
		if (!(error instanceof ConfigurationError)) throw error;
		return error.problems.map(({ message }) => message);
	}
}

describe("The replicas in resolveSettings", () => {
	it("are none where none are given", () => {
		expect(resolveSettings({ entities: [] }, createReader()).replicas).toEqual([]);
	});

	it("take what is given in code, without asking for a parameter", () => {
		const reader = createReader();

		const { replicas } = resolveSettings(
			configure({ host: "reader-1", port: 6_432, secretId: "app/reader", ssmLookups: LOOKUPS }),
			reader,
		);

		expect(replicas).toMatchObject([{ host: "reader-1", port: 6_432, secretId: "app/reader" }]);
		expect(reader.gets.join()).not.toContain("reader");
	});

	it("are looked up each at places of its own", () => {
		const reader = createReader({
			[READER_HOST]: "reader-1",
			[READER_PORT]: "6432",
			[READER_SECRET]: "app/reader",
			"/shop/test/aws-rds/reports/host": "reader-2",
		});
		const other = { ssmLookups: { host: { instanceName: "reports", path: ["host"] } } };

		const { replicas } = resolveSettings(configure({ ssmLookups: LOOKUPS }, other), reader);

		expect(replicas).toMatchObject([
			{ host: "reader-1", port: 6_432, secretId: "app/reader" },
			{ host: "reader-2", port: 5_433, secretId: undefined },
		]);
	});

	it("follow the defaults of the connector's lookups", () => {
		const reader = createReader({ "/other/test/aws-rds/aurora-postgres/reader/host": "reader-1" });
		const config = {
			...configure({ ssmLookups: { host: LOOKUPS.host } }),
			ssmLookupDefaults: { application: "other" },
			databaseName: "orders",
			host: "h",
			password: "p",
			port: 1,
			type: "postgres",
			username: "u",
		} as const;

		expect(resolveSettings(config, reader).replicas).toMatchObject([{ host: "reader-1", port: 1, secretId: undefined }]);
	});

	it("have the master's port and no secret of their own by default", () => {
		const { replicas } = resolveSettings({ ...configure({ host: "reader-1" }), port: 7 }, createReader());

		expect(replicas).toMatchObject([{ host: "reader-1", port: 7, secretId: undefined }]);
	});

	it("have no secret of their own when they name the master's", () => {
		const { replicas } = resolveSettings(configure({ host: "reader-1", secretId: "app/database" }), createReader());

		expect(replicas).toMatchObject([{ host: "reader-1", port: 5_433, secretId: undefined }]);
	});

	it("need no secret when their login is given in code", () => {
		const config = configure({ host: "reader-1", password: "p", ssmLookups: { secretId: LOOKUPS.secretId }, username: "u" });

		expect(resolveSettings(config, createReader()).replicas).toMatchObject([{ host: "reader-1", port: 5_433, secretId: undefined }]);
		expect(listLookups(config, TARGET_FIELDS)).not.toContainEqual(expect.objectContaining({ path: ["reader", "secret-id"] }));
	});

	it("are reported in one error with everything else, each with its label and the path that was tried", () => {
		const reader = createReader({ [READER_PORT]: "5432abc" });
		reader.values.delete("/shop/test/aws-rds/aurora-postgres/port");

		const problems = findProblems(
			configure(
				{ ssmLookups: LOOKUPS },
				{ host: "postgres://user:canary@host", port: 0, secretId: "" },
				{ host: "reader-3", password: "", username: 7 as never },
			),
			reader,
		);

		expect(problems.map((problem) => problem.split(" (lookup")[0])).toEqual([
			'"port" was not found at "/shop/test/aws-rds/aurora-postgres/port"',
			`"replicas[0].host" was not found at "${READER_HOST}"`,
			`"replicas[0].port" must be an integer from 1 to 65535, not "5432abc" at "${READER_PORT}"`,
			`"replicas[0].secret-id" was not found at "${READER_SECRET}"`,
			'Option "replicas[1].host" must be a host name, not a URL.',
			'Option "replicas[1].port" must be an integer from 1 to 65535, not 0.',
			'Option "replicas[1].secretId" must not be empty.',
			'Option "replicas[2].username" must be a string that is not empty.',
			'Option "replicas[2].password" must be a string that is not empty.',
		]);
	});

	it("cannot be looked up without a parameter store", () => {
		const config = {
			...configure({ ssmLookups: { host: LOOKUPS.host } }),
			databaseName: "orders",
			host: "h",
			password: "p",
			port: 1,
			type: "postgres",
			username: "u",
		} as const;

		expect(findProblems(config, undefined)).toEqual([
			expect.stringMatching(
				/^Option "replicas\[0\]\.host" is not given, and no ParameterStoreConfigModule .* "replicas\[0\]\.ssmLookups\.host"\.$/,
			),
		]);
	});
});

describe("listLookups", () => {
	it("lists the places of the replicas wherever the host is asked for", () => {
		const config = configure({ ssmLookups: LOOKUPS }, { host: "reader-2", ssmLookups: { port: LOOKUPS.port } });
		const listReplicas = (names: Parameters<typeof listLookups>[1]): string[] =>
			listLookups(config, names)
				.map((lookup) => (lookup as IStructuredLookup).path.join("/"))
				.filter((path) => path.startsWith("reader/"));

		expect(listReplicas(ALL_FIELDS)).toEqual(["reader/host", "reader/port", "reader/secret-id", "reader/port"]);
		expect(listReplicas(TARGET_FIELDS)).toEqual(["reader/host", "reader/port", "reader/secret-id", "reader/port"]);
		expect(listReplicas(["secretId"])).toEqual([]);
	});
});
