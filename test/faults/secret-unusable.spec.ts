/** The secret holds something else than a login: twenty rotations refuse it without quoting it, and rotation resumes by itself. */
import { startWatchedScene } from "../support/invariants.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { typeOrmVersionsFor } from "../support/typeorm-versions.js";

const DEFECTS = [
	{ content: "canary-of-a-plain-text-secret", title: "no JSON", word: "not valid JSON" },
	{ content: "null", title: "null", word: "not an object" },
	{ content: '["canary"]', title: "an array", word: "not an object" },
	{ content: '{"username":"canary"}', title: "no password", word: '"password"' },
	{ content: '{"username":"canary","password":17}', title: "a password that is no text", word: '"password"' },
	{
		content: JSON.stringify({ padding: "canary".repeat(11_000), password: "canary", username: "canary" }),
		title: "too much",
		word: "65,536",
	},
	{ content: new Uint8Array([0xff, 0xfe, 0xfd]), title: "bytes that are no text", word: "UTF-8" },
] as const;

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

describe.each(typeOrmVersionsFor("postgres"))("A secret on TypeORM $label", (version) => {
	it.each(DEFECTS)("may hold $title for twenty rotations", async ({ content, word }) => {
		const scene = await startWatchedScene(servers, { config: { rotation: QUICK_ROTATION }, version });
		scene.aws.secrets.put(scene.secretId, content);

		const { codes, messages, userMeanwhile } = await outliveFault(scene, () => scene.alternate());

		expect(codes).toEqual(["ERR_CONNECTOR_SECRET_MALFORMED"]);
		expect(messages).toEqual([expect.stringContaining(word)]);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
