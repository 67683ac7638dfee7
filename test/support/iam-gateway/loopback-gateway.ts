/** What the gateways of all protocols have in common: they listen, count, cut and stop, and they prove who they are. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

import type { IssuedCertificate } from "../certificates.js";
import { TokenDesk, type TokenDeskOptions } from "./token-desk.js";

/** Where a gateway leads, and how it proves who it is. */
export interface GatewayOptions extends TokenDeskOptions {
	/** With which the gateway proves who it is. */
	readonly certificate: IssuedCertificate;
	/** The real server. */
	readonly target: { readonly host: string; readonly port: number };
}

/** A gateway on a free port of 127.0.0.1. */
export abstract class LoopbackGateway {
	/** All connections accepted since the start. */
	acceptedCount = 0;
	/** Whom it let in, and whom it turned away. */
	readonly desk: TokenDesk;
	readonly host = "127.0.0.1";
	/** The most connections of clients that were open together since the start, or since this was set to 0. */
	peakOpenCount = 0;
	port = 0;
	private server: Server | undefined;
	private readonly sockets = new Set<Socket>();

	constructor(protected readonly options: GatewayOptions) {
		this.desk = new TokenDesk(options);
	}

	/** Connections of clients that are open now. */
	get openCount(): number {
		return this.sockets.size;
	}

	/** Starts to listen. */
	async start(): Promise<this> {
		this.server = createServer((socket) => this.accept(socket));
		this.server.listen(0, this.host);
		await once(this.server, "listening");
		this.port = (this.server.address() as AddressInfo).port;
		return this;
	}

	/** Cuts every connection. */
	cut(): void {
		for (const socket of this.sockets) socket.destroy();
	}

	/** Cuts every connection and stops to listen. */
	async stop(): Promise<void> {
		const closed = new Promise((resolve) => this.server?.close(resolve));
		this.cut();
		await closed;
	}

	/** Serves one client to its end. The connection is cut when this rejects. */
	protected abstract serve(socket: Socket): Promise<void>;

	/** The encrypted stream of a client who has asked for one. */
	protected secure(socket: Socket): TLSSocket {
		const { certificate, key } = this.options.certificate;
		const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert: certificate, key }) });
		secure.on("error", () => socket.destroy());
		// The encrypted stream has taken the connection over, its end included.
		secure.on("close", () => socket.destroy());
		return secure;
	}

	private accept(socket: Socket): void {
		this.acceptedCount += 1;
		this.sockets.add(socket);
		this.peakOpenCount = Math.max(this.peakOpenCount, this.openCount);
		socket.on("close", () => this.sockets.delete(socket));
		socket.on("error", () => socket.destroy());
		this.serve(socket).catch(() => socket.destroy());
	}
}

/** Connects a client and its server, to the end of either. */
export function splice(client: TLSSocket, server: Socket): void {
	server.on("error", () => client.destroy());
	server.on("close", () => client.destroy());
	client.on("close", () => server.destroy());
	server.pipe(client);
	client.pipe(server);
}

/** Says a last word. */
export function dismiss(socket: Socket, word: Buffer): void {
	socket.end(word);
	// Only a stream that is read tells that its other side has gone.
	socket.resume();
}
