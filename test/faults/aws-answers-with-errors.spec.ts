/** AWS answers, but not with the secret: twenty rotations fail, nobody notices, and rotation resumes by itself. */
import { endWatchedScenes, startWatchedScene } from "../support/invariants.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";

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

let servers: SceneServers;

beforeAll(async () => {
	// The pauses between the SDK's own attempts would make twenty rotations take a minute.
	process.env["AWS_MAX_ATTEMPTS"] = "1";
	servers = await startSceneServers();
}, 60_000);

afterEach(endWatchedScenes);

afterAll(async () => {
	delete process.env["AWS_MAX_ATTEMPTS"];
	await servers.stop();
});

describe.each(TYPEORM_VERSIONS)("AWS on TypeORM $label", (version) => {
	it.each(FAULTS)(
		"may answer twenty rotations with $kind",
		async ({ code, kind }) => {
			const scene = await startWatchedScene(servers, { config: { rotation: QUICK_ROTATION }, version });
			const fault = scene.aws.faults.inject({ kind });
			await scene.alternate();

			const { codes, users } = await outliveFault(scene, () => fault.clear());

			expect(codes).toEqual([code]);
			expect(users).toEqual(scene.users);
			expect(scene.events.filter(({ type }) => type === "rotation.degraded")).toHaveLength(1);
			expect(await scene.findViolations()).toEqual([]);
		},
		60_000,
	);
});
