/**
 * TypeORM's DataSource and PostgresDriver as far as a rotation touches them, above the real pg-pool: its own code, with its timers on a FakeClock and a
 * server in memory below. fake-postgres-driver.spec.ts holds this driver against those of TypeORM.
 */
import { readFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { compileFunction } from "node:vm";
import type { DataSource } from "typeorm";

import type { LooseOptions, ServerOptions } from "../../src/drivers/loose-options.js";
import type { PgClient, PgPool, PgRelease } from "../../src/drivers/pg-parts.js";
import type { Clock } from "../../src/support/clock.js";
import type { FakeClock } from "./fake-clock.js";
import { type FakeLogin, FakePostgresClient, type FakePostgresServer } from "./fake-postgres-server.js";

/** More turns than anything here takes to come to rest. */
const MAXIMUM_TURNS = 100;

/** pg-pool's own pool, with what it tells of itself. */
export interface FakePgPool extends PgPool {
	readonly ended: boolean;
	readonly idleCount: number;
	readonly totalCount: number;
	readonly waitingCount: number;
}

/** Constructor of pg-pool's pools. */
export type PoolConstructor = new (options: unknown) => FakePgPool;

/** Servers by host name. A host that is not among them is not found. */
export type FakeServers = Readonly<Record<string, FakePostgresServer>>;

/** What pg hands out: a client, and the way to give it back. */
export type PostgresLoan = [client: PgClient, release: PgRelease];

/** A query runner that has a connection, as the driver's list has it. */
export interface FakeQueryRunner {
	readonly isReleased: boolean;
	release?(): Promise<void>;
	releaseCallback?: (error?: Error) => void;
}

type PoolSource = (...globals: unknown[]) => void;

let poolSource: PoolSource | undefined;

/**
 * The module `pg` for servers in memory. Its Pool is pg-pool's own; timeouts pass on `clock`.
 *
 * The errors it makes must be those of this realm: jest runs specs in another one than the code of Node.
 */
export function createFakePg(clock: Clock, servers: FakeServers): { Pool: PoolConstructor } {
	const file = require.resolve("pg-pool");
	poolSource ??= compileFunction(readFileSync(file, "utf8"), ["require", "module", "Error", "global", "setTimeout", "clearTimeout"], {
		filename: file,
	}) as PoolSource;
	const poolModule = { exports: undefined as unknown };
	const setTimer = (callback: () => void, delayMs: number): object => ({ ...clock.schedule(callback, delayMs), unref: () => undefined });
	const clearTimer = (timer: { cancel(): void } | undefined): void => timer?.cancel();
	poolSource(require, poolModule, Error, { Promise }, setTimer, clearTimer);

	const RealPool = poolModule.exports as new (options: unknown, Client: unknown) => FakePgPool;
	class Client extends FakePostgresClient {
		constructor(login: FakeLogin) {
			super(login, servers[login.host ?? ""]);
		}
	}
	class Pool extends RealPool {
		constructor(options: unknown) {
			super(options, Client);
		}
	}
	return { Pool };
}

/** TypeORM's PostgresDriver without its SQL. */
export class FakePostgresDriver {
	connectedQueryRunners: FakeQueryRunner[] = [];
	master: FakePgPool | undefined;
	slaves: FakePgPool[] = [];

	constructor(
		public options: LooseOptions,
		readonly postgres: { Pool: PoolConstructor },
	) {}

	async connect(): Promise<void> {
		const { replication } = this.options;
		if (replication === undefined) {
			this.master = await this.createPool(this.options, this.options);
			return;
		}
		this.slaves = await Promise.all(replication.slaves.map((slave) => this.createPool(this.options, slave)));
		this.master = await this.createPool(this.options, replication.master);
	}

	/** Opens one connection through `this.postgres.Pool`. On a failure the pool is not ended and not reachable, as in TypeORM. */
	createPool(options: LooseOptions, credentials: ServerOptions): Promise<FakePgPool> {
		const { connectTimeoutMS, poolSize } = options as { connectTimeoutMS?: number; poolSize?: number };
		const { host, password, port, username: user } = credentials;
		const pool = new this.postgres.Pool({
			connectionTimeoutMillis: connectTimeoutMS,
			host,
			max: poolSize,
			password,
			port,
			user,
			...options.extra,
		});
		pool.on("error", () => undefined);
		return new Promise((resolve, reject) => {
			pool.connect((error, _, release) => {
				if (error) {
					reject(error);
					return;
				}
				release?.();
				resolve(pool);
			});
		});
	}

	/** TypeORM gives back every connection first, and spins for ever on a runner that was released already. */
	async disconnect(): Promise<void> {
		if (this.master === undefined) throw new Error("Connection is not established with postgres database");
		if (this.connectedQueryRunners.some(({ isReleased }) => isReleased)) throw new Error("TypeORM would hang here");
		for (const runner of this.connectedQueryRunners.splice(0)) await runner.release?.();
		await Promise.all([this.master, ...this.slaves].map((pool) => pool.end()));
		this.master = undefined;
		this.slaves = [];
	}

	obtainMasterConnection(): Promise<PostgresLoan> {
		if (this.master === undefined) return Promise.reject(new Error("Driver not Connected"));
		return connect(this.master);
	}

	obtainSlaveConnection(): Promise<PostgresLoan> {
		const slave = this.slaves[Math.floor(Math.random() * this.slaves.length)];
		return slave === undefined ? this.obtainMasterConnection() : connect(slave);
	}
}

/** A DataSource on a {@link FakePostgresDriver}. */
export interface FakeDataSource {
	destroy(): Promise<void>;
	driver: FakePostgresDriver;
	initialize(): Promise<this>;
	isInitialized: boolean;
	options: LooseOptions;
}

/** Frozen options; defaults: pool of 3, 5,000 ms to connect, user `app` with password `one` on host `db`, idle connections stay. */
export function createFakeOptions(options: Readonly<Record<string, unknown>> = {}): LooseOptions {
	return Object.freeze({
		connectTimeoutMS: 5_000,
		database: "shop",
		extra: { idleTimeoutMillis: 0 },
		host: "db",
		password: "one",
		poolSize: 3,
		port: 5_432,
		type: "postgres",
		username: "app",
		...options,
	});
}

/** Makes a DataSource with {@link createFakeOptions}. */
export function createFakeDataSource(clock: Clock, servers: FakeServers, options: Readonly<Record<string, unknown>> = {}): FakeDataSource {
	const allOptions = createFakeOptions(options);
	return {
		async destroy() {
			await this.driver.disconnect();
			this.isInitialized = false;
		},
		driver: new FakePostgresDriver(allOptions, createFakePg(clock, servers)),
		async initialize() {
			await this.driver.connect();
			this.isInitialized = true;
			return this;
		},
		isInitialized: false,
		options: allOptions,
	};
}

/** The fake in the type that the library takes. */
export function asDataSource(fake: FakeDataSource): DataSource {
	return fake as unknown as DataSource;
}

/** Lets sockets and promises come to rest while the clock stands still. */
export async function settle(): Promise<void> {
	// Bounded, since two that wait at the same time see each other's turn.
	for (let turn = 0; turn < MAXIMUM_TURNS; turn += 1) {
		await nextTurn();
		if (!process.getActiveResourcesInfo().includes("Immediate")) return;
	}
}

/** Lets time pass no faster than sockets and promises can follow: FakeClock.advance() alone would make the next timer overtake a login. */
export async function passTime(clock: FakeClock, durationMs: number): Promise<void> {
	const endMs = clock.nowMs() + durationMs;
	await settle();
	for (let delayMs = clock.nextDelayMs; delayMs !== undefined && clock.nowMs() + delayMs <= endMs; delayMs = clock.nextDelayMs) {
		await clock.advance(delayMs);
		await settle();
	}
	await clock.advance(endMs - clock.nowMs());
}

function connect(pool: PgPool): Promise<PostgresLoan> {
	return new Promise((resolve, reject) => {
		pool.connect((error, client, release) => {
			if (error || client === undefined || release === undefined) reject(error ?? new Error("pg-pool returned no client"));
			else resolve([client, release]);
		});
	});
}
