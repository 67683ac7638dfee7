/** The region of the environment, for every client: both variables, the one of the SDK first. */
import { SSMClient } from "@aws-sdk/client-ssm";

import { withAwsClientDefaults } from "../../../src/aws/aws-client-defaults.js";
import { readEnvironmentRegion } from "../../../src/aws/aws-region.js";

const environment = { ...process.env };

beforeEach(() => {
	delete process.env["AWS_REGION"];
	delete process.env["AWS_DEFAULT_REGION"];
});

afterEach(() => {
	process.env = { ...environment };
});

it.each([
	[{}, undefined],
	[{ AWS_DEFAULT_REGION: "eu-west-1" }, "eu-west-1"],
	[{ AWS_REGION: "eu-west-1" }, "eu-west-1"],
	[{ AWS_DEFAULT_REGION: "us-east-1", AWS_REGION: "eu-west-1" }, "eu-west-1"],
	[{ AWS_DEFAULT_REGION: "us-east-1", AWS_REGION: " " }, "us-east-1"],
	[{ AWS_DEFAULT_REGION: "", AWS_REGION: "" }, undefined],
])("is read from %p", (given, region) => {
	expect(readEnvironmentRegion(given)).toBe(region);
});

it("reaches the clients of the SDK, which does not read AWS_DEFAULT_REGION", async () => {
	process.env["AWS_DEFAULT_REGION"] = "eu-central-1";

	const client = new SSMClient(withAwsClientDefaults({}));

	await expect(client.config.region()).resolves.toBe("eu-central-1");
	client.destroy();
});

it("gives way to the region of the configuration", async () => {
	process.env["AWS_DEFAULT_REGION"] = "eu-central-1";

	expect(withAwsClientDefaults({ region: "us-west-2" })).toMatchObject({ region: "us-west-2" });
});
