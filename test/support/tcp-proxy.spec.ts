/** Every way the proxy fails a connection, seen from both of its ends. */
import { type Server, type Socket, connect, createServer } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { countResources, findLeaks } from "./leak-check.js";
import { type TcpProxy, startTcpProxy } from "./tcp-proxy.js";
import { waitUntil } from "./wait-until.js";

/** Long enough for anything on loopback to arrive. */
const QUIET_MS = 80;

let accepted: Socket[];
let clients: Socket[];
let proxy: TcpProxy;
let target: Server;

beforeEach(async () => {
	accepted = [];
	clients = [];
	target = createServer({ allowHalfOpen: true }, (socket) => {
		accepted.push(socket);
		socket.on("error", () => undefined);
		socket.pipe(socket);
	}).listen(0, "127.0.0.1");
	await once(target, "listening");
	proxy = await startTcpProxy({ target: { host: "127.0.0.1", port: portOf(target) } });
});

afterEach(async () => {
	await proxy.stop();
	for (const socket of [...clients, ...accepted]) socket.destroy();
	target.close();
	await once(target, "close");
});

describe("a proxy that is left alone", () => {
	it("carries bytes both ways, and counts connections", async () => {
		const [left, right] = [await open(), await open()];

		const echoes = await Promise.all([echo(left, "left"), echo(right, "right")]);

		expect(echoes).toEqual(["left", "right"]);
		expect([proxy.openCount, proxy.acceptedCount]).toEqual([2, 2]);
	});

	it("carries more than a socket takes at once, whole and in order", async () => {
		const client = await open();
		const sent = Buffer.alloc(8 * 2 ** 20, "0123456789abcdef");
		const received: Buffer[] = [];
		client.on("data", (chunk: Buffer) => received.push(chunk));

		client.end(sent);
		await once(client, "end");

		expect(Buffer.concat(received).equals(sent)).toBe(true);
	});

	it("forgets a connection that its client has closed, and closes it at the target", async () => {
		const client = await open();
		await echo(client, "x");
		const targetEnded = once(accepted[0] as Socket, "close");

		client.end();
		await targetEnded;

		expect([proxy.openCount, proxy.acceptedCount]).toEqual([0, 1]);
	});

	it("passes on that the target has closed, after what it still sent", async () => {
		const client = await open();
		await echo(client, "x");
		const received = readToEnd(client);

		accepted[0]?.end("farewell");

		expect(await received).toBe("farewell");
	});

	it("leaves the way to the target open when the target has ended only its own half", async () => {
		const client = await open({ allowHalfOpen: true });
		await echo(client, "x");
		const target = accepted[0] as Socket;
		const ended = once(client, "end");
		const received = once(target.unpipe().resume(), "data");

		target.end();
		await ended;
		client.write("afterwards");

		expect(String((await received)[0])).toBe("afterwards");
	});

	it("passes on that the client was lost", async () => {
		const client = await open();
		await echo(client, "x");
		const loss = lossOf(accepted[0] as Socket);

		client.resetAndDestroy();

		expect(await loss).toBe("ECONNRESET");
		expect(proxy.openCount).toBe(0);
	});

	it("cuts the client when the target cannot be reached", async () => {
		target.close();
		await once(target, "close");

		const client = await open();

		expect(await lossOf(client)).toBe("ECONNRESET");
	});
});

describe("hold", () => {
	it("accepts without reaching the target, and connects what waited when it is over", async () => {
		const before = await open();
		await echo(before, "x");
		proxy.hold();

		const held = await open();
		const echoed = echo(held, "early");
		const isAnswered = await isSettledSoon(echoed);
		const reachedCount = accepted.length;
		const stillEchoes = await echo(before, "still here");
		await proxy.thaw();

		expect([isAnswered, reachedCount, stillEchoes]).toEqual([false, 1, "still here"]);
		expect(await echoed).toBe("early");
	});

	it("notices that a held client has gone", async () => {
		proxy.hold();
		const client = await open();
		await waitUntil("the proxy has accepted it", () => proxy.openCount === 1);

		client.destroy();
		await waitUntil("the proxy has noticed", () => proxy.openCount === 0);
		await proxy.thaw();

		expect(await echo(await open(), "next")).toBe("next");
		expect(accepted).toHaveLength(1);
	});
});

describe("freeze", () => {
	it("keeps connections open without moving a byte, then moves all of them in order", async () => {
		const client = await open();
		await echo(client, "x");
		proxy.freeze();

		const received = echo(client, "abc");
		accepted[0]?.write("unasked ");
		const isMoved = await isSettledSoon(received);
		await proxy.thaw();

		expect(isMoved).toBe(false);
		expect(await received).toBe("unasked abc");
	});

	it("keeps the loss of the target from the client until it is over", async () => {
		const client = await open();
		await echo(client, "x");
		proxy.freeze();
		const loss = lossOf(client);

		accepted[0]?.resetAndDestroy();
		const isNoticed = await isSettledSoon(loss);
		await proxy.thaw();

		expect(isNoticed).toBe(false);
		expect(await loss).toBe("ECONNRESET");
	});

	it("notices that a client has gone, and freezes new ones too", async () => {
		const client = await open();
		await echo(client, "x");
		proxy.freeze();

		client.destroy();
		await waitUntil("the proxy has noticed", () => proxy.openCount === 0);
		const late = echo(await open(), "late");
		const isAnswered = await isSettledSoon(late);
		await proxy.thaw();

		expect(isAnswered).toBe(false);
		expect(await late).toBe("late");
	});

	it("takes no more than its limit from a stream", async () => {
		const client = await open();
		await echo(client, "x");
		proxy.freeze();

		const isFlushed = await isSettledSoon(new Promise((resolve) => client.write(Buffer.alloc(32 * 2 ** 20), resolve)), 500);

		expect(isFlushed).toBe(false);
	});
});

describe("refuse", () => {
	it("refuses new connections, keeps the open ones, and listens on the same port when it is over", async () => {
		const before = await open();
		await echo(before, "x");
		const { port } = proxy;

		await proxy.refuse();
		const refusal = await open().then(
			() => "connected",
			(error: NodeJS.ErrnoException) => error.code,
		);
		const stillEchoes = await echo(before, "still here");
		await proxy.thaw();

		expect([refusal, stillEchoes, proxy.port]).toEqual(["ECONNREFUSED", "still here", port]);
		expect(await echo(await open(), "again")).toBe("again");
	});
});

describe("reset", () => {
	it("cuts both sides with a RST, and goes on with new connections", async () => {
		const client = await open();
		await echo(client, "x");
		const losses = Promise.all([lossOf(client), lossOf(accepted[0] as Socket)]);

		proxy.reset();

		expect(await losses).toEqual(["ECONNRESET", "ECONNRESET"]);
		expect(await echo(await open(), "again")).toBe("again");
	});
});

describe("latencyMs", () => {
	it("delays each direction, and keeps the order when it shrinks", async () => {
		const client = await open();
		await echo(client, "x");
		proxy.latencyMs = 60;
		const startedAt = performance.now();

		client.write("first ");
		await delay(20);
		proxy.latencyMs = 0;
		const received = await echo(client, "second");
		const durationMs = performance.now() - startedAt;

		expect(received).toBe("first second");
		expect(durationMs).toBeGreaterThanOrEqual(55);
	});

	it("still delivers an answer that is on its way when the target closes", async () => {
		const client = await open();
		await echo(client, "x");
		proxy.latencyMs = 30;

		client.end("last words");

		expect(await readToEnd(client)).toBe("last words");
	});
});

describe("stop", () => {
	it("cuts whatever is open, held or frozen, and closes the listener", async () => {
		const running = await open();
		await echo(running, "x");
		proxy.hold();
		const held = await open();
		proxy.freeze();
		const losses = Promise.all([lossOf(running), lossOf(held)]);
		await waitUntil("both are accepted", () => proxy.openCount === 2);

		await proxy.stop();

		expect(proxy.openCount).toBe(0);
		expect(await losses).toEqual(["closed", "closed"]);
		await expect(open()).rejects.toMatchObject({ code: "ECONNREFUSED" });
	});

	it("leaves no timer behind for what was still on its way", async () => {
		const client = await open();
		await echo(client, "x");
		const before = await countResources();
		proxy.latencyMs = 60_000;
		client.write("late");
		await waitUntil(
			"the delay has begun",
			() => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length > (before.resources.get("Timeout") ?? 0),
		);

		await proxy.stop();

		expect(await findLeaks(before)).toEqual([]);
	});

	it("may be called twice", async () => {
		await proxy.stop();

		await expect(proxy.stop()).resolves.toBeUndefined();
	});
});

function portOf(server: Server): number {
	const address = server.address();
	return typeof address === "object" && address !== null ? address.port : 0;
}

async function open({ allowHalfOpen = false } = {}): Promise<Socket> {
	const socket = connect({ allowHalfOpen, host: proxy.host, port: proxy.port });
	clients.push(socket);
	await once(socket, "connect");
	socket.on("error", () => undefined);
	return socket;
}

/** Sends a text and returns the first text that comes and is at least as long. */
async function echo(socket: Socket, text: string): Promise<string> {
	let received = "";
	const done = new Promise<string>((resolve) => {
		socket.on("data", function collect(chunk: Buffer) {
			received += chunk.toString();
			if (received.length < text.length || !received.endsWith(text)) return;
			socket.off("data", collect);
			resolve(received);
		});
	});
	socket.write(text);
	return done;
}

async function readToEnd(socket: Socket): Promise<string> {
	let received = "";
	socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
	await once(socket, "end");
	return received;
}

/** How a connection ends: the code of its error, or `closed`. */
function lossOf(socket: Socket): Promise<string | undefined> {
	return new Promise((resolve) => {
		socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
		socket.once("close", (hadError) => (hadError ? undefined : resolve("closed")));
		socket.resume();
	});
}

async function isSettledSoon(promise: Promise<unknown>, quietMs = QUIET_MS): Promise<boolean> {
	return Promise.race([promise.then(() => true), delay(quietMs, false)]);
}
