/** Connections in use are exchanged when they come back, several generations of them at once. */
import { stageExchange } from "./exchange-scene.js";
import { callAll, type Caller, lend, pass, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

const HOUR_MS = 3_600_000;
const SURPLUS_MS = 1_000;

describe.each(POOLS)("The exchange of connections in use, in a pool of $label", (maker) => {
	describe("with connections in use", () => {
		it("opens none before one comes back", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [first] = await lend(scene, 2);

			start();
			await pass(scene, HOUR_MS);
			expect(scene.server.acceptedCount).toBe(2);
			first?.release();
			await pass(scene, 100);

			expect(scene.server.openUsers).toEqual(["user1", "user2"]);
			expect(exchange.isRunning).toBe(true);
		});

		it("closes the first that comes back, not one that was chosen before", async () => {
			const { scene, start } = stageExchange(maker, { limit: 3 });
			const loans = await lend(scene, 3);
			scene.server.loginMs = 100;
			start();
			await scene.settle();
			// Seen, and taken by the next caller at once.
			const next = scene.call();
			loans[0]?.release();
			await pass(scene, 150);
			expect(scene.server.openUsers).toEqual(["user1", "user1", "user1", "user2"]);

			loans[2]?.release();
			await pass(scene, 50);

			expect(take(next).connection).toBe(loans[0]?.connection);
			expect(scene.server.openUsers).toEqual(["user1", "user1", "user2"]);
			await expect(loans[1]?.ask("SELECT 1")).resolves.toBeDefined();
			await expect(take(next).ask("SELECT 1")).resolves.toBeDefined();
		});

		it("closes one that is idle when the new one is ready, not one that was idle when its login began", async () => {
			const { scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.loginMs = 100;
			start();
			await pass(scene, 50);
			const callers = [scene.call(), scene.call()];
			await scene.settle();
			take(callers[0] as Caller).release();
			await pass(scene, 60);

			const kept = take(callers[1] as Caller);
			expect(kept.user).toBe("user1");
			await expect(kept.ask("SELECT 1")).resolves.toBeDefined();
			expect(scene.server.openUsers).toEqual(["user1", "user2"]);
		});

		it("lets no caller log in beside it: all of them are served by what comes back", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const loans = await lend(scene, 2);
			scene.server.loginMs = 100;
			start();
			let served = 0;
			const released = new WeakSet<object>();
			const queue = Array.from({ length: 10 }, () => scene.call());
			for (let turn = 0; turn < 40; turn += 1) {
				for (const loan of [...loans.splice(0), ...queue.flatMap(({ loan: got }) => (got === undefined ? [] : [got]))]) {
					if (!released.has(loan)) {
						released.add(loan);
						served += 1;
						loan.release();
					}
				}
				await pass(scene, 20);
			}

			expect(served).toBe(12);
			expect(exchange.isRunning).toBe(false);
			expect(scene.gate.callersLoginCount).toBe(2);
			expect(scene.server.openUsers).toEqual(["user2", "user2"]);
		});
		it("closes the new connection again when every older one stays in use, and begins anew when one comes back", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [first, second] = await lend(scene, 2);
			scene.server.loginMs = 100;
			start();
			await scene.settle();
			const next = scene.call();
			first?.release();
			await pass(scene, 150);
			expect(scene.server.openUsers).toEqual(["user1", "user1", "user2"]);

			await pass(scene, SURPLUS_MS);
			expect(scene.server.openUsers).toEqual(["user1", "user1"]);
			take(next).release();
			await pass(scene, 150);
			second?.release();
			await pass(scene, 150);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2", "user2"]);
		});

		it("gives the new connection to no caller that could keep it beside the others", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [first, second] = await lend(scene, 2);
			start();
			await scene.settle();
			const [next, last] = [scene.call(), scene.call()];
			first?.release();
			await pass(scene, 100);
			expect(scene.server.openUsers).toEqual(["user1", "user1", "user2"]);
			expect(last.isAnswered).toBe(false);

			take(next).release();
			await pass(scene, 100);
			expect(take(last).user).toBe("user2");
			expect(scene.server.openUsers).toEqual(["user1", "user2"]);
			second?.release();
			await pass(scene, 1_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2", "user2"]);
			expect(scene.server.openMaximum).toBe(3);
		});

		it("comes to its end although each caller works for longer than the new connection first waits", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 1 });
			scene.server.loginMs = 100;
			const first = scene.call();
			await pass(scene, 200);
			let loan = take(first);
			start();
			for (let turn = 0; turn < 10; turn += 1) {
				const next = scene.call();
				await pass(scene, 3_000);
				loan.release();
				await scene.settle();
				loan = take(next);
			}

			expect(exchange.isRunning).toBe(false);
			expect(loan.user).toBe("user2");
			expect(scene.gate.callersLoginCount).toBe(1);
			expect(scene.server.openMaximum).toBe(2);
		});

		it("gives the new connection up at once when a rotation wants to check other credentials", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [first] = await lend(scene, 2);
			start();
			await scene.settle();
			scene.call();
			first?.release();
			await pass(scene, 100);
			expect(scene.server.openCount).toBe(3);

			const paused = jest.fn();
			void exchange.pause().then(paused);
			await scene.settle();

			expect(paused).toHaveBeenCalledTimes(1);
			expect(scene.server.openUsers).toEqual(["user1", "user1"]);
			await pass(scene, 60_000);
			expect(scene.server.acceptedCount).toBe(3);
		});

		it("survives the loss of the new connection while it waits", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [first, second] = await lend(scene, 2);
			start();
			await scene.settle();
			const next = scene.call();
			first?.release();
			await pass(scene, 100);

			scene.server.cutConnections();
			await scene.settle();
			for (const loan of [take(next), second]) loan?.release();
			await pass(scene, 10_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.live.olderCount).toBe(0);
		});

		it("goes on when the last that was in use is lost instead of coming back", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [loan] = await lend(scene, 1);
			start();
			await scene.settle();

			scene.server.cutConnections();
			await scene.settle();
			loan?.release();
			const [caller] = await callAll(scene, 1);
			caller?.loan?.release();
			await pass(scene, 100);

			expect(exchange.isRunning).toBe(false);
		});

		it("is over when the last that was in use is given back as broken", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [loan] = await lend(scene, 1);
			start();
			await scene.settle();

			loan?.destroy();
			await pass(scene, 100);

			expect(exchange.isRunning).toBe(false);
			expect(scene.live.counts.total).toBe(0);
		});

		it("exchanges a login that was under way at the promotion once it has served its caller", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			scene.server.loginMs = 100;
			const caller = scene.call();
			await pass(scene, 50);
			start();
			await pass(scene, 100);

			take(caller).release();
			await pass(scene, 300);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2"]);
		});
	});

	describe("of several generations at once", () => {
		it("closes every older connection once, and none of the newest", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 4 });
			const closed: object[] = [];
			const held = [];
			for (let generation = 1; generation <= 3; generation += 1) {
				const loans = await lend(scene, 2);
				held.push(loans[0]);
				loans[1]?.release();
				start();
			}
			await pass(scene, 5_000);
			expect([...scene.live.countByGeneration().keys()]).toContain(4);

			for (const loan of held) {
				closed.push(loan?.connection as object);
				loan?.release();
				await pass(scene, 2_000);
			}

			expect(exchange.isRunning).toBe(false);
			expect(new Set(closed).size).toBe(3);
			expect(new Set(scene.server.openUsers)).toEqual(new Set(["user4"]));
			expect(scene.server.openMaximum).toBeLessThanOrEqual(5);
			expect(scene.live.countByGeneration().size).toBe(1);
		});
	});
});
