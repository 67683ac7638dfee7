/** The endpoint as Secrets Manager, asked by the unmodified SDK. */
import {
	CreateSecretCommand,
	DescribeSecretCommand,
	GetSecretValueCommand,
	PutSecretValueCommand,
	RotateSecretCommand,
	SecretsManagerClient,
	UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import type { RotationEvent } from "../../../src/testing/secret-vault.js";

const NAME = "app/database";

let aws: FakeAws;
let client: SecretsManagerClient;

beforeEach(async () => {
	aws = await startFakeAws({ region: "eu-central-1" });
	client = new SecretsManagerClient(aws.clientConfig);
});

afterEach(async () => {
	client.destroy();
	await aws.stop();
});

async function read(input: { VersionId?: string; VersionStage?: string } = {}): Promise<string | undefined> {
	return (await client.send(new GetSecretValueCommand({ SecretId: NAME, ...input }))).SecretString;
}

/** What the rotation functions of AWS do with the secret; the database is left out. */
async function rotateAsLambda({ clientRequestToken, secretId, step }: RotationEvent): Promise<void> {
	const current = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
	if (step === "createSecret") {
		const SecretString = `next to ${String(current.SecretString)}`;
		await client.send(
			new PutSecretValueCommand({
				ClientRequestToken: clientRequestToken,
				SecretId: secretId,
				SecretString,
				VersionStages: ["AWSPENDING"],
			}),
		);
	}
	if (step === "finishSecret") {
		const move = { MoveToVersionId: clientRequestToken, RemoveFromVersionId: current.VersionId, VersionStage: "AWSCURRENT" };
		await client.send(new UpdateSecretVersionStageCommand({ SecretId: secretId, ...move }));
	}
}

describe("GetSecretValue", () => {
	it("answers the current version by name, by ARN and by ARN without its suffix", async () => {
		const versionId = aws.secrets.put(NAME, { password: "one", username: "app" });
		const arn = aws.secrets.arn(NAME);

		const answers = await Promise.all(
			[NAME, arn, arn.slice(0, -7)].map((SecretId) => client.send(new GetSecretValueCommand({ SecretId }))),
		);

		expect(arn).toMatch(/^arn:aws:secretsmanager:eu-central-1:123456789012:secret:app\/database-[0-9a-f]{6}$/);
		for (const answer of answers) {
			expect(answer).toMatchObject({
				ARN: arn,
				CreatedDate: expect.any(Date),
				Name: NAME,
				VersionId: versionId,
				VersionStages: ["AWSCURRENT"],
			});
			expect(JSON.parse(answer.SecretString ?? "")).toEqual({ password: "one", username: "app" });
		}
	});

	it("answers any version by stage and by id", async () => {
		const firstId = aws.secrets.put(NAME, "first");
		aws.secrets.put(NAME, "second");
		aws.secrets.put(NAME, "third", { stages: ["AWSPENDING"] });

		const values = await Promise.all([
			read(),
			read({ VersionStage: "AWSPREVIOUS" }),
			read({ VersionStage: "AWSPENDING" }),
			read({ VersionId: firstId }),
		]);

		expect(values).toEqual(["second", "first", "third", "first"]);
	});

	it("answers bytes as SecretBinary", async () => {
		aws.secrets.put(NAME, Uint8Array.of(0, 255, 7));

		const answer = await client.send(new GetSecretValueCommand({ SecretId: NAME }));

		expect(answer.SecretString).toBeUndefined();
		expect([...(answer.SecretBinary ?? [])]).toEqual([0, 255, 7]);
	});

	it.each([
		["a missing secret", { SecretId: "missing" }],
		["a missing stage", { SecretId: NAME, VersionStage: "AWSPENDING" }],
		["a missing version", { SecretId: NAME, VersionId: "00000000-0000-0000-0000-000000000000" }],
	])("answers ResourceNotFoundException with status 400 to %s", async (_, input) => {
		aws.secrets.put(NAME, "value");

		const attempt = client.send(new GetSecretValueCommand(input));

		await expect(attempt).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 }, name: "ResourceNotFoundException" });
	});

	it("answers ResourceNotFoundException to a pending version without a value", async () => {
		aws.secrets.put(NAME, "value");
		aws.secrets.put(NAME, undefined, { stages: ["AWSPENDING"] });

		await expect(read({ VersionStage: "AWSPENDING" })).rejects.toMatchObject({ name: "ResourceNotFoundException" });
	});

	it("refuses a stage that is not on the version", async () => {
		const firstId = aws.secrets.put(NAME, "first");
		aws.secrets.put(NAME, "second");

		const attempt = read({ VersionId: firstId, VersionStage: "AWSCURRENT" });

		await expect(attempt).rejects.toMatchObject({ name: "InvalidRequestException" });
	});
});

describe("CreateSecret and PutSecretValue", () => {
	it("create a secret and replace its value, the old one becoming AWSPREVIOUS", async () => {
		const created = await client.send(new CreateSecretCommand({ Name: NAME, SecretString: "one" }));
		const replaced = await client.send(new PutSecretValueCommand({ SecretBinary: Buffer.from("two"), SecretId: NAME }));

		const described = await client.send(new DescribeSecretCommand({ SecretId: NAME }));

		expect(described.VersionIdsToStages).toEqual({
			[created.VersionId ?? ""]: ["AWSPREVIOUS"],
			[replaced.VersionId ?? ""]: ["AWSCURRENT"],
		});
		expect(await read({ VersionStage: "AWSPREVIOUS" })).toBe("one");
		expect(aws.secrets.get(NAME)).toEqual(Buffer.from("two"));
	});

	it("refuse a name twice, and create one without a value", async () => {
		await client.send(new CreateSecretCommand({ Name: NAME }));

		await expect(client.send(new CreateSecretCommand({ Name: NAME }))).rejects.toMatchObject({ name: "ResourceExistsException" });
		await expect(read()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
	});

	it("take a repeated request for one, and refuse another value under the same token", async () => {
		aws.secrets.put(NAME, "zero");
		const ClientRequestToken = "11111111-1111-1111-1111-111111111111";
		const put = (SecretString: string) => client.send(new PutSecretValueCommand({ ClientRequestToken, SecretId: NAME, SecretString }));

		await put("one");
		const repeated = await put("one");

		expect(repeated).toMatchObject({ VersionId: ClientRequestToken, VersionStages: ["AWSCURRENT"] });
		expect(Object.keys(aws.secrets.versions(NAME))).toHaveLength(2);
		await expect(put("two")).rejects.toMatchObject({ name: "ResourceExistsException" });
		const asBytes = client.send(new PutSecretValueCommand({ ClientRequestToken, SecretBinary: Buffer.from("one"), SecretId: NAME }));
		await expect(asBytes).rejects.toMatchObject({ name: "ResourceExistsException" });
	});

	it("refuse a value twice over, and no value", async () => {
		aws.secrets.put(NAME, "zero");

		const both = client.send(new PutSecretValueCommand({ SecretBinary: Buffer.from("x"), SecretId: NAME, SecretString: "x" }));
		const neither = client.send(new PutSecretValueCommand({ SecretId: NAME }));

		await expect(both).rejects.toMatchObject({ name: "InvalidParameterException" });
		await expect(neither).rejects.toMatchObject({ name: "InvalidRequestException" });
	});
});

describe("UpdateSecretVersionStage", () => {
	it("moves AWSCURRENT and leaves AWSPREVIOUS where it came from, so that a read without a stage sees the new version", async () => {
		const currentId = aws.secrets.put(NAME, "current");
		const pendingId = aws.secrets.put(NAME, "pending", { stages: ["AWSPENDING"] });

		await client.send(
			new UpdateSecretVersionStageCommand({
				MoveToVersionId: pendingId,
				RemoveFromVersionId: currentId,
				SecretId: NAME,
				VersionStage: "AWSCURRENT",
			}),
		);

		expect(await read()).toBe("pending");
		expect(aws.secrets.versions(NAME)).toEqual({ [currentId]: ["AWSPREVIOUS"], [pendingId]: ["AWSPENDING", "AWSCURRENT"] });
	});

	it("takes a move to where the stage already is for done", async () => {
		const currentId = aws.secrets.put(NAME, "current");

		await client.send(new UpdateSecretVersionStageCommand({ MoveToVersionId: currentId, SecretId: NAME, VersionStage: "AWSCURRENT" }));

		expect(aws.secrets.versions(NAME)).toEqual({ [currentId]: ["AWSCURRENT"] });
	});

	it("removes a stage that is named with its version", async () => {
		const currentId = aws.secrets.put(NAME, "current", { stages: ["AWSCURRENT", "AWSPENDING"] });

		await client.send(
			new UpdateSecretVersionStageCommand({ RemoveFromVersionId: currentId, SecretId: NAME, VersionStage: "AWSPENDING" }),
		);

		expect(aws.secrets.versions(NAME)).toEqual({ [currentId]: ["AWSCURRENT"] });
	});

	it("refuses to take a stage from a version that is not named, and to leave no version AWSCURRENT", async () => {
		const currentId = aws.secrets.put(NAME, "current");
		const pendingId = aws.secrets.put(NAME, "pending", { stages: ["AWSPENDING"] });
		const move = (input: object) =>
			client.send(new UpdateSecretVersionStageCommand({ SecretId: NAME, VersionStage: "AWSCURRENT", ...input }));

		await expect(move({ MoveToVersionId: pendingId })).rejects.toMatchObject({ name: "InvalidParameterException" });
		await expect(move({ MoveToVersionId: pendingId, RemoveFromVersionId: pendingId })).rejects.toMatchObject({
			name: "InvalidParameterException",
		});
		await expect(move({ RemoveFromVersionId: currentId })).rejects.toMatchObject({ name: "InvalidParameterException" });
		expect(await read()).toBe("current");
	});
});

describe("RotateSecret", () => {
	it("leaves a pending version without a value where the rotation function does nothing", async () => {
		aws.secrets.put(NAME, "one");

		const { VersionId = "" } = await client.send(new RotateSecretCommand({ RotationLambdaARN: "arn:aws:lambda:test", SecretId: NAME }));
		await aws.secrets.rotationEnd(NAME);

		const described = await client.send(new DescribeSecretCommand({ SecretId: NAME }));
		expect(described).toMatchObject({ RotationEnabled: true, RotationLambdaARN: "arn:aws:lambda:test" });
		expect(described.VersionIdsToStages?.[VersionId]).toEqual(["AWSPENDING"]);
		await expect(read({ VersionStage: "AWSPENDING" })).rejects.toMatchObject({ name: "ResourceNotFoundException" });
		expect(await read()).toBe("one");
	});

	it("answers, then runs the four steps of a rotation function, which works through the SDK as a Lambda does", async () => {
		aws.secrets.put(NAME, "one");
		const steps: string[] = [];
		aws.secrets.setRotationFunction(NAME, async (event) => {
			steps.push(`${event.step} after ${String(aws.calls.list.find(({ operation }) => operation === "RotateSecret")?.status)}`);
			await rotateAsLambda(event);
		});

		await client.send(new RotateSecretCommand({ SecretId: NAME }));
		await aws.secrets.rotationEnd(NAME);

		expect(steps).toEqual(["createSecret after 200", "setSecret after 200", "testSecret after 200", "finishSecret after 200"]);
		expect([await read(), await read({ VersionStage: "AWSPREVIOUS" })]).toEqual(["next to one", "one"]);
		expect((await client.send(new DescribeSecretCommand({ SecretId: NAME }))).LastRotatedDate).toBeInstanceOf(Date);
	});

	it("may run again while AWSPENDING is still on what has become current", async () => {
		aws.secrets.put(NAME, "one");
		aws.secrets.setRotationFunction(NAME, rotateAsLambda);

		for (let turn = 0; turn < 2; turn += 1) {
			await client.send(new RotateSecretCommand({ SecretId: NAME }));
			await aws.secrets.rotationEnd(NAME);
		}

		expect(await read()).toBe("next to next to one");
	});

	it("leaves no unhandled rejection behind when the end of a rotation is not awaited", async () => {
		const onUnhandled = jest.fn();
		process.on("unhandledRejection", onUnhandled);
		aws.secrets.put(NAME, "one");
		const rotate = jest.fn(() => Promise.reject(new Error("the database is not there")));
		aws.secrets.setRotationFunction(NAME, rotate);

		await client.send(new RotateSecretCommand({ SecretId: NAME }));
		for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
		process.off("unhandledRejection", onUnhandled);

		expect(rotate).toHaveBeenCalledTimes(1);
		expect(onUnhandled).not.toHaveBeenCalled();
	});

	it("reports the failure of a rotation function, and refuses the next rotation while the pending version is there", async () => {
		aws.secrets.put(NAME, "one");
		aws.secrets.setRotationFunction(NAME, ({ step }) => {
			if (step === "setSecret") throw new Error("the database is not there");
		});

		await client.send(new RotateSecretCommand({ SecretId: NAME }));

		await expect(aws.secrets.rotationEnd(NAME)).rejects.toThrow("the database is not there");
		await expect(client.send(new RotateSecretCommand({ SecretId: NAME }))).rejects.toMatchObject({ name: "InvalidRequestException" });
		expect((await client.send(new DescribeSecretCommand({ SecretId: NAME }))).LastRotatedDate).toBeUndefined();
	});

	it("only enables rotation when it is not to begin at once", async () => {
		aws.secrets.put(NAME, "one");

		await client.send(
			new RotateSecretCommand({
				RotateImmediately: false,
				RotationLambdaARN: "arn:aws:lambda:test",
				RotationRules: { AutomaticallyAfterDays: 7 },
				SecretId: NAME,
			}),
		);

		const described = await client.send(new DescribeSecretCommand({ SecretId: NAME }));
		expect(described).toMatchObject({ RotationEnabled: true, RotationRules: { AutomaticallyAfterDays: 7 } });
		expect(Object.values(described.VersionIdsToStages ?? {})).toEqual([["AWSCURRENT"]]);
	});

	it("refuses a secret that nothing rotates", async () => {
		aws.secrets.put(NAME, "one");

		await expect(client.send(new RotateSecretCommand({ SecretId: NAME }))).rejects.toMatchObject({ name: "InvalidRequestException" });
	});
});

describe("the vault", () => {
	it("moves and removes stages, AWSPREVIOUS following by itself also on the way back", async () => {
		const firstId = aws.secrets.put(NAME, "first");
		const secondId = aws.secrets.put(NAME, "second");

		aws.secrets.moveStage(NAME, "AWSCURRENT", firstId);
		const afterRollback = aws.secrets.versions(NAME);
		aws.secrets.moveStage(NAME, "AWSPREVIOUS", undefined);

		expect(afterRollback).toEqual({ [firstId]: ["AWSCURRENT"], [secondId]: ["AWSPREVIOUS"] });
		expect(aws.secrets.versions(NAME)).toEqual({ [firstId]: ["AWSCURRENT"], [secondId]: [] });
		expect(aws.secrets.get(NAME, "AWSPREVIOUS")).toBeUndefined();
	});

	it("leaves versions without a stage out of DescribeSecret", async () => {
		const firstId = aws.secrets.put(NAME, "first");
		aws.secrets.put(NAME, "second");
		aws.secrets.put(NAME, "third");

		const described = await client.send(new DescribeSecretCommand({ SecretId: NAME }));

		expect(Object.keys(described.VersionIdsToStages ?? {})).toHaveLength(2);
		expect(await read({ VersionId: firstId })).toBe("first");
	});

	it("removes a secret", async () => {
		aws.secrets.put(NAME, "first");

		expect([aws.secrets.delete(NAME), aws.secrets.delete(NAME)]).toEqual([true, false]);
		await expect(read()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
	});
});
