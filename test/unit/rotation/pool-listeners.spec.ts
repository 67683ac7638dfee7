/** What an application listens for follows its pool through rotations: each listener once, and nobody else's with it. */
import { EventEmitter } from "node:events";

import { copyListeners, type PoolEmitter, watchPool } from "../../../src/rotation/pool-listeners.js";

const EVENTS = ["acquire", "connect", "error", "release", "remove"];

type TestPool = EventEmitter & PoolEmitter;

let pool: TestPool;

beforeEach(() => (pool = createPool()));

/** A pool as TypeORM makes it, with a listener of TypeORM's own. */
function createPool(): TestPool {
	const created = new EventEmitter() as TestPool;
	created.on("error", () => undefined);
	return created;
}

describe("copyListeners", () => {
	/** Adds what an instrumentation adds to each pool when it first connects: functions that differ and read the same. */
	function instrument(target: EventEmitter): void {
		for (const event of EVENTS.filter((each) => each !== "error")) target.on(event, () => void target);
	}

	it.each(EVENTS)("lets an application's %s listener follow", (event) => {
		const replacement = createPool();
		const before = replacement.rawListeners(event);
		const listener = jest.fn();
		pool.on(event, listener);

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners(event)).toEqual([...before, listener]);
		expect(pool.rawListeners(event)).toContain(listener);
	});

	it("leaves behind what this library listens for on its own account", () => {
		const replacement = createPool();
		const application = jest.fn();
		watchPool(pool, "remove", () => undefined);
		pool.on("remove", application);

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners("remove")).toEqual([application]);
	});

	it("does not double what the replacement has already, and lets the application's own follow, over twelve rotations", () => {
		const onConnect = jest.fn();
		const onError = jest.fn();
		instrument(pool);
		pool.on("connect", onConnect);
		pool.on("error", onError);
		let current = pool;

		for (let rotation = 0; rotation < 12; rotation += 1) {
			const replacement = createPool();
			instrument(replacement);
			const [ofReplacement] = replacement.rawListeners("connect");
			copyListeners(current, replacement, EVENTS);
			expect(replacement.rawListeners("connect")).toEqual([ofReplacement, onConnect]);
			current = replacement;
		}

		expect(current.rawListeners("acquire")).toHaveLength(1);
		expect(current.rawListeners("error")).toEqual([expect.any(Function), onError]);
	});

	it("lets the application's own follow although an instrumentation was added meanwhile", () => {
		const replacement = createPool();
		const application = jest.fn();
		pool.on("acquire", application);
		instrument(replacement);

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners("acquire")).toHaveLength(2);
		expect(replacement.rawListeners("acquire").at(-1)).toBe(application);
	});

	it("lets several that read the same follow together", () => {
		const replacement = createPool();
		const listeners = [1, 2, 3].map((number) => () => number);
		for (const listener of listeners) pool.on("connect", listener);

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners("connect")).toEqual(listeners);
	});

	it("leaves behind as many as the replacement has, and not all that read the same", () => {
		const replacement = createPool();
		const [ofPool, ofReplacement, application] = [1, 2, 3].map((number) => () => number) as [() => number, () => number, () => number];
		pool.on("connect", ofPool);
		pool.on("connect", application);
		replacement.on("connect", ofReplacement);

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners("connect")).toEqual([ofReplacement, application]);
	});

	it("leaves behind each of several that the replacement has", () => {
		const replacement = createPool();
		for (const target of [pool, replacement]) {
			target.on("connect", () => "first");
			target.on("connect", () => "second");
		}

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners("connect")).toHaveLength(2);
	});

	it("does not take one listener for one time for another", () => {
		const replacement = createPool();
		const application = jest.fn();
		pool.once("release", application);
		replacement.once("release", () => undefined);

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.listeners("release")).toEqual([expect.any(Function), application]);
	});

	it("moves a listener for one time, so that it is called once on whichever pool", () => {
		const replacement = createPool();
		const listener = jest.fn();
		pool.once("release", listener);

		copyListeners(pool, replacement, EVENTS);
		for (const target of [pool, replacement, replacement]) target.emit("release");

		expect(listener).toHaveBeenCalledTimes(1);
		expect(replacement.rawListeners("release")).toEqual([]);
	});

	it("lets none follow for an event that it is not told of", () => {
		const replacement = createPool();
		pool.on("drain", jest.fn());

		copyListeners(pool, replacement, EVENTS);

		expect(replacement.rawListeners("drain")).toEqual([]);
	});
});

describe("watchPool", () => {
	it("hears of what happens, and of nothing else", () => {
		const listener = jest.fn();
		watchPool(pool, "connect", listener);

		pool.emit("connect", "client");
		pool.emit("release");

		expect(listener.mock.calls).toEqual([["client"]]);
	});
});
