/** A connection with fresh credentials to one server, opened outside of the live pools, to learn whether the server takes the credentials. */
import { type Clock, sleep } from "../support/clock.js";
import { CLOSE_PATIENCE_MS, type ProbeRequest, type ServerAnswer } from "./live-pool.js";
import { findMissingMysqlParts, type Mysql2Pool, probeMysqlPool, readMysqlFields } from "./mysql-pool.js";
import { findMissingPgParts, type PgPool, probePgPool, readPgFields } from "./postgres-pool.js";
import { RotationUnsupportedError } from "../errors/errors.js";

/** One server that is being checked. */
export interface StagedServer {
	/** Closes the connection and resolves when its socket is closed, or given up. */
	close(clock: Clock): Promise<void>;
	/** The login. Rejects with the driver's error. */
	connect(): Promise<void>;
	/** What the live pool logs in with from a promotion on. Never print it. */
	readFields(): object;
	/** `SELECT 1`, and what else the server says about itself. */
	probe(request: ProbeRequest): Promise<ServerAnswer>;
}

/** What TypeORM's driver asks of the module of pg. */
type PoolClass = new (options: Record<string, unknown>) => PgPool;

/**
 * Stages a server of the pg family with the driver's own factory, so that the application's options apply.
 * @param createPool calls the factory with the class that it has to make the pool of.
 */
export function stagePostgres(Pool: PoolClass, createPool: (SinglePool: PoolClass) => Promise<unknown>): StagedServer {
	let pool: PgPool | undefined;
	// One connection, kept until it was asked: the limits of the application's pool are not those of a check.
	const SinglePool = function (options: Record<string, unknown>): PgPool {
		const { maxUses: _maxUses, maxLifetimeSeconds: _maxLifetimeSeconds, ...others } = options;
		pool = new Pool({ ...others, idleTimeoutMillis: 0, max: 1, min: 0 });
		return pool;
	} as unknown as PoolClass;
	const requirePool = (): PgPool => {
		if (pool === undefined) throw new RotationUnsupportedError("its driver made no pool");
		return pool;
	};
	return {
		close: async (clock) => {
			if (pool === undefined) return;
			const clients = [...pool._clients];
			const closed = Promise.all(clients.map(async (client) => new Promise<void>((resolve) => client.once("end", () => resolve()))));
			if (!pool.ending) pool.end().catch(() => undefined);
			await Promise.race([closed, sleep(clock, CLOSE_PATIENCE_MS)]);
			for (const client of clients) client.connection?.stream?.destroy();
		},
		connect: async () => {
			await createPool(SinglePool);
			const missing = findMissingPgParts(requirePool());
			if (missing !== undefined) throw new RotationUnsupportedError(missing);
		},
		probe: async (request) => probePgPool(requirePool(), request),
		readFields: () => readPgFields(requirePool()),
	};
}

/** Stages a server of the mysql2 family. TypeORM's own factory is not used: it ends a pool whose login fails, and so does {@link StagedServer.close}. */
export function stageMysql(createPool: (options: object) => Mysql2Pool, options: object): StagedServer {
	const pool = createPool({ ...options, connectionLimit: 1, queueLimit: 0, waitForConnections: true });
	return {
		close: async (clock) => {
			const connections = Array.from({ length: pool._allConnections.length }, (_, index) => pool._allConnections.get(index));
			const closed = Promise.all(
				connections.map(async (connection) => new Promise<void>((resolve) => connection?.stream.once("close", () => resolve()))),
			);
			pool.end(() => undefined);
			await Promise.race([closed, sleep(clock, CLOSE_PATIENCE_MS)]);
			for (const connection of connections) connection?.stream.destroy();
		},
		connect: async () => {
			const missing = findMissingMysqlParts(pool);
			if (missing !== undefined) throw new RotationUnsupportedError(missing);
			await new Promise<void>((resolve, reject) => {
				pool.getConnection((error, connection) => {
					connection?.release();
					if (error) reject(error);
					else resolve();
				});
			});
		},
		probe: async (request) => probeMysqlPool(pool, request),
		readFields: () => readMysqlFields(pool),
	};
}
