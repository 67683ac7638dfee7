/** The endpoint as Parameter Store, asked by the unmodified SDK. */
import {
	GetParameterCommand,
	GetParametersByPathCommand,
	GetParametersCommand,
	PutParameterCommand,
	SSMClient,
	paginateGetParametersByPath,
} from "@aws-sdk/client-ssm";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";

let aws: FakeAws;
let client: SSMClient;

beforeEach(async () => {
	aws = await startFakeAws();
	client = new SSMClient(aws.clientConfig);
});

afterEach(async () => {
	client.destroy();
	await aws.stop();
});

describe("GetParameter", () => {
	it("answers with value, type, version and ARN, by name and by ARN", async () => {
		aws.parameters.put("/app/prod/host", "old");
		aws.parameters.put("/app/prod/host", "db.internal");

		const byName = await client.send(new GetParameterCommand({ Name: "/app/prod/host" }));
		const byArn = await client.send(new GetParameterCommand({ Name: byName.Parameter?.ARN }));

		expect(byName.Parameter).toMatchObject({
			ARN: "arn:aws:ssm:eu-west-1:123456789012:parameter/app/prod/host",
			LastModifiedDate: expect.any(Date),
			Name: "/app/prod/host",
			Type: "String",
			Value: "db.internal",
			Version: 2,
		});
		expect(byArn.Parameter).toEqual(byName.Parameter);
	});

	it("answers ParameterNotFound with status 400", async () => {
		const attempt = client.send(new GetParameterCommand({ Name: "/missing" }));

		await expect(attempt).rejects.toMatchObject({ $metadata: { attempts: 1, httpStatusCode: 400 }, name: "ParameterNotFound" });
	});

	it("keeps a SecureString encrypted unless decryption is asked for", async () => {
		aws.parameters.put("/app/password", "hunter2", "SecureString");

		const encrypted = await client.send(new GetParameterCommand({ Name: "/app/password" }));
		const decrypted = await client.send(new GetParameterCommand({ Name: "/app/password", WithDecryption: true }));

		expect(encrypted.Parameter?.Value).toMatch(/^AQICAH/);
		expect(Buffer.from(encrypted.Parameter?.Value ?? "", "base64").toString("latin1")).not.toContain("hunter2");
		expect(decrypted.Parameter?.Value).toBe("hunter2");
	});
});

describe("GetParameters", () => {
	it("separates the names that do not exist, and sorts the rest by name", async () => {
		aws.parameters.putMany({ "/a": "1", "/b": "2" });

		const answer = await client.send(new GetParametersCommand({ Names: ["/nowhere", "/b", "/a"] }));

		expect(answer.Parameters?.map(({ Name, Value }) => [Name, Value])).toEqual([
			["/a", "1"],
			["/b", "2"],
		]);
		expect(answer.InvalidParameters).toEqual(["/nowhere"]);
	});

	it.each([0, 11])("refuses %i names", async (count) => {
		const Names = Array.from({ length: count }, (_, index) => `/p${index}`);

		await expect(client.send(new GetParametersCommand({ Names }))).rejects.toMatchObject({ name: "ValidationException" });
	});
});

describe("GetParametersByPath", () => {
	it("pages by ten through everything below the path, and through nothing beside it", async () => {
		aws.parameters.putMany(
			Object.fromEntries(Array.from({ length: 23 }, (_, index) => [`/app/prod/p${String(index).padStart(2, "0")}`, "x"])),
		);
		aws.parameters.putMany({ "/app/production": "beside", "/app/prod/deep/er": "below" });

		const sizes: number[] = [];
		const names: (string | undefined)[] = [];
		for await (const page of paginateGetParametersByPath({ client }, { Path: "/app/prod", Recursive: true })) {
			sizes.push(page.Parameters?.length ?? 0);
			names.push(...(page.Parameters ?? []).map(({ Name }) => Name));
		}

		expect(sizes).toEqual([10, 10, 4]);
		expect(new Set(names).size).toBe(24);
		expect(names).toContain("/app/prod/deep/er");
		expect(names).not.toContain("/app/production");
	});

	it("ends without a token when the last page is just full", async () => {
		aws.parameters.putMany(Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`/full/p${index}`, "x"])));

		const answer = await client.send(new GetParametersByPathCommand({ Path: "/full" }));

		expect(answer.Parameters).toHaveLength(10);
		expect(answer.NextToken).toBeUndefined();
	});

	it("lists direct children only when it is not recursive", async () => {
		aws.parameters.putMany({ "/app/child": "1", "/app/deep/grandchild": "2" });

		const answer = await client.send(new GetParametersByPathCommand({ Path: "/app" }));

		expect(answer.Parameters?.map(({ Name }) => Name)).toEqual(["/app/child"]);
	});

	it("may answer empty pages that go on", async () => {
		aws.parameters.put("/app/only", "1");
		aws.parameters.emptyPageCount = 2;

		const sizes: number[] = [];
		for await (const page of paginateGetParametersByPath({ client }, { Path: "/app" })) sizes.push(page.Parameters?.length ?? 0);

		expect(sizes).toEqual([0, 0, 1]);
	});

	it.each([
		["ValidationException", { MaxResults: 11, Path: "/app" }],
		["ValidationException", { MaxResults: 0, Path: "/app" }],
		["ValidationException", { Path: "app" }],
		["InvalidNextToken", { NextToken: "invented", Path: "/app" }],
	])("answers %s to %j", async (name, input) => {
		await expect(client.send(new GetParametersByPathCommand(input))).rejects.toMatchObject({ name });
	});

	it("refuses a token that belongs to another path", async () => {
		aws.parameters.putMany({ "/app/a": "1", "/app/b": "2" });
		const { NextToken } = await client.send(new GetParametersByPathCommand({ MaxResults: 1, Path: "/app" }));

		const attempt = client.send(new GetParametersByPathCommand({ NextToken, Path: "/other" }));

		await expect(attempt).rejects.toMatchObject({ name: "InvalidNextToken" });
	});
});

describe("PutParameter", () => {
	it("creates, refuses to overwrite silently, and overwrites when told to", async () => {
		const created = await client.send(new PutParameterCommand({ Name: "/new", Type: "SecureString", Value: "one" }));
		const refused = client.send(new PutParameterCommand({ Name: "/new", Value: "two" }));
		await expect(refused).rejects.toMatchObject({ name: "ParameterAlreadyExists" });
		const overwritten = await client.send(new PutParameterCommand({ Name: "/new", Overwrite: true, Value: "three" }));

		const read = await client.send(new GetParameterCommand({ Name: "/new", WithDecryption: true }));

		expect([created.Version, overwritten.Version]).toEqual([1, 2]);
		expect(read.Parameter).toMatchObject({ Type: "SecureString", Value: "three", Version: 2 });
	});

	it.each([
		{ Name: "/typeless", Value: "x" },
		{ Name: "/long", Type: "String" as const, Value: "x".repeat(4_097) },
		{ Name: "/empty", Type: "String" as const, Value: "" },
	])("refuses an input without type, or with a value of the wrong length", async (input) => {
		await expect(client.send(new PutParameterCommand(input))).rejects.toMatchObject({ name: "ValidationException" });
		expect(aws.parameters.get(input.Name)).toBeUndefined();
	});
});

describe("the table", () => {
	it("hands out and removes parameters", async () => {
		aws.parameters.put("/app/list", "a,b", "StringList");

		expect(aws.parameters.get("/app/list")).toBe("a,b");
		expect([aws.parameters.delete("/app/list"), aws.parameters.delete("/app/list")]).toEqual([true, false]);
		await expect(client.send(new GetParameterCommand({ Name: "/app/list" }))).rejects.toMatchObject({ name: "ParameterNotFound" });
	});
});
