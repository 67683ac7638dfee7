/**
 * What a database server shows before a login: that it answers, whether it offers TLS, and whose certificate it
 * has.
 */
import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";

import { toClause } from "../errors/clean-text.js";
import { withDeadline } from "../support/with-deadline.js";

/** Which server, how it speaks, and what the connector would use of TLS: `false` for none. */
export interface ServerPlace {
	readonly host: string;
	readonly isMysql: boolean;
	readonly port: number;
	readonly tls: object | false;
}

/** What was found. `code` is Node's or the server's name of the fault. */
export type ServerAnswer =
	| { readonly code: string; readonly kind: "refused" | "tls-failed" | "unreachable" }
	| { readonly issuer: string; readonly kind: "encrypted"; readonly protocol: string; readonly validTo: string }
	| { readonly kind: "no-tls" | "plain" };

const DEADLINE_MS = 5_000;

/** PostgreSQL: a request for TLS, answered by one letter. */
const POSTGRES_TLS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const LETTER_S = 0x53;

/**
 * MySQL: capabilities that the client claims with its request for TLS (protocol 4.1, TLS, secure connection), by the
 * length of its answer.
 */
const MYSQL_CAPABILITIES = 0x8a00;
const MYSQL_CAPABILITY_TLS = 0x0800;
const MYSQL_ERROR = 0xff;
const MYSQL_HEADER_LENGTH = 4;

/** Connects, asks for TLS if the connector would, and hangs up. Never rejects. */
export async function probeServer(place: ServerPlace): Promise<ServerAnswer> {
	const socket = connect({ host: place.host, port: place.port });
	// The waiting caller receives the first answer; later ones are dropped.
	socket.on("error", () => undefined);
	try {
		return await withDeadline(async () => probe(socket, place), { deadlineMs: DEADLINE_MS, subject: "The server's answer" });
	} catch (error) {
		return { code: readCode(error), kind: "unreachable" };
	} finally {
		socket.destroy();
	}
}

async function probe(socket: Socket, place: ServerPlace): Promise<ServerAnswer> {
	await once(socket, "connect");
	const offer = place.isMysql ? await askMysql(socket) : await askPostgres(socket, place.tls !== false);
	if (typeof offer === "string") return { code: offer, kind: "refused" };
	if (place.tls === false) return { kind: "plain" };
	return offer ? encrypt(socket, place) : { kind: "no-tls" };
}

/** Whether the server offers TLS. One that is not asked would wait for a login. */
async function askPostgres(socket: Socket, shouldAsk: boolean): Promise<boolean> {
	if (!shouldAsk) return false;
	socket.write(POSTGRES_TLS_REQUEST);
	const [answer] = (await once(socket, "data")) as [Buffer];
	return answer[0] === LETTER_S;
}

/** Whether the server offers TLS, or its errno where it refuses connections. It speaks first. */
async function askMysql(socket: Socket): Promise<boolean | string> {
	const [packet] = (await once(socket, "data")) as [Buffer];
	if (packet[MYSQL_HEADER_LENGTH] === MYSQL_ERROR) return String(packet.readUInt16LE(MYSQL_HEADER_LENGTH + 1));
	// Behind the text of the version: thread id (4), salt (8), a zero, then the capabilities.
	const capabilities = packet.readUInt16LE(packet.indexOf(0, MYSQL_HEADER_LENGTH + 1) + 14);
	if ((capabilities & MYSQL_CAPABILITY_TLS) === 0) return false;
	const request = Buffer.alloc(MYSQL_HEADER_LENGTH + 32);
	request.writeUIntLE(32, 0, 3);
	request.writeUInt8(1, 3);
	request.writeUInt32LE(MYSQL_CAPABILITIES, MYSQL_HEADER_LENGTH);
	request.writeUInt32LE(0xffffff, MYSQL_HEADER_LENGTH + 4);
	request.writeUInt8(45, MYSQL_HEADER_LENGTH + 8);
	socket.write(request);
	return true;
}

async function encrypt(socket: Socket, { host, tls }: ServerPlace): Promise<ServerAnswer> {
	const options: ConnectionOptions = { ...(isIP(host) === 0 ? { servername: host } : {}), host, ...tls, socket };
	const encrypted = connectTls(options);
	encrypted.on("error", () => undefined);
	try {
		await once(encrypted, "secureConnect");
		return describeCertificate(encrypted);
	} catch (error) {
		return { code: readCode(error), kind: "tls-failed" };
	}
}

function describeCertificate(socket: TLSSocket): ServerAnswer {
	const { issuer, valid_to: validTo } = socket.getPeerCertificate();
	return { issuer: toClause(String(issuer.O ?? issuer.CN)), kind: "encrypted", protocol: String(socket.getProtocol()), validTo };
}

function readCode(error: unknown): string {
	const { code, errors, name } = error as { code?: unknown; errors?: readonly unknown[]; name?: unknown };
	// Of several addresses of one name, each with its own failure, the first speaks for all.
	if (code === undefined && errors?.[0] !== undefined) return readCode(errors[0]);
	return typeof code === "string" ? code : String(name);
}
