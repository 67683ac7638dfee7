/** What real applications do beside a rotation: work that began before the module, requests with a context, users with other settings. */
import { AsyncLocalStorage } from "node:async_hooks";

import { RotatorService } from "../../../src/rotation/rotator.service.js";
import { describeEngines } from "../../support/describe-engines.js";
import { fillPool } from "../../support/held-connections.js";
import { listPools } from "../../support/live-pools.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;

describeEngines("An application", {}, ({ dialect, engine, start }) => {
	it("keeps a query runner that was connected before the rotator: it works on, and its connection is exchanged when it comes back", async () => {
		const scene = await start();
		const [first] = scene.users;
		// As without the library: the rotator of the scene lets go of the pools.
		await scene.rotator.onModuleDestroy();
		scene.rotator.beforeApplicationShutdown();
		await scene.rotator.onApplicationShutdown();
		const runner = scene.dataSource.createQueryRunner();
		await runner.startTransaction();
		await runner.query(dialect.insertEntry, ["early", 0]);
		const rotator = new RotatorService(scene.dataSource, undefined, scene.connector, `db-rotation:${scene.database}-late`);
		await rotator.onModuleInit();
		await scene.alternate();

		const { outcome } = await rotator.rotateDatabaseConnection();
		const [{ user }] = (await runner.query(dialect.selectUser)) as [{ user: string }];
		await runner.commitTransaction();
		await runner.release();
		await rotator.waitForExchange();

		expect([outcome, user]).toEqual(["rotated", first]);
		expect(await scene.findUser()).toBe(scene.current().username);
		await waitUntil(
			"the server has no connection of the former user",
			async () => (await scene.server.connections(first)).length === 0,
		);
		await rotator.onModuleDestroy();
		await rotator.onApplicationShutdown();
	});

	it("never sees its requests' context in the work of the library: events, logins of the exchange, listeners", async () => {
		const request = new AsyncLocalStorage<string>();
		const scene = await start({ config: { poolSize: 3, rotation: { intervalMs: MONTH_MS, isEnabled: true } } });
		const contexts = new Set<string | undefined>();
		scene.rotator.events$.subscribe(() => contexts.add(request.getStore()));
		await fillPool(scene.dataSource, 3);
		const seenByListeners: (string | undefined)[] = [];
		for (const pool of listPools(scene.dataSource)) {
			const { on } = pool as { on: (event: string, listener: () => void) => unknown };
			on.call(pool, engine === "postgres" ? "connect" : "connection", () => seenByListeners.push(request.getStore()));
		}
		await scene.alternate();

		await request.run("request of a rotation", async () => scene.rotator.rotateDatabaseConnection());
		await request.run("request of a query", async () => scene.dataSource.query("SELECT 1"));
		await scene.rotator.waitForExchange();

		expect([...contexts]).toEqual([undefined]);
		expect(new Set(seenByListeners)).toEqual(new Set([undefined]));
		expect(seenByListeners.length).toBeGreaterThanOrEqual(3);
	});

	it("may ask for a rotation at once: no connection of the former user is acquired any more", async () => {
		const scene = await start({ config: { poolSize: 4 } });
		const [former] = scene.users;
		await fillPool(scene.dataSource, 4);
		const runner = scene.dataSource.createQueryRunner();
		await runner.startTransaction();
		await scene.alternate();

		const { outcome } = await scene.rotator.rotateDatabaseConnection({ mode: "at-once" });
		const users = await Promise.all(Array.from({ length: 3 }, async () => scene.findUser()));
		const [{ user: held }] = (await runner.query(dialect.selectUser)) as [{ user: string }];
		await runner.commitTransaction();
		await runner.release();
		await scene.rotator.waitForExchange();

		expect(outcome).toBe("rotated");
		expect(new Set(users)).toEqual(new Set([scene.current().username]));
		expect(held).toBe(former);
		await waitUntil("the former user is gone", async () => (await scene.server.connections(former)).length === 0);
	});

	it("rotates three times while one exchange still runs, and ends with connections of the last credentials alone", async () => {
		const scene = await start({ config: { poolSize: 3 } });
		const runners = Array.from({ length: 3 }, () => scene.dataSource.createQueryRunner());
		for (const runner of runners) {
			await runner.startTransaction();
			await scene.alternate();
			expect(await scene.rotator.rotateDatabaseConnection()).toMatchObject({ outcome: "rotated" });
		}

		for (const runner of runners) {
			await runner.commitTransaction();
			await runner.release();
		}
		await scene.rotator.waitForExchange();

		const { username } = scene.current();
		const former = scene.users.find((user) => user !== username) as string;
		expect(await scene.findUser()).toBe(username);
		await waitUntil("the other user is gone", async () => (await scene.server.connections(former)).length === 0);
		expect(scene.rotator.describe()).toMatch(/ older=0 /);
	});
});

describeEngines("An alternating user with another search_path", { engines: ["postgres"] }, ({ start }) => {
	it("is reported when it is promoted", async () => {
		const scene = await start();
		await scene.server.admin.query(`ALTER ROLE ${scene.users[1]} SET search_path TO elsewhere`);

		await scene.exchange();

		const warnings = scene.events.flatMap((event) => (event.type === "warning" ? event.message : []));
		expect(warnings).toEqual([expect.stringContaining("their search_path differs from that of the former ones")]);
	});
});

describeEngines("A rotation", { engines: ["mariadb"] }, ({ start }) => {
	it("brings the server no aborted client: every connection says that it ends", async () => {
		const scene = await start({ config: { idleTimeoutMs: 60_000, poolSize: 4 } });
		await fillPool(scene.dataSource, 4);
		const count = async (): Promise<number> => {
			const { rows } = await scene.server.admin.query("SHOW GLOBAL STATUS LIKE 'Aborted_clients'");
			return Number(rows[0]?.["Value"]);
		};
		const before = await count();

		for (let rotation = 0; rotation < 3; rotation += 1) await scene.exchange();
		await waitUntil("former connections are gone", async () => (await scene.server.connections(scene.users[0])).length === 0);

		expect((await count()) - before).toBe(0);
	});
});
