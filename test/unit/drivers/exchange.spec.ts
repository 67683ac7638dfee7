/** Older connections leave the pool one at a time, each after its replacement is ready, and no caller waits for a login of the exchange. */
import { AsyncLocalStorage } from "node:async_hooks";

import { CLOSE_PATIENCE_MS } from "../../../src/drivers/open-sockets.js";
import { NEVER_MS } from "../../support/fake-postgres-server.js";
import { stageExchange } from "./exchange-scene.js";
import { callAll, lend, pass, promote, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

describe.each(POOLS)("The exchange in a pool of $label", (maker) => {
	describe("with idle connections", () => {
		it("exchanges all of them, with one socket beside the pool at most, and never lets the limit be another one", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 5 });
			const before = await warm(scene, 5);
			scene.server.loginMs = 150;

			start();
			const limits = new Set<number>();
			for (let step = 0; step < 100; step += 1) {
				await pass(scene, 10);
				limits.add(scene.live.limit);
			}

			expect(exchange.isRunning).toBe(false);
			await exchange.done;
			expect(scene.server.openUsers).toEqual(Array.from({ length: 5 }, () => "user2"));
			expect(scene.live.counts).toMatchObject({ idle: 5, inUse: 0, older: 0, total: 5 });
			expect(scene.server.openMaximum).toBe(6);
			expect([...limits]).toEqual([5]);
			const after = (await lend(scene, 5)).map(({ connection }) => connection);
			expect(after.filter((connection) => before.includes(connection))).toEqual([]);
		});

		it("opens as many as there were, and does not fill up a pool that is not full", async () => {
			const { scene, start } = stageExchange(maker, { limit: 5 });
			await warm(scene, 2);

			start();
			await pass(scene, 100);

			expect(scene.live.counts).toMatchObject({ idle: 2, total: 2 });
			expect(scene.server.acceptedCount).toBe(4);
			expect(scene.server.openMaximum).toBe(3);
		});

		it("serves callers meanwhile over what is there", async () => {
			const { scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.loginMs = 100;
			start();
			await pass(scene, 50);

			const [caller] = await callAll(scene, 1);

			expect(take(caller as never).user).toBe("user1");
			expect(scene.gate.callersLoginCount).toBe(2);
		});

		it("waits for the sockets of those it closes before it opens the next", async () => {
			const { scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.closeMs = 200;

			start();
			await pass(scene, 150);
			expect(scene.server.acceptedCount).toBe(3);
			expect(scene.live.socketCount).toBe(3);
			await pass(scene, 300);

			expect(scene.server.acceptedCount).toBe(4);
			expect(scene.server.openMaximum).toBe(3);
		});

		it("cuts a socket that does not close, and goes on", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.closeMs = NEVER_MS;

			start();
			await pass(scene, CLOSE_PATIENCE_MS - 1);
			expect(scene.server.acceptedCount).toBe(3);
			await pass(scene, CLOSE_PATIENCE_MS + 1);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2", "user2"]);
		});

		it("is over at once where there is nothing to exchange", async () => {
			const { exchange, scene, start } = stageExchange(maker);

			start();
			await exchange.done;

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.acceptedCount).toBe(0);
		});

		it("begins when the connection that checked the credentials is closed", async () => {
			const { scene, start } = stageExchange(maker);
			await warm(scene, 1);
			let close = (): void => undefined;

			start("gradual", new Promise<void>((resolve) => (close = resolve)));
			await pass(scene, 1_000);
			expect(scene.server.acceptedCount).toBe(1);
			close();
			await pass(scene, 100);

			expect(scene.server.openUsers).toEqual(["user2"]);
		});

		it("logs in when the gate says so, and not before", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await warm(scene, 1);
			scene.gate.isOpen = false;

			start();
			await pass(scene, 10_000);
			expect(scene.server.acceptedCount).toBe(1);
			scene.gate.open();
			await pass(scene, 1_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2"]);
		});
	});

	describe("that sleeps because every older connection is in use", () => {
		it("is woken by a promotion: the older ones of a quiet pool are idle", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 3 });
			const [held] = await lend(scene, 1);
			start();
			await pass(scene, 1_000);
			const [second] = await lend(scene, 1);
			second?.release();
			await pass(scene, 1_000);
			expect(scene.server.openUsers).toEqual(["user1", "user2"]);

			start();
			await pass(scene, 1_000);

			expect(scene.server.openUsers).toEqual(["user1", "user3"]);
			held?.release();
			await pass(scene, 1_000);
			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user3", "user3"]);
		});

		it("is woken by the end of the pool", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [held] = await lend(scene, 2);
			start();
			await scene.settle();

			void scene.end();
			held?.release();
			await pass(scene, 1_000);
			scene.server.cutConnections();
			await pass(scene, 1_000);

			expect(exchange.isRunning).toBe(false);
		});

		it("is woken by the deadline of what was in use", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await lend(scene, 1);
			const held = promote(scene);
			exchange.start("gradual", Promise.resolve());
			await scene.settle();

			held.cut(new Error("The deadline is over"));
			await scene.settle();
			start();
			await pass(scene, 1_000);

			expect(scene.server.openUsers.filter((user) => user === "user1")).toEqual([]);
		});

		it("ends when it is stopped", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [held] = await lend(scene, 1);
			start();
			await scene.settle();

			exchange.stop();
			await exchange.done;
			held?.release();
			await pass(scene, 1_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user1"]);
		});
	});

	it("runs outside of the context of the request in which it is started", async () => {
		const { scene, start } = stageExchange(maker);
		await warm(scene, 1);
		const storage = new AsyncLocalStorage<string>();
		const contexts: unknown[] = [];
		const started = jest.spyOn(scene.gate, "loginStarted").mockImplementation(() => void contexts.push(storage.getStore()));

		storage.run("of a request", start);
		await pass(scene, 100);

		expect(started).toHaveBeenCalled();
		expect(contexts).toEqual([undefined]);
	});

	it("keeps no process alive by itself", async () => {
		const { scene, start } = stageExchange(maker);
		await lend(scene, 2);

		start();
		await pass(scene, 100);

		expect(scene.clock.isProcessKept).toBe(false);
	});
});
