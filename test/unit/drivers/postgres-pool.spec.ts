/** What is special about pools of pg: their options, the timer of their queue, and statements of `onConnect`. */
import type { FakePgPool } from "../../support/fake-postgres-driver.js";
import type { FakePostgresClient } from "../../support/fake-postgres-server.js";
import { stageExchange } from "./exchange-scene.js";
import { callAll, type Caller, isRefusal, lend, loginOf, pass, promote, warm } from "./pool-scene.js";
import { createPostgresScene } from "./postgres-scene.js";

const MAKER = { create: createPostgresScene, label: "pg-pool" };
const BUDGET_MS = 5_000;

describe("A pool of pg", () => {
	it("answers a caller with the server's refusal before its own timer does, also one that was queued in a full pool before", async () => {
		const scene = createPostgresScene({ budgetMs: BUDGET_MS, limit: 1 });
		const [loan] = await lend(scene, 1);
		const [caller] = await callAll(scene, 1);
		await pass(scene, BUDGET_MS - 1_000);
		scene.server.passwords.set("user1", "changed");
		loan?.destroy();

		await pass(scene, 1_000);

		expect(isRefusal(caller as Caller)).toBe(true);
	});

	it("has its own timeout while no login was refused", async () => {
		const scene = createPostgresScene({ budgetMs: BUDGET_MS, limit: 1 });
		await lend(scene, 1);
		const [caller] = await callAll(scene, 1);

		await pass(scene, BUDGET_MS);

		expect(caller?.error).toMatchObject({ message: "timeout exceeded when trying to connect" });
	});

	it("does not count the exchange as a use of its connections", async () => {
		const { scene, start } = stageExchange(MAKER, { driver: { maxUses: 2 } });
		await warm(scene, 1);
		start();
		await pass(scene, 100);
		expect(scene.live.counts).toMatchObject({ idle: 1, older: 0 });

		const [first] = await lend(scene, 1);
		first?.release();
		const [second] = await lend(scene, 1);
		second?.release();
		await pass(scene, 100);

		expect(second?.connection).toBe(first?.connection);
		expect(scene.live.counts.total).toBe(0);
	});

	it.each(["before", "after"])(
		"exchanges a client whose release a listener of the application ends with an error, added %s the gate",
		async (order) => {
			const fail = (): never => {
				throw new Error("A listener of the application failed");
			};
			const { exchange, scene, start } = stageExchange(MAKER);
			const raw = scene.raw as FakePgPool;
			if (order === "before") raw.on("release", fail);
			const [held] = await lend(scene, 1);
			start();
			const [lentLater] = await lend(scene, 1);
			await pass(scene, 100);
			if (order === "after") raw.on("release", fail);

			expect(() => held?.release()).toThrow("A listener of the application failed");
			expect(() => lentLater?.release()).toThrow("A listener of the application failed");
			await pass(scene, 5_000);

			expect(exchange.isRunning).toBe(false);
			expect(scene.live.olderCount).toBe(0);
		},
	);

	it("ends when its last client is one that was retired", async () => {
		const scene = createPostgresScene();
		const [loan] = await lend(scene, 1);
		let isEnded = false;
		void scene.end().then(() => (isEnded = true));

		void scene.live.retire(loan?.connection as object);
		await pass(scene, 1_000);

		expect(isEnded).toBe(true);
	});

	it("passes on an error of a statement in onConnect, whatever its code: the login has succeeded", async () => {
		const refusal = Object.assign(new Error("role does not exist"), { code: "28000" });
		const onConnect = async (): Promise<void> => Promise.reject(refusal);
		const scene = createPostgresScene({ driver: { onConnect } });

		const [caller] = await callAll(scene, 1);
		await pass(scene, 100);

		expect(caller?.error).toBe(refusal);
		expect(scene.gate.failure).toBeUndefined();
		expect(scene.gate.outcomes).toMatchObject([{ error: { message: "A statement after the login failed" } }]);
	});

	it("survives an error that comes in the turn in which a connection is acquired", async () => {
		const scene = createPostgresScene();
		scene.raw.on("connect", (client: never) => {
			const { emit } = client as FakePostgresClient;
			process.nextTick(() => emit.call(client, "error", new Error("the server's last word")));
		});

		const [loan] = await lend(scene, 1);
		const client = loan?.connection as FakePostgresClient;
		loan?.release();

		expect(client.listenerCount("error")).toBe(1);
	});

	it("ends a stream with the error of the deadline: pg forgets one whose consumer is slow", async () => {
		const scene = createPostgresScene();
		const [loan] = await lend(scene, 1);
		const stream = { destroy: jest.fn() };
		Object.assign(loan?.connection as object, { _activeQuery: stream });
		const reason = new Error("The deadline is over");

		promote(scene).cut(reason);

		expect(stream.destroy).toHaveBeenCalledWith(reason);
	});

	it("keeps the password out of its options as they are printed", async () => {
		const scene = createPostgresScene();

		promote(scene);

		expect(Object.keys(scene.raw.options)).not.toContain("password");
		expect(scene.raw.options["password"]).toBe(loginOf(2).password);
	});
});
