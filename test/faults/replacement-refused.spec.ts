/** The server does not let the new login in: twenty rotations fail, the live side goes on, and the first that is let in takes over. */
import { endWatchedScenes, startWatchedScene, type WatchedScene } from "../support/invariants.js";
import { outliveFault, QUICK_ROTATION } from "../support/outlive-fault.js";
import { type SceneServers, startSceneServers } from "../support/rotating-database.js";
import { TYPEORM_VERSIONS } from "../support/typeorm-versions.js";

interface Refusal {
	begin(scene: WatchedScene): Promise<void> | void;
	end(scene: WatchedScene): Promise<void> | void;
	readonly sqlState: string;
	readonly title: string;
}

const alterNewUser = async ({ server, users }: WatchedScene, change: string): Promise<void> => {
	await server.admin.query(`ALTER ROLE ${users[1]} ${change}`);
};

const REFUSALS: readonly Refusal[] = [
	{
		begin: ({ aws, secretId, users }) => void aws.secrets.put(secretId, { password: "another", username: users[1] }),
		end: async (scene) => scene.alternate(),
		sqlState: "28P01",
		title: "its password",
	},
	{
		begin: async (scene) => {
			await alterNewUser(scene, "NOLOGIN");
			await scene.alternate();
		},
		end: async (scene) => alterNewUser(scene, "LOGIN"),
		sqlState: "28000",
		title: "a role that may not log in",
	},
	{
		begin: ({ aws, secretId }) => void aws.secrets.put(secretId, { password: "any", username: "dropped" }),
		end: async (scene) => scene.alternate(),
		sqlState: "28P01",
		title: "a role that was dropped",
	},
	{
		begin: async (scene) => {
			await alterNewUser(scene, "CONNECTION LIMIT 0");
			await scene.alternate();
		},
		end: async (scene) => alterNewUser(scene, "CONNECTION LIMIT -1"),
		sqlState: "53300",
		title: "one connection more than it may have",
	},
	{
		begin: async (scene) => {
			await alterNewUser(scene, "VALID UNTIL '2001-01-01'");
			await scene.alternate();
		},
		end: async (scene) => alterNewUser(scene, "VALID UNTIL 'infinity'"),
		sqlState: "28P01",
		title: "a password that has expired",
	},
];

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
}, 60_000);

afterEach(endWatchedScenes);

afterAll(async () => servers.stop());

describe.each(TYPEORM_VERSIONS)("A server on TypeORM $label", (version) => {
	it.each(REFUSALS)(
		"may refuse $title for twenty rotations",
		async ({ begin, end, sqlState }) => {
			const scene = await startWatchedScene(servers, { config: { rotation: QUICK_ROTATION }, version });
			await begin(scene);

			const { codes, messages, stages, users } = await outliveFault(scene, async () => end(scene));

			expect(codes).toEqual(["ERR_CONNECTOR_STAGING_FAILED"]);
			expect(messages).toEqual([expect.stringContaining(`(${sqlState})`)]);
			expect(stages).toEqual(["stage"]);
			expect(users).toEqual(scene.users);
			expect(await scene.findViolations()).toEqual([]);
		},
		60_000,
	);
});

describe.each(TYPEORM_VERSIONS)("A limit that the live pool exhausts on TypeORM $label", (version) => {
	it("lets the replacement in at the cost of an idle connection", async () => {
		const scene = await startWatchedScene(servers, { config: { poolSize: 3 }, version, workerCount: 2 });
		const { username } = scene.current();
		await Promise.all([1, 2, 3].map(async () => scene.dataSource.query("SELECT pg_sleep(0.1)")));
		const fullCount = (await scene.server.connections(username)).length;
		await scene.server.admin.query(`ALTER ROLE ${username} CONNECTION LIMIT 3`);
		await scene.server.setPassword(username, "password-9");
		scene.aws.secrets.put(scene.secretId, { password: "password-9", username });

		const { outcome } = await scene.rotator.rotateDatabaseConnection();

		expect(fullCount).toBe(3);
		expect(outcome).toBe("rotated");
		expect(await scene.findViolations()).toEqual([]);
	}, 60_000);
});
