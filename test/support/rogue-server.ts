/** Servers in the place of a database, on loopback: each asks a driver for its password and keeps what it gets. */
import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

import type { IssuedCertificate } from "./certificates.js";

/** A server that listens. */
export interface RogueServer {
	/** The passwords and tokens that were given to it. */
	readonly passwords: string[];
	readonly port: number;
	stop(): Promise<void>;
}

/** How a MySQL server asks. `key` lets the password be encrypted with the key of this server. */
export type MysqlWish = "caching_sha2_password" | "mysql_clear_password" | "sha256_password";

const SCRAMBLE = Buffer.from("01234567890123456789");

/** A request for TLS of MySQL with its header: no other packet of a client is as long. */
const TLS_REQUEST_LENGTH = 36;

/** A PostgreSQL server that offers TLS with this certificate, or none, and asks for the password in clear. */
export async function startRoguePostgres(certificate?: IssuedCertificate): Promise<RogueServer> {
	const passwords: string[] = [];
	return listen(passwords, (socket) => {
		const serve = (stream: Socket): void => {
			stream.on("error", () => undefined);
			stream.once("data", () => {
				// AuthenticationCleartextPassword.
				stream.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
				stream.on("data", (message: Buffer) => {
					if (message[0] === 0x70) passwords.push(message.subarray(5, -1).toString());
					stream.destroy();
				});
			});
		};
		socket.once("data", (first: Buffer) => {
			if (first.length !== 8) {
				socket.unshift(first);
				serve(socket);
				return;
			}
			if (certificate === undefined) {
				socket.end("N");
				return;
			}
			socket.write("S");
			serve(secure(socket, certificate));
		});
	});
}

/** A MySQL server that offers TLS with this certificate, or none, and asks for the password itself. */
export async function startRogueMysql(wish: MysqlWish, certificate?: IssuedCertificate): Promise<RogueServer> {
	const passwords: string[] = [];
	return listen(passwords, (socket) => {
		socket.write(frame(greet(certificate !== undefined), 0));
		socket.once("data", (first: Buffer) => {
			const isTlsRequest = first.readUIntLE(0, 3) === TLS_REQUEST_LENGTH - 4;
			if (!isTlsRequest || certificate === undefined) {
				askMysql(socket, wish, passwords, 2);
				return;
			}
			// The client does not wait for an answer before it begins with TLS.
			socket.pause();
			if (first.length > TLS_REQUEST_LENGTH) socket.unshift(first.subarray(TLS_REQUEST_LENGTH));
			const stream = secure(socket, certificate);
			stream.once("data", () => askMysql(stream, wish, passwords, 3));
		});
	});
}

function askMysql(stream: Socket, wish: MysqlWish, passwords: string[], sequence: number): void {
	const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });
	const pem = Buffer.from(keys.publicKey.export({ format: "pem", type: "spki" }));
	let next = sequence;
	const send = (payload: Buffer): void => {
		stream.write(frame(payload, next));
		next += 2;
	};
	send(Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${wish}\0`), SCRAMBLE, Buffer.from([0])]));
	let hasHash = wish !== "caching_sha2_password";
	stream.on("data", (packet: Buffer) => {
		const payload = packet.subarray(4);
		if (!hasHash) {
			hasHash = true;
			// "Perform full authentication".
			send(Buffer.from([1, 4]));
			return;
		}
		if (payload.length === 1) {
			send(Buffer.concat([Buffer.from([1]), pem]));
			return;
		}
		passwords.push(readPassword(payload, keys.privateKey));
		stream.destroy();
	});
}

function readPassword(payload: Buffer, key: ReturnType<typeof generateKeyPairSync>["privateKey"] & object): string {
	if (payload.length !== 256) return payload.toString().replace(/\0$/, "");
	const text = privateDecrypt({ key: key as never, padding: constants.RSA_PKCS1_OAEP_PADDING }, payload);
	return Buffer.from(text.map((byte, index) => byte ^ (SCRAMBLE[index % SCRAMBLE.length] ?? 0)))
		.toString()
		.replace(/\0$/, "");
}

function greet(hasTls: boolean): Buffer {
	const capabilities = 0x00_08_a2_00 | (hasTls ? 0x08_00 : 0) | 0x02_08;
	const flags = Buffer.alloc(4);
	flags.writeUInt32LE(capabilities >>> 0);
	return Buffer.concat([
		Buffer.from([10]),
		Buffer.from("8.4.0\0"),
		Buffer.from([1, 0, 0, 0]),
		SCRAMBLE.subarray(0, 8),
		Buffer.from([0]),
		flags.subarray(0, 2),
		Buffer.from([45, 2, 0]),
		flags.subarray(2),
		Buffer.from([21]),
		Buffer.alloc(10),
		SCRAMBLE.subarray(8),
		Buffer.from("\0caching_sha2_password\0"),
	]);
}

function frame(payload: Buffer, sequence: number): Buffer {
	const header = Buffer.alloc(4);
	header.writeUIntLE(payload.length, 0, 3);
	header.writeUInt8(sequence, 3);
	return Buffer.concat([header, payload]);
}

function secure(socket: Socket, { certificate, key }: IssuedCertificate): TLSSocket {
	const stream = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert: certificate, key }) });
	stream.on("error", () => undefined);
	return stream;
}

async function listen(passwords: string[], serve: (socket: Socket) => void): Promise<RogueServer> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
		serve(socket);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		passwords,
		port: (server.address() as AddressInfo).port,
		stop: async () => {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
