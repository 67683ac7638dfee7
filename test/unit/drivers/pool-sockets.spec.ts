/** Sockets count until they are closed, and the gate is told of each that is lost unasked. */
import { CLOSE_PATIENCE_MS } from "../../../src/drivers/open-sockets.js";
import { NEVER_MS } from "../../support/fake-postgres-server.js";
import { callAll, type Caller, lend, type Loan, loginOf, pass, type PoolScene, promote, take, warm } from "./pool-scene.js";
import { POOLS } from "./pools.js";

describe.each(POOLS)("Sockets of a pool of $label", ({ create }) => {
	let loan: Loan;
	let scene: PoolScene;

	beforeEach(async () => {
		scene = create({ limit: 1 });
		[loan] = (await lend(scene, 1)) as [Loan];
		scene.server.closeMs = NEVER_MS;
	});

	it("keep their place while they close, and no longer than that", async () => {
		scene.server.closeMs = 100;
		loan.release();
		void scene.live.retireIdle();
		const [caller] = await callAll(scene, 1);
		expect(scene.live.socketCount).toBe(1);
		await pass(scene, 99);
		expect(caller?.isAnswered).toBe(false);
		expect(scene.server.openMaximum).toBe(1);

		await pass(scene, 10);

		expect(take(caller as Caller).user).toBe("user1");
		expect(scene.server.openMaximum).toBe(1);
	});

	it("lose it after 250 ms, are cut, and take no place for ever", async () => {
		loan.release();
		void scene.live.retireIdle();
		const [caller] = await callAll(scene, 1);

		await pass(scene, CLOSE_PATIENCE_MS - 1);
		expect(caller?.isAnswered).toBe(false);
		await pass(scene, 1);

		expect(take(caller as Caller).user).toBe("user1");
		expect(scene.server.openCount).toBe(1);
	});

	it("keep a process alive in which a caller waits for their end", async () => {
		loan.close();
		await callAll(scene, 1);

		expect(scene.clock.isProcessKept).toBe(true);
	});

	it("keep their place, too, when the pool closes them of its own accord", async () => {
		const other = create({ limit: 1 });
		const [broken] = await lend(other, 1);
		other.server.refusedCloseMs = 100;
		other.server.passwords.set("user1", "changed");
		broken?.destroy();
		await other.settle();
		other.gate.isPatient = false;
		await callAll(other, 1);
		expect(other.server.refusedCount).toBe(1);
		expect(other.live.counts.total).toBe(0);

		other.gate.open();
		other.server.passwords.set("user1", loginOf(1).password);
		const [caller] = await callAll(other, 1);
		await pass(other, 98);
		expect(caller?.isAnswered).toBe(false);
		await pass(other, 10);

		expect(take(caller as Caller).user).toBe("user1");
		expect(other.server.openMaximum).toBe(1);
	});

	it.each([1, 3])("are given up in a look at the pool without serving any of %i callers twice, or one that is gone", async (count) => {
		// Nothing but the look at the pool gives such a socket up.
		loan.close();
		const callers = await callAll(scene, count);

		await pass(scene, CLOSE_PATIENCE_MS * 4);

		expect(callers.filter(({ isAnswered }) => isAnswered)).toHaveLength(1);
		expect(scene.gate.callersLoginCount).toBe(2);
		expect(scene.live.counts).toMatchObject({ inUse: 1, total: 1, waiting: count - 1 });
	});

	it("are waited for at a retirement", async () => {
		loan.release();
		await scene.settle();
		const retired = jest.fn();

		void scene.live.retireIdle().then(retired);
		await pass(scene, CLOSE_PATIENCE_MS - 1);
		expect(retired).not.toHaveBeenCalled();
		await pass(scene, 1);

		expect(retired).toHaveBeenCalledWith(true);
		expect(scene.server.openCount).toBe(0);
	});

	it("of connections in use are not retired as idle ones", async () => {
		await expect(scene.live.retireIdle()).resolves.toBe(false);
		await expect(scene.live.retireIdle(loan.connection)).resolves.toBe(false);

		expect(scene.server.openCount).toBe(1);
	});

	it("let a waiter for a close go on at the next close, or at its deadline", async () => {
		const [first, second] = [jest.fn(), jest.fn()];
		void scene.live.nextClose(1_000).then(first);
		await pass(scene, 999);
		expect(first).not.toHaveBeenCalled();
		await pass(scene, 1);
		expect(first).toHaveBeenCalledTimes(1);

		void scene.live.nextClose(1_000).then(second);
		scene.server.cutConnections();
		await scene.settle();

		expect(second).toHaveBeenCalledTimes(1);
	});
});

describe.each(POOLS)("A loss that the gate is told of, in a pool of $label", ({ create }) => {
	let scene: PoolScene;

	beforeEach(() => (scene = create()));

	it("is a connection that is lost while it is idle, and one in use", async () => {
		const [held] = await lend(scene, 2).then(([first, second]) => {
			second?.release();
			return [first];
		});
		await scene.settle();

		scene.server.cutConnections();
		await scene.settle();
		held?.release();

		expect(scene.gate.lostCount).toBe(2);
	});

	it("is one that was in the pool before, too", async () => {
		await warm(scene, 1);
		promote(scene);

		scene.server.cutConnections();
		await scene.settle();

		expect(scene.gate.lostCount).toBe(1);
	});

	it("is none that the pool or its owner closes", async () => {
		const loans = await lend(scene, 2);

		loans[0]?.destroy();
		loans[1]?.release();
		await scene.live.retireIdle();
		await pass(scene, 1_000);
		await lend(scene, 1);
		void scene.end();
		await pass(scene, 1_000);

		expect(scene.gate.lostCount).toBe(0);
	});

	it("is none of which the login fails", async () => {
		scene.gate.isPatient = false;
		scene.server.passwords.set("user1", "changed");
		await callAll(scene, 1);
		scene.gate.open();
		scene.server.isReachable = false;
		await callAll(scene, 1);
		scene.server.isReachable = true;
		scene.server.loginMs = NEVER_MS;
		await callAll(scene, 1);
		scene.server.cutConnections();
		await scene.settle();

		expect(scene.gate.outcomes).toHaveLength(3);
		expect(scene.gate.lostCount).toBe(0);
	});
});
