/** One borrowed connection is asked, and given back or destroyed. */
import { type BorrowedConnection, probe } from "../../../src/drivers/probe.js";
import { failureOf } from "../../support/failure-of.js";
import { FakeClock } from "../../support/fake-clock.js";

const NEVER = new Promise<never>(() => undefined);
let borrowed: { [Name in keyof BorrowedConnection]: jest.Mock };
let clock: FakeClock;

beforeEach(() => {
	clock = new FakeClock();
	borrowed = { ask: jest.fn(async () => ({ isReadOnly: false })), destroy: jest.fn(), release: jest.fn() };
});

const borrow = async (): Promise<BorrowedConnection> => borrowed;

describe("probe", () => {
	it("gives back a connection that answers", async () => {
		await expect(probe(borrow, { clock, deadlineMs: 1_000 })).resolves.toEqual({ isReadOnly: false });

		expect(borrowed.release).toHaveBeenCalledTimes(1);
		expect(borrowed.destroy).not.toHaveBeenCalled();
		expect(clock.pendingCount).toBe(0);
	});

	it("destroys one that fails, and passes the error on", async () => {
		const error = new Error("no");
		borrowed.ask.mockRejectedValue(error);

		expect(await failureOf(probe(borrow, { clock, deadlineMs: 1_000 }))).toBe(error);

		expect(borrowed.destroy).toHaveBeenCalledTimes(1);
		expect(borrowed.release).not.toHaveBeenCalled();
	});

	it("destroys one that is silent at the deadline", async () => {
		borrowed.ask.mockReturnValue(NEVER);
		const failure = failureOf(probe(borrow, { clock, deadlineMs: 1_000 }));

		await clock.advance(1_000);

		expect(await failure).toMatchObject({ code: "ERR_CONNECTOR_TIMEOUT" });
		expect(borrowed.destroy).toHaveBeenCalledTimes(1);
	});

	it("gives back one that comes after the deadline, without a question", async () => {
		let arrive = (): void => undefined;
		const late = new Promise<BorrowedConnection>((resolve) => (arrive = () => resolve(borrowed)));
		const failure = failureOf(probe(async () => late, { clock, deadlineMs: 1_000 }));
		await clock.advance(1_000);
		await failure;

		arrive();
		await clock.advance(0);

		expect(borrowed.release).toHaveBeenCalledTimes(1);
		expect(borrowed.ask).not.toHaveBeenCalled();
	});
});
