/** Every value with its source, every problem with its place and its remedy, and no secret. */
import { classifyAwsFailure } from "../../../src/aws/aws-failure.js";
import { type ConnectorExplanation, explainConnector } from "../../../src/connector/explain-connector.js";
import { renderExplanation } from "../../../src/connector/render-explanation.js";
import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ConnectorTimeoutError, LookupInvalidError, ParameterStoreUnavailableError } from "../../../src/errors/errors.js";
import { findSecrets, findSecretsInText, makeCanary } from "../../support/secret-search.js";
import { CANONICAL_PARAMETERS, StubParameterSource } from "../../support/stub-parameter-source.js";

const HOST_PATH = "/shop/test/aws-rds/aurora-postgres/host";
const PORT_PATH = "/shop/test/aws-rds/aurora-postgres/port";
const SYNCHRONIZE_PATH = "/shop/test/api/main/typeorm/synchronize";

async function explain(
	config: object = {},
	parameters: Readonly<Record<string, string>> = CANONICAL_PARAMETERS,
): Promise<ConnectorExplanation> {
	const source = new StubParameterSource(parameters);
	return explainConnector({
		config: { entities: [], ...config },
		connector: "orders",
		load: () => Promise.resolve(source),
		source,
	});
}

function without(...paths: string[]): Record<string, string> {
	return Object.fromEntries(Object.entries(CANONICAL_PARAMETERS).filter(([path]) => !paths.includes(path)));
}

function findField({ fields }: ConnectorExplanation, name: string): ConnectorExplanation["fields"][number] | undefined {
	return fields.find(({ field }) => field === name);
}

describe("a field", () => {
	it("says that its value came from its parameter", async () => {
		const explanation = await explain();

		expect(findField(explanation, "port")).toEqual({
			field: "port",
			isRequired: true,
			label: "port",
			path: PORT_PATH,
			source: "parameter",
			value: 5433,
		});
		expect(explanation).toMatchObject({ connector: "orders", isValid: true, problems: [] });
	});

	it("says that its value is given in code, and where it would be looked up otherwise", async () => {
		const explanation = await explain({ port: "5999" });

		expect(findField(explanation, "port")).toMatchObject({ path: PORT_PATH, source: "code", value: 5999 });
	});

	it("says that its value is the default", async () => {
		const explanation = await explain({}, without("/shop/test/api/main/typeorm/pool-size"));

		expect(findField(explanation, "poolSize")).toMatchObject({ isRequired: false, source: "default", value: 10 });
	});

	it("that nothing asks for is no problem", async () => {
		const explanation = await explain({ password: "p", username: "u" }, without("/shop/test/aws-secrets-manager/database/secret-id"));

		expect(findField(explanation, "secretId")).toMatchObject({ source: "not-required", value: undefined });
		expect(explanation.isValid).toBe(true);
	});

	it("follows its own lookup", async () => {
		const explanation = await explain({ ssmLookups: { host: { path: ["reader", "host"] } } }, CANONICAL_PARAMETERS);

		expect(findField(explanation, "host")).toMatchObject({ path: "/shop/test/aws-rds/aurora-postgres/reader/host", source: "missing" });
	});

	it("shows no password that an address in it holds", async () => {
		const explanation = await explain({ databaseName: `postgres://app:${makeCanary("address")}@db/orders` });

		expect(findField(explanation, "databaseName")).toMatchObject({ value: "postgres://[hidden]@db/orders" });
	});

	it("has no path where its lookup makes none", async () => {
		const source = {
			describePath: () => {
				throw new LookupInvalidError("parameter", 'segment "namespace" is missing', {});
			},
			get: (): string | null => {
				throw new LookupInvalidError("parameter", 'segment "namespace" is missing', {});
			},
		};

		const { fields, problems } = await explainConnector({
			config: { entities: [], port: 5432 },
			connector: "default",
			load: () => Promise.resolve(source),
			source,
		});

		expect(fields[0]).toMatchObject({ field: "host", path: undefined, source: "missing" });
		expect(problems[0]).toMatchObject({
			code: "ERR_CONNECTOR_LOOKUP_INVALID",
			label: "host",
			remedy: expect.stringContaining("ssmLookupDefaults"),
		});
	});

	it("of a registration without a parameter store is missing by its option", async () => {
		const { problems } = await explainConnector({
			config: { entities: [] },
			connector: "default",
			load: () => Promise.resolve(undefined),
			source: undefined,
		});

		expect(problems[0]).toMatchObject({ code: "ERR_CONNECTOR_OPTION_INVALID", label: "host", remedy: 'Correct the option "host".' });
	});
});

describe("the login", () => {
	it("comes from the secret, one part or both", async () => {
		const explanation = await explain({ username: "app" });

		expect(findField(explanation, "username")).toMatchObject({ source: "code", value: "app" });
		expect(findField(explanation, "password")).toMatchObject({ source: "secret", value: "[hidden]" });
	});

	it("comes from code", async () => {
		const explanation = await explain({ password: makeCanary("password"), username: "app" });

		expect(findField(explanation, "password")).toMatchObject({ source: "code", value: "[hidden]" });
		expect(findSecrets(explanation)).toEqual([]);
	});

	it("is a token where the connector signs one", async () => {
		const explanation = await explain({ credentials: { source: "rds-iam" }, username: "app" });

		expect(findField(explanation, "password")).toMatchObject({ source: "token" });
	});

	it("of Aurora DSQL is the administrator's unless another is named", async () => {
		const explanation = await explain({ host: "abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws" });

		expect(findField(explanation, "username")).toMatchObject({ source: "default", value: "admin" });
		expect(findField(explanation, "port")).toMatchObject({ isRequired: false });
	});

	it("shows a user's name so that a terminal shows it and does not obey", async () => {
		const explanation = await explain({ password: "p", username: "app\u001b[2J\nforged" });

		expect(findField(explanation, "username")).toMatchObject({ value: "app\\u{1b}[2J\\u{a}forged" });
		expect(explanation.problems.map(({ label, message }) => `${String(label)} ${message}`)).toEqual([
			expect.stringContaining("must not hold control characters"),
		]);
	});

	it("with an empty part is a problem", async () => {
		const { problems } = await explain({ password: "", username: "app" });

		expect(problems).toEqual([
			{
				code: "ERR_CONNECTOR_OPTION_INVALID",
				label: undefined,
				message: 'Option "password" must be a string that is not empty.',
				path: undefined,
				remedy: "Correct it where the connector is registered.",
			},
		]);
	});
});

describe("a replica", () => {
	const PATH = "/shop/test/aws-rds/aurora-postgres/reader/host";

	it("has rows for what is its own, and a login where it has one", async () => {
		const replicas = [
			{ host: "one.example.com" },
			{ password: makeCanary("replica"), ssmLookups: { host: { path: ["reader", "host"] } } },
		];

		const { fields, isValid, options } = await explain({ replicas }, { ...CANONICAL_PARAMETERS, [PATH]: "two.example.com" });

		expect(isValid).toBe(true);
		expect(
			fields
				.filter(({ field }) => field.startsWith("replicas"))
				.map(({ field, path, source, value }) => [field, path, source, value]),
		).toEqual([
			["replicas[0].host", HOST_PATH, "code", "one.example.com"],
			["replicas[1].host", PATH, "parameter", "two.example.com"],
			["replicas[1].username", undefined, "secret", undefined],
			["replicas[1].password", undefined, "code", "[hidden]"],
		]);
		expect(options).toEqual([{ option: "entities", value: "0 entries" }]);
	});

	it("is named in its problems", async () => {
		const { problems } = await explain({ replicas: [{ host: "one", port: 0, username: "" }] });

		expect(problems.map(({ label, message }) => label ?? message)).toEqual([
			"replicas[0].port",
			'Option "replicas[0].username" must be a string that is not empty.',
		]);
		expect(problems[0]?.remedy).toBe('Correct the option "replicas[0].port".');
	});
});

describe("a problem", () => {
	it("of a missing parameter has the command that creates it", async () => {
		const { isValid, problems } = await explain({}, without(PORT_PATH));

		expect(isValid).toBe(false);
		expect(problems).toMatchObject([
			{
				code: "ERR_CONNECTOR_PARAMETER_NOT_FOUND",
				label: "port",
				path: PORT_PATH,
				remedy: `aws ssm put-parameter --name ${PORT_PATH} --type String --value '<an integer from 1 to 65535>'`,
			},
		]);
	});

	it("of an unusable parameter has the command that corrects it", async () => {
		const { problems } = await explain({}, { ...CANONICAL_PARAMETERS, [SYNCHRONIZE_PATH]: "yes" });

		expect(problems).toMatchObject([
			{
				code: "ERR_CONNECTOR_PARAMETER_INVALID",
				label: "shouldSynchronize",
				remedy: `aws ssm put-parameter --name ${SYNCHRONIZE_PATH} --overwrite --value '<true or false>'`,
			},
		]);
	});

	it("does not hide another: all are listed at once", async () => {
		const { problems } = await explain({ poolSize: 0 }, { ...without(HOST_PATH), [PORT_PATH]: "5432abc" });

		expect(problems.map(({ label }) => label)).toEqual(["host", "port", "poolSize"]);
	});

	it("of the shape of the options is listed with the others, a lookup once", async () => {
		const { problems } = await explain({ pool: 3, ssmLookups: { host: {} } }, without(PORT_PATH));

		expect(problems.map(({ code, label }) => [code, label])).toEqual([
			["ERR_CONNECTOR_OPTION_INVALID", undefined],
			["ERR_CONNECTOR_LOOKUP_INVALID", undefined],
			["ERR_CONNECTOR_PARAMETER_NOT_FOUND", "port"],
		]);
	});

	it("with a path that a shell would split is quoted", async () => {
		const { problems } = await explain({ ssmLookupDefaults: { instanceName: "it's" } }, without());

		expect(problems.find(({ label }) => label === "databaseName")?.remedy).toContain(
			`--name '/shop/test/api/it'\\''s/postgres/database-name' `,
		);
	});
});

describe("a Parameter Store that does not answer", () => {
	const source = new StubParameterSource();

	async function explainOutage(error: Error, config: object = {}): Promise<ConnectorExplanation> {
		return explainConnector({
			config: { entities: [], ...config },
			connector: "default",
			load: () => Promise.reject(error),
			source,
		});
	}

	function refuse(name: string, isTransient: boolean): ParameterStoreUnavailableError {
		const error = Object.assign(new Error(name), { name });
		const { remedy } = classifyAwsFailure(error, { permission: "ssm:GetParameters on these parameters" });
		return new ParameterStoreUnavailableError("names", name, isTransient, { cause: error, remedy });
	}

	it("is one problem, and no field has another", async () => {
		const { fields, problems } = await explainOutage(refuse("ThrottlingException", true), { host: "localhost", port: "abc" });

		expect(fields.map(({ path, source: from }) => [path, from]).slice(0, 3)).toEqual([
			[HOST_PATH, "code"],
			[PORT_PATH, "missing"],
			["/shop/test/aws-secrets-manager/database/secret-id", "not-loaded"],
		]);
		expect(problems.map(({ code }) => code)).toEqual(["ERR_CONNECTOR_PARAMETER_STORE_UNAVAILABLE", "ERR_CONNECTOR_OPTION_INVALID"]);
	});

	it.each([
		[
			refuse("AccessDeniedException", false),
			/^Allow ssm:GetParameters on these parameters; .*: npx nestjs-typeorm-aws-connector policy/,
		],
		[refuse("CredentialsProviderError", false), /aws sts get-caller-identity/],
		[refuse("ThrottlingException", true), /quota/],
		[refuse("TimeoutError", true), /VPC endpoint/],
		[new ConnectorTimeoutError("The request", 10_000), /try again/],
		[new Error("anything"), /parameterStoreToken/],
	])("has a remedy for %p", async (error, remedy) => {
		const { problems } = await explainOutage(error);

		expect(problems[0]?.remedy).toMatch(remedy);
	});

	it("tells nothing of an error from elsewhere", async () => {
		const { problems } = await explainOutage(new Error(makeCanary("value")));

		expect(problems[0]?.code).toBe("ERR_UNEXPECTED");
		expect(findSecrets(problems)).toEqual([]);
	});
});

describe("options besides the fields", () => {
	it("are shown where they cannot be secret, by number, truth value or harmless name", async () => {
		const { options } = await explain({
			aws: { credentials: { accessKeyId: makeCanary("id"), secretAccessKey: makeCanary("key") }, region: "eu-west-1" },
			entities: [class Order {}],
			rotation: { drainTimeoutMs: 5, isEnabled: true },
			ssmLookupDefaults: { instanceName: "x" },
		});

		expect(options).toEqual([
			{ option: "entities", value: "1 entry" },
			{ option: "aws.credentials.accessKeyId", value: "[hidden]" },
			{ option: "aws.credentials.secretAccessKey", value: "[hidden]" },
			{ option: "aws.region", value: "eu-west-1" },
			{ option: "rotation.drainTimeoutMs", value: 5 },
		]);
	});

	it("of any depth and kind hide what they may hold", async () => {
		const canary = makeCanary("deep");
		const tree = {
			endpoint: `https://user:${canary}@proxy.example.com`,
			extra: { a: { b: { c: canary } }, list: [{ password: canary }, { host: "replica" }], text: canary },
			key: Buffer.from(canary),
			other: Symbol(canary),
			provider: () => canary,
			texts: [canary],
			unset: null,
		};

		const explanation = await explain({ typeOrmOptions: tree });

		expect(findSecrets(explanation)).toEqual([]);
		expect(explanation.options).toContainEqual({ option: "typeOrmOptions.extra.list[1].host", value: "replica" });
		expect(explanation.options).toContainEqual({ option: "typeOrmOptions.endpoint", value: "https://[hidden]@proxy.example.com" });
		expect(explanation.options).toContainEqual({ option: "typeOrmOptions.texts", value: "1 entry" });
		expect(explanation.options).toContainEqual({ option: "typeOrmOptions.unset", value: null });
	});
});

describe("the text", () => {
	it("has a row for each field, then each option, then each problem with its remedy", async () => {
		const text = renderExplanation(await explain({ entities: [] }, without(HOST_PATH)));

		const lines = text.split("\n");
		const table = lines.slice(2, -4);
		expect(lines[0]).toBe('Connector "orders"');
		expect(table.slice(0, 3).map((row) => row.split(/ {2,}/))).toEqual([
			["FIELD", "VALUE", "SOURCE", "PARAMETER"],
			["host", "–", "missing", HOST_PATH],
			["port", "5433", "parameter", PORT_PATH],
		]);
		expect(table.slice(-3).map((row) => row.split(/ {2,}/))).toEqual([
			["username", "–", "secret", "–"],
			["password", "[hidden]", "secret", "–"],
			["entities", "0 entries", "code", "–"],
		]);
		expect(new Set(table.map((row) => row.search(/(?:PARAMETER|\/shop\S+|–)$/))).size).toBe(1);
		expect(lines.slice(-4)).toEqual([
			"",
			"1 problem",
			expect.stringMatching(/^ {2}1\. "host" was not found at "\/shop/),
			`     > aws ssm put-parameter --name ${HOST_PATH} --type String --value '<a host name>'`,
		]);
	});

	it("says when there is no problem", async () => {
		expect(renderExplanation(await explain())).toMatch(/\n\nNo problem\.$/);
	});
});

it("is what the service answers, having read what it needs", async () => {
	const source = new StubParameterSource();
	const connector = new TypeOrmAwsConnectorService(undefined, source, { entities: [], poolSize: 3 }, "orders");

	const explanation = await connector.explain();

	expect(source.reads).toHaveLength(1);
	expect(source.reads[0]?.paths).toHaveLength(12);
	expect(explanation).toMatchObject({ connector: "orders", isValid: true });
	expect(findSecretsInText("json", JSON.stringify(explanation))).toEqual([]);
	expect(findField(explanation, "poolSize")).toMatchObject({ source: "code", value: 3 });
});
