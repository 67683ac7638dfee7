/** Events of AWS say that a secret changed: a rotation follows at once where it is this connector's, and nothing happens where it is not. */
import { ConnectorClosedError } from "../../../src/errors/errors.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";
import { LATEST_TYPEORM, typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

/** What AWS sends is the same to every TypeORM. */

let scene: Scene;
let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

interface SecretEvent {
	readonly detail: Readonly<Record<string, unknown>>;
	readonly "detail-type": string;
	readonly [field: string]: unknown;
}

/** What Secrets Manager sends when a label moves, with every field that EventBridge adds. */
function labelUpdated(name: string, labelUpdated = "AWSCURRENT"): SecretEvent {
	return {
		account: "123456789012",
		detail: { labelUpdated, name, versionId: "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111" },
		"detail-type": "Secret Label Updated",
		id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
		region: "eu-west-1",
		resources: [servers.aws.secrets.arn(name)],
		source: "aws.secretsmanager",
		time: "2026-02-06T16:43:48Z",
		version: "0",
	};
}

/** What CloudTrail hands on when Secrets Manager has rotated a secret. */
function rotationSucceeded(name: string, eventName = "RotationSucceeded"): SecretEvent {
	return {
		account: "123456789012",
		detail: {
			additionalEventData: { SecretId: servers.aws.secrets.arn(name) },
			awsRegion: "eu-west-1",
			eventCategory: "Management",
			eventID: "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE",
			eventName,
			eventSource: "secretsmanager.amazonaws.com",
			eventTime: "2026-02-06T16:43:48Z",
			eventType: "AwsServiceEvent",
			eventVersion: "1.08",
			managementEvent: true,
			readOnly: false,
			recipientAccountId: "123456789012",
			requestParameters: null,
			responseElements: null,
			userAgent: "secretsmanager.amazonaws.com",
			userIdentity: { accountId: "123456789012", invokedBy: "secretsmanager.amazonaws.com" },
		},
		"detail-type": "AWS Service Event via CloudTrail",
		id: "e1b2c3d4-0000-1111-2222-333344445555",
		region: "eu-west-1",
		resources: [],
		source: "aws.secretsmanager",
		time: "2026-02-06T16:43:48Z",
		version: "0",
	};
}

/** How a topic of SNS wraps what it hands to a queue. */
function wrapForQueue(event: SecretEvent): string {
	return JSON.stringify({
		Message: JSON.stringify(event),
		MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
		Timestamp: "2026-02-06T16:43:49.123Z",
		TopicArn: "arn:aws:sns:eu-west-1:123456789012:secret-changes",
		Type: "Notification",
	});
}

function countFetches(): number {
	return servers.aws.calls.list.filter(({ input }) => input["VersionStage"] === "AWSCURRENT").length;
}

async function start(options: Partial<Parameters<typeof startScene>[1]> = {}): Promise<void> {
	scene = await startScene(servers, { version: LATEST_TYPEORM, ...options });
	servers.aws.calls.clear();
}

describe.each(typeOrmVersionsFor("postgres"))("An event on TypeORM $label", (version) => {
	it.each([
		["Secret Label Updated", labelUpdated],
		["RotationSucceeded", rotationSucceeded],
	])("%s of this secret rotates once", async (_, makeEvent) => {
		await start({ version });
		await scene.alternate();

		const result = await scene.rotator.notifySecretChanged(makeEvent(scene.secretId));

		expect(result).toMatchObject({ outcome: "rotated" });
		expect(countFetches()).toBe(1);
		expect(scene.events).toContainEqual(expect.objectContaining({ trigger: "secret-changed", type: "rotation.succeeded" }));
		await scene.waitForUser(scene.users[1]);
	});
});

describe("An event", () => {
	it.each<[string, () => unknown]>([
		["an object", () => labelUpdated(scene.secretId)],
		["its JSON text, as in a queue", () => JSON.stringify(labelUpdated(scene.secretId))],
		["a queue's message that came by way of a topic", () => wrapForQueue(labelUpdated(scene.secretId))],
		["that message as an object", () => JSON.parse(wrapForQueue(rotationSucceeded(scene.secretId)))],
	])("is understood as %s", async (_, makeEvent) => {
		await start();
		await scene.alternate();

		await expect(scene.rotator.notifySecretChanged(makeEvent())).resolves.toMatchObject({ outcome: "rotated" });
	});

	it("is about a secret that is configured by its ARN, too", async () => {
		await start();
		const { database, secretId } = scene;
		await scene.stop();
		await start({ config: { databaseName: database, secretId: servers.aws.secrets.arn(secretId) } });

		const results = [labelUpdated(secretId), rotationSucceeded(secretId)].map(async (event) =>
			scene.rotator.notifySecretChanged(event),
		);

		expect(await Promise.all(results)).toEqual([{ outcome: "unchanged" }, { outcome: "unchanged" }]);
	});

	it("about another secret, or about none, is ignored without asking AWS", async () => {
		await start();
		servers.aws.secrets.put("app/another", { password: "x", username: "y" });
		const { secretId } = scene;
		const events: unknown[] = [
			labelUpdated("app/another"),
			rotationSucceeded("app/another"),
			wrapForQueue(labelUpdated("app/another")),
			labelUpdated(secretId, "AWSPENDING"),
			labelUpdated(secretId, "my-own-label"),
			rotationSucceeded(secretId, "RotationStarted"),
			rotationSucceeded(secretId, "RotationFailed"),
			{ ...labelUpdated(secretId), "detail-type": "AWS API Call via CloudTrail" },
			{ detail: { name: secretId }, "detail-type": "EC2 Instance State-change Notification", source: "aws.ec2" },
			wrapForQueue({ detail: {}, "detail-type": "Parameter Store Change" }),
			{ Message: "no JSON", Type: "Notification" },
			{ Message: 7, Type: "Notification" },
			"no JSON",
			"null",
			"[]",
			"",
			[],
			null,
			undefined,
			7,
			true,
		];

		const results = await Promise.all(events.map(async (event) => scene.rotator.notifySecretChanged(event)));

		expect(results).toEqual(events.map((_, index) => (index < 3 ? { outcome: "ignored" } : undefined)));
		expect(servers.aws.calls.count()).toBe(0);
		expect(scene.events).toEqual([]);
	});

	it("that comes many times at once rotates once", async () => {
		await start();
		await scene.alternate();

		const results = await Promise.all(
			Array.from({ length: 40 }, async () => scene.rotator.notifySecretChanged(labelUpdated(scene.secretId))),
		);

		expect(results).toEqual(results.map(() => ({ generation: 2, outcome: "rotated", waitingServers: [] })));
		expect(countFetches()).toBe(1);
	});

	it("that comes while a rotation is under way, which has read the secret before, rotates once more", async () => {
		const proxy = await startTcpProxy({ target: servers.server });
		await start({ endpoint: proxy });
		await scene.alternate();
		proxy.hold();
		const underWay = scene.rotator.rotateDatabaseConnection();
		await waitUntil("the replacement connects", () => scene.rotator.describe().includes("state=staging"));

		await scene.alternate();
		const results = Promise.all([1, 2].map(async () => scene.rotator.notifySecretChanged(labelUpdated(scene.secretId))));
		await proxy.thaw();

		expect(await underWay).toEqual({ generation: 2, outcome: "rotated", waitingServers: [] });
		expect(await results).toEqual([1, 2].map(() => ({ generation: 3, outcome: "rotated", waitingServers: [] })));
		expect(countFetches()).toBe(2);
		await scene.waitForUser(scene.users[0]);
	});

	it("that comes after the end is refused, if it concerns this secret", async () => {
		await start();
		await scene.stop();

		await expect(scene.rotator.notifySecretChanged(labelUpdated(scene.secretId))).rejects.toThrow(ConnectorClosedError);
		await expect(scene.rotator.notifySecretChanged("no JSON")).resolves.toBeUndefined();
	});
});
