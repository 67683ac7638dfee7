/** The unmodified AWS SDK against an endpoint that speaks its protocol: number of requests, faults, connections. */
import { SSMClient } from "@aws-sdk/client-ssm";
import { Test, type TestingModule } from "@nestjs/testing";
import { ParameterInvalidError, ParameterStoreUnavailableError, ConnectorClosedError } from "../../../src/errors/errors.js";
import { ENamespace } from "../../../src/parameter-store/namespace.enum.js";
import { ParameterStoreConfigModule } from "../../../src/parameter-store/parameter-store-config.module.js";
import { ParameterStoreConfigService } from "../../../src/parameter-store/parameter-store-config.service.js";
import type { IParameterStoreConfigProperties } from "../../../src/parameter-store/parameter-store.options.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";

const SEGMENTS = { application: "shop", environment: "test", namespace: ENamespace.POSTGRES, instanceName: "main" };
const ROOT = "/shop/test/postgres/main";
const THIRTEEN = Array.from({ length: 13 }, (_, index) => ({ path: ["field", String(index)] }));
const EXPECTED = THIRTEEN.map((_, index) => `value ${String(index)}`);

const environment = { ...process.env };
let aws: FakeAws;
let application: TestingModule | undefined;

beforeEach(async () => {
	aws = await startFakeAws();
	Object.assign(process.env, aws.env);
	THIRTEEN.forEach(({ path }, index) => aws.parameters.put(`${ROOT}/${path.join("/")}`, `value ${String(index)}`));
});

afterEach(async () => {
	await application?.close();
	application = undefined;
	process.env = { ...environment };
	await aws.stop();
});

async function start(changes: Partial<IParameterStoreConfigProperties> = {}): Promise<ParameterStoreConfigService> {
	const registration = ParameterStoreConfigModule.register({ ...SEGMENTS, ...changes });
	application = await Test.createTestingModule({ imports: [registration] }).compile();
	await application.init();
	return application.get(ParameterStoreConfigService, { strict: false });
}

function addUnrelatedParameters(count: number): void {
	for (let index = 0; index < count; index += 1) aws.parameters.put(`/shop/test/unrelated/${String(index)}/a/b`, "x");
}

describe("reading the whole tree at start", () => {
	it("serves every parameter without another request", async () => {
		addUnrelatedParameters(20);
		const parameters = await start();
		const callCount = aws.calls.count();

		const values = THIRTEEN.map((lookup) => parameters.get(lookup));

		expect(values).toEqual(EXPECTED);
		expect(aws.calls.count("GetParametersByPath")).toBe(4);
		expect(aws.calls.count()).toBe(callCount);
	});

	it("goes through empty pages", async () => {
		aws.parameters.emptyPageCount = 3;

		const parameters = await start();

		expect(THIRTEEN.map((lookup) => parameters.get(lookup))).toEqual(EXPECTED);
	});

	it("does not read other applications and environments", async () => {
		aws.parameters.put("/shop/test-2/postgres/main/host", "other");
		aws.parameters.put("/shop/production/postgres/main/host", "other");

		const parameters = await start();

		expect(parameters.get({ environment: "test-2", path: ["host"] })).toBeNull();
		expect(parameters.get({ environment: "production", path: ["host"] })).toBeNull();
	});

	it.each([
		["leaves a SecureString encrypted", false, expect.not.stringContaining("hunter2")],
		["decrypts a SecureString when told to", true, "hunter2"],
	])("%s", async (_, shouldDecryptParameters, expected) => {
		aws.parameters.put(`${ROOT}/password`, "hunter2", "SecureString");

		const parameters = await start({ shouldDecryptParameters });

		expect(parameters.get({ path: ["password"] })).toEqual(expected);
	});

	it("overcomes a few busy answers by itself", async () => {
		aws.faults.inject({ kind: "throttle", times: 2 });

		const parameters = await start();

		expect(parameters.get({ path: ["field", "0"] })).toBe("value 0");
	});

	it.each([
		["denied", false],
		["server-error", true],
		["malformed-body", true],
		["reset", true],
	] as const)("fails with the path and the reason when AWS answers %s", async (kind, isTransient) => {
		aws.faults.inject({ kind });

		const error: unknown = await start().catch((reason: unknown) => reason);

		expect(error).toBeInstanceOf(ParameterStoreUnavailableError);
		expect(error).toMatchObject({ isTransient, message: expect.stringContaining('path "/shop/test"') });
		expect(String(error)).not.toContain("value 0");
	});

	it.each(["hang", "stall-body"] as const)("ends by itself when AWS answers %s", async (kind) => {
		aws.faults.inject({ kind });
		const config = { maxAttempts: 1, requestHandler: { requestTimeout: 200 } };

		await expect(start({ config })).rejects.toThrow("TimeoutError");
	});
});

describe("reading on demand", () => {
	it.each([20, 5_000])("reads thirteen parameters in two requests beside %d unrelated ones", async (unrelatedCount) => {
		addUnrelatedParameters(unrelatedCount);
		const parameters = await start({ shouldLoadOnDemand: true });
		const callCountAtStart = aws.calls.count();

		const values = await parameters.getMany(THIRTEEN);

		expect(callCountAtStart).toBe(0);
		expect(values).toEqual(EXPECTED);
		expect(aws.calls.count("GetParameters")).toBe(2);
		expect(aws.calls.count()).toBe(2);
	});

	it("sends the second request without waiting for the answer of the first", async () => {
		const parameters = await start({ shouldLoadOnDemand: true });
		aws.faults.inject({ kind: "hang" });
		const closing = new AbortController();

		const reading = parameters.getMany(THIRTEEN, { signal: closing.signal }).catch((error: unknown) => error);
		while (aws.calls.count("GetParameters") < 2) await new Promise(setImmediate);
		closing.abort();

		await expect(reading).resolves.toBeInstanceOf(ConnectorClosedError);
	});

	it("refuses a StringList and serves what was read with it", async () => {
		aws.parameters.put(`${ROOT}/hosts`, "a,b", "StringList");
		const parameters = await start({ shouldLoadOnDemand: true });

		await expect(parameters.getMany([{ path: ["hosts"] }, { path: ["field", "1"] }])).rejects.toBeInstanceOf(ParameterInvalidError);

		expect(parameters.get({ path: ["field", "1"] })).toBe("value 1");
	});
});

describe("refreshing", () => {
	it.each([true, false])("reads thirteen parameters anew in two requests (on demand: %s)", async (shouldLoadOnDemand) => {
		const parameters = await start({ shouldLoadOnDemand });
		await parameters.getMany(THIRTEEN);
		aws.parameters.put(`${ROOT}/field/0`, "moved");
		aws.calls.clear();

		const values = await parameters.getMany(THIRTEEN, { shouldRefresh: true });

		expect(values).toEqual(["moved", ...EXPECTED.slice(1)]);
		expect(parameters.get({ path: ["field", "0"] })).toBe("moved");
		expect(aws.calls.list.map(({ operation }) => operation)).toEqual(["GetParameters", "GetParameters"]);
	});

	it("keeps every value when one of its requests fails", async () => {
		const parameters = await start();
		THIRTEEN.forEach(({ path }) => aws.parameters.put(`${ROOT}/${path.join("/")}`, "moved"));
		aws.faults.inject({ kind: "denied", when: ({ Names }) => (Names as string[]).length === 3 });

		await expect(parameters.getMany(THIRTEEN, { shouldRefresh: true })).rejects.toBeInstanceOf(ParameterStoreUnavailableError);

		expect(THIRTEEN.map((lookup) => parameters.get(lookup))).toEqual(EXPECTED);
	});

	it("decrypts as registered", async () => {
		aws.parameters.put(`${ROOT}/password`, "hunter2", "SecureString");
		const parameters = await start({ shouldDecryptParameters: true });

		await expect(parameters.getMany([{ path: ["password"] }], { shouldRefresh: true })).resolves.toEqual(["hunter2"]);
	});
});

describe("reading again", () => {
	const [FIRST, SECOND] = THIRTEEN as [{ path: string[] }, { path: string[] }];

	it("reads the tree again and tells what is different, until the application ends", async () => {
		const parameters = await start({ shouldDecryptParameters: true });
		const log: string[] = [];
		parameters.changes$.subscribe({ complete: () => log.push("complete"), next: ({ kind, path }) => log.push(`${kind} ${path}`) });
		aws.parameters.put(`${ROOT}/field/0`, "moved");
		aws.parameters.delete(`${ROOT}/field/1`);
		aws.parameters.put(`${ROOT}/password`, "hunter2", "SecureString");

		await parameters.refresh();
		await parameters.refresh();
		await application?.close();

		expect([parameters.get(FIRST), parameters.get(SECOND), parameters.get({ path: ["password"] })]).toEqual(["moved", null, "hunter2"]);
		expect([...log].sort()).toEqual([`added ${ROOT}/password`, `changed ${ROOT}/field/0`, "complete", `removed ${ROOT}/field/1`]);
	});

	it("keeps the last good tree while Systems Manager is down", async () => {
		const parameters = await start();
		aws.parameters.put(`${ROOT}/field/0`, "moved");
		const fault = aws.faults.inject({ kind: "denied" });
		await expect(parameters.refresh()).rejects.toBeInstanceOf(ParameterStoreUnavailableError);
		const during = THIRTEEN.map((lookup) => parameters.get(lookup));
		fault.clear();

		await parameters.refresh();

		expect(during).toEqual(EXPECTED);
		expect(parameters.get(FIRST)).toBe("moved");
	});

	it("happens by itself behind a get of a value past its ttl", async () => {
		const parameters = await start({ cacheTtlMs: 1 });
		aws.parameters.put(`${ROOT}/field/0`, "moved");

		while (parameters.get(FIRST) !== "moved") await new Promise(setImmediate);

		expect(parameters.get(FIRST)).toBe("moved");
	});
});

describe("closing the application", () => {
	it("leaves no connection to AWS open", async () => {
		await start();
		const openCount = aws.openConnectionCount;

		await application?.close();
		while (aws.openConnectionCount > 0) await new Promise(setImmediate);

		expect(openCount).toBe(1);
		expect(aws.openConnectionCount).toBe(0);
	});

	it("leaves a ready-made client usable, with its connection", async () => {
		const client = new SSMClient(aws.clientConfig);
		await start({ client });

		await application?.close();

		expect(aws.openConnectionCount).toBe(1);
		client.destroy();
	});
});
