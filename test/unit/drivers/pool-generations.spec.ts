/** Which connection belongs to which credentials, and which connections a promotion finds in use. */
import { callAll, lend, loginOf, pass, type PoolScene, promote, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

describe.each(POOLS)("The generations of $label", ({ create }) => {
	let scene: PoolScene;

	beforeEach(() => (scene = create()));

	it("begins with the first, for connections that were there before, too", async () => {
		await warm(scene, 2);

		expect(scene.live.generation).toBe(1);
		expect(scene.live.olderCount).toBe(0);
		expect([...scene.live.countByGeneration()]).toEqual([[1, { idle: 2, inUse: 0 }]]);
	});

	it("leaves every connection as it is at a promotion, and logs in with the new credentials from then on", async () => {
		const [held] = await lend(scene, 1);

		promote(scene);
		const [loan] = await lend(scene, 1);

		expect(scene.live.generation).toBe(2);
		expect(scene.server.openUsers).toEqual(["user1", "user2"]);
		expect(loan?.user).toBe("user2");
		await expect(held?.ask("SELECT 1")).resolves.toBeDefined();
		expect([...scene.live.countByGeneration()]).toEqual([
			[1, { idle: 0, inUse: 1 }],
			[2, { idle: 0, inUse: 1 }],
		]);
		expect(scene.live.counts).toMatchObject({ idle: 0, inUse: 2, older: 1, total: 2 });
	});

	it("hands out older connections until they are exchanged", async () => {
		await warm(scene, 1);

		promote(scene);
		const [loan] = await lend(scene, 1);

		expect(loan?.user).toBe("user1");
		expect(scene.server.acceptedCount).toBe(1);
	});

	it("takes a login that is under way at the promotion for one of the older generation", async () => {
		scene.server.loginMs = 100;
		const caller = scene.call();
		await pass(scene, 50);

		promote(scene);
		await pass(scene, 50);

		expect(take(caller).user).toBe("user1");
		expect(scene.live.olderCount).toBe(1);
		expect(scene.gate.outcomes).toEqual([{ isCurrent: false }]);
	});

	it("logs a caller in again at once whose login was under way at the promotion and was refused: that says nothing of the new ones", async () => {
		scene.server.loginMs = 100;
		const caller = scene.call();
		await pass(scene, 50);

		scene.server.passwords.set("user1", "changed");
		promote(scene);
		await pass(scene, 200);

		expect(take(caller).user).toBe("user2");
		expect(scene.gate.outcomes).toMatchObject([
			{ error: { message: expect.any(String) as string }, isCurrent: false },
			{ isCurrent: true },
		]);
		expect(scene.gate.failure).toBeUndefined();
		expect(scene.live.olderCount).toBe(0);
	});

	it("tells several generations apart", async () => {
		const loans = [];
		for (const generation of [1, 2, 3]) {
			const [loan] = await lend(scene, 1);
			loans.push(loan);
			expect(loan?.user).toBe(loginOf(generation).user);
			if (generation === 2) break;
			promote(scene);
		}
		promote(scene);

		expect([...scene.live.countByGeneration()]).toEqual([
			[1, { idle: 0, inUse: 1 }],
			[2, { idle: 0, inUse: 1 }],
		]);
		expect(scene.live.olderCount).toBe(2);
	});

	it("keeps what others have put on the pool, its limit included", async () => {
		const { call, raw } = scene;
		const before = Reflect.ownKeys(raw);
		await warm(scene, 1);

		promote(scene);
		await callAll({ ...scene, call }, 1);

		expect(scene.live.limit).toBe(2);
		expect(Reflect.ownKeys(raw)).toEqual(expect.arrayContaining(before));
	});
});

describe.each(POOLS)("What is in use at a promotion, in a pool of $label", ({ create }) => {
	let scene: PoolScene;

	beforeEach(() => (scene = create()));

	it("are those that are in use, and not those that are idle", async () => {
		const [first] = await lend(scene, 2);
		first?.release();

		const held = promote(scene);

		expect(held.count).toBe(1);
	});

	it("are none where all are idle", async () => {
		await warm(scene, 2);

		const held = promote(scene);

		expect(held.count).toBe(0);
		await expect(held.done).resolves.toBeUndefined();
	});

	it("are done when the last has come back, whichever caller gets it next", async () => {
		const [first, second] = await lend(scene, 2);
		const done = jest.fn();
		const held = promote(scene);
		void held.done.then(done);
		const next = scene.call();

		first?.release();
		await scene.settle();
		expect(held.count).toBe(1);
		expect(done).not.toHaveBeenCalled();
		second?.release();
		await scene.settle();

		expect(next.loan?.connection).toBe(first?.connection);
		expect(held.count).toBe(0);
		expect(done).toHaveBeenCalledTimes(1);
	});

	it("are done when the last is lost, or given back as broken", async () => {
		const [first] = await lend(scene, 2);
		const held = promote(scene);

		first?.destroy();
		await scene.settle();
		expect(held.count).toBe(1);
		scene.server.cutConnections();
		await scene.settle();

		expect(held.count).toBe(0);
	});

	it("count as gone once they are cut, also where their owner keeps them", async () => {
		await lend(scene, 2);
		const held = promote(scene);

		held.cut(new Error("cut"));
		await scene.settle();

		expect(held.count).toBe(0);
		expect(scene.live.olderCount).toBe(0);
		expect(scene.live.counts).toMatchObject({ older: 0 });
	});

	it("include logins that are under way", async () => {
		scene.server.loginMs = 100;
		scene.call();
		await pass(scene, 50);

		const held = promote(scene);
		expect(held.count).toBe(1);
		scene.server.cutConnections();
		await scene.settle();

		expect(held.count).toBe(0);
	});

	it("are followed for each promotion by itself", async () => {
		const [loan] = await lend(scene, 1);
		const first = promote(scene);
		const second = promote(scene);

		loan?.release();
		await scene.settle();

		expect([first.count, second.count]).toEqual([0, 0]);
		await Promise.all([first.done, second.done]);
	});

	it("are cut with an error that reaches the owner, the others are not", async () => {
		const [first, second] = await lend(scene, 2);
		const reason = new Error("The deadline is over");
		const held = promote(scene);
		first?.release();
		await scene.settle();

		held.cut(reason);
		await scene.settle();

		expect(second?.errors[0]).toBe(reason);
		expect(first?.errors).toEqual([]);
		expect(scene.server.openCount).toBe(1);
		expect(held.count).toBe(0);
	});

	it("fail what runs on them with that error when they are cut", async () => {
		const [loan] = await lend(scene, 1);
		scene.server.answerMs = Number.POSITIVE_INFINITY;
		const failure = loan?.ask("SELECT pg_sleep(60)").catch((error: unknown) => error);
		const reason = new Error("The deadline is over");
		const held = promote(scene);
		await scene.settle();

		held.cut(reason);
		await scene.settle();

		expect(await failure).toBe(reason);
	});
});
