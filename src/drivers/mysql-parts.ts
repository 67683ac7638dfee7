/** The parts of mysql2 3.9 to 3.24 that are used, the test whether a pool has them, and how a server is asked. */
import type { BorrowedConnection, ServerAnswer } from "./probe.js";

type Listener = (...eventArguments: never[]) => void;
export type MysqlCallback = (error: Error | null, connection?: MysqlConnection) => void;

/** A queue of mysql2. */
interface RingQueue<Item> {
	readonly constructor: new () => RingQueue<Item>;
	get(index: number): Item | undefined;
	readonly length: number;
	push(item: Item): unknown;
	shift(): Item | undefined;
	unshift(item: Item): unknown;
}

/** The part of a connection of mysql2 that is used. Names with an underscore are private to mysql2. */
export interface MysqlConnection {
	readonly _command?: unknown;
	readonly _pool?: object | null;
	_realEnd(): unknown;
	_removeFromPool(): void;
	config: object;
	on(event: string, listener: Listener): unknown;
	query(text: string, callback: (error: Error | null, rows?: unknown) => void): unknown;
	release(): void;
	readonly stream: { destroy(error?: Error): unknown; once(event: string, listener: Listener): unknown };
}

/** The part of a pool of mysql2 that is used. */
export interface Mysql2Pool {
	readonly _allConnections: RingQueue<MysqlConnection>;
	readonly _closed?: boolean;
	_connectionQueue: RingQueue<MysqlCallback>;
	_freeConnections: RingQueue<MysqlConnection>;
	readonly config: {
		connectionConfig: object & { readonly connectTimeout?: number };
		connectionLimit: number;
		readonly maxIdle?: number;
		readonly waitForConnections: boolean;
	};
	emit(event: string): unknown;
	end(callback: (error?: Error) => void): void;
	getConnection(callback: MysqlCallback): void;
	releaseConnection(connection: MysqlConnection): void;
}

/** The fields with which a pool makes its next connections, and that a promotion replaces. */
const FIELDS = ["authPlugins", "host", "password", "password1", "passwordSha1", "port", "socketPath", "ssl", "user"] as const;

/** Aurora's readers say so in the second one. Both are known to MySQL and MariaDB. */
const READ_ONLY_QUERY = "SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly";

/** Names what a pool lacks for an exchange; `undefined` when nothing is missing. */
export function findMissingMysqlParts(pool: Partial<Mysql2Pool>): string | undefined {
	const isQueue = (queue: unknown): boolean =>
		["get", "push", "shift", "unshift"].every((name) => typeof (queue as Record<string, unknown> | undefined)?.[name] === "function");
	const lists = ["_allConnections", "_connectionQueue", "_freeConnections"] as const;
	const methods = ["getConnection", "releaseConnection"] as const;
	const missing: string[] = [
		...methods.filter((name) => typeof pool[name] !== "function"),
		...lists.filter((name) => !isQueue(pool[name])),
		...(typeof pool.config?.connectionConfig === "object" && typeof pool.config.connectionLimit === "number" ? [] : ["config"]),
	];
	const [connection] = missing.length === 0 ? list(pool._allConnections as Mysql2Pool["_allConnections"]) : [];
	for (const name of ["_realEnd", "_removeFromPool"] as const)
		if (connection !== undefined && typeof connection[name] !== "function") missing.push(name);
	return missing.length === 0 ? undefined : `its pool has no ${missing.join(", ")}; use mysql2 3.9 or later`;
}

/** The fields of a pool that another one is to log in with. */
export function readMysqlFields(pool: Pick<Mysql2Pool, "config">): object {
	const config = pool.config.connectionConfig as Record<string, unknown>;
	return Object.fromEntries(FIELDS.filter((key) => key in config).map((key) => [key, config[key]]));
}

/** Acquires a connection for a question. */
export function borrowMysqlConnection(pool: Pick<Mysql2Pool, "getConnection">): Promise<BorrowedConnection> {
	return new Promise((resolve, reject) => {
		pool.getConnection((error, connection) => {
			if (error || connection === undefined) {
				reject(error ?? new Error("mysql2 returned no connection"));
				return;
			}
			resolve({
				ask: async () => readAnswer(connection),
				destroy: () => void connection.stream.destroy(),
				release: () => connection.release(),
			});
		});
	});
}

async function readAnswer(connection: MysqlConnection): Promise<ServerAnswer> {
	await ask(connection, "SELECT 1");
	try {
		const rows = (await ask(connection, READ_ONLY_QUERY)) as Record<string, unknown>[];
		return { isReadOnly: Object.values(rows[0] ?? {}).some((value) => !["0", "OFF"].includes(String(value).toUpperCase())) };
	} catch {
		// Poolers and MySQL-like servers may not know the variables; SELECT 1 has answered.
		return { isReadOnly: undefined };
	}
}

function ask(connection: MysqlConnection, text: string): Promise<unknown> {
	return new Promise((resolve, reject) => {
		connection.query(text, (error, rows) => {
			if (error) reject(error);
			else resolve(rows);
		});
	});
}

/** The items of a queue. */
export function list<Item>(queue: RingQueue<Item>): Item[] {
	return Array.from({ length: queue.length }, (_, index) => queue.get(index) as Item);
}
