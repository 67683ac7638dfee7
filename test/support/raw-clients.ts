/** Connections of a driver in its own words: taken from the pool past TypeORM, or given back past the query runner that holds them. */
import type { Connection as MysqlConnection, Pool as MysqlPool, PoolConnection } from "mysql2";
import type { Pool, PoolClient } from "pg";
import type { DataSource, QueryRunner } from "typeorm";

/** A connection of either driver. */
export interface RawClient {
	/** Closes it and takes it from the pool: `release(true)` of pg, `destroy()` of mysql2. */
	discard(): void;
	/** Closes it gracefully and gives it back afterwards; the pool has to notice. Of mysql2 the same as `discard()`. */
	end(): Promise<void>;
	query(sql: string): Promise<unknown>;
	release(): void;
}

/** Takes a connection from the pool of the primary. */
export async function borrow({ driver }: DataSource): Promise<RawClient> {
	const { master, pool } = driver as unknown as { readonly master?: Pool; readonly pool?: MysqlPool };
	if (master !== undefined) return wrapPostgres(await master.connect());
	return new Promise((resolve, reject) => {
		pool?.getConnection((error, connection) => (error === null ? resolve(wrapMysql(connection)) : reject(error)));
	});
}

/** Queries on the pool itself. */
export async function queryPool({ driver }: DataSource, sql: string): Promise<unknown> {
	const { master, pool } = driver as unknown as { readonly master?: Pool; readonly pool?: MysqlPool };
	return master === undefined ? pool?.promise().query(sql) : master.query(sql);
}

/** The connection that a query runner holds. */
export async function takeClient(runner: QueryRunner): Promise<RawClient> {
	const client = (await runner.connect()) as PoolClient | PoolConnection;
	return isPostgres(client) ? wrapPostgres(client) : wrapMysql(client);
}

function isPostgres(client: PoolClient | PoolConnection): client is PoolClient {
	return !("threadId" in client);
}

function wrapPostgres(client: PoolClient): RawClient {
	// pg emits the loss of a connection that is in use, and an event of this name without a listener ends the process.
	const ignore = (): void => undefined;
	client.on("error", ignore);
	// The function of this loan: pg-pool replaces the client's method when it lends the client again.
	const { release } = client;
	const giveBack = (error?: boolean): void => {
		client.off("error", ignore);
		release(error);
	};
	return {
		discard: () => giveBack(true),
		end: async () => {
			await (client as unknown as { end(): Promise<void> }).end();
			giveBack();
		},
		query: async (sql) => client.query(sql),
		release: () => giveBack(),
	};
}

function wrapMysql(connection: PoolConnection): RawClient {
	return {
		discard: () => connection.destroy(),
		end: async () => {
			connection.destroy();
			return Promise.resolve();
		},
		query: async (sql) => (connection as MysqlConnection).promise().query(sql),
		release: () => connection.release(),
	};
}
