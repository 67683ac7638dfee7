/** Parameters by full name, by ARN, and with a version or a label, through the unmodified AWS SDK. */
import { Test, type TestingModule } from "@nestjs/testing";

import { LookupInvalidError } from "../../../src/errors/errors.js";
import { NamedParameters } from "../../../src/parameter-store/named-parameters.js";
import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import { ParameterStoreConfigService } from "../../../src/parameter-store/parameter-store-config.service.js";
import type { IParameterStoreConfigProperties } from "../../../src/parameter-store/parameter-store.options.js";
import { failureOf } from "../../support/failure-of.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";

const SEGMENTS = { application: "shop", environment: "test", instanceName: "main", namespace: "postgres" };
const OWN_ARN = "arn:aws:ssm:eu-west-1:123456789012:parameter";
const SHARED_ARN = "arn:aws:ssm:eu-west-1:999999999999:parameter/central/db/host";

const environment = { ...process.env };
let application: TestingModule | undefined;
let aws: FakeAws;

beforeEach(async () => {
	aws = await startFakeAws();
	Object.assign(process.env, aws.env);
	aws.parameters.putMany({ "/prod/db/host": "db.example.com", "/shop/test/db/port": "5433", DB_USER: "app" });
});

afterEach(async () => {
	await application?.close();
	application = undefined;
	process.env = { ...environment };
	await aws.stop();
});

async function start(changes: Partial<IParameterStoreConfigProperties> = {}): Promise<ParameterStoreConfigService> {
	application = await Test.createTestingModule({ imports: [ParameterStoreConfigModule.register({ ...SEGMENTS, ...changes })] }).compile();
	await application.init();
	return application.get(ParameterStoreConfigService, { strict: false });
}

describe.each([false, true])("with shouldLoadOnDemand: %p", (shouldLoadOnDemand) => {
	it("full names and structured lookups are read together, in one request", async () => {
		const parameters = await start({ shouldLoadOnDemand });
		aws.parameters.put("/shop/test/postgres/main/type", "postgres");
		aws.calls.clear();

		const values = await parameters.getMany(["/prod/db/host", { path: ["type"] }, "/shop/test/db/port", `${OWN_ARN}/DB_USER`], {
			shouldRefresh: true,
		});

		expect(values).toEqual(["db.example.com", "postgres", "5433", "app"]);
		expect(aws.calls.count("GetParameters")).toBe(1);
		expect(parameters.get("/prod/db/host")).toBe("db.example.com");
	});

	it("a version and a label are found, each as it was asked for", async () => {
		aws.parameters.put("/prod/db/host", "second.example.com");
		aws.parameters.put("/prod/db/host", "third.example.com");
		aws.parameters.label("/prod/db/host", "live", 2);
		aws.parameters.put("/shop/test/postgres/main/host", "old");
		aws.parameters.put("/shop/test/postgres/main/host", "new");
		const parameters = await start({ shouldLoadOnDemand });

		const values = await parameters.readMany([
			"/prod/db/host:1",
			"/prod/db/host:live",
			"/prod/db/host",
			`${OWN_ARN}/prod/db/host:2`,
			{ path: ["host:1"] },
			"/shop/test/postgres/main/host:1",
			"/prod/db/host:9",
			"/prod/db/host:none",
		]);

		expect(values.map((value) => value && [value.text, value.version])).toEqual([
			["db.example.com", 1],
			["second.example.com", 2],
			["third.example.com", 3],
			["second.example.com", 2],
			["old", 1],
			["old", 1],
			null,
			null,
		]);
	});

	it("a parameter that another account shares is found by its ARN", async () => {
		aws.parameters.share(SHARED_ARN, "central.example.com");
		const parameters = await start({ shouldLoadOnDemand });

		const [value] = await parameters.getMany([SHARED_ARN]);

		expect(value).toBe("central.example.com");
		expect(parameters.describePath(SHARED_ARN)).toBe(SHARED_ARN);
	});
});

it("an ARN is asked for in its own region, with the same endpoint and identity", async () => {
	const parameters = await start({ shouldLoadOnDemand: true });
	aws.parameters.share("arn:aws:ssm:us-east-2:999999999999:parameter/db/host", "east.example.com");
	aws.calls.clear();

	const values = await parameters.getMany(["arn:aws:ssm:us-east-2:999999999999:parameter/db/host", "/prod/db/host"]);

	expect(values).toEqual(["east.example.com", "db.example.com"]);
	expect(aws.calls.list.map(({ region }) => region).sort()).toEqual(["eu-west-1", "us-east-2"]);
});

it("a full name below the loaded tree is served from it", async () => {
	const parameters = await start();
	aws.calls.clear();

	expect(parameters.get("/shop/test/db/port")).toBe("5433");
	expect(await parameters.getMany(["/shop/test/db/none"])).toEqual([null]);
	expect(aws.calls.count()).toBe(0);
});

it.each(["db-host", "prod/db/host", "/prod//host", "postgres://app:hunter2@db"])("the text %p is refused and not quoted", async (text) => {
	const parameters = await start();

	const failure = await failureOf(parameters.getMany([text]));

	expect(failure).toBeInstanceOf(LookupInvalidError);
	expect((failure as Error).message).not.toContain(text);
	expect(() => parameters.get(text)).toThrow(LookupInvalidError);
});

it("tells type and version, and whether a value is still encrypted", async () => {
	aws.parameters.put("/prod/db/password", "hunter2", "SecureString");
	aws.parameters.put("/prod/db/list", "a,b", "StringList");
	const parameters = await start();

	const [password, list] = await parameters.readMany(["/prod/db/password", "/prod/db/list"]);

	expect(password).toMatchObject({ isEncrypted: true, type: "SecureString", version: 1 });
	expect(password?.text).not.toContain("hunter2");
	expect(list).toEqual({ isEncrypted: false, text: "a,b", type: "StringList", version: 1 });
});

describe("without a module", () => {
	let parameters: NamedParameters;

	beforeEach(() => {
		parameters = new NamedParameters({ describeClient: () => ({}) });
	});

	afterEach(() => parameters.close());

	it("full names are read, and SecureStrings decrypted", async () => {
		aws.parameters.put("/prod/db/password", "hunter2", "SecureString");

		const values = await parameters.readMany(["/prod/db/host", "/prod/db/password", "/prod/db/none"]);

		expect(values.map((value) => value && [value.text, value.isEncrypted])).toEqual([
			["db.example.com", false],
			["hunter2", false],
			null,
		]);
		expect(parameters.get("/prod/db/host")).toBe("db.example.com");
		expect(parameters.canRead({ path: ["host"] })).toBe(false);
		expect(parameters.get({ path: ["host"] })).toBeNull();
	});

	it("shows no value when it is printed", async () => {
		aws.parameters.put("/prod/db/password", "hunter2", "SecureString");
		await parameters.readMany(["/prod/db/password"]);

		expect(JSON.stringify(parameters)).not.toContain("hunter2");
	});
});
