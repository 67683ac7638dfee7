/** A connection is followed from the moment in which it is seen until its socket is closed, whatever its pool says of it. */
import { inspect } from "node:util";

import { OpenSockets } from "../../../src/rotation/open-sockets.js";
import { FakeClock } from "../../support/fake-clock.js";
import { settle } from "../../support/fake-postgres-driver.js";

interface Connection {
	readonly password: string;
}

let clock: FakeClock;
/** What to call when the socket of a connection is closed. */
let closers: Map<Connection, () => void>;
let onClosed: jest.Mock;
let sockets: OpenSockets<Connection>;

beforeEach(() => {
	clock = new FakeClock();
	closers = new Map();
	onClosed = jest.fn();
	sockets = new OpenSockets<Connection>((connection, callback) => closers.set(connection, callback), onClosed);
});

function connect(count: number): Connection[] {
	return Array.from({ length: count }, () => ({ password: "hunter2" }));
}

function close(connection: Connection | undefined): void {
	closers.get(connection as Connection)?.();
}

describe("OpenSockets", () => {
	it("counts each connection once, however often it is seen", () => {
		const [first, second] = connect(2) as [Connection, Connection];

		sockets.follow([first]);
		sockets.follow(new Set([first, second]));

		expect(sockets.count).toBe(2);
		expect(closers.size).toBe(2);
	});

	it("forgets one whose socket is closed, and does not take it up again: a pool may still have it", () => {
		const [first, second] = connect(2) as [Connection, Connection];
		sockets.follow([first, second]);

		close(first);
		sockets.follow([first]);

		expect(sockets.count).toBe(1);
		expect(sockets.listBeyond([])).toEqual([second]);
	});

	it("lists those that are open although the pool does not count them", () => {
		const [lent, refused] = connect(2) as [Connection, Connection];
		sockets.follow([lent, refused]);

		const beyond = sockets.listBeyond([lent]);

		expect(beyond).toHaveLength(1);
		expect(beyond[0]).toBe(refused);
		expect(sockets.listBeyond([lent, refused, ...connect(1)])).toEqual([]);
	});

	it("tells of each close, after it has forgotten the connection", () => {
		const [first, second] = connect(2) as [Connection, Connection];
		sockets.follow([first, second]);
		const counts: number[] = [];
		onClosed.mockImplementation(() => counts.push(sockets.count));

		close(second);
		close(first);

		expect(counts).toEqual([1, 0]);
	});

	it("knows whose login has succeeded, and tells it with the close", () => {
		const [lent, refused] = connect(2) as [Connection, Connection];
		sockets.follow([lent, refused]);
		sockets.noteLogins(new Set([lent]));
		expect([lent, refused].map((connection) => sockets.hasLoggedIn(connection))).toEqual([true, false]);

		close(refused);
		close(lent);

		expect(onClosed.mock.calls).toEqual([[false], [true]]);
	});

	it("follows those whose login has succeeded", () => {
		sockets.noteLogins(connect(2));

		expect(sockets.count).toBe(2);
	});

	it("needs nobody to be told", () => {
		const [connection] = connect(1) as [Connection];
		const untold = new OpenSockets<Connection>((each, callback) => closers.set(each, callback));
		untold.follow([connection]);

		expect(() => close(connection)).not.toThrow();
		expect(untold.count).toBe(0);
	});

	it("shows nothing of the connections to whoever prints it", () => {
		sockets.follow(connect(2));

		const printed = inspect(sockets, { depth: 10, showHidden: true });

		expect(printed).toContain("OpenSockets");
		expect(printed).not.toContain("hunter2");
	});

	describe("waiting for a close", () => {
		it("ends with the next one, for everybody, and leaves no timer", async () => {
			const connections = connect(2);
			sockets.follow(connections);
			const settled = jest.fn();
			for (let count = 0; count < 2; count += 1) void sockets.waitForClose(clock, 1_000).then(settled);
			await settle();
			expect(settled).not.toHaveBeenCalled();

			close(connections[0]);
			await settle();

			expect(settled).toHaveBeenCalledTimes(2);
			expect(clock.pendingCount).toBe(0);
		});

		it("ends when patience does, not before, although nothing is closed", async () => {
			sockets.follow(connect(1));
			const settled = jest.fn();
			void sockets.waitForClose(clock, 1_000).then(settled);

			await clock.advance(999);
			expect(settled).not.toHaveBeenCalled();
			await clock.advance(1);

			expect(settled).toHaveBeenCalledTimes(1);
			expect(sockets.count).toBe(1);
		});

		it("does not end with a close that came before", async () => {
			const connections = connect(2);
			sockets.follow(connections);
			close(connections[0]);
			const settled = jest.fn();

			void sockets.waitForClose(clock, 1_000).then(settled);
			await settle();

			expect(settled).not.toHaveBeenCalled();
		});

		it("keeps the process alive: a query waits for it", () => {
			sockets.follow(connect(1));

			void sockets.waitForClose(clock, 1_000);

			expect(clock.isProcessKept).toBe(true);
		});
	});
});
