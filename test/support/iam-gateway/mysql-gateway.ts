/** A server that takes IAM tokens in front of a real MariaDB: TLS, a switch to mysql_clear_password, the signature checked, then the real login. */
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";

import { ByteReader } from "./byte-reader.js";
import { dismiss, LoopbackGateway, splice } from "./loopback-gateway.js";

const CAPABILITY = { connectWithDatabase: 0x8, lengthOfToken: 0x20_0000, ssl: 0x800 } as const;
const CLEAR_PASSWORD = "mysql_clear_password";
const NATIVE_PASSWORD = "mysql_native_password";

/** Flags, largest packet, character set and what is reserved, in front of the user's name. */
const RESPONSE_HEAD_LENGTH = 32;
const SCRAMBLE_HEAD_LENGTH = 8;
const SCRAMBLE_LENGTH = 20;

interface Packet {
	readonly body: Buffer;
	readonly sequence: number;
}

/** The client's half of the greeting, in parts. */
interface Response {
	/** What follows the name of the plugin: attributes of the connection. */
	readonly attributes: Buffer;
	/** Name of the database with its zero, where the client names one. */
	readonly database: Buffer;
	readonly head: Buffer;
	readonly user: string;
}

/**
 * A gateway on a free port of 127.0.0.1. What the real server can do is what the gateway says it can, so that both sides speak the same dialect.
 * @example
 * const gateway = await new MysqlGateway({ certificate, host, keys, region, service: "rds-db", target: mariadb, users: { app: "one" } }).start();
 */
export class MysqlGateway extends LoopbackGateway {
	protected override async serve(socket: Socket): Promise<void> {
		const { host, port } = this.options.target;
		const upstream = connect({ host, noDelay: true, port });
		upstream.on("error", () => socket.destroy());
		socket.on("close", () => upstream.destroy());
		const server = new ByteReader(upstream);
		const greeting = await readPacket(server);
		const { capabilitiesAt, scramble } = readGreeting(greeting.body);
		const offer = Buffer.from(greeting.body);
		offer.writeUInt16LE(offer.readUInt16LE(capabilitiesAt) | CAPABILITY.ssl, capabilitiesAt);
		socket.write(packet(offer, 0));

		const plain = new ByteReader(socket);
		const opening = await readPacket(plain);
		if ((opening.body.readUInt32LE(0) & CAPABILITY.ssl) === 0) {
			refuse(socket, 3_159, "Connections using insecure transport are prohibited", opening.sequence + 1, "HY000");
			return;
		}
		plain.detach();
		const secure = this.secure(socket);
		const reader = new ByteReader(secure);
		const first = await readPacket(reader);
		const response = readResponse(first.body);
		secure.write(packet(Buffer.from(`\xfe${CLEAR_PASSWORD}\0\0`, "latin1"), first.sequence + 1));
		const answer = await readPacket(reader);
		reader.detach();
		const token = answer.body.subarray(0, -1).toString();
		const password = this.desk.judge(response.user, token, this.port);
		if (password === undefined) {
			refuse(
				secure,
				1_045,
				`Access denied for user '${response.user}'@'127.0.0.1' (using password: YES)`,
				answer.sequence + 1,
				"28000",
			);
			return;
		}
		upstream.write(packet(writeResponse(response, scramble, password), 1));
		const verdict = await readPacket(server);
		server.detach();
		secure.write(packet(verdict.body, answer.sequence + 1));
		splice(secure, upstream);
	}
}

async function readPacket(reader: ByteReader): Promise<Packet> {
	const head = await reader.read(4);
	return { body: Buffer.from(await reader.read(head.readUIntLE(0, 3))), sequence: head.readUInt8(3) };
}

function packet(body: Buffer, sequence: number): Buffer {
	const head = Buffer.alloc(4);
	head.writeUIntLE(body.length, 0, 3);
	head.writeUInt8(sequence, 3);
	return Buffer.concat([head, body]);
}

function readGreeting(body: Buffer): { readonly capabilitiesAt: number; readonly scramble: Buffer } {
	const scrambleAt = body.indexOf(0, 1) + 5;
	const capabilitiesAt = scrambleAt + SCRAMBLE_HEAD_LENGTH + 1;
	// Capabilities, character set, status, capabilities again, length of the scramble, ten bytes that are reserved.
	const restAt = capabilitiesAt + 18;
	const scramble = Buffer.concat([body.subarray(scrambleAt, scrambleAt + SCRAMBLE_HEAD_LENGTH), body.subarray(restAt)]);
	return { capabilitiesAt, scramble: scramble.subarray(0, SCRAMBLE_LENGTH) };
}

function readResponse(body: Buffer): Response {
	const flags = body.readUInt32LE(0);
	if ((flags & CAPABILITY.lengthOfToken) !== 0 && body.readUInt8(body.indexOf(0, RESPONSE_HEAD_LENGTH) + 1) > 250) {
		throw new Error("a token of this length is not expected here");
	}
	const userEnd = body.indexOf(0, RESPONSE_HEAD_LENGTH);
	const tokenEnd = userEnd + 2 + body.readUInt8(userEnd + 1);
	const databaseEnd = (flags & CAPABILITY.connectWithDatabase) === 0 ? tokenEnd : body.indexOf(0, tokenEnd) + 1;
	const pluginEnd = body.indexOf(0, databaseEnd) + 1;
	return {
		attributes: body.subarray(pluginEnd),
		database: body.subarray(tokenEnd, databaseEnd),
		head: body.subarray(0, RESPONSE_HEAD_LENGTH),
		user: body.subarray(RESPONSE_HEAD_LENGTH, userEnd).toString(),
	};
}

/** The same as the client's, but for the encryption and the login. */
function writeResponse({ attributes, database, head, user }: Response, scramble: Buffer, password: string): Buffer {
	const ownHead = Buffer.from(head);
	ownHead.writeUInt32LE((head.readUInt32LE(0) & ~CAPABILITY.ssl) >>> 0, 0);
	const login = Buffer.concat([Buffer.from(`${user}\0`), Buffer.from([SCRAMBLE_LENGTH]), hashPassword(password, scramble)]);
	return Buffer.concat([ownHead, login, database, Buffer.from(`${NATIVE_PASSWORD}\0`), attributes]);
}

/** @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html */
function hashPassword(password: string, scramble: Buffer): Buffer {
	const hash = (...parts: readonly (Buffer | string)[]): Buffer => {
		const sha1 = createHash("sha1");
		for (const part of parts) sha1.update(part);
		return sha1.digest();
	};
	const stored = hash(password);
	const mask = hash(scramble, hash(stored));
	return Buffer.from(stored.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

function refuse(socket: Socket, code: number, text: string, sequence: number, state: string): void {
	const number = Buffer.alloc(2);
	number.writeUInt16LE(code);
	dismiss(socket, packet(Buffer.concat([Buffer.from([0xff]), number, Buffer.from(`#${state}${text}`)]), sequence));
}
