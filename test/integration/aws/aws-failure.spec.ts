/** What the errors of the unmodified SDK are classified as, for every fault of the endpoint. */
import { inspect } from "node:util";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { type AwsFailure, classifyAwsFailure } from "../../../src/aws/aws-failure.js";
import { failureOf } from "../../support/failure-of.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import type { FaultKind } from "../../../src/testing/faults.js";

const SECRET = "zqxj-canary";

let aws: FakeAws;

beforeAll(async () => {
	aws = await startFakeAws();
	// The fault cuts an answer in the middle: the beginning is far longer than the rest, so the value is in the half that is sent.
	aws.secrets.put("app/database", SECRET.repeat(100));
	aws.parameters.put("/app/host", SECRET.repeat(100));
});

afterEach(() => {
	aws.faults.clear();
});

afterAll(async () => {
	await aws.stop();
});

it.each<[FaultKind, AwsFailure["kind"], boolean]>([
	["decryption-failure", "decryption", false],
	["denied", "denied", false],
	["expired-token", "no-identity", true],
	["html-error", "unavailable", true],
	["malformed-body", "malformed-response", true],
	["not-found", "not-found", false],
	["reset", "unavailable", true],
	["server-error", "unavailable", true],
	["throttle", "throttled", true],
])("takes %s for %s (another attempt may succeed: %s), and keeps nothing of the value", async (fault, kind, isTransient) => {
	aws.faults.inject({ kind: fault });
	const secrets = new SecretsManagerClient({ ...aws.clientConfig, maxAttempts: 1 });
	const parameters = new SSMClient({ ...aws.clientConfig, maxAttempts: 1 });

	const failures = await Promise.all([
		failureOf(secrets.send(new GetSecretValueCommand({ SecretId: "app/database" }))),
		failureOf(parameters.send(new GetParameterCommand({ Name: "/app/host" }))),
	]);
	secrets.destroy();
	parameters.destroy();

	for (const failure of failures.map((failure) => classifyAwsFailure(failure))) {
		expect(failure).toMatchObject({ isTransient, kind });
		expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(SECRET.slice(0, 4));
	}
});
