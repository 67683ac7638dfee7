/** Who waits for a connection that comes back, and which were in use at a promotion. */
import { ReturningConnections } from "../../../src/drivers/returning-connections.js";
import { FakeClock } from "../../support/fake-clock.js";

const clock = new FakeClock();
const { signal } = new AbortController();
let returns: ReturningConnections<object>;

beforeEach(() => (returns = new ReturningConnections(clock)));

describe("ReturningConnections", () => {
	it("hands the next one that comes back to the waiter, and claims it only on request", async () => {
		const connection = {};
		const seen = returns.next(false, signal);
		expect(returns.noteReturn(connection)).toBe(false);
		await expect(seen).resolves.toBe(connection);

		const claimed = returns.next(true, signal);
		expect(returns.noteReturn(connection)).toBe(true);
		await expect(claimed).resolves.toBe(connection);
		expect(returns.noteReturn(connection)).toBe(false);
		expect(returns.isWanted).toBe(false);
	});

	it("gives one connection to one claim", async () => {
		const [first, second] = [returns.next(true, signal, 1_000), returns.next(true, signal, 1_000)];

		expect(returns.noteReturn({})).toBe(true);
		await first;
		await clock.advance(1_000);

		await expect(second).resolves.toBeUndefined();
		expect(clock.pendingCount).toBe(0);
	});

	it("ends a wait at an interruption, an abort before or during it, and when the patience is over", async () => {
		const abort = new AbortController();
		const waits = [returns.next(true, signal), returns.next(true, abort.signal)];
		abort.abort();
		returns.interrupt();
		waits.push(returns.next(true, abort.signal));

		await expect(Promise.all(waits)).resolves.toEqual([undefined, undefined, undefined]);
		expect(returns.isWanted).toBe(false);
	});

	it("follows those in use until each has come back", async () => {
		const [first, second, cut] = [{}, {}, jest.fn()];
		const held = returns.hold([first, second], cut);
		expect(returns.isWanted).toBe(true);

		returns.release(first);
		returns.release(first);
		returns.release({});
		expect(held.count).toBe(1);
		const reason = new Error("over");
		held.cut(reason);
		returns.release(second);
		await held.done;

		expect(cut.mock.calls).toEqual([[second, reason]]);
		expect(returns.isWanted).toBe(false);
	});
});
