/** The pools of the DataSource stay the same objects, with all that an application has put on them; only their connections are exchanged. */
import type { EventEmitter } from "node:events";

import { countPoolsOf } from "../../support/counted-pools.js";
import { type EngineCase, describeEngines } from "../../support/describe-engines.js";
import { eventually } from "../../support/eventually.js";
import { startLedgerWorkload } from "../../support/ledger-workload.js";
import { listPools, primaryPool } from "../../support/live-pools.js";

const MONTH_MS = 2_592_000_000;

/** A method through which TypeORM and an application get a connection from the pool. */
const ACQUIRE = { mariadb: "getConnection", mysql: "getConnection", postgres: "connect" } as const;

type Method = (...parameters: unknown[]) => unknown;

/** Wraps a method of an object, as an application does that counts its queries. */
function countCalls(target: object, name: string): { readonly count: number } {
	const methods = target as Record<string, Method>;
	const original = methods[name] as Method;
	const calls = { count: 0 };
	methods[name] = function (this: unknown, ...parameters: unknown[]) {
		calls.count += 1;
		return original.apply(this, parameters);
	};
	return calls;
}

function listListeners(pool: object): Record<string, number> {
	const emitter = pool as EventEmitter;
	return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
}

describeEngines("A rotation", {}, (engineCase) => {
	const { engine, start } = engineCase;

	it("leaves no connection of the former user after rotations under load", async () => {
		const scene = await start();
		const workload = startLedgerWorkload(scene.dataSource);
		for (let rotation = 0; rotation < 5; rotation += 1) {
			await scene.alternate();
			await scene.rotator.rotateDatabaseConnection();
		}
		const [formerUser, liveUser] = scene.users;

		await scene.rotator.waitForExchange();
		await eventually(async () => expect(await scene.server.connections(formerUser)).toEqual([]));
		const connections = await scene.server.connections(liveUser);
		const { failures } = await workload.stop();

		expect(failures).toEqual([]);
		expect(connections.length).toBeGreaterThan(0);
	});

	it("keeps the pool, and ends each pool of a check once", async () => {
		const { driver, pools } = countPoolsOf(engine);
		const scene = await start({ override: (options) => ({ ...options, driver }) });
		const kept = primaryPool(scene.dataSource);
		for (let rotation = 0; rotation < 4; rotation += 1) await scene.exchange();

		const isSame = primaryPool(scene.dataSource) === kept;
		const count = (): number[] => pools.map(({ endCount }) => endCount);
		const endCounts = count();
		await scene.stop();

		expect(isSame).toBe(true);
		expect(endCounts).toEqual([0, 1, 1, 1, 1]);
		expect(count()).toEqual([1, 1, 1, 1, 1]);
	});

	it("gathers no listeners", async () => {
		const scene = await start();
		const pool = primaryPool(scene.dataSource);
		await scene.exchange();
		const before = listListeners(pool);

		for (let rotation = 0; rotation < 5; rotation += 1) await scene.exchange();

		expect(listListeners(pool)).toEqual(before);
	});

	it.each([true, false])("keeps methods of the pool that the application has wrapped (rotation.isEnabled: %s)", async (isEnabled) => {
		let early: ReturnType<typeof countCalls> | undefined;
		const { driver } = countPoolsOf(engine, ({ pool }, index) => {
			if (index === 0) early = countCalls(pool, ACQUIRE[engine]);
		});
		const config = { rotation: { intervalMs: MONTH_MS, isEnabled } };
		const scene = await start({ config, override: (options) => ({ ...options, driver }) });
		const pool = primaryPool(scene.dataSource);
		const late = countCalls(pool, ACQUIRE[engine]);
		for (let rotation = 0; rotation < 3; rotation += 1) await scene.exchange();

		const [earlyBefore, lateBefore] = [early?.count ?? 0, late.count];
		for (let query = 0; query < 5; query += 1) await scene.dataSource.query("SELECT 1");

		expect(late.count - lateBefore).toBe(5);
		expect((early?.count ?? 0) - earlyBefore).toBe(5);
	});

	it("serves the statements of a pool that the application keeps for itself with the new user", async () => {
		const scene = await start();
		const kept = primaryPool(scene.dataSource);
		await scene.exchange();
		await scene.server.setPassword(scene.users[0], "revoked");

		expect(await askDirectly(engineCase, kept)).toBe(scene.users[1]);
	});

	it("leaves the pool as it was when the application ends", async () => {
		const scene = await start();
		const pool = primaryPool(scene.dataSource);
		await scene.exchange();
		const ownBefore = Object.getOwnPropertyNames(pool);

		await scene.stop();

		const added = ["_isFull", "newClient", "getConnection", "releaseConnection"];
		expect(ownBefore.filter((name) => added.includes(name)).length).toBeGreaterThan(0);
		expect(Object.getOwnPropertyNames(pool).filter((name) => added.includes(name))).toEqual([]);
	});
});

describeEngines("A rotation with a replica", { hasReplica: true }, ({ engine, start }) => {
	it("keeps the pools of both, and listeners and wrappers of a cluster", async () => {
		const scene = await start({ config: { rotation: { intervalMs: MONTH_MS, isEnabled: true } } });
		await scene.replica?.catchUp();
		const { poolCluster } = scene.dataSource.driver as unknown as { readonly poolCluster?: EventEmitter };
		const kept = listPools(scene.dataSource);
		for (const event of ["offline", "online", "remove", "warn"]) poolCluster?.on(event, () => undefined);
		const wrapped = kept.map((pool) => countCalls(pool, ACQUIRE[engine]));
		const before = [poolCluster, ...kept].map((each) => (each === undefined ? {} : listListeners(each)));

		for (let rotation = 0; rotation < 3; rotation += 1) {
			await scene.exchange();
			for (const mode of ["master", "slave"] as const) await scene.waitForUser(scene.current().username, mode);
		}

		expect(listPools(scene.dataSource)).toEqual(kept);
		expect([poolCluster, ...kept].map((each) => (each === undefined ? {} : listListeners(each)))).toEqual(before);
		expect(wrapped.map(({ count }) => count > 0)).toEqual([true, true]);
	});
});

async function askDirectly({ dialect, engine }: EngineCase, pool: unknown): Promise<string> {
	if (engine === "postgres") {
		const { rows } = await (pool as { query(sql: string): Promise<{ rows: { user: string }[] }> }).query(dialect.selectUser);
		return rows[0]?.user ?? "";
	}
	const { promise } = pool as { promise(): { query(sql: string): Promise<[{ user: string }[]]> } };
	const [rows] = await promise.call(pool).query(dialect.selectUser);
	return rows[0]?.user ?? "";
}
