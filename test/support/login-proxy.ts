/** A TCP proxy on loopback that delays logins and counts sockets from accept to close. */
import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

import type { Endpoint } from "./tcp-proxy.js";

/** A running proxy. */
export interface LoginProxy extends Endpoint {
	/** Sockets accepted since the start. */
	readonly acceptedCount: number;
	/** Delay of the server's first bytes, which every login waits for. Applies to sockets accepted from then on. */
	loginDelayMs: number;
	/** Sockets that are open now. */
	readonly openCount: number;
	/** Most sockets that were open at once since the start or the last `resetPeak()`. */
	readonly peakCount: number;
	/** Forgets the peak: counting starts anew from the sockets that are open now. */
	resetPeak(): void;
	/** Cuts everything and closes the listener. */
	stop(): Promise<void>;
}

/** How to start the proxy. */
export interface LoginProxyOptions {
	/** Default 0. */
	readonly loginDelayMs?: number;
	readonly target: Endpoint;
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * A socket counts from its accept until the client and the server have both closed their side: a connection that says goodbye still
 * occupies a place at the server.
 * @example
 * const proxy = await startLoginProxy({ loginDelayMs: 150, target: server });
 * await runTheLoad(proxy.port);
 * expect(proxy.peakCount).toBeLessThanOrEqual(poolSize + 1);
 * await proxy.stop();
 */
export async function startLoginProxy({ loginDelayMs = 0, target }: LoginProxyOptions): Promise<LoginProxy> {
	const proxy = new CountingProxy(target, loginDelayMs);
	await proxy.listen();
	return proxy;
}

class CountingProxy implements LoginProxy {
	acceptedCount = 0;
	readonly host = "127.0.0.1";
	peakCount = 0;
	port = 0;
	private readonly links = new Set<Link>();
	private readonly server: Server;

	constructor(
		private readonly target: Endpoint,
		public loginDelayMs: number,
	) {
		this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client));
	}

	get openCount(): number {
		return this.links.size;
	}

	async listen(): Promise<void> {
		this.server.listen(0, this.host);
		await once(this.server, "listening");
		this.port = (this.server.address() as AddressInfo).port;
	}

	resetPeak(): void {
		this.peakCount = this.openCount;
	}

	async stop(): Promise<void> {
		this.server.close();
		for (const link of this.links) link.destroy();
		await once(this.server, "close");
	}

	private accept(client: Socket): void {
		this.acceptedCount += 1;
		const link = new Link(client, this.target, this.loginDelayMs);
		this.links.add(link);
		void link.closed.then(() => this.links.delete(link));
		// A close that happened before this connect may be read after it, in the same turn of the event loop.
		setImmediate(() => {
			this.peakCount = Math.max(this.peakCount, this.openCount);
		});
	}
}

/** One client and its counterpart at the target. */
class Link {
	/** Resolves when both have ended, or the link was cut. */
	readonly closed: Promise<unknown>;
	private noteCut: () => void = () => undefined;
	private readonly upstream: Socket;

	constructor(
		private readonly client: Socket,
		target: Endpoint,
		loginDelayMs: number,
	) {
		this.upstream = connect({ allowHalfOpen: true, host: target.host, noDelay: true, port: target.port });
		const cut = new Promise<void>((resolve) => (this.noteCut = resolve));
		this.closed = Promise.race([Promise.all([client, this.upstream].map(whenEnded)), cut]);
		for (const socket of [client, this.upstream]) socket.on("error", () => this.destroy());
		client.pipe(this.upstream);
		if (loginDelayMs === 0) this.upstream.pipe(client);
		else this.pipeLater(loginDelayMs);
	}

	destroy(): void {
		this.client.destroy();
		this.upstream.destroy();
		// Not with the event "close": it comes so late that the next connection may be accepted before.
		this.noteCut();
	}

	private pipeLater(delayMs: number): void {
		this.upstream.once("data", (first: Buffer) => {
			this.upstream.pause();
			setTimeout(() => {
				if (this.client.destroyed) return;
				this.client.write(first);
				this.upstream.pipe(this.client);
			}, delayMs);
		});
	}
}

/** Resolves when nothing more comes from the other end of a socket. */
async function whenEnded(socket: Socket): Promise<void> {
	await new Promise<void>((resolve) => socket.once("end", resolve).once("close", () => resolve()));
}
