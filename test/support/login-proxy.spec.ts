/** What the proxy counts as a socket, and which bytes it delays. */
import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

import { type LoginProxy, startLoginProxy } from "./login-proxy.js";
import { waitUntil } from "./wait-until.js";

let accepted: Socket[];
let proxy: LoginProxy;
let target: Server;

beforeEach(async () => {
	accepted = [];
	// Like a database, the target speaks first and closes only when it wants to.
	target = createServer({ allowHalfOpen: true }, (socket) => {
		accepted.push(socket);
		socket.on("error", () => undefined).on("data", (chunk) => socket.write(chunk));
		socket.write("greeting ");
	}).listen(0, "127.0.0.1");
	await once(target, "listening");
	proxy = await startLoginProxy({ target: { host: "127.0.0.1", port: (target.address() as AddressInfo).port } });
});

afterEach(async () => {
	await proxy.stop();
	for (const socket of accepted) socket.destroy();
	target.close();
	await once(target, "close");
});

async function open(): Promise<Socket> {
	const client = connect({ host: proxy.host, port: proxy.port });
	client.on("error", () => undefined);
	const count = proxy.acceptedCount;
	await once(client, "connect");
	await waitUntil("the proxy has accepted the socket", () => proxy.acceptedCount > count);
	return client;
}

describe("a counting proxy", () => {
	it("counts a socket until the server has closed its side, too", async () => {
		const client = await open();
		await once(client, "data");
		client.end();
		await waitUntil("the target has heard of the end", () => accepted[0]?.readableEnded === true);
		const countWhileClosing = proxy.openCount;
		accepted[0]?.end();
		await waitUntil("nothing is open", () => proxy.openCount === 0);

		expect(countWhileClosing).toBe(1);
		expect(proxy.peakCount).toBe(1);
	});

	it("counts a socket that is cut until the cut arrives", async () => {
		const [client] = [await open(), await open()];
		await once(client, "data");
		client.resetAndDestroy();
		await waitUntil("one is open", () => proxy.openCount === 1);

		expect(proxy.peakCount).toBe(2);
		expect(proxy.acceptedCount).toBe(2);
	});

	it("keeps the peak at one when each socket is closed before the next one opens", async () => {
		for (let turn = 0; turn < 50; turn += 1) {
			const client = connect({ host: proxy.host, port: proxy.port });
			await once(client, "data");
			accepted.at(-1)?.end();
			// Closed by both sides before the next connect, as a pool does that waits for the close.
			await once(client, "close");
		}

		expect(proxy.peakCount).toBe(1);
		expect(proxy.acceptedCount).toBe(50);
	});

	it("begins a new peak with what is open", async () => {
		const clients = [await open(), await open()];
		clients[0]?.destroy();
		accepted[0]?.end();
		await waitUntil("one is open", () => proxy.openCount === 1);
		proxy.resetPeak();

		expect(proxy.peakCount).toBe(1);
	});
});

describe("a delaying proxy", () => {
	it("delays the first bytes of the server, and carries what follows", async () => {
		proxy.loginDelayMs = 200;
		const client = connect({ host: proxy.host, port: proxy.port });
		const startedAtMs = performance.now();
		client.write("one");
		let text = "";
		client.on("data", (chunk: Buffer) => (text += chunk.toString()));
		await waitUntil("the client has read the greeting", () => text.includes("one"));
		const loginMs = performance.now() - startedAtMs;
		client.write("two");
		await waitUntil("the client has its echo", () => text.endsWith("two"));

		expect(text).toBe("greeting onetwo");
		expect(loginMs).toBeGreaterThanOrEqual(199);
	});
});
