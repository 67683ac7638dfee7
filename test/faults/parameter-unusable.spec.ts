/** Parameter Store has nothing usable to say where the database is: twenty rotations go nowhere, and rotation resumes by itself. */
import type { FakeAws } from "../../src/testing/fake-aws.js";
import { startWatchedScene } from "../support/invariants.js";
import { createMovablePort } from "../support/movable-port.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { typeOrmVersionsFor } from "../support/typeorm-versions.js";

interface Defect {
	begin(parameters: FakeAws["parameters"], name: string): void;
	readonly code: string;
	readonly title: string;
	readonly word: string;
}

const DEFECTS: readonly Defect[] = [
	{
		begin: (parameters, name) => void parameters.delete(name),
		code: "ERR_CONNECTOR_CONFIGURATION_INVALID",
		title: "be missing",
		word: "was not found",
	},
	{
		begin: (parameters, name) => void parameters.put(name, "5432,5433", "StringList"),
		code: "ERR_CONNECTOR_PARAMETER_INVALID",
		title: "be a StringList",
		word: "is a StringList",
	},
	{
		begin: (parameters, name) => void parameters.put(name, "65536"),
		code: "ERR_CONNECTOR_CONFIGURATION_INVALID",
		title: "be no port",
		word: "65535",
	},
];

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
});

afterAll(async () => servers.stop());

describe.each(typeOrmVersionsFor("postgres"))("A parameter on TypeORM $label", (version) => {
	it.each(DEFECTS)("may $title for twenty rotations", async ({ begin, code, word }) => {
		const { move, name, parameterSource } = createMovablePort(servers.aws, servers.server.port);
		const scene = await startWatchedScene(servers, { config: { rotation: QUICK_ROTATION }, parameterSource, version });
		begin(servers.aws.parameters, name);
		await scene.alternate();

		const { codes, messages, socketGrowth, stages, userMeanwhile } = await outliveFault(scene, () => move(servers.server.port));

		expect(codes).toEqual([code]);
		expect(messages).toEqual([expect.stringContaining(word)]);
		expect(stages).toEqual(["fetch"]);
		// Nothing is connected to meanwhile, but by the load.
		expect(socketGrowth).toBeLessThanOrEqual(10);
		expect(userMeanwhile).toBe(scene.users[0]);
		await scene.waitForUser(scene.users[1]);
		expect(await scene.findViolations()).toEqual([]);
	});
});
