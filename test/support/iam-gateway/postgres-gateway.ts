/** A server that takes IAM tokens in front of a real PostgreSQL: TLS, a password in clear, its signature checked, then the real login and the bare stream. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { Client } from "pg";

import { ByteReader } from "./byte-reader.js";
import { dismiss, LoopbackGateway, splice } from "./loopback-gateway.js";

const SSL_REQUEST = 80_877_103;
const PROTOCOL_3 = 196_608;

/**
 * A gateway on a free port of 127.0.0.1.
 * @example
 * const gateway = await new PostgresGateway({ certificate, host, keys, region, service: "rds-db", target: server, users: { app: "one" } }).start();
 */
export class PostgresGateway extends LoopbackGateway {
	protected override async serve(socket: Socket): Promise<void> {
		const plain = new ByteReader(socket);
		const opening = await readStartup(plain);
		if (opening.readInt32BE(0) !== SSL_REQUEST) {
			refuse(socket, "no pg_hba.conf entry for this host, no encryption");
			return;
		}
		plain.detach();
		socket.write("S");
		const secure = this.secure(socket);
		const reader = new ByteReader(secure);

		const startup = await readStartup(reader);
		if (startup.readInt32BE(0) !== PROTOCOL_3) throw new Error("unknown protocol");
		const parameters = readParameters(startup.subarray(4));
		const user = parameters.get("user") ?? "";
		secure.write(message("R", int32(3)));
		const token = await readPassword(reader);
		reader.detach();
		const password = this.desk.judge(user, token, this.port);
		if (password === undefined) {
			refuse(secure, `PAM authentication failed for user "${user}"`);
			return;
		}
		await this.logIn(secure, parameters, password);
	}

	/** Logs in to the real server, tells the client what that one said, and connects the two streams. */
	private async logIn(secure: TLSSocket, parameters: ReadonlyMap<string, string>, password: string): Promise<void> {
		const { host, port } = this.options.target;
		const client = new Client({
			application_name: parameters.get("application_name"),
			database: parameters.get("database") ?? parameters.get("user"),
			host,
			password,
			port,
			ssl: false,
			user: parameters.get("user"),
		});
		const greeting: Buffer[] = [message("R", int32(0))];
		const { connection } = client as unknown as { connection: UpstreamConnection };
		connection.on("parameterStatus", ({ parameterName, parameterValue }: Record<string, string>) =>
			greeting.push(message("S", Buffer.from(`${String(parameterName)}\0${String(parameterValue)}\0`))),
		);
		connection.on("backendKeyData", ({ processID, secretKey }: Record<string, number>) =>
			greeting.push(message("K", int32(processID ?? 0), int32(secretKey ?? 0))),
		);
		client.on("error", () => secure.destroy());
		try {
			await client.connect();
		} catch (error) {
			const { code, message: text } = error as { code?: string; message: string };
			refuse(secure, text, code);
			return;
		}
		const upstream = connection.stream;
		upstream.removeAllListeners();
		secure.write(Buffer.concat([...greeting, message("Z", Buffer.from("I"))]));
		splice(secure, upstream);
	}
}

/** The parts of pg's connection that are used. */
interface UpstreamConnection extends NodeJS.EventEmitter {
	readonly stream: Socket;
}

async function readStartup(reader: ByteReader): Promise<Buffer> {
	const length = (await reader.read(4)).readInt32BE(0);
	return reader.read(length - 4);
}

async function readPassword(reader: ByteReader): Promise<string> {
	const type = (await reader.read(1)).toString();
	if (type !== "p") throw new Error("no password");
	const length = (await reader.read(4)).readInt32BE(0);
	return (await reader.read(length - 4)).subarray(0, -1).toString();
}

function readParameters(bytes: Buffer): ReadonlyMap<string, string> {
	const texts = bytes.toString().split("\0");
	return new Map(texts.flatMap((text, index) => (index % 2 === 0 && text !== "" ? [[text, texts[index + 1] ?? ""]] : [])));
}

function refuse(socket: Socket, text: string, code = "28000"): void {
	const fields = ["SFATAL", "VFATAL", `C${code}`, `M${text}`].map((field) => `${field}\0`);
	dismiss(socket, message("E", Buffer.from(`${fields.join("")}\0`)));
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
	const body = Buffer.concat(parts);
	return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeInt32BE(value | 0);
	return bytes;
}
