/**
 * The parts of pg and pg-pool 3.6 to 3.14 that are used, the test whether a pool has them, and how a server is asked.
 */
import type { BorrowedConnection, ServerAnswer } from "./probe.js";

export type PgRelease = (error?: Error | boolean) => void;
export type PgConnectCallback = (error: Error | null | undefined, client?: PgClient, release?: PgRelease) => void;
export type PgListener = (...eventArguments: never[]) => void;

/** The part of a client of pg that is used. */
export interface PgClient {
	_poolUseCount?: number;
	readonly _ending?: boolean;
	readonly _activeQuery?: unknown;
	readonly activeQuery?: unknown;
	readonly connection?: {
		prependListener(event: string, listener: PgListener): unknown;
		readonly stream?: { destroy(error?: Error): unknown };
	};
	off(event: string, listener: PgListener): unknown;
	on(event: string, listener: PgListener): unknown;
	once(event: string, listener: PgListener): unknown;
	readonly release?: PgRelease;
	query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
}

/** What pg-pool queues for a caller. */
export interface PgPendingItem {
	callback: PgConnectCallback;
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
	connect(callback: PgConnectCallback): unknown;
	end(): Promise<unknown>;
	readonly ending: boolean;
	listeners(event: string): PgListener[];
	newClient(item: PgPendingItem): void;
	off(event: string, listener: PgListener): unknown;
	on(event: string, listener: PgListener): unknown;
	prependListener(event: string, listener: PgListener): unknown;
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
		...(typeof (pool._expired as Partial<WeakSet<PgClient>> | undefined)?.add === "function" ? [] : ["_expired"]),
	];
	return missing.length === 0 ? undefined : `its pool has no ${missing.join(", ")}; use pg with pg-pool 3.6 or later`;
}

/** The fields of a pool that another one is to log in with. */
export function readPgFields(pool: Pick<PgPool, "options">): object {
	return Object.fromEntries(FIELDS.map((key) => [key, pool.options[key]]));
}

/** Acquires a client for a question. */
export function borrowPgClient(pool: Pick<PgPool, "connect">): Promise<BorrowedConnection> {
	return new Promise((resolve, reject) => {
		pool.connect((error, client, release) => {
			if (error || client === undefined || release === undefined) {
				reject(error ?? new Error("pg-pool returned no client"));
				return;
			}
			client.on("error", ignore);
			const giveBack = (isBroken: boolean): void => {
				client.off("error", ignore);
				release(isBroken);
			};
			resolve({
				ask: async () => readAnswer(client),
				destroy: () => {
					giveBack(true);
					client.connection?.stream?.destroy();
				},
				release: () => giveBack(false),
			});
		});
	});
}

async function readAnswer(client: PgClient): Promise<ServerAnswer> {
	await client.query("SELECT 1");
	const readOnly = await ask(client, "SHOW transaction_read_only", "transaction_read_only");
	// What a session of this role begins with, whatever the application has set since.
	const searchPath = await ask(client, "SELECT reset_val FROM pg_settings WHERE name = 'search_path'", "reset_val");
	return { isReadOnly: readOnly === undefined ? undefined : readOnly === "on", searchPath };
}

/** Poolers and PostgreSQL-like servers may not know a setting; `SELECT 1` has answered. */
async function ask(client: PgClient, sql: string, column: string): Promise<string | undefined> {
	try {
		const { rows } = await client.query(sql);
		const value = rows[0]?.[column];
		return typeof value === "string" ? value : undefined;
	} catch {
		return undefined;
	}
}

/** Keeps the error event of a client that is in use from ending the process. */
export function ignore(): undefined {
	return undefined;
}
