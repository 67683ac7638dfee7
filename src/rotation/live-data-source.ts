/**
 * The live DataSource as what a rotation needs of it: the obtain methods, the options, and, through its driver's family, the pools. With driver-family.ts
 * it is the one place that touches TypeORM's internals. Pools are exchanged inside the live driver; no driver, DataSource or metadata is ever rebuilt.
 */
import type { DataSource, DataSourceOptions } from "typeorm";

import { RotationUnsupportedError } from "../errors/errors.js";
import { shareInProcess } from "../support/process-wide.js";
import { type DriverFamily, type PoolObserver, type PoolOpening, type PoolSet, selectFamily } from "./driver-family.js";
import type { MysqlConnection } from "./mysql-pool.js";
import { type CredentialPlan, type LooseOptions, toLooseOptions } from "./plan-credentials.js";

/** What a driver hands out: with pg the connection and the way to give it back, with mysql2 a connection that has that way itself. */
export type ObtainedConnection = [client: unknown, release: (error?: Error) => void] | Pick<MysqlConnection, "release">;

/** A driver method that hands out a connection. */
export type Obtain = () => Promise<ObtainedConnection>;

/** What stands in front of the two methods. */
export interface ObtainGuard {
	/** @param obtain obtains a connection of the master. */
	readonly master: (obtain: Obtain) => Promise<ObtainedConnection>;
	/** @param obtainFrom obtains a connection of the replica with this index. */
	readonly slave: (obtainFrom: (index: number) => Promise<ObtainedConnection>) => Promise<ObtainedConnection>;
}

interface AbandonableRunner {
	readonly isReleased: boolean;
	releaseCallback?: (error?: Error) => void;
}

interface LiveDriver {
	connectedQueryRunners?: AbandonableRunner[];
	obtainMasterConnection: Obtain;
	obtainSlaveConnection: Obtain;
	options: unknown;
}

/** Drivers that have a rotator. */
const guardedDrivers = shareInProcess("guarded-drivers", () => new WeakSet());

/** Options that win over the credentials a rotation brings, so that it would seem to work and change nothing. */
const STRONGER_EXTRA_KEYS = ["connectionString", "host", "password", "port", "socketPath", "uri", "user"];

/** Somebody else may have wrapped TypeORM's method with one that throws. */
export function beginObtaining(obtain: Obtain): Promise<ObtainedConnection> {
	try {
		return obtain();
	} catch (error) {
		// As it was thrown: the caller decides what it is.
		// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
		return Promise.reject(error);
	}
}

/** Calls `onReleased` when the connection is given back, once; what it is given back with goes through. */
export function interceptRelease(obtained: ObtainedConnection, onReleased: () => void): ObtainedConnection {
	if (Array.isArray(obtained)) {
		const [client, release] = obtained;
		return [
			client,
			(error) => {
				release(error);
				onReleased();
			},
		];
	}
	const prototype = Object.getPrototypeOf(obtained) as typeof obtained;
	let isLent = true;
	// The connection is the same object each time it is lent, so each loan replaces what the last one left.
	obtained.release = () => {
		prototype.release.call(obtained);
		if (isLent) onReleased();
		isLent = false;
	};
	return obtained;
}

/** One initialized DataSource, seen as pools that can be exchanged. */
export class LiveDataSource {
	private readonly driver: LiveDriver;
	private readonly family: DriverFamily;

	/** @throws RotationUnsupportedError when this DataSource offers no safe way to exchange its pools. */
	constructor(private readonly dataSource: DataSource) {
		const options = toLooseOptions(dataSource.options);
		const { extra, replication, type } = options;
		this.driver = dataSource.driver;
		this.family = selectFamily(type, this.driver);
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
		return this.dataSource.isInitialized && (this.dataSource.driver as unknown) === this.driver && this.identity !== undefined;
	}

	/** Another object after each exchange of pools, whoever made it; `undefined` while the DataSource is not connected. Costs nothing to ask. */
	get identity(): object | undefined {
		return this.family.identity;
	}

	/** The options as they are now, credentials included. */
	get options(): DataSourceOptions {
		return this.dataSource.options;
	}

	/** The pools that serve now. */
	readPools(): PoolSet {
		const { pools } = this.family;
		if (pools === undefined) throw new RotationUnsupportedError("it is not connected");
		return pools;
	}

	/**
	 * Makes one pool for each server of the plan with the driver's own factory. Nothing connects before the functions are called.
	 * @param onCreated called with each pool before it connects: the factory keeps the pool to itself until then.
	 */
	openPools(plan: CredentialPlan, onCreated: PoolObserver): PoolOpening[] {
		return this.family.open(plan, onCreated);
	}

	/**
	 * Makes `next` the pools that serve. Synchronous on purpose: nothing may run between the fields. The options object is replaced, not changed: it is
	 * the user's own and may be frozen or shared. `destroy()` + `initialize()` read the new one.
	 */
	exchangePools(next: PoolSet, options: LooseOptions): void {
		this.family.exchange(next, options);
		(this.dataSource as { options: unknown }).options = options;
	}

	/**
	 * Puts `guard` in front of the two methods through which every query runner gets its connection. Returns the way back, after which TypeORM's own methods
	 * serve, also where somebody else has wrapped ours meanwhile.
	 * @throws RotationUnsupportedError when another rotator has this DataSource already: each would count the connections of the other as its own.
	 */
	wrapObtain(guard: ObtainGuard): () => void {
		const { driver, family } = this;
		if (guardedDrivers.has(driver)) throw new RotationUnsupportedError("another rotator has it already; register one connector for it");
		guardedDrivers.add(driver);
		const { obtainMasterConnection, obtainSlaveConnection } = driver;
		const ownMaster: Obtain = () => obtainMasterConnection.call(driver);
		const fromSlave = (index: number): Promise<ObtainedConnection> => obtainSlaveConnection.call(family.narrow(index));
		let isGuarded = true;
		const restoreMaster = replaceMethod(driver, "obtainMasterConnection", () => (isGuarded ? guard.master(ownMaster) : ownMaster()));
		const restoreSlave = replaceMethod(driver, "obtainSlaveConnection", () => {
			if (!isGuarded) return obtainSlaveConnection.call(driver);
			// Without replicas TypeORM's own slave method ends in the master one, which must not take two permits.
			return family.hasSlaves ? guard.slave(fromSlave) : driver.obtainMasterConnection();
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
	 * ever on such a runner. Only the pg family keeps a list of them.
	 */
	releaseAbandonedRunners(): void {
		const runners = this.driver.connectedQueryRunners ?? [];
		const abandoned = runners.filter(({ isReleased }) => isReleased);
		for (const runner of abandoned) runners.splice(runners.indexOf(runner), 1);
		for (const runner of abandoned) {
			try {
				// The connection may be in the middle of a transaction. Closed, it cannot pass the transaction on to the next caller.
				runner.releaseCallback?.(new Error("The query runner was released while it was connecting"));
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
