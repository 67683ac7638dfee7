/** Sockets are followed until they are closed, whatever their pool counts. */
import { CLOSE_PATIENCE_MS, OpenSockets } from "../../../src/drivers/open-sockets.js";
import { FakeClock } from "../../support/fake-clock.js";
import { findSecrets, makeCanary } from "../../support/secret-search.js";

interface Connection {
	close?: () => void;
	readonly password?: string;
}

let clock: FakeClock;
let destroyed: Connection[];
let members: Connection[];
let onClosed: jest.Mock;
let sockets: OpenSockets<Connection>;

beforeEach(() => {
	clock = new FakeClock();
	[destroyed, members] = [[], []];
	onClosed = jest.fn();
	sockets = new OpenSockets<Connection>({
		clock,
		destroy: (connection) => destroyed.push(connection),
		listMembers: () => members,
		onClosed,
		whenClosed: (connection, callback) => (connection.close = callback),
	});
});

function add(connection: Connection = {}): Connection {
	members.push(connection);
	sockets.add(connection);
	return connection;
}

function dismiss(connection: Connection): void {
	members = members.filter((each) => each !== connection);
}

describe("OpenSockets", () => {
	it("counts those that the pool does not count any more", () => {
		const [first, second] = [add(), add()];
		expect(sockets.countClosing()).toBe(0);

		dismiss(first);
		expect(sockets.countClosing()).toBe(1);
		dismiss(second);
		expect(sockets.countClosing()).toBe(2);

		first.close?.();
		expect(sockets.countClosing()).toBe(1);
		expect([sockets.has(first), sockets.has(second)]).toEqual([false, true]);
	});

	it("counts one that leaves while another comes", () => {
		dismiss(add());
		add();

		expect(sockets.countClosing()).toBe(1);
	});

	it("tells of each close once", () => {
		const socket = add();

		socket.close?.();
		socket.close?.();
		sockets.forget(socket);

		expect(onClosed.mock.calls).toEqual([[socket]]);
	});

	it("gives one up that has been closing for too long, after the look and not within it", async () => {
		const socket = add();
		dismiss(socket);
		expect(sockets.countClosing()).toBe(1);
		await clock.advance(CLOSE_PATIENCE_MS - 1);
		expect(sockets.countClosing()).toBe(1);
		await clock.advance(1);

		expect(sockets.countClosing()).toBe(0);
		expect(onClosed).not.toHaveBeenCalled();
		await Promise.resolve();

		expect(onClosed).toHaveBeenCalledWith(socket);
		expect(destroyed).toEqual([socket]);
	});

	it("lets all who wait go on with the next close, and leaves no timer", async () => {
		const socket = add();
		const waits = [sockets.nextClose(1_000), sockets.nextClose(2_000)];

		socket.close?.();
		await Promise.all(waits);

		expect(clock.pendingCount).toBe(0);
	});

	it("shows nothing of the connections when it is printed", () => {
		add({ password: makeCanary("password") });

		members = [];
		expect(findSecrets(sockets)).toEqual([]);
	});
});
