/** Everything known of the inside of pg-pool 3.6 to 3.14: the gate in front of its logins, and the exchange of its connections. */
import { isAuthenticationFailure } from "../support/login-failure.js";
import { withDeadline } from "../support/with-deadline.js";
import { startOfTurn } from "../support/clock.js";
import { LivePool, type LivePoolOptions, type OpenedConnection, type ProbeRequest, type ServerAnswer } from "./live-pool.js";
import { putOwnProperty } from "./own-property.js";

type Release = (error?: Error | boolean) => void;
type ConnectCallback = (error: Error | null | undefined, client?: PgClient, release?: Release) => void;
type Listener = (...eventArguments: never[]) => void;

/** The part of a client of pg that is used. */
export interface PgClient {
	_poolUseCount?: number;
	readonly _ending?: boolean;
	readonly _activeQuery?: unknown;
	readonly activeQuery?: unknown;
	readonly connection?: {
		prependOnceListener(event: string, listener: Listener): unknown;
		readonly stream?: { destroy(error?: Error): unknown };
	};
	off(event: string, listener: Listener): unknown;
	on(event: string, listener: Listener): unknown;
	once(event: string, listener: Listener): unknown;
	query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
}

/** What pg-pool queues for a caller. */
export interface PgPendingItem {
	callback: ConnectCallback;
	timedOut?: boolean;
}

/** The part of a pool of pg that is used. Names with an underscore are private to pg-pool. */
export interface PgPool {
	_clients: readonly PgClient[];
	readonly _expired: WeakSet<PgClient>;
	readonly _idle: readonly { readonly client: PgClient }[];
	_isFull(): boolean;
	readonly _pendingQueue: PgPendingItem[];
	_pulseQueue(): void;
	_remove(client: PgClient): void;
	connect(callback: ConnectCallback): unknown;
	end(): Promise<unknown>;
	readonly ending: boolean;
	newClient(item: PgPendingItem): void;
	off(event: string, listener: Listener): unknown;
	on(event: string, listener: Listener): unknown;
	readonly options: Record<string, unknown> & { readonly connectionTimeoutMillis?: number; readonly max: number };
}

/** The options that a pool hands to its next clients, and that a promotion replaces. */
const FIELDS = ["host", "port", "user", "password", "database", "ssl"] as const;

const METHODS = ["_isFull", "_pulseQueue", "_remove", "connect", "newClient"] as const;
const LISTS = ["_clients", "_idle", "_pendingQueue"] as const;

/** Names what a pool lacks for an exchange; `undefined` when nothing is missing. */
export function findMissingPgParts(pool: Partial<PgPool>): string | undefined {
	const missing = [
		...METHODS.filter((name) => typeof pool[name] !== "function"),
		...LISTS.filter((name) => !Array.isArray(pool[name])),
		...(pool._expired instanceof WeakSet ? [] : ["_expired"]),
	];
	return missing.length === 0 ? undefined : `its pool has no ${missing.join(", ")}; use pg with pg-pool 3.6 or later`;
}

/** The fields of a pool that another one is to log in with. */
export function readPgFields(pool: Pick<PgPool, "options">): object {
	return Object.fromEntries(FIELDS.map((key) => [key, pool.options[key]]));
}

/** A live pool of node-postgres. */
export class PostgresPool extends LivePool<PgClient, PgPendingItem> {
	readonly #loggedIn = new WeakSet<PgClient>();
	readonly #pool: PgPool;
	private isStampPlanned = false;
	private readonly restore: (() => void)[];

	constructor(pool: PgPool, options: LivePoolOptions) {
		super(options);
		this.#pool = pool;
		for (const client of pool._clients) {
			this.#loggedIn.add(client);
			this.trackClient(client);
		}
		const plainIsFull = pool._isFull.bind(pool);
		const plainNewClient = pool.newClient.bind(pool);
		this.logIn = (item, isExchange) => this.runLogin(plainNewClient, item, isExchange);
		this.restore = [
			putOwnProperty(pool, "_isFull", () => plainIsFull() || this.isClosed()),
			putOwnProperty(pool, "newClient", (item) => this.logIn(item, false)),
			this.listen("release", (_error: unknown, client: PgClient) => {
				// pg-pool looks at the expired clients after this event. One with an error is closed anyway.
				if (this.handleReturn(client)) pool._expired.add(client);
			}),
			this.listen("connect", guardFirstTurn),
		];
	}

	private readonly logIn: (item: PgPendingItem, isExchange: boolean) => void;

	get isEnding(): boolean {
		return this.#pool.ending;
	}

	get limit(): number {
		return this.#pool.options.max;
	}

	detach(): void {
		this.stopTimers();
		for (const restore of this.restore.splice(0)) restore();
		this.serveQueue();
	}

	async probeIdle(deadlineMs: number): Promise<ServerAnswer | undefined> {
		const pool = this.#pool;
		// pg-pool hands out its idle client on the next tick. At the start of a turn of the event loop no caller can take the client first.
		await startOfTurn();
		if (pool.ending || pool._idle.length === 0 || pool._pendingQueue.length > 0) return undefined;
		return probePgPool(pool, { clock: this.clock, deadlineMs });
	}

	protected get driverBudgetMs(): number | undefined {
		return this.#pool.options.connectionTimeoutMillis || undefined;
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
		const { destroy } = (query ?? {}) as { destroy?: (error: Error) => unknown };
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

	protected openBeyondLimit(): Promise<OpenedConnection<PgClient>> {
		return new Promise((resolve, reject) => {
			// newClient() does not look at the limit.
			this.logIn(
				{
					callback: (error, client, release) => {
						if (error || client === undefined) {
							reject(error ?? new Error("pg-pool returned no client"));
							return;
						}
						resolve({
							connection: client,
							release: () => {
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

	protected serveQueue(): void {
		const pool = this.#pool;
		for (let count = pool._pendingQueue.length; count > 0; count -= 1) pool._pulseQueue();
	}

	protected whenClosed(client: PgClient, callback: () => void): void {
		client.once("end", callback);
	}

	/**
	 * "Full" also means that no login may begin now. pg-pool then queues the caller by its own rules, and the next client that is released serves the
	 * queue. While a client is idle the answer does not matter.
	 */
	private isClosed(): boolean {
		if (this.#pool._idle.length > 0) return false;
		const isHeldBack = this.isFullOfClosing() || !this.gate.mayLogin();
		if (!isHeldBack) return false;
		if (!this.isStampPlanned) {
			this.isStampPlanned = true;
			// The caller enters the queue right after this call.
			queueMicrotask(() => this.stampQueue());
		}
		return true;
	}

	private stampQueue(): void {
		this.isStampPlanned = false;
		const { _pendingQueue: queue } = this.#pool;
		for (const item of queue) this.noteWaiting(item);
		if (queue.length > 0) this.noteHeld();
	}

	private runLogin(newClient: (item: PgPendingItem) => void, item: PgPendingItem, isExchange: boolean): void {
		const pool = this.#pool;
		const { generation } = this;
		this.beginAttempt(item, isExchange);
		let client: PgClient | undefined;
		const finish: ConnectCallback = (error, lent, release) => {
			const isCurrent = generation === this.generation;
			const isWaiting = this.endAttempt(item) && item.timedOut !== true;
			if (!error) {
				this.gate.loginSucceeded(isCurrent);
				if (isWaiting) item.callback(undefined, lent, release);
				else release?.();
				return;
			}
			// An error after the login is one of the application's `onConnect` or `verify`.
			const isAfterLogin = client !== undefined && this.#loggedIn.has(client);
			const shouldWait = this.gate.loginFailed(isAfterLogin ? hideRefusal(error) : error, isCurrent);
			if (!isWaiting) return;
			if (isExchange || isAfterLogin || !shouldWait || pool.ending) {
				item.callback(error, undefined, release ?? (() => undefined));
				return;
			}
			// In its old place: it has waited longest. pg-pool's timer finds the item by its callback.
			pool._pendingQueue.unshift(item);
			this.watchOverdue();
			if (!isCurrent) this.wake();
		};
		try {
			// pg-pool reports no outcome for an item that has timed out, so it gets a stand-in.
			newClient({ callback: finish, timedOut: false });
		} catch (error) {
			this.endAttempt(item);
			this.gate.loginFailed(error, true);
			throw error;
		}
		client = pool._clients.at(-1);
		if (client !== undefined) this.trackClient(client, generation);
	}

	private trackClient(client: PgClient, generation?: number): void {
		this.track(client, generation);
		client.once("connect", () => this.#loggedIn.add(client));
		// Before the pool's own listeners: they end the client, and `_ending` would hide that the loss was unasked.
		client.connection?.prependOnceListener("end", () => {
			if (client._ending !== true && this.#loggedIn.has(client)) this.gate.connectionLost();
		});
	}

	private listen(event: string, listener: Listener): () => void {
		this.#pool.on(event, listener);
		return () => void this.#pool.off(event, listener);
	}
}

/** Asks `SELECT 1`, whether the server is read-only, and which schemas the role sees, over one connection of the pool. */
export async function probePgPool(
	pool: Pick<PgPool, "connect">,
	request: ProbeRequest,
): Promise<ServerAnswer> {
	let borrowed: { client: PgClient; release: Release } | undefined;
	const ignore = (): undefined => undefined;
	const ask = async (signal: AbortSignal): Promise<ServerAnswer> => {
		borrowed = await new Promise<{ client: PgClient; release: Release }>((resolve, reject) => {
			pool.connect((error, client, release) => {
				if (error || client === undefined || release === undefined) reject(error ?? new Error("pg-pool returned no client"));
				// The deadline was over before the client came.
				else if (signal.aborted) release();
				else resolve({ client, release });
			});
		});
		// Without a listener the error event of a client that is in use ends the process.
		borrowed.client.on("error", ignore);
		return readAnswer(borrowed.client);
	};
	try {
		const answer = await withDeadline(ask, { ...request, subject: "SELECT 1" });
		borrowed?.client.off("error", ignore);
		borrowed?.release();
		return answer;
	} catch (error) {
		const lost = borrowed;
		lost?.release(true);
		lost?.client.connection?.stream?.destroy();
		throw error;
	}
}

async function readAnswer(client: PgClient): Promise<ServerAnswer> {
	await client.query("SELECT 1");
	try {
		const { rows } = await client.query(
			"SELECT current_setting('transaction_read_only') AS read_only, current_setting('search_path') AS search_path",
		);
		const { read_only: readOnly, search_path: searchPath } = rows[0] ?? {};
		return { isReadOnly: readOnly === "on", searchPath: typeof searchPath === "string" ? searchPath : undefined };
	} catch {
		// Poolers and PostgreSQL-like servers may not know the settings; SELECT 1 has answered.
		return { isReadOnly: undefined };
	}
}

/**
 * The server's last word may come in one packet with the end of the login, before the caller listens. Without a listener it would end the process. After
 * this turn the caller's own listeners count, as with pg alone.
 */
function guardFirstTurn(client: PgClient): void {
	const ignore = (): undefined => undefined;
	client.on("error", ignore);
	setImmediate(() => client.off("error", ignore));
}

/** The same fault without the code by which a refused login is recognised. */
function hideRefusal(error: unknown): unknown {
	return isAuthenticationFailure(error) ? new Error("A statement after the login failed") : error;
}
