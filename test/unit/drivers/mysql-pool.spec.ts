/** What is special about pools of mysql2: `waitForConnections`, `queueLimit`, wrappers in the queue, and a config that connections share. */
import { tracingChannel } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";

import type { MysqlConnection } from "../../../src/drivers/mysql-parts.js";
import { stageMysql } from "../../../src/drivers/staged-server.js";
import { createMysqlScene } from "./mysql-scene.js";
import { callAll, type Caller, isRefusal, lend, loginOf, pass, promote, take } from "./pool-scene.js";

describe("A pool of mysql2", () => {
	it("survives a connection of a check that reports its end twice, as after KILL and a reset", async () => {
		const scene = createMysqlScene();
		const checked = scene.createRaw();
		const staged = stageMysql(() => checked, {});
		const connecting = staged.connect();
		await scene.settle();
		await connecting;
		const connection = checked._allConnections.get(0) as unknown as EventEmitter;

		connection.emit("error", new Error("Connection was killed"));

		expect(() => connection.emit("error", new Error("read ECONNRESET"))).not.toThrow();
		await Promise.all([staged.close(scene.clock), pass(scene, 1_000)]);
	});

	describe("with waitForConnections: false", () => {
		it("never holds a caller back: a login is tried while no refusal is known", async () => {
			const scene = createMysqlScene({ driver: { waitForConnections: false } });
			scene.gate.isOpen = false;

			const [caller] = await callAll(scene, 1);

			expect(take(caller as Caller).user).toBe("user1");
		});

		it("gives a caller the refusal that is known", async () => {
			const scene = createMysqlScene({ driver: { waitForConnections: false } });
			scene.server.passwords.set("user1", "changed");

			const [first] = await callAll(scene, 1);
			const [second] = await callAll(scene, 1);

			expect([first, second].map((caller) => isRefusal(caller as Caller))).toEqual([true, true]);
			expect(scene.server.refusedCount).toBe(1);
			expect(scene.live.counts.waiting).toBe(0);
		});

		it("says so when it is full, as mysql2 does", async () => {
			const scene = createMysqlScene({ driver: { waitForConnections: false }, limit: 1 });
			await lend(scene, 1);

			const [caller] = await callAll(scene, 1);

			expect(caller?.error).toMatchObject({ message: "No connections available." });
		});
	});

	describe("with a queueLimit", () => {
		it("turns callers away when it is full, as mysql2 does", async () => {
			const scene = createMysqlScene({ driver: { queueLimit: 1 }, limit: 1 });
			await lend(scene, 1);

			const [first, second] = await callAll(scene, 2);

			expect(first?.isAnswered).toBe(false);
			expect(second?.error).toMatchObject({ message: "Queue limit reached." });
		});

		it("turns none away that the gate holds back, nor one that was in the queue already", async () => {
			const scene = createMysqlScene({ driver: { queueLimit: 1 } });
			scene.gate.isOpen = false;
			const callers = await callAll(scene, 4);
			expect(callers.filter(({ isAnswered }) => isAnswered)).toEqual([]);

			scene.gate.open();
			scene.live.wake();
			await scene.settle();
			expect(callers.filter(({ isAnswered }) => isAnswered)).toHaveLength(2);
			for (const caller of callers.slice(0, 2)) take(caller).release();
			await scene.settle();

			expect(callers.map((caller) => take(caller).user)).toEqual(Array.from({ length: 4 }, () => "user1"));
		});
	});

	it("tells of each caller that enters its queue once", async () => {
		const scene = createMysqlScene();
		const onEnqueue = jest.fn();
		scene.raw.on("enqueue", onEnqueue);
		scene.gate.isOpen = false;

		await callAll(scene, 3);
		scene.gate.isOpen = true;
		scene.live.wake();
		await scene.settle();

		expect(onEnqueue).toHaveBeenCalledTimes(3);
	});

	it("keeps the place of callers whom a tracing channel has wrapped", async () => {
		const channel = tracingChannel("mysql2:pool:connect");
		const handlers = { asyncEnd: jest.fn(), asyncStart: jest.fn(), end: jest.fn(), error: jest.fn(), start: jest.fn() };
		channel.subscribe(handlers);
		try {
			const scene = createMysqlScene({ driver: { queueLimit: 3 }, limit: 1 });
			const [loan] = await lend(scene, 1);
			const callers = [];
			for (let index = 0; index < 3; index += 1) {
				callers.push(scene.call());
				await pass(scene, 1);
			}
			scene.gate.isOpen = false;
			loan?.destroy();
			await scene.settle();
			expect(scene.live.counts.waiting).toBe(3);

			scene.gate.open();
			scene.live.wake();
			const order: number[] = [];
			for (let turn = 0; turn < 10; turn += 1) {
				await scene.settle();
				const index = callers.findIndex((caller, each) => caller.loan !== undefined && !order.includes(each));
				if (index < 0) break;
				order.push(index);
				callers[index]?.loan?.release();
			}

			expect(order).toEqual([0, 1, 2]);
			expect(handlers.start).toHaveBeenCalled();
		} finally {
			channel.unsubscribe(handlers);
		}
	});

	it("serves an application that gives the same function several times", async () => {
		const scene = createMysqlScene({ limit: 3 });
		const connections: (MysqlConnection | undefined)[] = [];
		const callback = (_error: Error | null, connection?: MysqlConnection): void => void connections.push(connection);

		for (let call = 0; call < 3; call += 1) scene.raw.getConnection(callback);
		await scene.settle();
		scene.raw.getConnection(callback);
		connections[0]?.release();
		await scene.settle();

		expect(connections).toHaveLength(4);
		expect(new Set(connections).size).toBe(3);
	});

	it("leaves the config of its connections as it is at a promotion, and makes a copy for the next", async () => {
		const scene = createMysqlScene();
		const before = scene.raw.config.connectionConfig;

		promote(scene);

		expect(before).toMatchObject({ user: "user1" });
		expect(scene.raw.config.connectionConfig).not.toBe(before);
		expect(scene.raw.config.connectionConfig).toMatchObject({ password: loginOf(2).password, pool: scene.raw, user: "user2" });
		expect(Object.getPrototypeOf(scene.raw.config.connectionConfig)).toBe(Object.getPrototypeOf(before));
	});

	it("keeps the head of its queue at a retirement: that caller neither loses its place nor logs in", async () => {
		const scene = createMysqlScene({ limit: 1 });
		await lend(scene, 1);
		const [first, second] = await callAll(scene, 2);
		promote(scene);
		scene.live.retireOlder();
		scene.server.closeMs = 100;
		const [connection] = [(scene.raw._allConnections as { get(index: number): MysqlConnection }).get(0)];

		connection.release();
		expect(scene.live.counts).toMatchObject({ total: 0, waiting: 2 });
		await scene.settle();
		expect(scene.live.counts).toMatchObject({ total: 0, waiting: 2 });
		expect(scene.gate.started).toHaveLength(1);
		await pass(scene, 200);

		expect(take(first as Caller).user).toBe("user2");
		expect(second?.isAnswered).toBe(false);
	});

	it("has no limit where its own is 0", () => {
		expect(createMysqlScene({ driver: { connectionLimit: 0 } }).live.limit).toBe(Number.POSITIVE_INFINITY);
	});

	it("survives a second error of a connection: mysql2 listens once", async () => {
		const scene = createMysqlScene();
		const [loan] = await lend(scene, 1);
		const connection = loan?.connection as NodeJS.EventEmitter;
		loan?.release();

		for (const message of ["first", "second"]) connection.emit("error", new Error(message));

		expect(scene.gate.lostCount).toBe(2);
	});
});
