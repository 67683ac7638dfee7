/** AWS answers, but not with the secret: twenty rotations fail, no caller is affected, and rotation resumes by itself. */
import { startWatchedScene } from "../support/invariants.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { typeOrmVersionsFor } from "../support/typeorm-versions.js";

const FAULTS = [
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "decryption-failure" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "denied" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "expired-token" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "html-error" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "malformed-body" },
	{ code: "ERR_CONNECTOR_SECRET_NOT_FOUND", kind: "not-found" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "reset" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "server-error" },
	{ code: "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", kind: "throttle" },
] as const;

/** What Secrets Manager says of a secret in its days of grace. */
const SCHEDULED_FOR_DELETION = {
	errorMessage: "You can't perform this operation on the secret because it was marked for deletion.",
	errorName: "InvalidRequestException",
	kind: "custom-error",
	operation: "GetSecretValue",
} as const;

let servers: SceneServers;

beforeAll(async () => {
	// The pauses between the SDK's own attempts would make twenty rotations take a minute.
	process.env["AWS_MAX_ATTEMPTS"] = "1";
	servers = await startSceneServers();
});

afterAll(async () => {
	delete process.env["AWS_MAX_ATTEMPTS"];
	await servers.stop();
});

describe.each(typeOrmVersionsFor("postgres"))("AWS on TypeORM $label", (version) => {
	it.each(FAULTS)("may answer twenty rotations with $kind", async ({ code, kind }) => {
		const scene = await startWatchedScene(servers, { config: { rotation: QUICK_ROTATION }, version });
		const fault = scene.aws.faults.inject({ kind });
		await scene.alternate();

		const { codes, userMeanwhile } = await outliveFault(scene, () => fault.clear());

		expect(codes).toEqual([code]);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		expect(scene.events.filter(({ type }) => type === "rotation.degraded")).toHaveLength(1);
		expect(await scene.findViolations()).toEqual([]);
	});

	it("may have scheduled the secret for deletion for twenty rotations, and take that back", async () => {
		const scene = await startWatchedScene(servers, { config: { rotation: QUICK_ROTATION }, version });
		const fault = scene.aws.faults.inject(SCHEDULED_FOR_DELETION);
		await scene.alternate();

		const { codes, messages, userMeanwhile } = await outliveFault(scene, () => fault.clear());

		expect(codes).toEqual(["ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE"]);
		expect(messages).toEqual([expect.stringContaining("marked for deletion (InvalidRequestException)")]);
		expect(scene.events).not.toContainEqual(
			expect.objectContaining({ fault: expect.objectContaining({ isTransient: true }), type: "rotation.failed" }),
		);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
