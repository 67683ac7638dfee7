/** What the leak check sees, on this side and on the server's. */
import { once } from "node:events";
import { type Server, connect, createServer } from "node:net";
import { countResources, findLeaks } from "./leak-check.js";

let server: Server;
let port: number;

beforeEach(async () => {
	server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	port = typeof address === "object" && address !== null ? address.port : 0;
});

afterEach(async () => {
	server.close();
	await once(server, "close");
});

const countConnections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));

it("names what was left open, with both counts, and nothing once it is closed", async () => {
	const before = await countResources();
	const socket = connect({ host: "127.0.0.1", port });
	await once(socket, "connect");
	// Several, for a timer of the test runner may end meanwhile.
	const timers = Array.from({ length: 5 }, () => setTimeout(() => undefined, 60_000));

	const leaks = await findLeaks(before, { settleMs: 0 });
	socket.destroy();
	for (const timer of timers) clearTimeout(timer);

	expect(leaks).toContainEqual(expect.stringMatching(/^TCPSocketWrap: \d+ open, \d+ before$/));
	expect(leaks).toContainEqual(expect.stringMatching(/^Timeout: \d+ open, \d+ before$/));
	expect(await findLeaks(before)).toEqual([]);
});

it("counts connections as the server does", async () => {
	const before = await countResources({ countConnections });
	const accepted = once(server, "connection");
	const socket = connect({ host: "127.0.0.1", port });
	await accepted;

	const leaks = await findLeaks(before, { countConnections, settleMs: 0 });
	socket.destroy();

	expect(leaks).toContainEqual("server connections: 1 open, 0 before");
	expect(await findLeaks(before, { countConnections })).toEqual([]);
});

it("waits for what is closing", async () => {
	const before = await countResources();
	const timer = setTimeout(() => clearInterval(interval), 60);
	const interval = setInterval(() => undefined, 60_000);

	const leaks = await findLeaks(before, { settleMs: 5_000 });
	clearTimeout(timer);

	expect(leaks).toEqual([]);
});

it("does not mind that less is open than before", async () => {
	const timer = setTimeout(() => undefined, 60_000);
	const before = await countResources({ countConnections: async () => 3 });
	clearTimeout(timer);

	expect(await findLeaks(before, { countConnections: async () => 2 })).toEqual([]);
});
