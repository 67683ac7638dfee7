/** A TCP proxy on loopback that can play every way a network fails: black hole, frozen link, refusal, reset, latency. */
import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

import { endLater } from "./endings.js";

/** What a direction keeps back before it stops reading, so that a frozen stream cannot fill the memory. */
const MAXIMUM_QUEUED_BYTE_COUNT = 2 ** 20;

/** Where to find a server. */
export interface Endpoint {
	readonly host: string;
	readonly port: number;
}

/** A running proxy. */
export interface TcpProxy extends Endpoint {
	/** Connections accepted since the start. */
	readonly acceptedCount: number;
	/** Connections that clients have not closed yet, held and frozen ones too. */
	readonly openCount: number;
	/** Delay of each piece of data, in each direction. Default 0; applies to what arrives from then on. */
	latencyMs: number;
	/** From now on connections are accepted but lead nowhere: a black hole. Those already open go on. */
	hold(): void;
	/** Every connection stays open, but nothing moves in either direction: no byte, no end, no loss of the target. New ones are frozen too. */
	freeze(): void;
	/** Undoes `hold()`, `freeze()` and `refuse()`: what waited moves on, the listener is back on the same port. */
	thaw(): Promise<void>;
	/** Closes the listener, so that new connections are refused. Those already open go on. */
	refuse(): Promise<void>;
	/** Cuts every open connection with a RST, on both sides. */
	reset(): void;
	/** Cuts everything and closes the listener. */
	stop(): Promise<void>;
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 * @example
 * const proxy = await startTcpProxy({ target: { host: server.host, port: server.port } });
 * proxy.freeze();
 * await proxy.stop();
 */
export async function startTcpProxy({ target }: { readonly target: Endpoint }): Promise<TcpProxy> {
	const proxy = new LoopbackProxy(target);
	await proxy.listen(0);
	endLater(async () => proxy.stop());
	return proxy;
}

class LoopbackProxy implements TcpProxy {
	acceptedCount = 0;
	latencyMs = 0;
	readonly host = "127.0.0.1";
	port = 0;

	private isFrozen = false;
	private isHolding = false;
	private readonly links = new Set<Link>();
	private server: Server | undefined;

	constructor(private readonly target: Endpoint) {}

	get openCount(): number {
		return [...this.links].filter((link) => !link.hasClientEnded).length;
	}

	async listen(port: number): Promise<void> {
		const server = createServer({ allowHalfOpen: true }, (client) => this.accept(client));
		server.listen(port, this.host);
		await once(server, "listening");
		this.server = server;
		this.port = (server.address() as AddressInfo).port;
	}

	hold(): void {
		this.isHolding = true;
	}

	freeze(): void {
		this.isFrozen = true;
		for (const link of this.links) link.freeze();
	}

	async thaw(): Promise<void> {
		this.isHolding = false;
		this.isFrozen = false;
		for (const link of this.links) {
			link.thaw();
			link.open(this.target);
		}
		if (this.server === undefined) await this.listen(this.port);
	}

	async refuse(): Promise<void> {
		// The callback of close() is not awaited: it comes only when the last open connection has ended.
		this.server?.close();
		this.server = undefined;
		await new Promise((resolve) => setImmediate(resolve));
	}

	reset(): void {
		for (const link of this.links) link.reset();
	}

	async stop(): Promise<void> {
		await this.refuse();
		const closures = [...this.links].map((link) => link.closed);
		for (const link of this.links) link.destroy();
		await Promise.all(closures);
	}

	private accept(client: Socket): void {
		this.acceptedCount += 1;
		const link = new Link(client, () => this.latencyMs);
		this.links.add(link);
		void link.closed.then(() => this.links.delete(link));
		if (!this.isHolding && !this.isFrozen) link.open(this.target);
	}
}

/** One client and, once it is opened, its counterpart at the target. */
class Link {
	readonly closed: Promise<void>;
	/** Databases never go on after a half-close, so an end from the client is its end. */
	hasClientEnded = false;
	private isCutPending = false;
	private isFrozen = false;
	private readonly request: Relay;
	private response: Relay | undefined;
	private upstream: Socket | undefined;

	constructor(
		private readonly client: Socket,
		private readonly getLatencyMs: () => number,
	) {
		client.setNoDelay(true);
		client.on("error", () => this.reset());
		client.once("end", () => {
			this.hasClientEnded = true;
			if (this.upstream === undefined) client.destroy();
		});
		this.closed = new Promise((resolve) => client.once("close", () => resolve()));
		this.request = new Relay(client, getLatencyMs);
	}

	open(target: Endpoint): void {
		if (this.upstream !== undefined) return;
		const upstream = connect({ allowHalfOpen: true, host: target.host, noDelay: true, port: target.port });
		this.upstream = upstream;
		upstream.on("error", () => this.cut());
		this.request.deliverTo(upstream);
		this.response = new Relay(upstream, this.getLatencyMs);
		this.response.deliverTo(this.client);
	}

	freeze(): void {
		this.isFrozen = true;
		this.request.freeze();
		this.response?.freeze();
	}

	thaw(): void {
		this.isFrozen = false;
		this.request.thaw();
		this.response?.thaw();
		if (this.isCutPending) this.reset();
	}

	reset(): void {
		this.client.resetAndDestroy();
		this.upstream?.resetAndDestroy();
	}

	destroy(): void {
		this.client.destroy();
		this.upstream?.destroy();
	}

	/** A frozen link keeps even the loss of the target from the client. */
	private cut(): void {
		if (this.isFrozen) this.isCutPending = true;
		else this.reset();
	}
}

/**
 * One direction of a link: what arrives leaves in order, each piece after the latency at its arrival. It reads also while nothing may leave,
 * up to a limit, because only a socket that is read tells that its other side has gone.
 */
class Relay {
	private isBlocked = false;
	private isFrozen = false;
	/** `undefined` stands for the end of the stream. */
	private readonly queue: { readonly chunk: Buffer | undefined; readonly dueAt: number }[] = [];
	private queuedByteCount = 0;
	private timer: NodeJS.Timeout | undefined;
	private to: Socket | undefined;

	constructor(
		private readonly from: Socket,
		private readonly getLatencyMs: () => number,
	) {
		from.on("data", (chunk: Buffer) => this.push(chunk));
		from.once("end", () => this.push(undefined));
	}

	deliverTo(to: Socket): void {
		this.to = to;
		to.on("drain", () => {
			this.isBlocked = false;
			this.flush();
		});
		to.once("close", () => clearTimeout(this.timer));
		this.flush();
	}

	freeze(): void {
		this.isFrozen = true;
	}

	thaw(): void {
		this.isFrozen = false;
		this.flush();
	}

	private push(chunk: Buffer | undefined): void {
		this.queue.push({ chunk, dueAt: Date.now() + this.getLatencyMs() });
		this.queuedByteCount += chunk?.length ?? 0;
		if (this.queuedByteCount > MAXIMUM_QUEUED_BYTE_COUNT) this.from.pause();
		this.flush();
	}

	private flush(): void {
		clearTimeout(this.timer);
		for (let next = this.queue[0]; next !== undefined && this.canDeliver(); next = this.queue[0]) {
			const waitMs = next.dueAt - Date.now();
			if (waitMs > 0) {
				this.timer = setTimeout(() => this.flush(), waitMs);
				return;
			}
			this.queue.shift();
			this.deliver(next.chunk);
		}
	}

	private canDeliver(): boolean {
		return this.to !== undefined && !this.to.destroyed && !this.isBlocked && !this.isFrozen;
	}

	private deliver(chunk: Buffer | undefined): void {
		if (chunk === undefined) {
			this.to?.end();
			return;
		}
		this.isBlocked = this.to?.write(chunk) === false;
		this.queuedByteCount -= chunk.length;
		if (this.from.isPaused() && this.queuedByteCount <= MAXIMUM_QUEUED_BYTE_COUNT) this.from.resume();
	}
}
