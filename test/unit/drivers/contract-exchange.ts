/** Claims: older connections leave the pool one at a time, each after its replacement is ready, and no caller waits for a login of it. */
import { AsyncLocalStorage } from "node:async_hooks";

import { Exchange, type ExchangeMode } from "../../../src/drivers/exchange.js";
import { CLOSE_PATIENCE_MS } from "../../../src/drivers/open-sockets.js";
import { NEVER_MS } from "../../support/fake-postgres-server.js";
import type { PoolScene, SceneMaker, SceneOptions } from "./pool-scene.js";
import { callAll, lend, loginOf, pass, promote, take, warm } from "./pool-scene.js";

const HOUR_MS = 3_600_000;
const SURPLUS_MS = 1_000;

/** A scene whose pool exchanges its connections. */
interface ExchangeScene {
	exchange: Exchange;
	readonly halts: unknown[];
	scene: PoolScene;
	/** Promotes the next credentials and begins. */
	start(mode?: ExchangeMode, checked?: Promise<void>): void;
}

/** Everything of it that both drivers have in common. */
export function describeExchange({ create }: SceneMaker): void {
	function stage(options?: SceneOptions): ExchangeScene {
		const scene = create(options);
		const { clock, gate, live } = scene;
		const halts: unknown[] = [];
		const exchange = new Exchange({ clock, gate, onHalted: (error) => halts.push(error), pool: live });
		return {
			exchange,
			halts,
			scene,
			start: (mode = "gradual", checked = Promise.resolve()) => {
				promote(scene, mode === "moved" ? "elsewhere" : "db");
				exchange.start(mode, checked);
			},
		};
	}

	describe("with idle connections", () => {
		it("exchanges all of them, with one socket beside the pool at most, and never lets the limit be another one", async () => {
			const { exchange, scene, start } = stage({ limit: 5 });
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
			const { scene, start } = stage({ limit: 5 });
			await warm(scene, 2);

			start();
			await pass(scene, 100);

			expect(scene.live.counts).toMatchObject({ idle: 2, total: 2 });
			expect(scene.server.acceptedCount).toBe(4);
			expect(scene.server.openMaximum).toBe(3);
		});

		it("serves callers meanwhile over what is there", async () => {
			const { scene, start } = stage();
			await warm(scene, 2);
			scene.server.loginMs = 100;
			start();
			await pass(scene, 50);

			const [caller] = await callAll(scene, 1);

			expect(take(caller as never).user).toBe("user1");
			expect(scene.gate.callersLoginCount).toBe(2);
		});

		it("waits for the sockets of those it closes before it opens the next", async () => {
			const { scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();

			start();
			await exchange.done;

			expect(exchange.isRunning).toBe(false);
			expect(scene.server.acceptedCount).toBe(0);
		});

		it("begins when the connection that checked the credentials is closed", async () => {
			const { scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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

	describe("with connections in use", () => {
		it("opens none before one comes back", async () => {
			const { exchange, scene, start } = stage();
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
			const { scene, start } = stage({ limit: 3 });
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

		it("lets no caller log in beside it: all of them are served by what comes back", async () => {
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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

		it("lends the new connection to no caller that could keep it beside the others", async () => {
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage({ limit: 1 });
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
			const [loan] = await lend(scene, 1);
			start();
			await scene.settle();

			loan?.destroy();
			await pass(scene, 100);

			expect(exchange.isRunning).toBe(false);
			expect(scene.live.counts.total).toBe(0);
		});

		it("exchanges a login that was under way at the promotion once it has served its caller", async () => {
			const { exchange, scene, start } = stage();
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

	describe("that sleeps because every older connection is in use", () => {
		it("is woken by a promotion: the older ones of a quiet pool are idle", async () => {
			const { exchange, scene, start } = stage({ limit: 3 });
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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

	describe("on a server that is full", () => {
		it("closes an idle older connection first and opens its replacement then", async () => {
			const { exchange, halts, scene, start } = stage({ limit: 3 });
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
			const { exchange, halts, scene, start } = stage();
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

	describe("whose credentials are refused, as after a change that was taken back", () => {
		it("stops, tells of it once, and leaves the older connections alone", async () => {
			const { exchange, halts, scene, start } = stage();
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
			const { exchange, halts, scene, start } = stage();
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
			const { exchange, halts, scene, start } = stage();
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
			const { exchange, halts, scene, start } = stage();
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

	describe("of several generations at once", () => {
		it("closes every older connection once, and none of the newest", async () => {
			const { exchange, scene, start } = stage({ limit: 4 });
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
			const { exchange, scene, start } = stage({ limit: 3 });
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

		it("lets one that is in use work to its end, and lends it to no other caller", async () => {
			const { exchange, scene, start } = stage();
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

		it("keeps the older connections while the new endpoint does not answer", async () => {
			const { exchange, halts, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage({ limit: 3 });
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage({ limit: 3 });
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
			const { exchange, scene, start } = stage();
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
			const { exchange, scene, start } = stage();
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

	it("runs outside of the context of the request in which it is started", async () => {
		const { scene, start } = stage();
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
		const { scene, start } = stage();
		await lend(scene, 2);

		start();
		await pass(scene, 100);

		expect(scene.clock.isProcessKept).toBe(false);
	});
}
