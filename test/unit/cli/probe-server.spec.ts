/** What servers of both kinds show before a login, played byte by byte; real servers are met in the doctor's own specs. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { probeServer } from "../../../src/cli/probe-server.js";

let server: Server | undefined;

afterEach(async () => {
	if (server === undefined) return;
	server.close();
	await once(server, "close");
	server = undefined;
});

async function serve(answer: (socket: Socket) => void): Promise<number> {
	server = createServer((socket) => {
		socket.on("error", () => undefined);
		answer(socket);
		// A socket that is not read does not see its end.
		socket.resume();
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	return (server.address() as AddressInfo).port;
}

/** The first packet of a MySQL server. */
function greet(capabilities: number): Buffer {
	const body = Buffer.concat([Buffer.from([10]), Buffer.from("8.4.0\0"), Buffer.alloc(13), Buffer.alloc(2), Buffer.alloc(10)]);
	body.writeUInt16LE(capabilities, 1 + 6 + 13);
	return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]);
}

it("asks PostgreSQL for TLS, which it may not have", async () => {
	const asked: Buffer[] = [];
	const port = await serve((socket) =>
		socket.once("data", (data) => {
			asked.push(data);
			socket.write("N");
		}),
	);

	const answer = await probeServer({ host: "127.0.0.1", isMysql: false, port, tls: {} });

	expect(answer).toEqual({ kind: "no-tls" });
	expect(Buffer.concat(asked).toString("hex")).toBe("0000000804d2162f");
});

it("asks PostgreSQL for nothing where TLS is not wanted", async () => {
	const port = await serve(() => undefined);

	expect(await probeServer({ host: "127.0.0.1", isMysql: false, port, tls: false })).toEqual({ kind: "plain" });
});

it("sees in the greeting of MySQL that it has no TLS", async () => {
	const port = await serve((socket) => socket.write(greet(0xf7ff)));

	expect(await probeServer({ host: "127.0.0.1", isMysql: true, port, tls: {} })).toEqual({ kind: "no-tls" });
});

it("is content with a MySQL that only greets where TLS is not wanted", async () => {
	const port = await serve((socket) => socket.write(greet(0x0800)));

	expect(await probeServer({ host: "127.0.0.1", isMysql: true, port, tls: false })).toEqual({ kind: "plain" });
});

it("sees that MySQL refuses all connections", async () => {
	const port = await serve((socket) => socket.write(Buffer.from([3, 0, 0, 0, 0xff, 0x69, 0x04])));

	expect(await probeServer({ host: "127.0.0.1", isMysql: true, port, tls: false })).toEqual({ code: "1129", kind: "refused" });
});

it("is told by a server that breaks off in the middle of TLS", async () => {
	const port = await serve((socket) => {
		socket.once("data", () => {
			socket.write("S");
			socket.once("data", () => socket.end("this is no TLS"));
		});
	});

	expect(await probeServer({ host: "127.0.0.1", isMysql: false, port, tls: {} })).toMatchObject({ kind: "tls-failed" });
});

it("is told by a machine without a listener", async () => {
	const port = await serve(() => undefined);
	server?.close();
	await once(server as Server, "close");
	server = undefined;

	expect(await probeServer({ host: "127.0.0.1", isMysql: false, port, tls: {} })).toEqual({ code: "ECONNREFUSED", kind: "unreachable" });
});
