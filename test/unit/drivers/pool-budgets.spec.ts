/** Each caller has its own time while the server refuses the credentials, and gets the server's refusal when the time is over. */
import { callAll, type Caller, isRefusal, lend, loginOf, pass, type PoolScene, take } from "./pool-scene.js";
import { POOLS } from "./pools.js";

const BUDGET_MS = 5_000;
/** The driver's own timers must not come first. */
const MARGIN_MS = 250;

describe.each(POOLS)("The times of callers in a pool of $label", ({ create }) => {
	let scene: PoolScene;

	beforeEach(() => {
		scene = create({ budgetMs: BUDGET_MS });
		scene.server.passwords.set("user1", "changed");
	});

	it("get the server's own refusal, each one of its own, just before the time of the call is over", async () => {
		const [first] = await callAll(scene, 1);
		await pass(scene, 1_000);
		const [second] = await callAll(scene, 1);
		await pass(scene, BUDGET_MS - 1_000 - MARGIN_MS - 1);
		expect(first?.isAnswered).toBe(false);

		await pass(scene, 1);
		expect(isRefusal(first as Caller)).toBe(true);
		await pass(scene, 1_000);

		expect(isRefusal(second as Caller)).toBe(true);
		expect(second?.error).not.toBe(first?.error);
		expect(second?.error).toMatchObject({ ...(first?.error as object) });
		expect(second?.error).toBeInstanceOf(Error);
		expect(scene.live.hasWaiting).toBe(false);
		expect(scene.server.refusedCount).toBe(1);
	});

	it("are those of the calls, not of the refusals", async () => {
		const [caller] = await callAll(scene, 1);
		for (let attempt = 0; attempt < 4; attempt += 1) {
			await pass(scene, 1_000);
			scene.gate.isOpen = true;
			scene.live.wake();
			await scene.settle();
		}
		expect(caller?.isAnswered).toBe(false);
		expect(scene.server.refusedCount).toBe(5);

		await pass(scene, 1_000);

		expect(isRefusal(caller as Caller)).toBe(true);
	});

	it("end while the caller's login is under way, whose connection serves the pool then", async () => {
		const [caller] = await callAll(scene, 1);
		await pass(scene, BUDGET_MS - 1_000);
		scene.server.passwords.set("user1", loginOf(1).password);
		scene.server.loginMs = 2_000;
		scene.gate.isOpen = true;
		scene.live.wake();
		await pass(scene, 1_500);
		expect(isRefusal(caller as Caller)).toBe(true);

		await pass(scene, 1_000);
		expect(scene.live.counts).toMatchObject({ idle: 1, inUse: 0, total: 1 });
		scene.gate.isOpen = false;
		const [next] = await lend(scene, 1);

		expect(next?.user).toBe("user1");
		expect(scene.gate.outcomes.at(-1)).toEqual({ isCurrent: true });
	});

	it("end while the caller's login is under way, whose refusal the gate hears", async () => {
		const [caller] = await callAll(scene, 1);
		await pass(scene, BUDGET_MS - 1_000);
		scene.server.loginMs = 2_000;
		scene.gate.isOpen = true;
		scene.live.wake();
		await pass(scene, 3_000);

		expect(isRefusal(caller as Caller)).toBe(true);
		expect(scene.gate.outcomes).toHaveLength(2);
		expect(scene.live.hasWaiting).toBe(false);
	});

	it("are 30 s where the driver would wait for ever, from the first refusal on", async () => {
		scene = create({ limit: 1 });
		const [loan] = await lend(scene, 1);
		const [caller] = await callAll(scene, 1);
		await pass(scene, 60_000);
		expect(scene.live.budgetMs).toBe(30_000);

		scene.server.passwords.set("user1", "changed");
		loan?.destroy();
		await pass(scene, 29_000);
		expect(caller?.isAnswered).toBe(false);
		await pass(scene, 1_000);

		expect(isRefusal(caller as Caller)).toBe(true);
	});

	it("have no meaning while logins succeed", async () => {
		scene = create({ limit: 1 });
		await lend(scene, 1);
		const [caller] = await callAll(scene, 1);

		await pass(scene, 3_600_000);

		expect(caller?.isAnswered).toBe(false);
		expect(scene.clock.pendingCount).toBe(0);
	});

	it("keep the process alive while callers wait, and not any longer", async () => {
		const [caller] = await callAll(scene, 1);
		expect(scene.clock.isProcessKept).toBe(true);

		scene.server.passwords.set("user1", loginOf(1).password);
		scene.gate.isOpen = true;
		scene.live.wake();
		await scene.settle();
		scene.live.wake();

		expect(take(caller as Caller).user).toBe("user1");
		expect(scene.clock.isProcessKept).toBe(false);
	});

	it("do not outlast the pool: a caller that waits when the pool ends is rejected at the next check", async () => {
		const [caller] = await callAll(scene, 1);

		void scene.end();
		scene.live.wake();
		await scene.settle();

		expect(caller?.error).toBeInstanceOf(Error);
		expect(scene.live.hasWaiting).toBe(false);
		await pass(scene, BUDGET_MS * 2);
		expect(scene.clock.pendingCount).toBe(0);
	});

	it("do not outlast a pool that ends while a caller's login is under way", async () => {
		scene = create({ budgetMs: BUDGET_MS });
		scene.server.passwords.set("user1", "changed");
		scene.server.loginMs = 100;
		const [caller] = await callAll(scene, 1);

		void scene.end();
		await pass(scene, 200);

		expect(caller?.error).toBeInstanceOf(Error);
	});

	it("end for all who wait when the owner of the pool says so", async () => {
		const callers = await callAll(scene, 3);

		scene.live.rejectWaiting(new Error("The DataSource was destroyed"));
		await scene.settle();

		expect(callers.filter((caller) => isRefusal(caller))).toHaveLength(3);
		expect(scene.live.counts.waiting).toBe(0);
	});

	it("end with the owner's reason where no refusal is known", async () => {
		scene = create({ budgetMs: BUDGET_MS });
		scene.gate.isOpen = false;
		const [caller] = await callAll(scene, 1);

		scene.live.rejectWaiting(new Error("The DataSource was destroyed"));

		expect(caller?.error).toMatchObject({ message: "The DataSource was destroyed" });
	});
});
