/** A pool is given back as it was, and those whom the gate held back are served by the pool's own rules. */
import { callAll, type Caller, isRefusal, lend, pass, promote, take } from "./pool-scene.js";
import { POOLS } from "./pools.js";

const BUDGET_MS = 5_000;

describe.each(POOLS)("Giving back a pool of $label", ({ create }) => {
	const listListeners = (raw: object): Record<string, number> => {
		const { eventNames, listenerCount } = raw as NodeJS.EventEmitter;
		return Object.fromEntries(eventNames.call(raw).map((name) => [String(name), listenerCount.call(raw, name)]));
	};

	it("leaves the pool as it was", async () => {
		const scene = create();
		const plain = scene.createRaw();
		expect(Reflect.ownKeys(scene.raw)).not.toEqual(Reflect.ownKeys(plain));
		promote(scene);
		scene.live.retireOlder();

		scene.live.detach();

		expect(new Set(Reflect.ownKeys(scene.raw))).toEqual(new Set(Reflect.ownKeys(plain)));
		expect(listListeners(scene.raw)).toEqual(listListeners(plain));
		const [loan] = await lend(scene, 1);
		expect(loan?.user).toBe("user2");
		expect(scene.gate.started).toEqual([]);
	});

	it("lists nothing of its own among the properties of the pool", async () => {
		const scene = create();
		const before = Object.keys(scene.raw);
		promote(scene);

		await lend(scene, 1);

		expect(Object.keys(scene.raw)).toEqual(before);
		expect(before.filter((key) => ["_isFull", "getConnection", "newClient", "releaseConnection"].includes(key))).toEqual([]);
	});

	it("serves those who were held back by the pool's own rules, and stops its timers", async () => {
		const scene = create({ budgetMs: BUDGET_MS });
		scene.gate.isOpen = false;
		const callers = await callAll(scene, 3);
		expect(callers.filter(({ isAnswered }) => isAnswered)).toEqual([]);

		scene.live.detach();
		await scene.settle();

		expect(callers.filter(({ isAnswered }) => isAnswered)).toHaveLength(2);
		take(callers[0] as Caller).release();
		await scene.settle();
		expect(callers.filter(({ isAnswered }) => isAnswered)).toHaveLength(3);
		expect(scene.clock.pendingCount).toBe(0);
	});

	it("passes on the refusal of a login that was under way", async () => {
		const scene = create({ budgetMs: BUDGET_MS });
		scene.server.passwords.set("user1", "changed");
		scene.server.loginMs = 100;
		const [caller] = await callAll(scene, 1);

		scene.live.detach();
		await pass(scene, 200);

		expect(isRefusal(caller as Caller)).toBe(true);
		expect(scene.clock.pendingCount).toBe(0);
	});

	it("leaves a method alone that another owner has replaced since", async () => {
		const scene = create();
		const raw = scene.raw as Record<string, unknown>;
		const name = Object.hasOwn(raw, "getConnection") ? "getConnection" : "newClient";
		const ours = raw[name] as (...parameters: unknown[]) => unknown;
		const theirs = jest.fn((...parameters: unknown[]) => ours.apply(raw, parameters));
		raw[name] = theirs;

		scene.live.detach();
		const [caller] = await callAll(scene, 1);

		expect(raw[name]).toBe(theirs);
		expect(theirs).toHaveBeenCalledTimes(1);
		expect(take(caller as Caller).user).toBe("user1");
	});
});
