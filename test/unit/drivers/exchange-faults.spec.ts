/** A full server and refused credentials bring the exchange to a halt and cost no connection that serves. */
import { stageExchange } from "./exchange-scene.js";
import { lend, loginOf, pass, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

/** A connection as the pool of either driver hands it to a listener. */
interface RawConnection {
	readonly connection?: { readonly stream: Stream };
	readonly stream?: Stream;
}

interface RawPool {
	on(event: string, listener: (connection: RawConnection) => void): unknown;
}

interface Stream {
	destroy(): unknown;
}

describe.each(POOLS)("The exchange in a pool of $label", (maker) => {
	describe("on a server that is full", () => {
		it("closes an idle older connection first and opens its replacement then", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker, { limit: 3 });
			await warm(scene, 3);
			scene.server.connectionLimit = 3;

			start();
			await pass(scene, 1_000);

			expect(exchange.isRunning).toBe(false);
			expect(halts).toEqual([]);
			expect(scene.server.openUsers).toEqual(["user2", "user2", "user2"]);
			expect(scene.server.openMaximum).toBe(3);
		});

		it("closes nothing that is in use, and goes on later", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker);
			const loans = await lend(scene, 2);
			scene.server.connectionLimit = 2;
			start();
			await scene.settle();
			const next = scene.call();
			loans[0]?.release();
			await pass(scene, 1_000);
			expect(scene.server.openUsers).toEqual(["user1", "user1"]);
			expect(halts).toHaveLength(1);

			take(next).release();
			loans[1]?.release();
			await pass(scene, 60_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2", "user2"]);
		});
	});

	describe("whose connections are cut right after their login", () => {
		it("keeps the older connections, tells of it once, and goes on when connections last", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker, { limit: 3 });
			await warm(scene, 3);
			let isCut = true;
			const cut = ({ connection, stream = connection?.stream }: RawConnection): void => {
				if (isCut) stream?.destroy();
			};
			for (const event of ["connect", "connection"]) (scene.raw as RawPool).on(event, cut);

			start();
			await pass(scene, 10_000);
			expect(scene.live.counts.older).toBeGreaterThanOrEqual(2);
			expect(halts).toMatchObject([{ message: expect.stringContaining("lost right after") as string }]);
			isCut = false;
			await pass(scene, 60_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.live.olderCount).toBe(0);
		});
	});

	describe("whose credentials are refused, as after a change that was taken back", () => {
		it("stops, tells of it once, and leaves the older connections alone", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.passwords.set("user2", "changed");

			start();
			await pass(scene, 60_000);

			expect(halts).toHaveLength(1);
			expect(exchange.isRunning).toBe(true);
			expect(scene.server.openUsers).toEqual(["user1", "user1"]);
			expect(scene.live.counts).toMatchObject({ idle: 2, older: 2 });
			await expect(lend(scene, 2)).resolves.toHaveLength(2);
		});

		it("tries again after 1 s, 2 s, 4 s …, never more often than that, and goes on when they are taken", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.passwords.set("user2", "changed");
			const attempts: number[] = [];
			start();
			for (let second = 0; second < 20; second += 1) {
				scene.gate.open();
				await pass(scene, 1_000);
				attempts.push(scene.server.refusedCount);
			}
			// At 0, 1, 3, 7 and 15 s, each after a look at the gate.
			expect(attempts.at(-1)).toBeGreaterThanOrEqual(4);
			expect(attempts.at(-1)).toBeLessThanOrEqual(5);

			scene.server.passwords.set("user2", loginOf(2).password);
			scene.gate.open();
			await pass(scene, 30_000);

			expect(halts).toHaveLength(1);
			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user2", "user2"]);
		});

		it("goes on at once with newer credentials, and tells of a halt of those, too", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			for (const user of ["user2", "user3"]) scene.server.passwords.set(user, "changed");
			start();
			await pass(scene, 20_000);
			expect(halts).toHaveLength(1);

			scene.gate.open();
			start();
			await pass(scene, 500);
			expect(halts).toHaveLength(2);
			scene.gate.open();
			start();
			await pass(scene, 500);

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user4", "user4"]);
		});

		it("does not take the refusal of a login that began before a promotion for one of the new credentials", async () => {
			const { exchange, halts, scene, start } = stageExchange(maker);
			await warm(scene, 2);
			scene.server.loginMs = 100;
			start();
			await pass(scene, 50);
			scene.server.passwords.set("user2", "changed");
			start();
			await pass(scene, 600);

			expect(halts).toEqual([]);
			expect(exchange.isRunning).toBe(false);
			expect(scene.server.openUsers).toEqual(["user3", "user3"]);
		});
	});
});
