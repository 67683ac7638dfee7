/**
 * The gate and the exchange inside a pool of pg-pool. Two methods of the pool are replaced, and its fields are set at a
 * promotion.
 */
import { startOfTurn } from "../support/clock.js";
import { putOwnProperty } from "../support/own-property.js";
import { LivePool, type LivePoolOptions, type OpenedConnection } from "./live-pool.js";
import {
	borrowPgClient,
	ignore,
	type PgClient,
	type PgConnectCallback,
	type PgListener,
	type PgPendingItem,
	type PgPool,
} from "./pg-parts.js";
import { probe, type ServerAnswer } from "./probe.js";

/** A live pool of node-postgres. */
export class PostgresPool extends LivePool<PgClient, PgPendingItem> {
	readonly #pool: PgPool;
	/** Whether a login was allowed in this turn and has not begun yet. */
	private isGranted = false;
	/** Whether a caller of this turn waits because of the gate and not because of the pool's own limit. */
	private isHeldBack = false;
	private isStampPlanned = false;
	private readonly restore: (() => void)[];
	private unwatch: (() => void) | undefined;

	constructor(pool: PgPool, options: LivePoolOptions) {
		super(options);
		this.#pool = pool;
		for (const client of pool._clients) {
			this.noteLogin(client);
			this.trackClient(client);
		}
		for (const item of pool._pendingQueue) this.callers.note(item);
		const plainIsFull = pool._isFull.bind(pool);
		const plainNewClient = pool.newClient.bind(pool);
		this.logIn = (item, isExchange) => this.runLogin(plainNewClient, item, isExchange);
		this.restore = [
			putOwnProperty(pool, "_isFull", () => (pool._idle.length > 0 ? plainIsFull() : this.isFull(plainIsFull()))),
			putOwnProperty(pool, "newClient", (item) => this.logIn(item, false)),
			this.listen("connect", (client: PgClient) => void guardFirstTurn(client)),
		];
	}

	private readonly logIn: (item: PgPendingItem, isExchange: boolean) => void;

	get isEnding(): boolean {
		return this.#pool.ending;
	}

	/** pg-pool closes idle connections by time only. */
	get idleLimit(): number {
		return this.limit;
	}

	get limit(): number {
		return this.#pool.options.max;
	}

	detach(): void {
		this.beginDetach();
		this.unwatchReturns();
		for (const restore of this.restore.splice(0)) restore();
		this.serveQueue();
	}

	async probeAny(deadlineMs: number): Promise<ServerAnswer> {
		return probe(async () => borrowPgClient(this.#pool), { clock: this.clock, deadlineMs });
	}

	async probeIdle(deadlineMs: number): Promise<ServerAnswer | undefined> {
		const pool = this.#pool;
		// pg-pool hands out its idle client on the next tick. At the start of a turn of the event loop no caller can take the
		// client first.
		await startOfTurn();
		if (pool.ending || pool._idle.length === 0 || pool._pendingQueue.length > 0) return undefined;
		return this.probeAny(deadlineMs);
	}

	protected get driverBudgetMs(): number | undefined {
		return this.#pool.options.connectionTimeoutMillis || undefined;
	}

	protected override get budgetStartMs(): number {
		return this.driverBudgetMs === undefined ? this.gate.failureSinceMs : 0;
	}

	protected applyFields(fields: object): void {
		// The password stays hidden: pg-pool made the property one that is not listed.
		Object.assign(this.#pool.options, fields);
	}

	protected destroySocket(client: PgClient, error?: Error): void {
		client.connection?.stream?.destroy(error);
	}

	protected failActiveWork(client: PgClient, error: Error): void {
		// pg has renamed the property; reading the old name warns since.
		const query = "_activeQuery" in client ? client._activeQuery : client.activeQuery;
		const { cursor, destroy } = (query ?? {}) as { cursor?: { state?: string }; destroy?: (error: Error) => unknown };
		// A stream would ask the server to close its cursor, and wait for an answer that cannot come.
		if (cursor !== undefined) cursor.state = "done";
		if (typeof destroy === "function") destroy.call(query, error);
	}

	protected listConnections(): readonly PgClient[] {
		return this.#pool._clients;
	}

	protected listIdle(): readonly PgClient[] {
		return this.#pool._idle.map(({ client }) => client);
	}

	protected listWaiting(): readonly PgPendingItem[] {
		return [...this.#pool._pendingQueue];
	}

	open(): Promise<OpenedConnection<PgClient>> {
		return new Promise((resolve, reject) => {
			// newClient() does not look at the limit.
			this.logIn(
				{
					callback: (error, client, release) => {
						if (error || client === undefined) {
							reject(error ?? new Error("pg-pool returned no client"));
							return;
						}
						// The client has no other listener before it is released.
						client.on("error", ignore);
						resolve({
							connection: client,
							release: () => {
								client.off("error", ignore);
								// Opening the connection was no use of it: with `maxUses: 1` the pool would close it now.
								client._poolUseCount = -1;
								release?.();
							},
						});
					},
				},
				true,
			);
		});
	}

	protected rejectWaiter(item: PgPendingItem, error: Error): void {
		item.callback(error, undefined, () => undefined);
		item.timedOut = true;
	}

	protected removeWaiter(item: PgPendingItem): void {
		const { _pendingQueue: queue } = this.#pool;
		const index = queue.indexOf(item);
		if (index >= 0) queue.splice(index, 1);
	}

	protected retireConnection(client: PgClient): void {
		// A client that was claimed when it came back is removed by pg-pool itself.
		if (this.#pool._clients.includes(client)) this.#pool._remove(client);
	}

	protected watchCallers(): void {
		const pool = this.#pool;
		const plainConnect = pool.connect.bind(pool) as (callback?: PgConnectCallback) => unknown;
		const connect = (callback?: PgConnectCallback): unknown => {
			const finish = this.observer?.acquiring();
			if (finish === undefined) return plainConnect(callback);
			if (callback !== undefined)
				return plainConnect((error, client, release) => {
					finish(client, error);
					callback(error, client, release);
				});
			const client = plainConnect() as Promise<PgClient>;
			client.then(finish, (error: unknown) => finish(undefined, error));
			return client;
		};
		this.restore.push(putOwnProperty(pool, "connect", connect));
	}

	protected watchReturns(): void {
		this.unwatch ??= this.listen("release", (_error: unknown, client: PgClient) => {
			if (this.isOlder(client)) this.retireLost(client);
			// pg-pool looks at the expired clients after this event. One with an error is closed anyway.
			if (this.handleReturn(client)) this.#pool._expired.add(client);
			// In calm a release costs what it costs without the library.
			if (!this.isReturnWanted) this.unwatchReturns();
		});
	}

	protected serveQueue(): void {
		const pool = this.#pool;
		// pg-pool's end() waits for a pulse after the last client has gone, and a retired client brings none.
		if (pool.ending) pool._pulseQueue();
		for (let count = pool._pendingQueue.length; count > 0; count -= 1) pool._pulseQueue();
	}

	protected whenClosed(client: PgClient, callback: () => void): void {
		client.once("end", callback);
	}

	/**
	 * "Full" also means that no login may begin now. pg-pool then queues the caller by its own rules, and the next client
	 * that is released serves the queue. While a client is idle the answer does not matter.
	 */
	private isFull(isPlainFull: boolean): boolean {
		if (!isPlainFull && (this.isGranted || (!this.isFullOfClosing() && this.gate.mayLogin()))) {
			// pg-pool asks twice before it logs in, and throws when the answers differ.
			this.isGranted = true;
			queueMicrotask(() => (this.isGranted = false));
			return false;
		}
		this.isHeldBack ||= !isPlainFull;
		if (!this.isStampPlanned) {
			this.isStampPlanned = true;
			// The caller enters the queue right after this call.
			queueMicrotask(() => this.stampQueue());
		}
		return true;
	}

	private stampQueue(): void {
		const { isHeldBack } = this;
		const { _pendingQueue: queue } = this.#pool;
		this.isHeldBack = false;
		this.isStampPlanned = false;
		const known = queue.findLastIndex((item) => this.callers.isKnown(item));
		for (const item of queue.slice(known + 1)) this.callers.note(item);
		if (isHeldBack && queue.length > 0) this.gate.callerHeld();
		this.callers.watch();
	}

	private runLogin(newClient: (item: PgPendingItem) => void, item: PgPendingItem, isExchange: boolean): void {
		const pool = this.#pool;
		const { generation } = this;
		this.isGranted = false;
		if (!isExchange) this.callers.beginAttempt(item);
		this.gate.loginStarted(isExchange);
		const finish: PgConnectCallback = (error, opened, release) => {
			const isCurrent = generation === this.generation;
			const isWaiting = isExchange || (this.callers.endAttempt(item) && item.timedOut !== true);
			if (!error) {
				this.gate.loginSucceeded(isCurrent);
				if (isWaiting) item.callback(undefined, opened, release);
				else release?.();
				return;
			}
			// An error after the login is one of the application's `onConnect` or `verify`.
			const isAfterLogin = this.isLoggedIn(client);
			const shouldWait = this.gate.loginFailed(isAfterLogin ? new Error("A statement after the login failed") : error, isCurrent);
			if (!isWaiting) return;
			if (isExchange || isAfterLogin || !shouldWait || !this.canPark) {
				item.callback(error, undefined, release ?? (() => undefined));
				return;
			}
			// In its old place. pg-pool's timer finds the item by its callback.
			pool._pendingQueue.splice(this.callers.findPlace(item), 0, item);
			this.callers.watch();
			if (!isCurrent) this.wake();
		};
		try {
			// pg-pool reports no outcome for an item that has timed out, so it gets a stand-in.
			newClient({ callback: finish, timedOut: false });
		} catch (error) {
			this.callers.endAttempt(item);
			this.gate.loginFailed(error, true);
			throw error;
		}
		const client = pool._clients.at(-1) as PgClient;
		this.trackClient(client, generation);
	}

	private trackClient(client: PgClient, generation?: number): void {
		this.track(client, generation);
		client.once("connect", () => this.noteLogin(client));
		const noteLoss = (): void => {
			if (client._ending !== true) this.noteLoss(client);
		};
		// Before the pool's own listeners: they end the client, and `_ending` would hide that the loss was unasked.
		client.connection?.prependListener("end", noteLoss);
		client.connection?.prependListener("error", noteLoss);
		client.connection?.prependListener("errorMessage", ({ severity }: { severity?: string }) => {
			if (severity === "FATAL") noteLoss();
		});
	}

	/** pg-pool forgets a client that it was about to take back when a listener of the application throws. */
	private retireLost(client: PgClient): void {
		const { release } = client;
		// With the next caller the client gets another function.
		const isForgotten = (): boolean => client.release === release && !this.listIdle().includes(client);
		queueMicrotask(() => {
			if (this.listConnections().includes(client) && isForgotten()) void this.retire(client);
		});
	}

	private unwatchReturns(): void {
		this.unwatch?.();
		this.unwatch = undefined;
	}

	private listen(event: string, listener: PgListener): () => void {
		// First: a listener of the application may throw.
		this.#pool.prependListener(event, listener);
		return () => void this.#pool.off(event, listener);
	}
}

/**
 * The server's last word may come in one packet with the end of the login, before the caller listens. Without a
 * listener it would end the process. After this turn the caller's own listeners count, as with pg alone.
 */
async function guardFirstTurn(client: PgClient): Promise<void> {
	client.on("error", ignore);
	await startOfTurn();
	client.off("error", ignore);
}
