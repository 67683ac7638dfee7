/** Work that began before a rotation: it ends on the connection it has, while new work uses the new user. */
import { beginStream, beginTransaction } from "../../support/lasting-work.js";
import { readLedger } from "../../support/ledger-workload.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { TYPEORM_VERSIONS } from "../../support/typeorm-versions.js";
import { waitUntil } from "../../support/wait-until.js";

/** Nothing in it depends on its length; the one of five seconds has a test of its own. */
const TRANSACTION_MS = 1_000;

let servers: SceneServers;

beforeAll(async () => {
	servers = await startSceneServers();
}, 60_000);

afterAll(async () => servers.stop());

async function rotate(scene: Scene): Promise<string> {
	await scene.alternate();
	const { outcome } = await scene.rotator.rotateDatabaseConnection();
	return outcome;
}

const CASES = TYPEORM_VERSIONS.flatMap((version) => [true, false].map((isEnabled) => ({ isEnabled, label: version.label, version })));

describe.each(CASES)("Work on TypeORM $label when rotation.isEnabled is $isEnabled", ({ isEnabled, version }) => {
	const config = { rotation: { intervalMs: 2_592_000_000, isEnabled } };

	it("lets a transaction commit on its own connection while new work uses the new user", async () => {
		const scene = await startScene(servers, { config, version });
		const transaction = await beginTransaction(scene.dataSource, "long", TRANSACTION_MS);

		const outcome = await rotate(scene);
		const userMeanwhile = await scene.findUser();
		const isDrainedMeanwhile = scene.events.some(({ type }) => type === "drain.finished");
		const seen = await transaction.result;
		const stored = await readLedger(scene.dataSource);
		await waitUntil("the old pool is drained", () => scene.events.some(({ type }) => type === "drain.finished"));
		const remaining = await scene.server.connections(scene.users[0]);
		await scene.stop();

		expect([outcome, userMeanwhile, isDrainedMeanwhile]).toEqual(["rotated", scene.users[1], false]);
		expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
		expect(stored).toEqual(["long"]);
		expect(remaining).toEqual([]);
	}, 60_000);

	it("lets a slow reader of a stream read every row", async () => {
		const scene = await startScene(servers, { config, version });
		const stream = await beginStream(scene.dataSource);

		const outcomes = [await rotate(scene), await rotate(scene)];
		const pids = (await scene.server.connections(scene.users[0])).map(({ pid }) => pid);
		stream.goOn();
		const rowCount = await stream.result;
		await scene.stop();

		expect(outcomes).toEqual(["rotated", "rotated"]);
		expect(pids).toContain(stream.pid);
		expect(rowCount).toBe(stream.rowCount);
	}, 60_000);

	it("gives a runner that was created before and connects after a connection of the new user", async () => {
		const scene = await startScene(servers, { config, version });
		const runner = scene.dataSource.createQueryRunner();

		await rotate(scene);
		await scene.server.setPassword(scene.users[0], "revoked");
		const rows: unknown = await runner.query("SELECT current_user AS user");
		await runner.release();
		await scene.stop();

		expect(rows).toEqual([{ user: scene.users[1] }]);
	}, 60_000);
});

it("lets even a transaction of five seconds live through three rotations", async () => {
	const scene = await startScene(servers, { version: TYPEORM_VERSIONS[2]! });
	const transaction = await beginTransaction(scene.dataSource, "very-long", 5_000);

	const outcomes = [await rotate(scene), await rotate(scene), await rotate(scene)];
	const seen = await transaction.result;
	const stored = await readLedger(scene.dataSource);
	await scene.stop();

	expect(outcomes).toEqual(["rotated", "rotated", "rotated"]);
	expect(seen).toEqual({ pids: [transaction.pid], users: [scene.users[0]] });
	expect(stored).toEqual(["very-long"]);
}, 60_000);
