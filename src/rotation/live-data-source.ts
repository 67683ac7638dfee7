/**
 * THE file that touches TypeORM's internals: the pool fields, the pool factory, the obtain methods, the options. The same names serve
 * TypeORM 0.3.20 to 1.x, since the pools are exchanged inside the live driver and no driver, DataSource or metadata is ever rebuilt.
 */
import type { DataSource, DataSourceOptions } from "typeorm";

import { type LooseOptions, type NodeCredentials, toLooseOptions } from "./plan-credentials.js";
import type { PostgresPool } from "./postgres-pool.js";
import { RotationUnsupportedError } from "../errors/errors.js";
import { shareInProcess } from "../support/process-wide.js";

/** What `obtainMasterConnection` resolves to on the pg family. */
export type ObtainedConnection = [client: unknown, release: (error?: Error) => void];

/** A driver method that hands out a connection. */
export type Obtain = () => Promise<ObtainedConnection>;

/** The pools of one generation. */
export interface PoolSet {
	readonly master: PostgresPool;
	readonly slaves: readonly PostgresPool[];
}

interface AbandonableRunner {
	readonly isReleased: boolean;
	releaseCallback?: (error?: Error) => void;
}

interface LiveDriver {
	connectedQueryRunners: AbandonableRunner[];
	createPool(options: LooseOptions, credentials: NodeCredentials): Promise<PostgresPool>;
	master: PostgresPool | undefined;
	obtainMasterConnection: Obtain;
	obtainSlaveConnection: Obtain;
	options: unknown;
	postgres: { Pool: new (options: unknown) => PostgresPool };
	slaves: PostgresPool[];
}

/** Engines whose pools can be exchanged. */
const SUPPORTED_TYPES = new Set(["postgres"]);

/** What a pool swap relies on. Checked before the first rotation, so that another TypeORM fails with a sentence and not in the middle. */
const REQUIRED_METHODS = ["createPool", "obtainMasterConnection", "obtainSlaveConnection"] as const;

/** Options that win over the credentials a rotation brings, so that it would seem to work and change nothing. */
const STRONGER_EXTRA_KEYS = ["connectionString", "host", "password", "port", "user"];

/** Drivers that have a rotator. */
const guardedDrivers = shareInProcess("guarded-drivers", () => new WeakSet());

/** All pools of a generation in one list, the master first. */
export function listPools({ master, slaves }: PoolSet): PostgresPool[] {
	return [master, ...slaves];
}

/** One initialized DataSource, seen as pools that can be exchanged. */
export class LiveDataSource {
	private readonly driver: LiveDriver;

	/** @throws RotationUnsupportedError when this DataSource offers no safe way to exchange its pools. */
	constructor(private readonly dataSource: DataSource) {
		const options = toLooseOptions(dataSource.options);
		const { extra, replication, type } = options;
		if (!SUPPORTED_TYPES.has(type)) throw new RotationUnsupportedError(`type "${type}" has no rotation`);
		this.driver = dataSource.driver as unknown as LiveDriver;
		for (const method of REQUIRED_METHODS) {
			if (typeof this.driver[method] !== "function")
				throw new RotationUnsupportedError(`its driver has no ${method}(); use TypeORM 0.3.20 to 1.x`);
		}
		const postgres = this.driver.postgres as Partial<LiveDriver["postgres"]> | undefined;
		if (typeof postgres?.Pool !== "function") throw new RotationUnsupportedError("its driver is not node-postgres");
		const nodes = [options, ...(replication === undefined ? [] : [replication.master, ...replication.slaves])];
		if (nodes.some(({ url }) => url !== undefined))
			throw new RotationUnsupportedError('its options have a "url", which would win over fresh credentials; remove it');
		const stronger = STRONGER_EXTRA_KEYS.filter((key) => extra?.[key] !== undefined);
		if (stronger.length > 0) {
			throw new RotationUnsupportedError(
				`its options have extra.${stronger.join(", extra.")}, which would win over fresh credentials; remove it`,
			);
		}
	}

	/** Whether the DataSource can be used at this moment and still has the driver that was looked at first. */
	get isUsable(): boolean {
		return this.dataSource.isInitialized && (this.dataSource.driver as unknown) === this.driver && this.driver.master !== undefined;
	}

	/** The master's pool as it is now; `undefined` while the DataSource is not connected. */
	get master(): PostgresPool | undefined {
		return this.driver.master;
	}

	/** The options as they are now, credentials included. */
	get options(): DataSourceOptions {
		return this.dataSource.options;
	}

	/** The pools that serve now. */
	readPools(): PoolSet {
		if (this.driver.master === undefined) throw new RotationUnsupportedError("it is not connected");
		return { master: this.driver.master, slaves: [...this.driver.slaves] };
	}

	/**
	 * Makes one pool with the driver's own factory, which opens one connection. `onCreated` is called with the pool before it connects, so that a
	 * connect that hangs can be cut: the factory itself keeps the pool to itself until then.
	 */
	createPool(options: LooseOptions, credentials: NodeCredentials, onCreated: (pool: PostgresPool) => void): Promise<PostgresPool> {
		const OriginalPool = this.driver.postgres.Pool;
		const CapturedPool = function (poolOptions: unknown): PostgresPool {
			const pool = new OriginalPool(poolOptions);
			onCreated(pool);
			return pool;
		};
		const postgres = Object.create(this.driver.postgres, { Pool: { value: CapturedPool } }) as unknown;
		const factory = Object.create(this.driver, { postgres: { value: postgres } }) as LiveDriver;
		return factory.createPool(options, credentials);
	}

	/**
	 * Makes `next` the pools that serve. Synchronous on purpose: nothing may run between the fields. The options object is replaced, not changed: it is
	 * the user's own and may be frozen or shared. `destroy()` + `initialize()` read the new one.
	 */
	exchangePools(next: PoolSet, options: LooseOptions): void {
		this.driver.master = next.master;
		this.driver.slaves = [...next.slaves];
		this.driver.options = options;
		(this.dataSource as { options: unknown }).options = options;
	}

	/**
	 * Puts `wrap` around the two methods through which every query runner gets its connection. Returns the way back, after which TypeORM's own methods
	 * serve, also where somebody else has wrapped ours meanwhile.
	 * @throws RotationUnsupportedError when another rotator has this DataSource already: each would count the connections of the other as its own.
	 */
	wrapObtain(wrap: (obtain: Obtain, role: "master" | "slave") => Obtain): () => void {
		const { driver } = this;
		if (guardedDrivers.has(driver)) throw new RotationUnsupportedError("another rotator has it already; register one connector for it");
		guardedDrivers.add(driver);
		const { obtainMasterConnection, obtainSlaveConnection } = driver;
		const ownMaster: Obtain = () => obtainMasterConnection.call(driver);
		const ownSlave: Obtain = () => obtainSlaveConnection.call(driver);
		const wrappedMaster = wrap(ownMaster, "master");
		const wrappedSlave = wrap(ownSlave, "slave");
		let isGuarded = true;
		const restoreMaster = replaceMethod(driver, "obtainMasterConnection", () => (isGuarded ? wrappedMaster() : ownMaster()));
		const restoreSlave = replaceMethod(driver, "obtainSlaveConnection", () => {
			if (!isGuarded) return ownSlave();
			// Without replicas TypeORM's own slave method ends in the master one, which must not take two permits.
			return driver.slaves.length === 0 ? driver.obtainMasterConnection() : wrappedSlave();
		});
		return () => {
			if (!isGuarded) return;
			isGuarded = false;
			guardedDrivers.delete(driver);
			restoreMaster();
			restoreSlave();
		};
	}

	/**
	 * Gives back the connections of runners that were released while they were still connecting. TypeORM never does, and its `destroy()` spins for
	 * ever on such a runner.
	 */
	releaseAbandonedRunners(): void {
		const runners = this.driver.connectedQueryRunners;
		const abandoned = runners.filter(({ isReleased }) => isReleased);
		for (const runner of abandoned) runners.splice(runners.indexOf(runner), 1);
		for (const runner of abandoned) {
			try {
				runner.releaseCallback?.();
			} catch {
				// pg-pool throws when the connection was given back already.
			}
		}
	}
}

/** Returns the way back, which leaves alone what somebody else has put there since. */
function replaceMethod(driver: LiveDriver, method: "obtainMasterConnection" | "obtainSlaveConnection", replacement: Obtain): () => void {
	const own = Object.getOwnPropertyDescriptor(driver, method);
	driver[method] = replacement;
	return () => {
		if (driver[method] !== replacement) return;
		if (own === undefined) Reflect.deleteProperty(driver, method);
		else Object.defineProperty(driver, method, own);
	};
}
