/** A replacement must be as writable as what it replaces: readers rotate, and a writer is never exchanged for a reader. */
import { StagingFailedError } from "../../../src/errors/errors.js";
import { ALL_ENGINES, describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { createMovablePort } from "../../support/movable-port.js";
import type { Scene } from "../../support/rotating-database.js";
import type { DatabaseReplica, DatabaseServer, EngineName } from "../../support/server/database-server.js";

type AnyScene = Scene<DatabaseServer>;

/** Sessions that begin from now on are those of a reader, as Aurora's are. */
const MAKE_READ_ONLY: Readonly<Record<EngineName, (database: string) => string>> = {
	mariadb: () => "SET GLOBAL read_only = ON",
	mysql: () => "SET GLOBAL read_only = ON",
	postgres: (database) => `ALTER DATABASE ${database} SET default_transaction_read_only = on`,
};

const READ_ONLY_CODES: Readonly<Record<EngineName, string>> = {
	mariadb: "ER_OPTION_PREVENTS_STATEMENT",
	mysql: "ER_OPTION_PREVENTS_STATEMENT",
	postgres: "25006",
};

async function insert({ dataSource }: AnyScene, id: string): Promise<string> {
	try {
		await dataSource.query(`INSERT INTO ledger (id, worker) VALUES ('${id}', 0)`);
		return "stored";
	} catch (error) {
		return String((error as { code?: unknown }).code);
	}
}

describeEngines("A reader endpoint", { engines: ALL_ENGINES }, ({ engine, getServers, start }) => {
	afterEach(async () => {
		if (engine !== "postgres") await getServers().server.admin.query("SET GLOBAL read_only = OFF");
	});

	it("rotates, and is as read-only as before", async () => {
		const scene = await start();
		await scene.server.admin.query(MAKE_READ_ONLY[engine](scene.database));
		await scene.dataSource.destroy();
		await scene.dataSource.initialize();
		const writtenBefore = await insert(scene, "before");

		await scene.alternate();
		const { outcome } = await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		const writtenAfter = await insert(scene, "after");

		expect(writtenBefore).toBe(READ_ONLY_CODES[engine]);
		expect([outcome, writtenAfter]).toEqual(["rotated", READ_ONLY_CODES[engine]]);
	});
});

describeEngines("A replica to which the address of a writer leads", { hasReplica: true }, ({ getServers, start }) => {
	/** A writer without replicas, whose next rotation is led to the replica by `failOver`: the address is stale. */
	async function startWriter(): Promise<AnyScene & { failOver(): Promise<void> }> {
		const { aws, server } = getServers();
		const replica = getServers().replica as DatabaseReplica;
		const { move, parameterSource } = createMovablePort(aws, server.port);
		const scene = await start({ config: { poolSize: 2, replicas: [] }, parameterSource });
		return {
			...scene,
			failOver: async () => {
				await scene.alternate();
				await replica.catchUp();
				move(replica.port);
			},
		};
	}

	it("is refused: the writer goes on writing with what it has", async () => {
		const scene = await startWriter();
		await scene.failOver();

		const result = await scene.rotator.rotateDatabaseConnection();
		const [user, written] = [await scene.findUser(), await insert(scene, "written")];

		expect(result).toEqual({ error: expect.any(StagingFailedError), outcome: "failed" });
		expect(result).toMatchObject({ error: { message: expect.stringContaining("read-only"), server: "primary", phase: "verify" } });
		expect([user, written]).toEqual([scene.users[0], "stored"]);
		await eventually(async () => expect(await getServers().replica?.connections(scene.users[1])).toEqual([]));
	});

	it("is refused also while every connection of the writer is in use", async () => {
		const scene = await startWriter();
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await scene.failOver();
		const runners = [scene.dataSource.createQueryRunner(), scene.dataSource.createQueryRunner()];
		await Promise.all(runners.map(async (runner) => runner.connect()));

		const result = await scene.rotator.rotateDatabaseConnection();
		await Promise.all(runners.map(async (runner) => runner.release()));
		const [user, written] = [await scene.findUser(), await insert(scene, "written")];
		await scene.stop();

		expect(result).toMatchObject({ error: { phase: "verify" }, outcome: "failed" });
		expect([user, written]).toEqual([scene.users[1], "stored"]);
	});
});
