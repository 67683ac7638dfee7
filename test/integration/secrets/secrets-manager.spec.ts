/** The secrets manager against the unmodified AWS SDK: what it asks for, what faults come to, and what it leaves open. */
import { inspect } from "node:util";

import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { SecretUnavailableError, SecretMalformedError, SecretNotFoundError } from "../../../src/errors/errors.js";
import type { ISecretsManagerOptions } from "../../../src/secrets/secrets-manager.options.js";
import { createSecretsManager, type SecretsManagerService } from "../../../src/secrets/secrets-manager.service.js";
import { failureOf } from "../../support/failure-of.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import type { FaultKind } from "../../../src/testing/faults.js";

const CANARY = "hunter2-correct-horse";

let aws: FakeAws;
let secrets: SecretsManagerService;
let warnings: unknown[];

beforeEach(async () => {
	aws = await startFakeAws();
	secrets = create();
	warnings = [];
	jest.spyOn(process, "emitWarning").mockImplementation((message) => void warnings.push(message));
});

afterEach(async () => {
	secrets.close();
	await aws.stop();
});

function create(options: ISecretsManagerOptions = {}): SecretsManagerService {
	return createSecretsManager({ aws: { ...aws.clientConfig }, ...options });
}

it("asks for AWSCURRENT once, however many read at once and afterwards", async () => {
	aws.secrets.put("app/key", { stripe: "sk" });

	await Promise.all([secrets.get("app/key"), secrets.getJson("app/key"), secrets.getString("app/key")]);
	await secrets.get("app/key");

	expect(aws.calls.list.map(({ input, operation }) => [operation, input])).toEqual([
		["GetSecretValue", { SecretId: "app/key", VersionStage: "AWSCURRENT" }],
	]);
});

it("finds the region in an ARN", async () => {
	const { credentials, endpoint } = aws.clientConfig;
	const elsewhere = createSecretsManager({ aws: { credentials, endpoint } });
	aws.secrets.put("app/key", "value");

	await elsewhere.get(aws.secrets.arn("app/key"));
	elsewhere.close();

	expect(aws.calls.list.map(({ region }) => region)).toEqual(["eu-west-1"]);
});

it("reads a binary secret as the text that it is", async () => {
	aws.secrets.put("app/key", Buffer.from('{"grün":1}'));

	await expect(secrets.get("app/key")).resolves.toEqual({ grün: 1 });
});

describe("an identity that AWS refuses", () => {
	it.each(["UnrecognizedClientException", "InvalidClientTokenId"])("ends the value where it was revoked (%s)", async (errorName) => {
		aws.secrets.put("app/key", CANARY);
		const impatient = create({ cacheTtlMs: 1, staleWhileRevalidateMs: 0 });
		await impatient.get("app/key");
		aws.faults.inject({ errorMessage: "The security token included in the request is invalid.", errorName, kind: "custom-error" });

		const errors = [await failureOf(impatient.get("app/key", { ttl: 0 })), await failureOf(impatient.get("app/key"))];
		impatient.close();

		expect(errors[0]).toMatchObject({ cause: { name: errorName }, isTransient: false, kind: "no-identity" });
		expect(impatient.getStatistics()).toMatchObject({ entryCount: 0, staleCount: 0 });
	});

	it.each(["ExpiredTokenException", "RequestExpired"])("does not where it has expired (%s)", async (errorName) => {
		aws.secrets.put("app/key", "value");
		await secrets.get("app/key");
		aws.faults.inject({ errorName, kind: "custom-error" });

		await expect(secrets.get("app/key", { ttl: 0 })).resolves.toBe("value");
	});

	it("does not where the service that gives out identities says the same words", async () => {
		aws.secrets.put("app/key", "value");
		let isRevoked = false;
		const identities = create({
			aws: {
				...aws.clientConfig,
				credentials: async () => {
					if (isRevoked) {
						const words = { $metadata: { httpStatusCode: 403 }, name: "InvalidClientTokenId" };
						throw Object.assign(new Error("The security token included in the request is invalid."), words);
					}
					return Promise.resolve({ accessKeyId: "AKIA", expiration: new Date(0), secretAccessKey: "secret" });
				},
			},
		});
		await identities.get("app/key");
		isRevoked = true;

		await expect(identities.get("app/key", { ttl: 0 })).resolves.toBe("value");
		identities.close();
	});
});

describe("set", () => {
	it("fills a placeholder, and replaces what is there", async () => {
		const client = new SecretsManagerClient(aws.clientConfig);
		await client.send(new CreateSecretCommand({ Description: "External API keys", Name: "app/key" }));
		client.destroy();
		const before = await failureOf(secrets.get("app/key"));

		await secrets.set("app/key", "first");
		await secrets.set("app/key", { stripe: "second" });

		expect(before).toBeInstanceOf(SecretNotFoundError);
		expect(aws.secrets.get("app/key")).toBe('{"stripe":"second"}');
		expect(aws.secrets.get("app/key", "AWSPREVIOUS")).toBe("first");
		await expect(secrets.get("app/key")).resolves.toEqual({ stripe: "second" });
		expect(aws.calls.count("GetSecretValue")).toBe(1);
	});

	it("does not create what is not there", async () => {
		await expect(secrets.set("app/none", "value")).rejects.toBeInstanceOf(SecretNotFoundError);
	});

	it("sends no request with a value that is too large", async () => {
		const error = await failureOf(secrets.set("app/key", "x".repeat(65_537)));

		expect(error).toBeInstanceOf(SecretMalformedError);
		expect(aws.calls.count()).toBe(0);
	});

	it("repeats nothing of the value when the service does", async () => {
		aws.secrets.put("app/key", "old");
		aws.faults.inject({
			errorMessage: `1 validation error detected: Value '${CANARY}' at 'secretString' failed to satisfy constraint`,
			errorName: "ValidationException",
			kind: "custom-error",
			operation: "PutSecretValue",
		});

		const error = await failureOf(secrets.set("app/key", CANARY));

		expect(error).toMatchObject({ kind: "invalid" });
		expect((error as Error).message).toBe(
			'Secret "app/key" could not be stored: Secrets Manager refuses the request (ValidationException).',
		);
		expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(CANARY);
	});
});

describe("a fault of AWS", () => {
	const kinds: [FaultKind, string, boolean, string][] = [
		["denied", "denied", false, "AccessDeniedException"],
		["decryption-failure", "decryption", false, "DecryptionFailure"],
		["throttle", "throttled", true, "ThrottlingException"],
		["expired-token", "no-identity", true, "ExpiredTokenException"],
		["server-error", "unavailable", true, "InternalServiceError"],
		["malformed-body", "malformed-response", true, "SyntaxError"],
	];

	it.each(kinds)(
		"%s is an error of the kind %s (another attempt may succeed: %p), with the name that AWS has for it",
		async (fault, kind, isTransient, name) => {
			aws.secrets.put("app/key", CANARY);
			aws.faults.inject({ kind: fault });

			const error = await failureOf(secrets.get("app/key"));

			expect(error).toBeInstanceOf(SecretUnavailableError);
			expect(error).toMatchObject({ cause: { name }, code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", isTransient, kind });
			expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(CANARY);
		},
	);

	it("not-found is an error of its own", async () => {
		const error = await failureOf(secrets.get("app/none"));

		expect(error).toBeInstanceOf(SecretNotFoundError);
		expect(error).toMatchObject({ cause: { name: "ResourceNotFoundException" }, secretId: "app/none" });
	});

	it("is outlived with the last good value, which one warning and a count tell", async () => {
		secrets.close();
		secrets = create({ cacheTtlMs: 0 });
		aws.secrets.put("app/key", CANARY);
		await secrets.get("app/key");
		const outage = aws.faults.inject({ errorName: "ServiceUnavailable", kind: "custom-error", statusCode: 503 });

		const during = [await secrets.get("app/key"), await secrets.get("app/key")];
		const refused = await failureOf(secrets.get("app/key", { cache: false }));
		outage.clear();
		aws.secrets.put("app/key", "new");
		const after = await secrets.get("app/key", { cache: false });

		expect(during).toEqual([CANARY, CANARY]);
		expect(refused).toMatchObject({ kind: "unavailable" });
		expect(after).toBe("new");
		expect(secrets.getStatistics()).toMatchObject({ failureCount: 2, staleCount: 2 });
		expect(warnings).toHaveLength(1);
		expect(String(warnings[0])).toContain('Secret "app/key" could not be loaded');
		expect(inspect(warnings)).not.toContain(CANARY);
	});

	it("is none to a secret that was deleted: the last value ends with it", async () => {
		secrets.close();
		secrets = create({ cacheTtlMs: 0 });
		aws.secrets.put("app/key", "value");
		await secrets.get("app/key");
		aws.secrets.delete("app/key");

		await expect(secrets.get("app/key")).rejects.toBeInstanceOf(SecretNotFoundError);
	});
});

describe("the end", () => {
	it("closes every socket of a client made here", async () => {
		aws.secrets.put("app/key", "value");
		await secrets.get("app/key");
		const before = aws.openConnectionCount;

		secrets.close();
		while (aws.openConnectionCount > 0) await new Promise((resolve) => setImmediate(resolve));

		expect(before).toBe(1);
	});

	it("leaves a ready-made client alone", async () => {
		aws.secrets.put("app/key", "value");
		const client = new SecretsManagerClient(aws.clientConfig);
		const own = createSecretsManager({ aws: { secretsManagerClient: client } });
		await own.get("app/key");
		const destroy = jest.spyOn(client, "destroy");

		own.close();

		expect(destroy).not.toHaveBeenCalled();
		client.destroy();
	});
});
