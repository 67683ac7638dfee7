/** Which events of a whole queue are about our secret. */
import { isSameSecret, readSecretChange } from "../../../src/aws/secret-changed-event.js";

const NAME = "app/database";
const ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/database-a1B2c3";

const LABEL_UPDATED = {
	detail: { arn: ARN, labelUpdated: "AWSCURRENT", name: NAME },
	"detail-type": "Secret Label Updated",
	resources: [ARN],
	source: "aws.secretsmanager",
};
const ROTATION_SUCCEEDED = {
	detail: { additionalEventData: { SecretId: ARN }, eventName: "RotationSucceeded", eventSource: "secretsmanager.amazonaws.com" },
	"detail-type": "AWS Service Event via CloudTrail",
	source: "aws.secretsmanager",
};

/** A call of the service, as CloudTrail reports it to EventBridge. */
function callOf(eventName: string, requestParameters: object, rest: object = {}): Record<string, unknown> {
	return {
		account: "123456789012",
		detail: { eventName, eventSource: "secretsmanager.amazonaws.com", requestParameters, responseElements: { arn: ARN }, ...rest },
		"detail-type": "AWS API Call via CloudTrail",
		region: "eu-central-1",
		source: "aws.secretsmanager",
	};
}

describe("readSecretChange", () => {
	it.each([
		["PutSecretValue", { secretId: ARN }],
		["PutSecretValue", { secretId: ARN, versionStages: ["AWSCURRENT"] }],
		["UpdateSecret", { secretId: ARN }],
		["UpdateSecretVersionStage", { secretId: ARN, versionStage: "AWSCURRENT" }],
	])("reads that a call of %s with %j may have changed AWSCURRENT", (eventName, request) => {
		expect(readSecretChange(callOf(eventName, request))).toEqual({ secretIds: [ARN, ARN] });
	});

	it.each([
		["PutSecretValue", { secretId: ARN, versionStages: ["AWSPENDING"] }, {}],
		["UpdateSecretVersionStage", { secretId: ARN, versionStage: "AWSPENDING" }, {}],
		["PutSecretValue", { secretId: ARN }, { errorCode: "AccessDenied" }],
		["GetSecretValue", { secretId: ARN }, {}],
		["DescribeSecret", { secretId: ARN }, {}],
	])("ignores a call of %s with %j %j", (eventName, request, rest) => {
		expect(readSecretChange(callOf(eventName, request, rest))).toBeUndefined();
	});

	it.each([
		["SQS", (text: string) => ({ body: text, eventSource: "aws:sqs" })],
		["SQS behind SNS", (text: string) => ({ body: JSON.stringify({ Message: text, Type: "Notification" }), eventSource: "aws:sqs" })],
		["SNS", (text: string) => ({ EventSource: "aws:sns", Sns: { Message: text, Type: "Notification" } })],
	])("reads each record that a function gets from %s, and skips the others", (_, wrap) => {
		const event = { Records: ["hello", LABEL_UPDATED, null, ROTATION_SUCCEEDED].map((record) => wrap(JSON.stringify(record))) };

		expect(readSecretChange(event)).toEqual({ secretIds: [NAME, ARN, ARN, ARN] });
		expect(readSecretChange(JSON.stringify(event))).toEqual(readSecretChange(event));
	});

	it.each([{ Records: [] }, { Records: [{ body: "hello" }, 7, null] }, { Records: "hello" }])("ignores %j", (event) => {
		expect(readSecretChange(event)).toBeUndefined();
	});

	it("reads a detail that is a JSON text", () => {
		expect(readSecretChange({ ...LABEL_UPDATED, detail: JSON.stringify(LABEL_UPDATED.detail) })).toEqual(
			readSecretChange(LABEL_UPDATED),
		);
	});

	it("reads that AWSCURRENT moved, under every name of the secret", () => {
		expect(readSecretChange(LABEL_UPDATED)).toEqual({ secretIds: [NAME, ARN, ARN] });
	});

	it("reads that a rotation succeeded", () => {
		expect(readSecretChange(ROTATION_SUCCEEDED)).toEqual({ secretIds: [ARN] });
	});

	it.each([LABEL_UPDATED, ROTATION_SUCCEEDED])("reads the JSON text of an event as well (%#)", (event) => {
		expect(readSecretChange(JSON.stringify(event))).toEqual(readSecretChange(event));
	});

	it.each([LABEL_UPDATED, ROTATION_SUCCEEDED])(
		"reads an event inside a notification of SNS, as an object and as a text (%#)",
		(event) => {
			const notification = { Message: JSON.stringify(event), Type: "Notification" };

			expect(readSecretChange(notification)).toEqual(readSecretChange(event));
			expect(readSecretChange(JSON.stringify(notification))).toEqual(readSecretChange(event));
		},
	);

	it("takes a label update that does not name the label for one", () => {
		const detail = { ...LABEL_UPDATED.detail, labelUpdated: undefined };

		expect(readSecretChange({ ...LABEL_UPDATED, detail })).toBeDefined();
	});

	it.each(["AWSPENDING", "AWSPREVIOUS", "", null])("ignores the label %j, which applications do not use", (labelUpdated) => {
		expect(readSecretChange({ ...LABEL_UPDATED, detail: { ...LABEL_UPDATED.detail, labelUpdated } })).toBeUndefined();
	});

	it.each([
		["another event of the service", { ...LABEL_UPDATED, "detail-type": "Secret Deleted" }],
		["another call", { ...ROTATION_SUCCEEDED, detail: { ...ROTATION_SUCCEEDED.detail, eventName: "RotationStarted" } }],
		["a text that is no JSON", "hunter2"],
		["a JSON text that is no object", "42"],
		["an array", [LABEL_UPDATED]],
		["null", null],
		["nothing", undefined],
		["a number", 7],
		["an envelope without a detail", { "detail-type": "Something" }],
		["a detail that is a text", { detail: "RotationSucceeded" }],
		["a notification of SNS about something else", { Message: "hello", Type: "Notification" }],
		["a notification of SNS without a message", { Type: "Notification" }],
		["a message of SNS that is no notification", { Message: JSON.stringify(LABEL_UPDATED), Type: "SubscriptionConfirmation" }],
	])("ignores %s", (_, event) => {
		expect(readSecretChange(event)).toBeUndefined();
	});

	it("takes a name for one of the event's own account and region", () => {
		const event = { ...LABEL_UPDATED, account: "123456789012", detail: { name: NAME }, region: "eu-central-1", resources: [] };

		const [id = ""] = readSecretChange(event)?.secretIds ?? [];

		expect(id).toBe(ARN.slice(0, -7));
		expect([ARN, ARN.slice(0, -7), NAME].map((known) => isSameSecret(id, known))).toEqual([true, true, true]);
		for (const [from, to] of [
			["123456789012", "210987654321"],
			["eu-central-1", "us-east-1"],
		] as const) {
			expect(isSameSecret(id, ARN.replace(from, to))).toBe(false);
		}
	});

	it("puts a name into the partition of its region", () => {
		const event = { ...LABEL_UPDATED, account: "1", detail: { name: NAME }, region: "eusc-de-east-1", resources: [] };

		expect(readSecretChange(event)).toEqual({ secretIds: [`arn:aws-eusc:secretsmanager:eusc-de-east-1:1:secret:${NAME}`] });
	});

	it.each([
		["account", { account: "210987654321" }],
		["region", { region: "us-east-1" }],
	])("passes over ARNs of another %s than the event's own", (_, place) => {
		const event = { ...LABEL_UPDATED, ...place, detail: { arn: ARN, labelUpdated: "AWSCURRENT" } };

		expect(readSecretChange(event)).toEqual({ secretIds: [] });
	});

	it.each([LABEL_UPDATED, ROTATION_SUCCEEDED])("ignores an event of another source (%#)", (event) => {
		for (const source of ["aws.s3", "com.example", "", null]) expect(readSecretChange({ ...event, source })).toBeUndefined();
	});

	it("ignores what is no event and larger than one, at once", () => {
		const huge = [
			"[".repeat(1_000_000),
			JSON.stringify({ ...LABEL_UPDATED, padding: "x".repeat(300_000) }),
			{ Message: "[".repeat(1_000_000), Type: "Notification" },
		];
		const before = process.cpuUsage().user;

		expect(huge.map(readSecretChange)).toEqual([undefined, undefined, undefined]);
		expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(500);
	});

	it("looks at no more than a hundred resources", () => {
		const resources = Array.from({ length: 200_000 }, () => ARN);

		expect(readSecretChange({ ...LABEL_UPDATED, detail: {}, resources })?.secretIds).toHaveLength(100);
	});

	it("ignores an event that throws when it is read", () => {
		const throwing = (name: string): object =>
			Object.defineProperty({ ...LABEL_UPDATED }, name, {
				get: () => {
					throw new Error("no");
				},
			});

		expect(["detail", "source", "Type", "resources"].map((name) => readSecretChange(throwing(name)))).toEqual(Array(4).fill(undefined));
	});

	it("passes over ids that are none", () => {
		const event = { ...LABEL_UPDATED, detail: { arn: 7, name: "" }, resources: [null, ARN, ["x"]] };

		expect(readSecretChange(event)).toEqual({ secretIds: [ARN] });
	});

	it("passes over resources that are no list", () => {
		expect(readSecretChange({ ...LABEL_UPDATED, resources: ARN })).toEqual({ secretIds: [NAME, ARN] });
	});
});

describe("isSameSecret", () => {
	it.each([
		["a name and itself", NAME, NAME],
		["an ARN and itself", ARN, ARN],
		["an ARN and the name in it", ARN, NAME],
		["a name and its ARN", NAME, ARN],
		["a name that ends like an ARN's suffix, and its ARN", "app/my-secret", ARN.replace(NAME, "app/my-secret")],
		["an ARN and one without the suffix", ARN, ARN.slice(0, -7)],
		["an ARN without the suffix and the full one", ARN.slice(0, -7), ARN],
		[
			"an ARN without the suffix whose name ends like one, and the full one",
			ARN.replace(`${NAME}-a1B2c3`, "my-secret"),
			ARN.replace(NAME, "my-secret"),
		],
		["an ARN without the suffix whose name ends like one, and the name", ARN.replace(`${NAME}-a1B2c3`, "my-secret"), "my-secret"],
		["the ARNs of a secret that was deleted and made again under its name", ARN, ARN.replace("a1B2c3", "x9Y8z7")],
		["a name with a colon and its ARN", "app:database", ARN.replace(NAME, "app:database")],
	])("is true for %s", (_, left, right) => {
		expect(isSameSecret(left, right)).toBe(true);
		expect(isSameSecret(right, left)).toBe(true);
	});

	it.each([
		["two names", NAME, "app/other"],
		["an ARN and another name", ARN, "app/other"],
		["an ARN and a part of its name", ARN, "database"],
		["ARNs of two regions", ARN, ARN.replace("eu-central-1", "us-east-1")],
		["ARNs of two accounts", ARN, ARN.replace("123456789012", "210987654321")],
		["ARNs of two names", ARN, ARN.replace("database", "databases")],
		["a name and one with a suffix as an ARN has it", NAME, `${NAME}-a1B2c3`],
	])("is false for %s", (_, left, right) => {
		expect(isSameSecret(left, right)).toBe(false);
		expect(isSameSecret(right, left)).toBe(false);
	});
});
