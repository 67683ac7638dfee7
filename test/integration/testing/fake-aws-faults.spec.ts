/** What the unmodified SDK makes of the faults of the endpoint, and what the endpoint remembers and leaves behind. */
import { connect } from "node:net";
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, GetParametersByPathCommand, GetParametersCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { failureOf } from "../../support/failure-of.js";
import { countResources, findLeaks } from "../../support/leak-check.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import type { FaultKind } from "../../../src/testing/faults.js";
import { waitUntil } from "../../support/wait-until.js";

const SECRET = "correct-horse-battery-staple";

let aws: FakeAws;
let secrets: SecretsManagerClient;
let parameters: SSMClient;

beforeEach(async () => {
	aws = await startFakeAws();
	aws.secrets.put("app/database", SECRET);
	aws.parameters.put("/app/host", "db.internal");
	secrets = new SecretsManagerClient({ ...aws.clientConfig, maxAttempts: 1 });
	parameters = new SSMClient({ ...aws.clientConfig, maxAttempts: 1 });
});

afterEach(async () => {
	secrets.destroy();
	parameters.destroy();
	await aws.stop();
});

const getSecret = (abortSignal?: AbortSignal) =>
	secrets.send(new GetSecretValueCommand({ SecretId: "app/database" }), { abortSignal: abortSignal as never });
const getParameter = () => parameters.send(new GetParameterCommand({ Name: "/app/host" }));

/** The failure of a call, as the SDK reports it. */
async function sdkFailureOf(call: Promise<unknown>): Promise<{ $metadata?: { httpStatusCode?: number }; message: string; name: string }> {
	return (await failureOf(call)) as never;
}

describe("faults that are answers", () => {
	it.each<[FaultKind, string, string, number]>([
		["decryption-failure", "DecryptionFailure", "InvalidKeyId", 400],
		["denied", "AccessDeniedException", "AccessDeniedException", 400],
		["expired-token", "ExpiredTokenException", "ExpiredTokenException", 400],
		["not-found", "ResourceNotFoundException", "ParameterNotFound", 400],
		["server-error", "InternalServiceError", "InternalServerError", 500],
		["throttle", "ThrottlingException", "ThrottlingException", 400],
	])("%s is the error each service has for it", async (kind, secretError, parameterError, httpStatusCode) => {
		aws.faults.inject({ kind });

		const failures = await Promise.all([sdkFailureOf(getSecret()), sdkFailureOf(getParameter())]);

		expect(failures.map(({ name }) => name)).toEqual([secretError, parameterError]);
		for (const failure of failures) expect(failure.$metadata?.httpStatusCode).toBe(httpStatusCode);
	});

	it("custom-error is any error", async () => {
		aws.faults.inject({ errorName: "RequestLimitExceeded", kind: "custom-error", statusCode: 429 });

		expect(await sdkFailureOf(getSecret())).toMatchObject({ $metadata: { httpStatusCode: 429 }, name: "RequestLimitExceeded" });
	});

	it("not-found is no error for operations on several parameters", async () => {
		aws.faults.inject({ kind: "not-found", service: "ssm" });

		const many = await parameters.send(new GetParametersCommand({ Names: ["/app/host"] }));
		const below = await parameters.send(new GetParametersByPathCommand({ Path: "/app" }));

		expect([many.Parameters, many.InvalidParameters, below.Parameters]).toEqual([[], ["/app/host"], []]);
	});

	it("html-error is a page instead of an answer", async () => {
		aws.faults.inject({ kind: "html-error" });

		const failure = await sdkFailureOf(getSecret());

		expect(failure.$metadata?.httpStatusCode).toBe(503);
		expect(aws.calls.list[0]).toMatchObject({ fault: "html-error", status: 503 });
	});

	it("malformed-body is half an answer that the SDK cannot parse", async () => {
		aws.faults.inject({ kind: "malformed-body" });

		expect(await sdkFailureOf(getSecret())).toMatchObject({ $metadata: { httpStatusCode: 200 }, name: "SyntaxError" });
	});

	it("latency is the true answer, late", async () => {
		aws.faults.inject({ kind: "latency", latencyMs: 60, times: 1 });
		const startedAt = performance.now();

		const answer = await getSecret();

		expect(answer.SecretString).toBe(SECRET);
		expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
	});

	it("throttle is retried by the SDK until it ends", async () => {
		aws.faults.inject({ kind: "throttle", times: 1 });
		const client = new SecretsManagerClient({ ...aws.clientConfig, maxAttempts: 3 });

		const answer = await client.send(new GetSecretValueCommand({ SecretId: "app/database" }));
		client.destroy();

		expect(answer).toMatchObject({ $metadata: { attempts: 2 }, SecretString: SECRET });
		expect(aws.calls.list.map(({ status }) => status)).toEqual([400, 200]);
	});
});

describe("faults without an answer", () => {
	it.each<FaultKind>(["hang", "stall-body"])("%s keeps the caller waiting until it gives up", async (kind) => {
		aws.faults.inject({ kind });
		const controller = new AbortController();
		const attempt = sdkFailureOf(getSecret(controller.signal));

		await waitUntil("the fault is played", () => aws.calls.list[0]?.fault === kind);
		const firstToEnd = await Promise.race([attempt.then(() => "attempt"), new Promise((resolve) => setTimeout(resolve, 100, "wait"))]);
		controller.abort();

		expect(firstToEnd).toBe("wait");
		expect(await attempt).toBeInstanceOf(Error);
	});

	it("reset cuts the connection", async () => {
		aws.faults.inject({ kind: "reset" });

		expect((await sdkFailureOf(getSecret())).message).toContain("ECONNRESET");
	});
});

describe("where a fault is played", () => {
	it("is one service, one operation or one kind of input", async () => {
		aws.faults.inject({ kind: "denied", service: "ssm" });
		aws.faults.inject({ kind: "throttle", operation: "PutSecretValue" });
		aws.faults.inject({ kind: "not-found", when: ({ VersionStage }) => VersionStage === "AWSPREVIOUS" });

		const untouched = await getSecret();
		const failures = await Promise.all(
			[
				getParameter(),
				secrets.send(new PutSecretValueCommand({ SecretId: "app/database", SecretString: "x" })),
				secrets.send(new GetSecretValueCommand({ SecretId: "app/database", VersionStage: "AWSPREVIOUS" })),
			].map(sdkFailureOf),
		);

		expect(untouched.SecretString).toBe(SECRET);
		expect(failures.map(({ name }) => name)).toEqual(["AccessDeniedException", "ThrottlingException", "ResourceNotFoundException"]);
	});

	it("ends after its times, or when it is cleared, and the next in order takes over", async () => {
		const first = aws.faults.inject({ kind: "denied", times: 2 });
		const second = aws.faults.inject({ kind: "throttle" });

		const names = [];
		for (let turn = 0; turn < 3; turn += 1) names.push((await sdkFailureOf(getSecret())).name);
		second.clear();
		const answer = await getSecret();

		expect(names).toEqual(["AccessDeniedException", "AccessDeniedException", "ThrottlingException"]);
		expect(answer.SecretString).toBe(SECRET);
		expect([first.hitCount, second.hitCount]).toEqual([2, 1]);
	});

	it("is nowhere after all are cleared", async () => {
		aws.faults.inject({ kind: "denied" });
		aws.faults.inject({ kind: "throttle" });

		aws.faults.clear();

		expect((await getSecret()).SecretString).toBe(SECRET);
	});
});

describe("the log of calls", () => {
	it("holds operation, input, signer, region and status, and no value of a secret", async () => {
		await getSecret();
		await secrets.send(new PutSecretValueCommand({ SecretId: "app/database", SecretString: SECRET }));
		await secrets.send(new PutSecretValueCommand({ SecretBinary: Buffer.from(SECRET), SecretId: "app/database" }));
		await parameters.send(new PutParameterCommand({ Name: "/app/password", Type: "SecureString", Value: SECRET }));
		await sdkFailureOf(parameters.send(new GetParameterCommand({ Name: "/missing" })));

		expect(aws.calls.list[0]).toEqual({
			accessKeyId: aws.clientConfig.credentials.accessKeyId,
			fault: undefined,
			input: { SecretId: "app/database" },
			operation: "GetSecretValue",
			receivedAt: expect.any(Number),
			region: "eu-west-1",
			service: "secretsmanager",
			status: 200,
		});
		expect(aws.calls.list.map(({ operation, status }) => `${operation} ${status}`)).toEqual([
			"GetSecretValue 200",
			"PutSecretValue 200",
			"PutSecretValue 200",
			"PutParameter 200",
			"GetParameter 400",
		]);
		expect(JSON.stringify(aws.calls.list)).not.toContain(SECRET);
		expect(JSON.stringify(aws.calls.list)).not.toContain(Buffer.from(SECRET).toString("base64"));
	});

	it("counts, and forgets when told to", async () => {
		await getSecret();
		await getParameter();

		const counts = [aws.calls.count(), aws.calls.count("GetSecretValue"), aws.calls.count("RotateSecret")];
		aws.calls.clear();

		expect(counts).toEqual([2, 1, 0]);
		expect(aws.calls.count()).toBe(0);
	});
});

describe("the protocol", () => {
	const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameter" };
	const authorization = "AWS4-HMAC-SHA256 Credential=AKIA/20300101/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0";

	it.each([
		["UnknownOperationException", { ...headers, "x-amz-target": "AmazonSSM.constructor", authorization }, "{}"],
		["UnknownOperationException", { ...headers, "x-amz-target": "DynamoDB_20120810.GetItem", authorization }, "{}"],
		["UnknownOperationException", { ...headers, "content-type": "application/json", authorization }, "{}"],
		["MissingAuthenticationTokenException", headers, "{}"],
		["SerializationException", { ...headers, authorization }, "{"],
	])("answers %s by name in __type", async (name, requestHeaders, body) => {
		const response = await fetch(aws.url, { body, headers: requestHeaders, method: "POST" });

		expect(response.status).toBe(400);
		expect(response.headers.get("content-type")).toBe("application/x-amz-json-1.1");
		expect(await response.json()).toMatchObject({ __type: name });
	});

	it.each([
		["Message", "secretsmanager.GetSecretValue", '{"SecretId":"missing"}'],
		["message", "AmazonSSM.GetParameters", '{"Names":[]}'],
	])("tells its errors under %s, as each service does", async (field, target, body) => {
		const response = await fetch(aws.url, { body, headers: { ...headers, authorization, "x-amz-target": target }, method: "POST" });

		expect(await response.json()).toEqual({ __type: expect.any(String), [field]: expect.any(String) });
	});

	it("is found by clients of a process through the environment alone", async () => {
		const former = Object.entries(aws.env).map(([name]) => [name, process.env[name]] as const);
		Object.assign(process.env, aws.env);

		const answers = await Promise.all([
			new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: "app/database" })),
			new SSMClient().send(new GetParameterCommand({ Name: "/app/host" })),
		]).finally(() => {
			for (const [name, value] of former) {
				if (value === undefined) delete process.env[name];
				else process.env[name] = value;
			}
		});

		expect([answers[0].SecretString, answers[1].Parameter?.Value]).toEqual([SECRET, "db.internal"]);
	});
});

describe("stop", () => {
	it("ends at once with a request that hangs, one that is delayed and an idle socket, and leaves nothing open", async () => {
		const before = await countResources();
		aws.faults.inject({ kind: "hang", times: 1 });
		aws.faults.inject({ kind: "latency", latencyMs: 60_000 });
		const attempts = [sdkFailureOf(getSecret()), sdkFailureOf(getSecret())];
		const { hostname, port } = new URL(aws.url);
		const idle = connect({ host: hostname, port: Number(port) });
		await waitUntil("all three are connected", () => aws.calls.count("GetSecretValue") === 2 && aws.openConnectionCount === 3);

		await aws.stop();

		expect(aws.openConnectionCount).toBe(0);
		for (const failure of await Promise.all(attempts)) expect(failure.message).toMatch(/ECONNRESET|socket hang up/);
		idle.destroy();
		expect(await findLeaks(before)).toEqual([]);
	});

	it("may be called twice", async () => {
		await aws.stop();

		await expect(aws.stop()).resolves.toBeUndefined();
	});
});
