/** Reads follow the pages, stay within their limits, and fail with one error that says what was read. */
import { GetParametersByPathCommand, GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm";
import { Logger } from "@nestjs/common";
import { mockClient } from "aws-sdk-client-mock";
import { readFault } from "../../../src/errors/connector.error.js";
import { ParameterStoreUnavailableError, ConnectorClosedError } from "../../../src/errors/errors.js";
import { ParameterStoreService } from "../../../src/parameter-store/parameter-store.service.js";
import { createSsmClient } from "../../../src/parameter-store/ssm-client.js";

const ssm = mockClient(SSMClient);
const never = new Promise<never>(() => undefined);

function createService(): ParameterStoreService {
	return new ParameterStoreService(new SSMClient({ region: "eu-west-1" }));
}

function parametersOf(...names: string[]): { Name: string; Value: string }[] {
	return names.map((name) => ({ Name: name, Value: `value of ${name}` }));
}

/** An error as the SDK raises it. */
function awsError(name: string, message: string, httpStatusCode: number): Error {
	return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}

async function failureOf(promise: Promise<unknown>): Promise<ParameterStoreUnavailableError> {
	const error: unknown = await promise.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	expect(error).toBeInstanceOf(ParameterStoreUnavailableError);
	return error as ParameterStoreUnavailableError;
}

beforeEach(() => ssm.reset());
afterEach(() => jest.useRealTimers());

describe("getParametersByPath", () => {
	it("asks for everything below the path, encrypted, ten a page", async () => {
		ssm.on(GetParametersByPathCommand).resolves({ Parameters: parametersOf("/shop/a") });

		const parameters = await createService().getParametersByPath("/shop");

		expect(parameters).toEqual(parametersOf("/shop/a"));
		expect(ssm.call(0).args[0].input).toEqual({
			MaxResults: 10,
			NextToken: undefined,
			Path: "/shop",
			Recursive: true,
			WithDecryption: false,
		});
	});

	it("decrypts and stays on the first level when told to", async () => {
		ssm.on(GetParametersByPathCommand).resolves({});

		await createService().getParametersByPath("/shop", true, false);

		expect(ssm.call(0).args[0].input).toMatchObject({ Recursive: false, WithDecryption: true });
	});

	it("follows the pages, also through empty ones, and keeps their order", async () => {
		ssm.on(GetParametersByPathCommand, { NextToken: undefined }).resolves({ NextToken: "1", Parameters: [] });
		ssm.on(GetParametersByPathCommand, { NextToken: "1" }).resolves({ NextToken: "2", Parameters: parametersOf("/a", "/b") });
		ssm.on(GetParametersByPathCommand, { NextToken: "2" }).resolves({ NextToken: "3" });
		ssm.on(GetParametersByPathCommand, { NextToken: "3" }).resolves({ NextToken: "", Parameters: parametersOf("/c") });

		const parameters = await createService().getParametersByPath("/");

		expect(parameters).toEqual(parametersOf("/a", "/b", "/c"));
		expect(ssm.calls()).toHaveLength(4);
	});

	describe("with 10,000 parameters on a page", () => {
		const names = Array.from({ length: 10_000 }, (_, index) => `/shop/${String(index)}`);

		beforeEach(() => {
			ssm.on(GetParametersByPathCommand, { NextToken: undefined }).resolves({ NextToken: "1", Parameters: parametersOf(...names) });
		});

		it("returns all of them", async () => {
			ssm.on(GetParametersByPathCommand, { NextToken: "1" }).resolves({ Parameters: [] });

			expect(await createService().getParametersByPath("/shop")).toHaveLength(10_000);
		});

		it("refuses another one, and asks for no further page", async () => {
			ssm.on(GetParametersByPathCommand, { NextToken: "1" }).resolves({ NextToken: "2", Parameters: parametersOf("/shop/more") });

			const error = await failureOf(createService().getParametersByPath("/shop"));

			expect(error).toMatchObject({ code: "ERR_CONNECTOR_PARAMETER_STORE_UNAVAILABLE", isTransient: false });
			expect(error.message).toBe(
				'Parameter Store could not be read (path "/shop"): there are more than 10,000 parameters below it; shouldLoadOnDemand: true reads those that are needed.',
			);
			expect(ssm.calls()).toHaveLength(2);
		});
	});

	it("ends when the pages go round in a circle", async () => {
		ssm.on(GetParametersByPathCommand, { NextToken: undefined }).resolves({ NextToken: "1" });
		ssm.on(GetParametersByPathCommand, { NextToken: "1" }).resolves({ NextToken: "2" });
		ssm.on(GetParametersByPathCommand, { NextToken: "2" }).resolves({ NextToken: "1" });

		const error = await failureOf(createService().getParametersByPath("/shop"));

		expect(error.message).toContain("returned the same NextToken twice");
		expect(ssm.calls()).toHaveLength(3);
	});

	it("says which path failed and why, and that another attempt is of no use", async () => {
		ssm.on(GetParametersByPathCommand).rejects(awsError("AccessDeniedException", "User is not authorized.", 400));

		const error = await failureOf(createService().getParametersByPath("/shop/production"));

		expect(readFault(error)).toBe(
			'Parameter Store could not be read (path "/shop/production"): User is not authorized (AccessDeniedException).',
		);
		expect(error.isTransient).toBe(false);
		expect(error.cause).toMatchObject({ name: "AccessDeniedException" });
	});

	it("says that another attempt may help when Systems Manager is too busy", async () => {
		ssm.on(GetParametersByPathCommand).rejects(awsError("ThrottlingException", "Rate exceeded", 400));

		const error = await failureOf(createService().getParametersByPath("/shop"));

		expect(error.isTransient).toBe(true);
	});

	it("does not keep the answer that an error of the SDK carries", async () => {
		const fault = Object.assign(new SyntaxError(`Unexpected token 'c', "canary" is not valid JSON`), { $response: { body: "canary" } });
		ssm.on(GetParametersByPathCommand).rejects(fault);

		const error = await failureOf(createService().getParametersByPath("/shop"));

		expect(`${error.message} ${String(error.cause)} ${JSON.stringify(error.cause)}`).not.toContain("canary");
	});

	it("gives a page that never comes 10 s", async () => {
		jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate"] });
		ssm.on(GetParametersByPathCommand).callsFake(() => never);
		const failure = failureOf(createService().getParametersByPath("/shop"));

		await jest.advanceTimersByTimeAsync(10_000);
		const error = await failure;

		expect(error.message).toContain("The request did not end within 10000 ms");
		expect(error.isTransient).toBe(true);
	});

	it("gives all pages together 60 s and then asks for no more of them", async () => {
		jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate"] });
		ssm.on(GetParametersByPathCommand).callsFake(
			({ NextToken = "0" }: { NextToken?: string }) =>
				new Promise((resolve) => setTimeout(() => resolve({ NextToken: String(Number(NextToken) + 1) }), 9_000)),
		);
		const failure = failureOf(createService().getParametersByPath("/shop"));

		await jest.advanceTimersByTimeAsync(60_000);
		const error = await failure;
		await jest.advanceTimersByTimeAsync(60_000);

		expect(error.message).toContain("Reading all pages did not end within 60000 ms");
		expect(ssm.calls()).toHaveLength(7);
	});

	it("aborts the request it no longer waits for", async () => {
		jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate"] });
		ssm.on(GetParametersByPathCommand).callsFake(() => never);
		const failure = failureOf(createService().getParametersByPath("/shop"));
		await jest.advanceTimersByTimeAsync(9_999);
		const { abortSignal } = (ssm.call(0).args as unknown[])[1] as { abortSignal: AbortSignal };
		const wasAborted = abortSignal.aborted;

		await jest.advanceTimersByTimeAsync(1);
		await failure;

		expect(wasAborted).toBe(false);
		expect(abortSignal.aborted).toBe(true);
	});

	it("logs paths and counts when told to, and never a value", async () => {
		const verbose = jest.spyOn(Logger.prototype, "verbose").mockImplementation(() => undefined);
		ssm.on(GetParametersByPathCommand).resolves({ Parameters: [{ Name: "/shop/a", Value: "canary" }] });

		await createService().getParametersByPath("/shop", true, true, true);

		expect(verbose.mock.calls).toEqual([['Reading the parameters under "/shop"'], ['Found 1 parameters under "/shop"']]);
	});

	it("logs nothing by default", async () => {
		const verbose = jest.spyOn(Logger.prototype, "verbose").mockImplementation(() => undefined);
		ssm.on(GetParametersByPathCommand).resolves({});

		await createService().getParametersByPath("/shop");

		expect(verbose).not.toHaveBeenCalled();
	});
});

describe("getParametersByName", () => {
	const thirteen = Array.from({ length: 13 }, (_, index) => `/shop/${String(index)}`);

	it("asks for ten names in one request, encrypted", async () => {
		ssm.on(GetParametersCommand).resolves({ Parameters: parametersOf("/shop/0") });

		const parameters = await createService().getParametersByName(thirteen.slice(0, 10));

		expect(parameters).toEqual(parametersOf("/shop/0"));
		expect(ssm.calls()).toHaveLength(1);
		expect(ssm.call(0).args[0].input).toEqual({ Names: thirteen.slice(0, 10), WithDecryption: false });
	});

	it("decrypts when told to", async () => {
		ssm.on(GetParametersCommand).resolves({});

		await createService().getParametersByName(["/shop/0"], { shouldDecrypt: true });

		expect(ssm.call(0).args[0].input).toMatchObject({ WithDecryption: true });
	});

	it("asks for thirteen names in two requests, the second without waiting for the first", async () => {
		const answers: (() => void)[] = [];
		ssm.on(GetParametersCommand).callsFake(
			({ Names }: { Names: string[] }) =>
				new Promise((resolve) => answers.push(() => resolve({ Parameters: parametersOf(...Names) }))),
		);

		const reading = createService().getParametersByName(thirteen);
		await new Promise(setImmediate);
		const openCount = answers.length;
		answers.reverse().forEach((answer) => answer());

		expect(openCount).toBe(2);
		await expect(reading).resolves.toEqual(parametersOf(...thirteen));
	});

	it("asks for a name once", async () => {
		ssm.on(GetParametersCommand).resolves({});

		await createService().getParametersByName([...thirteen.slice(0, 6), ...thirteen.slice(0, 6)]);

		expect(ssm.calls()).toHaveLength(1);
		expect(ssm.call(0).args[0].input).toMatchObject({ Names: thirteen.slice(0, 6) });
	});

	it("asks nothing for no name", async () => {
		await expect(createService().getParametersByName([])).resolves.toEqual([]);

		expect(ssm.calls()).toHaveLength(0);
	});

	it("leaves out names that do not exist", async () => {
		ssm.on(GetParametersCommand).resolves({ InvalidParameters: ["/b"], Parameters: parametersOf("/a") });

		await expect(createService().getParametersByName(["/a", "/b"])).resolves.toEqual(parametersOf("/a"));
	});

	it("finds nothing in an empty answer", async () => {
		ssm.on(GetParametersCommand).resolves({});

		await expect(createService().getParametersByName(["/a"])).resolves.toStrictEqual([]);
	});

	it("fails as a whole, naming the names of the request that failed", async () => {
		ssm.on(GetParametersCommand).resolves({});
		ssm.on(GetParametersCommand, { Names: thirteen.slice(10) }).rejects(awsError("InternalServerError", "Internal.", 500));

		const error = await failureOf(createService().getParametersByName(thirteen));

		expect(readFault(error)).toBe(
			'Parameter Store could not be read (names "/shop/10", "/shop/11", "/shop/12"): Internal (InternalServerError).',
		);
		expect(error.isTransient).toBe(true);
	});

	it("gives requests that never end 10 s", async () => {
		jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate"] });
		ssm.on(GetParametersCommand).callsFake(() => never);
		const failure = failureOf(createService().getParametersByName(thirteen));

		await jest.advanceTimersByTimeAsync(10_000);
		const error = await failure;

		expect(error.message).toContain("The request did not end within 10000 ms");
	});

	it("ends at once when its caller closes", async () => {
		ssm.on(GetParametersCommand).callsFake(() => never);
		const closing = new AbortController();

		const reading = createService().getParametersByName(thirteen, { signal: closing.signal });
		closing.abort();

		await expect(reading).rejects.toBeInstanceOf(ConnectorClosedError);
	});

	it("logs names and counts when told to, and never a value", async () => {
		const verbose = jest.spyOn(Logger.prototype, "verbose").mockImplementation(() => undefined);
		ssm.on(GetParametersCommand).resolves({ Parameters: [{ Name: "/a", Value: "canary" }] });

		await createService().getParametersByName(["/a", "/b"], { isVerbose: true });

		expect(verbose.mock.calls).toEqual([["Read /a, /b: found 1 in 1 requests"]]);
	});
});

describe("onApplicationShutdown", () => {
	const properties = { application: "shop", environment: "test", namespace: "postgres", instanceName: "main" };

	it("destroys the client of the registration", () => {
		const client = createSsmClient({ ...properties, config: { region: "eu-west-1" } });
		const destroy = jest.spyOn(client, "destroy");

		new ParameterStoreService(client).onApplicationShutdown();

		expect(destroy).toHaveBeenCalledTimes(1);
	});

	it("leaves a client from elsewhere open", () => {
		const client = new SSMClient({ region: "eu-west-1" });
		const destroy = jest.spyOn(client, "destroy");

		new ParameterStoreService(client).onApplicationShutdown();

		expect(destroy).not.toHaveBeenCalled();
	});
});
