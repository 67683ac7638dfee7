/** A server without room for another connection: a rotation takes the place of an idle one, and waits where there is none. */
import type { QueryRunner } from "typeorm";

import { describeEngines } from "../../support/describe-engines.js";
import { startLedgerWorkload } from "../../support/ledger-workload.js";
import { type Scene, type SceneOptions, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import type { DatabaseServer } from "../../support/server/database-server.js";
import { typeOrmVersionsFor } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

const POOL_SIZE = 5;
const ROOMY = 50;

let servers: SceneServers | undefined;

afterEach(async () => {
	await servers?.stop();
	servers = undefined;
});

/** A server that has room for `maxConnections` in all: those of the superuser, which change a password, take a place as well. */
async function start(maxConnections: number, options: SceneOptions): Promise<Scene> {
	servers = await startSceneServers({ maxConnections });
	return startScene(servers, { ...options, config: { poolSize: POOL_SIZE, ...options.config } });
}

/** Takes every connection that the pool may have. */
async function lendAll({ dataSource }: Scene<DatabaseServer>, count = POOL_SIZE): Promise<QueryRunner[]> {
	const runners = Array.from({ length: count }, () => dataSource.createQueryRunner());
	await Promise.all(runners.map(async (runner): Promise<unknown> => runner.connect()));
	return runners;
}

async function giveBack(runners: readonly QueryRunner[]): Promise<void> {
	await Promise.all(runners.map(async (runner) => runner.release()));
}

describe.each(typeOrmVersionsFor("postgres"))("A server at its limit on TypeORM $label", (version) => {
	it("gets an idle connection back for the check, and every connection of the pool is exchanged", async () => {
		const scene = await start(POOL_SIZE, { version });
		const runners = await lendAll(scene);
		await giveBack(runners.splice(0, 2));
		await scene.alternate();

		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const [lentPids, retired] = [await Promise.all(runners.map(readPid)), await scene.server.connections(scene.users[0])];
		await giveBack(runners);
		await scene.rotator.waitForExchange();
		const replacing = await lendAll(scene);
		const connectionCount = (await scene.server.connections(scene.users[1])).length;
		await giveBack(replacing);
		await scene.stop();

		expect(outcome).toBe("rotated");
		expect(retired.map(({ pid }) => pid)).toEqual(expect.arrayContaining(lentPids));
		expect(scene.events.filter(({ type }) => type === "rotation.failed")).toEqual([]);
		expect(connectionCount).toBe(POOL_SIZE);
	});

	it("lets the live side serve while every connection is in use, and rotates when one is not", async () => {
		const scene = await start(POOL_SIZE, { config: { rotation: { intervalMs: 50, isEnabled: true } }, version });
		const failures = () => scene.events.filter((event) => event.type === "rotation.failed");
		const runners = await lendAll(scene);
		await scene.alternate();

		await waitUntil("several rotations have failed", () => failures().length >= 4);
		const pids = await Promise.all(runners.map(readPid));
		await giveBack(runners.splice(0, 1));
		await waitUntil("a rotation has succeeded", () => scene.events.some(({ type }) => type === "rotation.succeeded"));
		const pidsAfterwards = await Promise.all(runners.map(readPid));
		await giveBack(runners);
		await scene.waitForUser(scene.users[1]);

		expect(new Set(failures().map(({ fault, stage }) => `${stage} ${fault.code}`))).toEqual(
			new Set(["stage ERR_CONNECTOR_STAGING_FAILED"]),
		);
		expect(failures()[0]?.fault.message).toContain("(53300)");
		expect(pidsAfterwards).toEqual(pids.slice(1));
	});

	it("sees no caller fail under load, with room for one connection more", async () => {
		const scene = await start(ROOMY, { version });
		// Counts the connections of the application only.
		await scene.server.admin.query(`ALTER DATABASE ${scene.database} CONNECTION LIMIT ${String(POOL_SIZE + 1)}`);
		const workload = startLedgerWorkload(scene.dataSource);

		const outcomes: string[] = [];
		for (let rotation = 0; rotation < 10; rotation += 1) {
			await scene.alternate();
			outcomes.push((await scene.rotator.rotateDatabaseConnection()).outcome);
		}
		const { failures, operationCount } = await workload.stop();
		await scene.stop();

		expect(failures).toEqual([]);
		expect(operationCount).toBeGreaterThan(0);
		expect(outcomes).toEqual(outcomes.map(() => "rotated"));
	});
});

async function readPid(runner: QueryRunner): Promise<number> {
	const [row] = (await runner.query("SELECT pg_backend_pid() AS pid")) as [{ pid: number }];
	return row.pid;
}

/** Fewer than ten are not possible on the whole server. */
const SERVER_LIMIT = 10;
/** For each user. */
const NO_LIMIT = "1000";

interface Limit {
	/** Brings it about, when the pool is full. */
	impose(scene: Scene<DatabaseServer>, poolSize: number): Promise<void>;
	readonly errno: number;
	/** Takes it back, where the server goes on to serve others. */
	lift(scene: Scene<DatabaseServer>): Promise<void>;
	readonly poolSize: number;
	readonly title: string;
}

const LIMITS: readonly Limit[] = [
	{ errno: 1040, impose: async () => undefined, lift: async () => undefined, poolSize: SERVER_LIMIT, title: "of the whole server" },
	{
		errno: 1203,
		impose: async ({ server }, poolSize) => void (await server.admin.query(`SET GLOBAL max_user_connections = ${String(poolSize)}`)),
		lift: async ({ server }) => void (await server.admin.query(`SET GLOBAL max_user_connections = ${NO_LIMIT}`)),
		poolSize: POOL_SIZE,
		title: "of each user",
	},
	{
		errno: 1226,
		impose: async ({ server, users }, poolSize) =>
			void (await server.admin.query(`ALTER USER '${users[0]}'@'%' WITH MAX_USER_CONNECTIONS ${String(poolSize)}`)),
		lift: async () => undefined,
		poolSize: POOL_SIZE,
		title: "of one user",
	},
];

describeEngines(
	"A server at its limit",
	// Without a limit from the start the server does not count.
	{ engines: ["mariadb"], maxConnections: SERVER_LIMIT, settings: { "max-user-connections": NO_LIMIT } },
	({ start }) => {
		it.each(LIMITS)("makes room for the check at the limit $title ($errno)", async ({ errno, impose, lift, poolSize }) => {
			const scene = await start({ config: { poolSize } });
			const runners = await lendAll(scene, poolSize);
			await impose(scene, poolSize);
			const { username } = scene.current();
			await scene.server.setPassword(username, "password-9");
			scene.aws.secrets.put(scene.secretId, { password: "password-9", username });

			const whileFull = await scene.rotator.rotateDatabaseConnection();
			await giveBack(runners.splice(0, 2));
			const { outcome } = await scene.rotator.rotateDatabaseConnection();
			await giveBack(runners);
			await scene.rotator.waitForExchange();
			const replacing = await lendAll(scene, poolSize);
			const connectionCount = (await scene.server.connections(username)).length;
			await giveBack(replacing);
			await lift(scene);
			await scene.stop();

			expect(whileFull).toMatchObject({ error: { cause: { errno }, phase: "connect" }, outcome: "failed" });
			expect(outcome).toBe("rotated");
			expect(connectionCount).toBe(poolSize);
		});
	},
);
