/** A replacement must be as writable as what it replaces: readers rotate, and a writer is never exchanged for a reader. */
import { StagingFailedError } from "../../../src/errors/errors.js";
import { createLedger } from "../../support/ledger-workload.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
}, 60_000);

afterAll(async () => servers.stop());

async function insert({ dataSource }: Scene, id: string): Promise<string> {
	try {
		await dataSource.query("INSERT INTO ledger (id, worker) VALUES ($1, 0)", [id]);
		return "stored";
	} catch (error) {
		return String((error as { code?: unknown }).code);
	}
}

describe.each(TYPEORM_VERSIONS)("A reader endpoint on TypeORM $label", (version) => {
	it("rotates, and is as read-only as before", async () => {
		const scene = await startScene(servers, { version });
		await createLedger(scene.dataSource);
		// Sessions that begin from now on are those of a reader.
		await scene.server.admin.query(`ALTER DATABASE ${scene.database} SET default_transaction_read_only = on`);
		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const writtenBefore = await insert(scene, "before");

		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		const [user, writtenAfter] = [await scene.findUser(), await insert(scene, "after")];
		await scene.stop();

		expect(writtenBefore).toBe("25006");
		expect([outcome, user, writtenAfter]).toEqual(["rotated", scene.users[1], "25006"]);
	}, 60_000);

	it("is refused by a writer, which goes on writing with what it has", async () => {
		const scene = await startScene(servers, { version });
		await scene.server.admin.query(`ALTER ROLE ${scene.users[1]} SET default_transaction_read_only = on`);
		await scene.alternate();

		const result = await scene.rotator.rotateDatabaseConnection();
		const [user, written] = [await scene.findUser(), await insert(scene, "written")];
		const stagedConnections = await scene.server.connections(scene.users[1]);
		await scene.stop();

		expect(result).toEqual({ error: expect.any(StagingFailedError), outcome: "failed" });
		expect(result).toMatchObject({ error: { message: expect.stringContaining("read-only"), node: "master", phase: "verify" } });
		expect([user, written]).toEqual([scene.users[0], "stored"]);
		expect(stagedConnections).toEqual([]);
	}, 60_000);

	it("is refused also while every connection of the writer is in use", async () => {
		const scene = await startScene(servers, { config: { poolSize: 2 }, version });
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.server.admin.query(`ALTER ROLE ${scene.users[0]} SET default_transaction_read_only = on`);
		await scene.alternate();
		const runners = [scene.dataSource.createQueryRunner(), scene.dataSource.createQueryRunner()];
		await Promise.all(runners.map(async (runner) => runner.connect()));

		const result = await scene.rotator.rotateDatabaseConnection();
		await Promise.all(runners.map(async (runner) => runner.release()));
		const user = await scene.findUser();
		await scene.stop();

		expect(result).toMatchObject({ error: { phase: "verify" }, outcome: "failed" });
		expect(user).toBe(scene.users[1]);
	}, 60_000);
});
