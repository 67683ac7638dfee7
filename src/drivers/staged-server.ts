/**
 * A connection with fresh credentials to one server, opened outside of the live pools, to learn whether the server
 * takes the credentials.
 */
import { RotationUnsupportedError } from "../errors/errors.js";
import type { Clock } from "../support/clock.js";
import { waitAtMost } from "../support/wait-at-most.js";
import {
	borrowMysqlConnection,
	findMissingMysqlParts,
	list,
	type Mysql2Pool,
	type MysqlConnection,
	readMysqlFields,
} from "./mysql-parts.js";
import { CLOSE_PATIENCE_MS } from "./open-sockets.js";
import { borrowPgClient, findMissingPgParts, type PgClient, type PgPool, readPgFields } from "./pg-parts.js";
import { probe, type ProbeRequest, type ServerAnswer } from "./probe.js";

/** One server that is being checked. */
export interface StagedServer {
	/** Closes the connection and resolves when its socket is closed, or given up. */
	readonly close: (clock: Clock) => Promise<void>;
	/** The login. Rejects with the driver's error. */
	readonly connect: () => Promise<void>;
	/** `SELECT 1`, and what else the server says about itself. */
	readonly probe: (request: ProbeRequest) => Promise<ServerAnswer>;
	/** What the live pool logs in with from a promotion on. Never print it. */
	readonly readFields: () => object;
}

/** The class of pg of which TypeORM's driver makes a pool. */
type PoolClass = new (options: Record<string, unknown>) => PgPool;

/**
 * Stages a server of the pg family with the driver's own factory, so that the application's options apply.
 * @param callFactory calls the factory with the class that it has to make the pool of.
 */
export function stagePostgres(original: PoolClass, callFactory: (singlePool: PoolClass) => Promise<unknown>): StagedServer {
	/** When the socket of each client is closed. */
	const opened = new Map<PgClient, Promise<void>>();
	let staged: PgPool | undefined;
	// One connection, kept until it was asked: the limits of the application's pool are not those of a check.
	const singlePool = function (options: Record<string, unknown>): PgPool {
		const pool = new original({ ...options, idleTimeoutMillis: 0, max: 1, maxLifetimeSeconds: 0, maxUses: undefined, min: 0 });
		const newClient = pool.newClient.bind(pool);
		// pg-pool forgets the client of a refused login before its socket is closed.
		pool.newClient = (item) => {
			newClient(item);
			const client = pool._clients.at(-1) as PgClient;
			opened.set(client, new Promise((resolve) => client.once("end", () => resolve())));
		};
		staged = pool;
		return pool;
	} as unknown as PoolClass;
	const requirePool = (): PgPool => {
		const missing = staged === undefined ? "its driver made no pool" : findMissingPgParts(staged);
		if (missing !== undefined) throw new RotationUnsupportedError(missing);
		return staged as PgPool;
	};
	return {
		close: async (clock) => {
			if (staged?.ending === false) staged.end().catch(() => undefined);
			await waitAtMost(Promise.all(opened.values()), clock, CLOSE_PATIENCE_MS);
			for (const client of opened.keys()) client.connection?.stream?.destroy();
		},
		connect: async () => {
			await callFactory(singlePool);
			requirePool();
		},
		probe: async (request) => probe(async () => borrowPgClient(requirePool()), request),
		readFields: () => readPgFields(requirePool()),
	};
}

/**
 * Stages a server of the mysql2 family. TypeORM's own factory is not used: it ends a pool whose login fails, and so
 * does `close()`.
 */
export function stageMysql(createPool: (options: object) => Mysql2Pool, options: object): StagedServer {
	const pool = createPool({ ...options, connectionLimit: 1, queueLimit: 0, waitForConnections: true });
	/** When the socket of each connection is closed. mysql2 forgets that of a refused login before. */
	const opened = new Map<MysqlConnection, Promise<void>>();
	const follow = (): void => {
		for (const connection of list(pool._allConnections))
			if (!opened.has(connection)) {
				opened.set(connection, new Promise((resolve) => connection.stream.once("close", () => resolve())));
				// mysql2 listens once. A second error, without a listener, would end the process.
				connection.on("error", () => undefined);
			}
	};
	return {
		close: async (clock) => {
			follow();
			pool.end(() => undefined);
			await waitAtMost(Promise.all(opened.values()), clock, CLOSE_PATIENCE_MS);
			for (const connection of opened.keys()) connection.stream.destroy();
		},
		connect: async () => {
			const missing = findMissingMysqlParts(pool);
			if (missing !== undefined) throw new RotationUnsupportedError(missing);
			const borrowing = borrowMysqlConnection(pool);
			follow();
			(await borrowing).release();
		},
		probe: async (request) => probe(async () => borrowMysqlConnection(pool), request),
		readFields: () => readMysqlFields(pool),
	};
}
