/** Callers queue by the driver's own rules. A caller that is refused or held back keeps its place in the pool's own queue. */
import { LoginBreaker } from "../../../src/acquire/login-breaker.js";
import { type Caller, callAll, isRefusal, lend, type Loan, loginOf, pass, type PoolScene, promote, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

const BUDGET_MS = 5_000;

/** Callers one after another, a millisecond apart. */
async function queueUp(scene: PoolScene, count: number): Promise<Caller[]> {
	const callers: Caller[] = [];
	for (let index = 0; index < count; index += 1) {
		callers.push(scene.call());
		await pass(scene, 1);
	}
	return callers;
}

/** Gives back what callers get, in the order in which they are served. */
async function serveInTurn(scene: PoolScene, callers: readonly Caller[]): Promise<number[]> {
	const order: number[] = [];
	for (let round = 0; round < callers.length * 2; round += 1) {
		for (const [index, { loan }] of callers.entries()) {
			if (loan === undefined || order.includes(index)) continue;
			order.push(index);
			loan.release();
		}
		await scene.settle();
	}
	return order;
}

describe.each(POOLS)("The queue of $label", ({ create }) => {
	it("hands out, queues and hands on as the driver does", async () => {
		const scene = create();
		const [first, second] = await lend(scene, 2);
		const [third, fourth] = await callAll(scene, 2);
		expect(scene.live.counts).toEqual({ idle: 0, idleLimit: 2, inUse: 2, limit: 2, older: 0, total: 2, waiting: 2 });
		expect(scene.live.hasWaiting).toBe(true);

		second?.release();
		await scene.settle();
		first?.release();
		await scene.settle();

		expect(take(third as Caller).connection).toBe(second?.connection);
		expect(take(fourth as Caller).connection).toBe(first?.connection);
		expect(scene.server.acceptedCount).toBe(2);
		expect(scene.live.hasWaiting).toBe(false);
	});

	it("tells the gate of logins, and of nothing else", async () => {
		const scene = create();
		const [loan] = await lend(scene, 1);
		loan?.release();
		await lend(scene, 1);

		expect(scene.gate.started).toEqual([false]);
		expect(scene.gate.outcomes).toEqual([{ isCurrent: true }]);
		expect(scene.gate).toMatchObject({ heldCount: 0, lostCount: 0 });
		expect(scene.clock.pendingCount).toBe(0);
	});

	it("passes on that a server cannot be reached", async () => {
		const scene = create();
		scene.server.isReachable = false;

		const [caller] = await callAll(scene, 1);

		expect(caller?.error).toMatchObject({ code: "ECONNREFUSED" });
		expect(scene.gate.outcomes).toMatchObject([{ error: { code: "ECONNREFUSED" }, isCurrent: true }]);
		expect(scene.live.counts.total).toBe(0);
	});

	it("passes a refusal on as it is where callers do not wait for other credentials", async () => {
		const scene = create();
		scene.gate.isPatient = false;
		scene.server.passwords.set("user1", "changed");

		const [caller] = await callAll(scene, 1);

		expect(isRefusal(caller as Caller)).toBe(true);
		expect(scene.live.hasWaiting).toBe(false);
	});
});

describe.each(POOLS)("A caller whom the gate holds back, in a pool of $label", ({ create }) => {
	let scene: PoolScene;

	beforeEach(() => (scene = create({ budgetMs: BUDGET_MS })));

	it("waits in the pool's own queue, as long as the gate says so", async () => {
		scene.gate.isOpen = false;

		const [caller] = await callAll(scene, 1);
		expect(scene.live.counts).toMatchObject({ total: 0, waiting: 1 });
		expect(scene.gate.heldCount).toBe(1);
		expect(scene.server.openMaximum).toBe(0);
		scene.gate.open();
		scene.live.wake();
		await scene.settle();

		expect(take(caller as Caller).user).toBe("user1");
	});

	it("is served by a connection that comes back first", async () => {
		const [loan] = await lend(scene, 1);
		scene.gate.isOpen = false;
		const [caller] = await callAll(scene, 1);
		expect(caller?.isAnswered).toBe(false);

		loan?.release();
		await scene.settle();

		expect(take(caller as Caller).connection).toBe(loan?.connection);
		expect(scene.gate.callersLoginCount).toBe(1);
	});

	it("does not wait where a connection is idle", async () => {
		await warm(scene, 1);
		scene.gate.isOpen = false;

		await expect(lend(scene, 1)).resolves.toHaveLength(1);
		expect(scene.gate.heldCount).toBe(0);
	});

	it("waits for the outcome of the one login that probes", async () => {
		scene.gate.isProbeFirst = true;
		scene.server.loginMs = 100;

		const callers = await callAll(scene, 2);
		await pass(scene, 99);
		expect(scene.gate.started).toEqual([false]);
		await pass(scene, 2);
		scene.live.wake();
		await pass(scene, 100);

		expect(callers.map((caller) => take(caller).user)).toEqual(["user1", "user1"]);
		expect(scene.gate.started).toEqual([false, false]);
	});

	it("is served in the order of the calls, although those in front were refused", async () => {
		scene = create({ budgetMs: BUDGET_MS, limit: 1 });
		scene.gate.isProbeFirst = true;
		scene.server.passwords.set("user1", "changed");
		scene.server.loginMs = 100;
		const callers = await queueUp(scene, 4);
		await pass(scene, 200);
		expect(scene.server.refusedCount).toBe(1);
		expect(scene.live.counts).toMatchObject({ total: 0, waiting: 4 });

		promote(scene);
		scene.gate.open();
		scene.live.wake();
		await pass(scene, 200);

		expect(await serveInTurn(scene, callers)).toEqual([0, 1, 2, 3]);
	});

	it("is served in the order of the calls, although several logins were refused at once", async () => {
		scene = create({ budgetMs: BUDGET_MS, limit: 3 });
		scene.server.passwords.set("user1", "changed");
		scene.server.loginMs = 100;
		const callers = await queueUp(scene, 6);
		await pass(scene, 200);
		expect(scene.server.refusedCount).toBe(3);
		expect(scene.live.counts).toMatchObject({ total: 0, waiting: 6 });

		promote(scene);
		scene.gate.open();
		scene.gate.isProbeFirst = true;
		for (let login = 0; login < 3; login += 1) {
			scene.live.wake();
			await pass(scene, 100);
		}

		const order = await serveInTurn(scene, callers);
		expect(order).toEqual([0, 1, 2, 3, 4, 5]);
	});

	it("is served in the order of the calls after connections were lost while others waited", async () => {
		scene = create({ budgetMs: BUDGET_MS, limit: 3 });
		const loans = await lend(scene, 3);
		const callers = await queueUp(scene, 5);
		scene.gate.isOpen = false;
		scene.server.cutConnections();
		await scene.settle();
		for (const loan of loans) loan.release();
		await scene.settle();
		expect(scene.live.counts).toMatchObject({ total: 0, waiting: 5 });

		scene.gate.open();
		scene.gate.isProbeFirst = true;
		for (let login = 0; login < 3; login += 1) {
			scene.live.wake();
			await scene.settle();
		}

		expect(await serveInTurn(scene, callers)).toEqual([0, 1, 2, 3, 4]);
	});
});

describe.each(POOLS)("A mass disconnect with a changed password, in a pool of $label", ({ create }) => {
	it.each([10, 2])("costs one refused login when all of %i connections are cut while 40 callers wait", async (limit) => {
		let refusalCount = 0;
		const scene: PoolScene<LoginBreaker> = create<LoginBreaker>({
			createGate: (clock, wake) =>
				new LoginBreaker({
					clock,
					getCredentials: () => ({ host: "db", password: loginOf(scene.live.generation).password, port: 1, username: "app" }),
					isRecoveryOn: true,
					onCallerHeld: () => undefined,
					onRecovered: () => undefined,
					onRefused: () => (refusalCount += 1),
					random: () => 0,
					wake,
				}),
			limit,
		});
		const loans: Loan[] = [];
		for (let count = 0; count < limit; count += 1) loans.push(...(await lend(scene, 1)));
		const callers = await callAll(scene, 40);
		scene.server.passwords.set("user1", "changed");
		scene.server.loginMs = 20;
		scene.server.cutConnections();
		await scene.settle();
		for (const loan of loans) loan.release();
		await pass(scene, 300);
		expect([refusalCount, scene.server.refusedCount]).toEqual([1, 1]);
		expect(scene.live.counts.waiting).toBe(40);

		promote(scene);
		scene.gate.credentialsPromoted();
		const served = new Set<Loan>();
		for (let round = 0; round < 100; round += 1) {
			await pass(scene, 20);
			for (const { loan } of callers) {
				if (loan === undefined || served.has(loan)) continue;
				served.add(loan);
				loan.release();
			}
		}

		expect(served.size).toBe(40);
		expect(scene.server.refusedCount).toBe(1);
		expect(scene.server.openMaximum).toBe(limit);
	});
});
