/** Secrets are read with one client per region and one request at a time, and nothing waits for ever. */
import { inspect } from "node:util";
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type AwsClientStub, mockClient } from "aws-sdk-client-mock";
import {
	ConnectorTimeoutError,
	SecretUnavailableError,
	ConnectorClosedError,
	SecretMalformedError,
	SecretNotFoundError,
} from "../../../src/errors/errors.js";
import { SecretFetcher, type SecretFetcherOptions } from "../../../src/secrets/secret-fetcher.js";
import { FakeClock } from "../../support/fake-clock.js";

const ARN = "arn:aws:secretsmanager:us-east-2:123456789012:secret:app/database-AbCdEf";
const TEXT = '{"username":"app","password":"one"}';

let aws: AwsClientStub<SecretsManagerClient>;

beforeEach(() => {
	aws = mockClient(SecretsManagerClient);
	aws.on(GetSecretValueCommand).resolves({ SecretString: TEXT, VersionId: "v1" });
});

afterEach(() => {
	aws.restore();
});

/** Requests stay open until the test answers them. */
function holdRequests(): { readonly answer: (index: number, text?: string) => void; readonly fail: (index: number, error: Error) => void } {
	const open: { reject: (error: Error) => void; resolve: (output: object) => void }[] = [];
	aws.on(GetSecretValueCommand).callsFake(async () => new Promise((resolve, reject) => open.push({ reject, resolve })));
	return {
		answer: (index, text = TEXT) => open[index]?.resolve({ SecretString: text, VersionId: `v${String(index)}` }),
		fail: (index, error) => open[index]?.reject(error),
	};
}

async function findRegions(): Promise<string[]> {
	const regions = aws.calls().map(async ({ thisValue }) => (thisValue as SecretsManagerClient).config.region());
	return Promise.all(regions);
}

function countClients(): number {
	return new Set(aws.calls().map(({ thisValue }) => thisValue)).size;
}

function failure(name: string, httpStatusCode?: number): Error {
	return Object.assign(new Error("What AWS said."), { $metadata: { httpStatusCode }, name });
}

describe("SecretFetcher.fetch", () => {
	it("asks for AWSCURRENT by name and gives text and version", async () => {
		const secret = await new SecretFetcher({ region: "eu-west-1" }).fetch("app/database");

		expect(secret).toEqual({ text: TEXT, versionId: "v1" });
		expect(aws.commandCalls(GetSecretValueCommand).map(({ args }) => args[0].input)).toEqual([
			{ SecretId: "app/database", VersionStage: "AWSCURRENT" },
		]);
	});

	it("asks for another stage when told to", async () => {
		await new SecretFetcher({ region: "eu-west-1" }).fetch("app/database", { versionStage: "AWSPENDING" });

		expect(aws.commandCalls(GetSecretValueCommand)[0]?.args[0].input.VersionStage).toBe("AWSPENDING");
	});

	it("keeps nothing: a fetch after another asks again", async () => {
		const fetcher = new SecretFetcher({ region: "eu-west-1" });

		await fetcher.fetch("app/database");
		await fetcher.fetch("app/database");

		expect(aws.calls()).toHaveLength(2);
		expect(countClients()).toBe(1);
	});

	it("decodes a binary secret, byte order mark included", async () => {
		aws.on(GetSecretValueCommand).resolves({ SecretBinary: Buffer.from("\uFEFFgrün") });

		await expect(new SecretFetcher({ region: "eu-west-1" }).fetch("s")).resolves.toEqual({ text: "\uFEFFgrün", versionId: undefined });
	});

	it("prefers the text when there are both", async () => {
		aws.on(GetSecretValueCommand).resolves({ SecretBinary: Buffer.from("binary"), SecretString: "text" });

		await expect(new SecretFetcher({ region: "eu-west-1" }).fetch("s")).resolves.toMatchObject({ text: "text" });
	});

	it.each([
		["empty", {}],
		["not-utf8", { SecretBinary: Buffer.from([0xff, 0xfe, 0x41]) }],
		["too-large", { SecretBinary: Buffer.alloc(65_537, "a") }],
		["too-large", { SecretString: `${"a".repeat(65_535)}é` }],
	])("refuses a secret that is %s", async (reason, output) => {
		aws.on(GetSecretValueCommand).resolves(output);

		const error: unknown = await new SecretFetcher({ region: "eu-west-1" }).fetch("s").catch((caught: unknown) => caught);

		expect(error).toBeInstanceOf(SecretMalformedError);
		expect(error).toMatchObject({ reason });
		expect(error).not.toHaveProperty("cause");
	});

	it("accepts a secret of the largest size", async () => {
		aws.on(GetSecretValueCommand).resolves({ SecretString: "a".repeat(65_536) });

		await expect(new SecretFetcher({ region: "eu-west-1" }).fetch("s")).resolves.toMatchObject({ text: "a".repeat(65_536) });
	});
});

describe("SecretFetcher and regions", () => {
	it.each<[string, SecretFetcherOptions, string, string]>([
		["the option for a name", { findRegion: () => "from-config", region: "from-option" }, "app/database", "from-option"],
		["the ARN before the option", { findRegion: () => "from-config", region: "from-option" }, ARN, "us-east-2"],
		["the ARN", { findRegion: () => "from-config" }, ARN, "us-east-2"],
		["the ARN in China", {}, ARN.replace("arn:aws", "arn:aws-cn"), "us-east-2"],
		["the fallback for a name", { findRegion: () => "from-config" }, "app/database", "from-config"],
		[
			"the fallback for the ARN of something else",
			{ findRegion: () => "from-config" },
			ARN.replace("secretsmanager", "ssm"),
			"from-config",
		],
	])("takes %s", async (_, options, secretId, expected) => {
		await new SecretFetcher(options).fetch(secretId);

		await expect(findRegions()).resolves.toEqual([expected]);
	});

	it("leaves the region to the SDK when none is given", async () => {
		jest.replaceProperty(process, "env", { ...process.env, AWS_REGION: "from-sdk" });

		await new SecretFetcher({ findRegion: () => undefined }).fetch("app/database");

		await expect(findRegions()).resolves.toEqual(["from-sdk"]);
	});

	it("makes one client per region", async () => {
		const fetcher = new SecretFetcher({ findRegion: () => "eu-west-1" });

		await fetcher.fetch("app/database");
		await fetcher.fetch(ARN);
		await fetcher.fetch("other");

		await expect(findRegions()).resolves.toEqual(["eu-west-1", "us-east-2", "eu-west-1"]);
		expect(countClients()).toBe(2);
	});

	it("makes a client with the endpoint, the identity and limits of time", async () => {
		const credentials = { accessKeyId: "AKIA", secretAccessKey: "canary" };
		await new SecretFetcher({ credentials, endpoint: "http://127.0.0.1:1", region: "eu-west-1" }).fetch("s");

		const { config } = aws.call(0).thisValue as SecretsManagerClient;

		await expect(config.credentials()).resolves.toMatchObject(credentials);
		await expect(config.endpoint?.()).resolves.toMatchObject({ hostname: "127.0.0.1", port: 1 });
		const handler = config.requestHandler as unknown as { readonly configProvider: Promise<object> };
		await expect(handler.configProvider).resolves.toMatchObject({ requestTimeout: 4_000, throwOnRequestTimeout: true });
	});
});

describe("SecretFetcher when AWS fails", () => {
	it.each([
		["ResourceNotFoundException", 400, SecretNotFoundError, false],
		["AccessDeniedException", 400, SecretUnavailableError, false],
		["DecryptionFailure", 400, SecretUnavailableError, false],
		["InvalidRequestException", 400, SecretUnavailableError, false],
		["ThrottlingException", 400, SecretUnavailableError, true],
		["InternalServiceError", 500, SecretUnavailableError, true],
		["ExpiredTokenException", 400, SecretUnavailableError, true],
		["CredentialsProviderError", undefined, SecretUnavailableError, false],
		["TimeoutError", undefined, SecretUnavailableError, true],
	])("explains %s", async (name, status, kind, isTransient) => {
		aws.on(GetSecretValueCommand).rejects(failure(name, status));

		const error = await new SecretFetcher({ region: "eu-west-1" }).fetch("app/database").catch((caught: unknown) => caught as Error);

		expect(error).toBeInstanceOf(kind);
		expect(error).toMatchObject({ cause: { message: "What AWS said.", name }, isTransient, secretId: "app/database" });
	});

	it("does not repeat a body that is not JSON", async () => {
		aws.on(GetSecretValueCommand).rejects(new SyntaxError(`Unexpected token 'h', "hunter2 canary" is not valid JSON`));

		const error = await new SecretFetcher({ region: "eu-west-1" }).fetch("s").catch((caught: unknown) => caught as Error);

		expect(error).toMatchObject({ isTransient: true, name: "SecretUnavailableError" });
		expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("canary");
	});

	it("ends after ten seconds, even if the request ignores that it was called off", async () => {
		holdRequests();
		const clock = new FakeClock();
		const outcome = new SecretFetcher({ clock, region: "eu-west-1" }).fetch("app/database").catch((caught: unknown) => caught);

		await clock.advance(9_999);
		expect(clock.pendingCount).toBe(1);
		await clock.advance(1);

		await expect(outcome).resolves.toEqual(new ConnectorTimeoutError('The fetch of secret "app/database"', 10_000));
		const { abortSignal } = (aws.call(0).args as unknown[])[1] as { abortSignal: AbortSignal };
		expect(abortSignal.aborted).toBe(true);
	});

	it("asks with a fresh client after that, as the old one may wait for its identity for ever", async () => {
		const destroy = jest.spyOn(SecretsManagerClient.prototype, "destroy");
		holdRequests();
		const clock = new FakeClock();
		const fetcher = new SecretFetcher({ clock, region: "eu-west-1" });
		const outcomes = [fetcher.fetch("s").catch(() => undefined), fetcher.fetch("t").catch(() => undefined)];
		await clock.advance(10_000);
		await Promise.all(outcomes);

		aws.on(GetSecretValueCommand).resolves({ SecretString: TEXT });
		await fetcher.fetch("s");
		await fetcher.fetch("s");

		expect(countClients()).toBe(2);
		expect(destroy).toHaveBeenCalledTimes(1);
	});
});

describe("SecretFetcher with several callers", () => {
	it("shares one request among those who ask for the same version", async () => {
		const held = holdRequests();
		const fetcher = new SecretFetcher({ region: "eu-west-1" });

		const secrets = Promise.all([fetcher.fetch("s"), fetcher.fetch("s"), fetcher.fetch("s", { signal: new AbortController().signal })]);
		await new Promise(setImmediate);
		held.answer(0);

		await expect(secrets).resolves.toHaveLength(3);
		expect(aws.calls()).toHaveLength(1);
	});

	it("does not mix secrets or stages", async () => {
		const held = holdRequests();
		const fetcher = new SecretFetcher({ region: "eu-west-1" });

		const secrets = Promise.all([fetcher.fetch("s"), fetcher.fetch("t"), fetcher.fetch("s", { versionStage: "AWSPENDING" })]);
		await new Promise(setImmediate);
		[0, 1, 2].forEach((index) => held.answer(index, String(index)));

		await expect(secrets).resolves.toMatchObject([{ text: "0" }, { text: "1" }, { text: "2" }]);
	});

	it("asks again after a failure", async () => {
		const fetcher = new SecretFetcher({ region: "eu-west-1" });
		aws.on(GetSecretValueCommand).rejectsOnce(failure("ThrottlingException", 400)).resolves({ SecretString: TEXT });

		await expect(fetcher.fetch("s")).rejects.toThrow(SecretUnavailableError);
		await expect(fetcher.fetch("s")).resolves.toMatchObject({ text: TEXT });
	});

	it("lets one of them go without the others", async () => {
		const held = holdRequests();
		const fetcher = new SecretFetcher({ region: "eu-west-1" });
		const leaving = new AbortController();

		const left = fetcher.fetch("s", { signal: leaving.signal });
		const stayed = fetcher.fetch("s");
		leaving.abort();

		await expect(left).rejects.toThrow(ConnectorClosedError);
		held.answer(0);
		await expect(stayed).resolves.toMatchObject({ text: TEXT });
	});

	it("asks nothing for who has left already", async () => {
		await expect(new SecretFetcher().fetch("s", { signal: AbortSignal.abort() })).rejects.toThrow(ConnectorClosedError);

		expect(aws.calls()).toHaveLength(0);
	});
});

describe("SecretFetcher.put", () => {
	it("writes the text and gives the id of its version", async () => {
		aws.on(PutSecretValueCommand).resolves({ VersionId: "v2" });

		await expect(new SecretFetcher({ region: "eu-west-1" }).put("app/key", "two")).resolves.toBe("v2");

		expect(aws.commandCalls(PutSecretValueCommand)[0]?.args[0].input).toMatchObject({ SecretId: "app/key", SecretString: "two" });
	});

	it("accepts a text of the largest size, and sends no larger one", async () => {
		aws.on(PutSecretValueCommand).resolves({});
		const fetcher = new SecretFetcher({ region: "eu-west-1" });

		await fetcher.put("app/key", "é".repeat(32_768));

		await expect(fetcher.put("app/key", `${"é".repeat(32_768)}a`)).rejects.toMatchObject({ reason: "too-large" });
		expect(aws.calls()).toHaveLength(1);
	});

	it("lets no caller join a read that began before it", async () => {
		const held = holdRequests();
		aws.on(PutSecretValueCommand).resolves({});
		const fetcher = new SecretFetcher({ region: "eu-west-1" });
		const before = fetcher.fetch("app/key");
		await new Promise(setImmediate);

		await fetcher.put("app/key", "two");
		const [after, joined] = [fetcher.fetch("app/key"), fetcher.fetch("app/key")];
		await new Promise(setImmediate);
		held.answer(0, "one");
		await before;
		const late = fetcher.fetch("app/key");
		held.answer(1, "two");

		await expect(Promise.all([before, after, joined, late])).resolves.toMatchObject(
			["one", "two", "two", "two"].map((text) => ({ text })),
		);
		expect(aws.commandCalls(GetSecretValueCommand)).toHaveLength(2);
	});

	it("ends after ten seconds, and fails at once when the fetcher is closed", async () => {
		aws.on(PutSecretValueCommand).callsFake(async () => new Promise(() => undefined));
		const clock = new FakeClock();
		const fetcher = new SecretFetcher({ clock, region: "eu-west-1" });
		const late = fetcher.put("app/key", "two").catch((caught: unknown) => caught);
		await clock.advance(10_000);
		const open = fetcher.put("app/key", "two").catch((caught: unknown) => caught);
		await new Promise(setImmediate);

		fetcher.close();

		await expect(late).resolves.toEqual(new ConnectorTimeoutError('The storing of secret "app/key"', 10_000));
		await expect(open).resolves.toBeInstanceOf(ConnectorClosedError);
	});

	it("keeps the client until a write in flight has ended", async () => {
		const destroy = jest.spyOn(SecretsManagerClient.prototype, "destroy");
		let answer: (output: object) => void = () => undefined;
		aws.on(PutSecretValueCommand).callsFake(async () => new Promise((resolve) => (answer = resolve)));
		const fetcher = new SecretFetcher({ region: "eu-west-1" });
		const written = fetcher.put("app/key", "two");
		await new Promise(setImmediate);

		fetcher.renew();
		await new Promise(setImmediate);
		const early = destroy.mock.calls.length;
		answer({});
		await written;
		await new Promise(setImmediate);

		expect([early, destroy.mock.calls.length]).toEqual([0, 1]);
	});
});

describe("SecretFetcher.renew", () => {
	it("does not join a request that was begun before it", async () => {
		const held = holdRequests();
		const fetcher = new SecretFetcher({ region: "eu-west-1" });

		const before = fetcher.fetch("s");
		await new Promise(setImmediate);
		fetcher.renew();
		const after = fetcher.fetch("s");
		const joined = fetcher.fetch("s");
		await new Promise(setImmediate);
		held.answer(1, "after");
		held.answer(0, "before");

		await expect(Promise.all([before, after, joined])).resolves.toMatchObject([
			{ text: "before" },
			{ text: "after" },
			{ text: "after" },
		]);
		expect(countClients()).toBe(2);
	});

	it("destroys the old clients once their requests have ended, and not the new ones", async () => {
		const destroy = jest.spyOn(SecretsManagerClient.prototype, "destroy");
		const held = holdRequests();
		const fetcher = new SecretFetcher({ region: "eu-west-1" });
		const before = fetcher.fetch("s");
		await new Promise(setImmediate);

		fetcher.renew();
		const after = fetcher.fetch("s");
		await new Promise(setImmediate);
		expect(destroy).not.toHaveBeenCalled();
		held.fail(0, failure("TimeoutError"));
		await expect(before).rejects.toThrow(SecretUnavailableError);
		await new Promise(setImmediate);
		held.answer(1);
		await after;

		expect(destroy.mock.contexts).toEqual([aws.call(0).thisValue]);
	});
});

describe("SecretFetcher.close", () => {
	it("ends every wait and destroys the clients", async () => {
		const destroy = jest.spyOn(SecretsManagerClient.prototype, "destroy");
		holdRequests();
		const clock = new FakeClock();
		const fetcher = new SecretFetcher({ clock, region: "eu-west-1" });
		const pending = fetcher.fetch("s");
		await new Promise(setImmediate);

		fetcher.close();

		await expect(pending).rejects.toThrow(ConnectorClosedError);
		await new Promise(setImmediate);
		expect(destroy).toHaveBeenCalledTimes(1);
		expect(clock.pendingCount).toBe(0);
	});

	it("makes no client afterwards", async () => {
		const fetcher = new SecretFetcher({ region: "eu-west-1" });
		fetcher.close();

		await expect(fetcher.fetch("s")).rejects.toThrow(ConnectorClosedError);

		expect(aws.calls()).toHaveLength(0);
	});
});

describe("SecretFetcher with a ready-made client", () => {
	it("uses it for every secret, and never replaces or destroys it", async () => {
		const readyMade = { destroy: jest.fn(), send: jest.fn().mockResolvedValue({ SecretString: TEXT }) };
		const fetcher = new SecretFetcher({ region: "eu-west-1", secretsManagerClient: readyMade });

		await fetcher.fetch("s");
		fetcher.renew();
		await fetcher.fetch(ARN);
		fetcher.close();
		await new Promise(setImmediate);

		expect(readyMade.send).toHaveBeenCalledTimes(2);
		expect(readyMade.destroy).not.toHaveBeenCalled();
		expect(aws.calls()).toHaveLength(0);
	});
});

describe("SecretFetcher when printed", () => {
	it("shows no identity", async () => {
		const fetcher = new SecretFetcher({ credentials: { accessKeyId: "AKIA", secretAccessKey: "canary" }, region: "eu-west-1" });
		await fetcher.fetch("s");

		expect(inspect(fetcher, { depth: 10, showHidden: true })).not.toContain("canary");
	});
});

describe("A fetch while the process stands still", () => {
	it("asks once more, since its deadline fired long after", async () => {
		const clock = new FakeClock();
		const held = holdRequests();
		const secret = new SecretFetcher({ clock, region: "eu-west-1" }).fetch("app/database");

		await clock.freeze(3_600_000);
		held.answer(1);

		await expect(secret).resolves.toEqual({ text: TEXT, versionId: "v1" });
	});

	it("is joined by no later one, whose answer would be that of a former secret", async () => {
		const clock = new FakeClock();
		const held = holdRequests();
		const fetcher = new SecretFetcher({ clock, region: "eu-west-1" });
		void fetcher.fetch("app/database").catch(() => undefined);
		await clock.advance(1);
		// The deadline's timer has not fired yet when the process goes on.
		clock.jump(3_600_000);

		const later = fetcher.fetch("app/database");
		await clock.advance(0);
		held.answer(1, '{"username":"app","password":"two"}');

		await expect(later).resolves.toMatchObject({ text: '{"username":"app","password":"two"}' });
	});

	it("is joined while the process runs", async () => {
		const clock = new FakeClock();
		holdRequests();
		const fetcher = new SecretFetcher({ clock, region: "eu-west-1" });
		void fetcher.fetch("app/database").catch(() => undefined);
		await clock.advance(5_000);
		void fetcher.fetch("app/database").catch(() => undefined);
		await clock.advance(0);

		expect(aws.calls()).toHaveLength(1);
	});
});
