/** Endpoints that moved, leaked passwords, and the pause for a rotation. */
import { NEVER_MS } from "../../support/fake-postgres-server.js";
import { stageExchange } from "./exchange-scene.js";
import { callAll, type Caller, lend, pass, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

describe.each(POOLS)("The exchange in a pool of $label", (maker) => {
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

	describe("to an endpoint that moved", () => {
		it("closes the idle older connections as soon as one new connection is ready", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 3 });
			await warm(scene, 3);
			scene.elsewhere.loginMs = 100;

			start("moved");
			await pass(scene, 99);
			expect(scene.server.openCount).toBe(3);
			await pass(scene, 2);

			expect(scene.server.openCount).toBe(0);
			expect(scene.elsewhere.openUsers).toEqual(["user2"]);
			expect(exchange.isRunning).toBe(false);
		});

		it("lets one that is in use work to its end, and gives it to no other caller", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [held, other] = await lend(scene, 2);
			other?.release();
			start("moved");
			await pass(scene, 100);
			expect(scene.server.openCount).toBe(1);
			await expect(held?.ask("SELECT 1")).resolves.toBeDefined();

			const queue = await callAll(scene, 2);
			held?.release();
			await pass(scene, 100);

			expect(queue.map((caller) => take(caller).user)).toEqual(["user2", "user2"]);
			expect(scene.server.openCount).toBe(0);
			expect(exchange.isRunning).toBe(false);
		});

		it("keeps to the size of the pool while every older connection is in use, so that a rotation has room for its check", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const [first, second] = await lend(scene, 2);
			start("moved");
			await scene.settle();
			const next = scene.call();
			first?.release();
			await pass(scene, 5_000);

			expect(scene.server.openCount + scene.elsewhere.openCount).toBe(2);
			expect(take(next).user).toBe("user1");
			await exchange.pause();
			expect(scene.server.openCount + scene.elsewhere.openCount).toBe(2);
			second?.release();
			await pass(scene, 100);
			const [caller] = await callAll(scene, 1);
			expect(take(caller as Caller).user).toBe("user2");
		});

		it("keeps the older connections while the new endpoint does not answer", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.elsewhere.isReachable = false;

			start("moved");
			await pass(scene, 10_000);
			expect(scene.live.counts).toMatchObject({ idle: 2, older: 2 });
			expect(halts).toHaveLength(1);
			scene.elsewhere.isReachable = true;
			await pass(scene, 60_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openCount).toBe(0);
		});
	});

	describe("at once, because the former password leaked", () => {
		it("closes the idle connections in the turn of the promotion", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await warm(scene, 2);

			start("at-once");
			expect(scene.live.counts.total).toBe(0);
			await pass(scene, 100);

			expect(scene.server.openCount).toBe(0);
			expect(exchange.isRunning).toBe(false);
			const [loan] = await lend(scene, 1);
			expect(loan?.user).toBe("user2");
		});

		it("closes those in use when they come back", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			const loans = await lend(scene, 2);
			start("at-once");
			const [next] = await callAll(scene, 1);

			loans[0]?.release();
			await pass(scene, 100);
			expect(take(next as never).user).toBe("user2");
			expect(exchange.isRunning).toBe(true);
			loans[1]?.release();
			await pass(scene, 100);

			expect(scene.server.openUsers).toEqual(["user2"]);
			expect(exchange.isRunning).toBe(false);
		});

		it("stays so when newer credentials are promoted meanwhile", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 3 });
			const [held] = await lend(scene, 1);
			start("at-once");
			await warm(scene, 1);
			await scene.settle();

			start("gradual", new Promise(() => undefined));
			held?.release();
			expect(scene.live.counts.idle).toBe(0);
			await pass(scene, 100);

			expect(scene.server.openUsers).toEqual([]);
			exchange.stop();
		});

		it("makes an exchange that runs go faster", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.loginMs = 10_000;
			start();
			await pass(scene, 100);

			start("at-once");
			await pass(scene, 300);

			expect(scene.server.openUsers.filter((user) => user === "user1")).toEqual([]);
			expect(exchange.isRunning).toBe(true);
			await pass(scene, 30_000);
			expect(exchange.isRunning).toBe(false);
		});
	});

	describe("beside a rotation that checks other credentials", () => {
		it("pauses with no connection beside the pool, and goes on afterwards", async () => {
			const { exchange, scene, start } = stageExchange(maker, { limit: 3 });
			await warm(scene, 3);
			scene.server.loginMs = 100;
			start();
			await pass(scene, 50);

			const pausing = exchange.pause();
			let resume = (): void => undefined;
			void pausing.then((end) => (resume = end));
			await pass(scene, 60_000);
			expect(scene.live.socketCount).toBe(3);
			expect(scene.server.openUsers.filter((user) => user === "user2")).toHaveLength(1);
			resume();
			resume();
			await pass(scene, 1_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2", "user2", "user2"]);
		});

		it("goes on when the last of several pauses is over", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await warm(scene, 1);
			const resumes = await Promise.all([exchange.pause(), exchange.pause()]);
			start();

			resumes[0]?.();
			await pass(scene, 1_000);
			expect(scene.server.openUsers).toEqual(["user1"]);
			resumes[1]?.();
			await pass(scene, 1_000);

			expect(scene.server.openUsers).toEqual(["user2"]);
		});

		it("waits 5 s at most for a login of the exchange that hangs", async () => {
			const { exchange, scene, start } = stageExchange(maker);
			await warm(scene, 1);
			scene.server.loginMs = NEVER_MS;
			start();
			await scene.settle();
			const paused = jest.fn();

			void exchange.pause().then(paused);
			await pass(scene, 4_999);
			expect(paused).not.toHaveBeenCalled();
			await pass(scene, 1);

			expect(paused).toHaveBeenCalledTimes(1);
		});
	});
});
