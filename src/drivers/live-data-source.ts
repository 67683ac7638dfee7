/**
 * The live DataSource as what a rotation needs of it: its servers, each with a pool, and its options. With
 * typeorm-driver.ts it is the one place that touches TypeORM's internals. No pool, driver, DataSource or metadata is
 * ever made anew.
 */
import type { DataSource, DataSourceOptions } from "typeorm";

import { RotationUnsupportedError } from "../errors/errors.js";
import type { Clock } from "../support/clock.js";
import { shareInProcess } from "../support/process-wide.js";
import { Exchange } from "./exchange.js";
import type { LivePool } from "./live-pool.js";
import type { LoginGate } from "./login-gate.js";
import type { PoolObservers } from "./pool-observer.js";
import { listServerOptions, type LooseOptions, replaceServerOptions, type ServerOptions, toLooseOptions } from "./loose-options.js";
import { putOwnProperty } from "../support/own-property.js";
import type { StagedServer } from "./staged-server.js";
import { type DriverFamily, selectFamily } from "./typeorm-driver.js";

/** One database server of a DataSource. */
export interface LiveServer {
	readonly exchange: Exchange;
	readonly gate: LoginGate;
	/** 0 for the primary. */
	readonly index: number;
	/** `primary`, `replica0`, `replica1` … */
	readonly name: string;
	readonly pool: LivePool;
}

/** What a live DataSource is given. */
export interface LiveDataSourceOptions<Gate extends LoginGate> {
	readonly clock: Clock;
	/** Makes the gate of one server. `wake` has to be called when a login may begin that could not before. */
	readonly createGate: (server: { readonly index: number; readonly name: string }, wake: () => void) => Gate;
	readonly observers?: PoolObservers;
	/** Called when the exchange of a server comes to a halt because a login failed. */
	readonly onExchangeHalted: (server: string, error: unknown) => void;
}

interface AbandonableRunner {
	readonly isReleased: boolean;
	releaseCallback?: (error?: Error) => void;
}

interface TypeOrmDriver {
	connect(): Promise<void>;
	connectedQueryRunners?: AbandonableRunner[];
	disconnect(): Promise<void>;
}

/** Drivers that have a rotator. */
const attachedDrivers = shareInProcess("attached-drivers", () => new WeakSet());

/**
 * Options that win over the credentials a rotation brings, so that a rotation would seem to work and change nothing.
 */
const STRONGER_EXTRA_KEYS = ["connectionString", "host", "password", "port", "socketPath", "uri", "user"];

/** One initialized DataSource. */
export class LiveDataSource<Gate extends LoginGate = LoginGate> {
	readonly #dataSource: DataSource;
	readonly #driver: TypeOrmDriver;
	readonly #family: DriverFamily;
	#servers: (LiveServer & { readonly gate: Gate; readonly raw: object })[] = [];
	private isAttached = true;
	private readonly restore: (() => void)[];

	/**
	 * Puts the gates into the pools.
	 * @throws RotationUnsupportedError when this DataSource offers no safe way to exchange its connections, or has a
	 * rotator already.
	 */
	constructor(
		dataSource: DataSource,
		private readonly options: LiveDataSourceOptions<Gate>,
	) {
		this.#dataSource = dataSource;
		const loose = toLooseOptions(dataSource.options);
		this.#driver = dataSource.driver;
		// A test double of a DataSource may have no options.
		this.#family = selectFamily((loose as LooseOptions | undefined)?.type, this.#driver);
		refuseStrongerOptions(loose);
		const missing = this.#family.findMissing(this.#family.listPools());
		if (missing !== undefined) throw new RotationUnsupportedError(missing);
		if (attachedDrivers.has(this.#driver))
			throw new RotationUnsupportedError("another rotator has it already; register one connector for it");
		attachedDrivers.add(this.#driver);
		this.restore = this.watchConnections();
		this.attachPools();
	}

	/** Whether the DataSource can be used at this moment and still has the driver that was looked at first. */
	get isUsable(): boolean {
		const { driver, isInitialized } = this.#dataSource;
		return isInitialized && (driver as unknown) === this.#driver && this.#family.listPools().length > 0;
	}

	/** The options as they are now, credentials included. */
	get dataSourceOptions(): DataSourceOptions {
		return this.#dataSource.options;
	}

	/** The primary, then the replicas. */
	get servers(): readonly (LiveServer & { readonly gate: Gate })[] {
		this.attachPools();
		return this.#servers;
	}

	/** Adds the nodes again that mysql2 has removed from a cluster, as it does after many errors. */
	restoreServers(): void {
		this.#family.restoreNodes();
		this.attachPools();
	}

	/** Prepares a connection to one server with other options. Nothing connects before `connect()` is called. */
	stage(options: LooseOptions, server: ServerOptions): StagedServer {
		return this.#family.stage(options, server);
	}

	/**
	 * Makes the credentials of one server those that `destroy()` and `initialize()` read. The options object is replaced,
	 * not changed: it is the application's own and may be frozen or shared.
	 */
	setServerOptions(index: number, server: ServerOptions, common: LooseOptions): void {
		const options = { ...replaceServerOptions(toLooseOptions(this.#dataSource.options), index, server, common), ...pickMarks(common) };
		this.#family.setOptions(options);
		(this.#dataSource as unknown as { options: unknown }).options = options;
	}

	/** Takes the gates away: pools, driver and DataSource are as without the library. */
	detach(): void {
		if (!this.isAttached) return;
		this.isAttached = false;
		attachedDrivers.delete(this.#driver);
		for (const restore of this.restore) restore();
		for (const { exchange, pool } of this.#servers.splice(0)) {
			exchange.stop();
			pool.detach();
		}
	}

	/**
	 * Closes the connections of runners that were released while they were still connecting. TypeORM never does, and its
	 * `destroy()` spins for ever on one of these runners. Only the pg family keeps a list of them.
	 */
	releaseAbandonedRunners(): void {
		const runners = this.#driver.connectedQueryRunners ?? [];
		const abandoned = runners.filter(({ isReleased }) => isReleased);
		for (const runner of abandoned) runners.splice(runners.indexOf(runner), 1);
		for (const runner of abandoned) {
			try {
				// The connection may be in the middle of a transaction. Closed, it cannot pass the transaction on to the next
				// caller.
				runner.releaseCallback?.(new Error("The query runner was released while it was connecting"));
			} catch {
				// pg-pool throws when the connection was released already.
			}
		}
	}

	/** `initialize()` makes other pools; `destroy()` ends pools in which callers may still wait for credentials. */
	private watchConnections(): (() => void)[] {
		const driver = this.#driver;
		const connect = driver.connect.bind(driver);
		const disconnect = driver.disconnect.bind(driver);
		return [
			putOwnProperty(driver, "connect", async () => {
				await connect();
				this.attachPools();
			}),
			putOwnProperty(driver, "disconnect", async () => {
				for (const { gate, pool } of this.#servers)
					if (gate.failure !== undefined) pool.rejectWaiting(new Error("The DataSource was destroyed"));
				return disconnect();
			}),
		];
	}

	private attachPools(): void {
		if (!this.isAttached) return;
		const pools = this.#family.listPools();
		// While the driver is not connected, what is known of the former pools stays.
		if (pools.length === 0) return;
		this.#servers = pools.flatMap((raw, index) => {
			const known = this.#servers.find((server) => server.index === index);
			if (known?.raw === raw) return known ?? [];
			known?.exchange.stop();
			known?.pool.detach();
			return raw === undefined ? [] : this.attach(raw, index);
		});
	}

	private attach(raw: object, index: number): LiveServer & { readonly gate: Gate; readonly raw: object } {
		const name = index === 0 ? "primary" : `replica${String(index - 1)}`;
		const { clock, createGate, observers, onExchangeHalted } = this.options;
		const gate = createGate({ index, name }, () => pool.wake());
		const pool = this.#family.createLivePool(raw, { clock, gate });
		observers?.add(name, pool);
		const exchange = new Exchange({ clock, gate, onHalted: (error) => onExchangeHalted(name, error), pool });
		return { exchange, gate, index, name, pool, raw };
	}
}

/** What a connector has put into its options under a symbol, to recognise its own values later. */
function pickMarks(options: LooseOptions): object {
	return Object.fromEntries(Object.getOwnPropertySymbols(options).map((key) => [key, (options as never)[key] as unknown]));
}

function refuseStrongerOptions(options: LooseOptions): void {
	const { extra, replication } = options;
	const servers = replication === undefined ? [options] : [options, ...listServerOptions(options)];
	if (servers.some(({ url }) => url !== undefined))
		throw new RotationUnsupportedError('its options have a "url", which would win over fresh credentials; remove it');
	const stronger = STRONGER_EXTRA_KEYS.filter((key) => extra?.[key] !== undefined);
	if (stronger.length > 0) {
		throw new RotationUnsupportedError(
			`its options have extra.${stronger.join(", extra.")}, which would win over fresh credentials; remove it`,
		);
	}
}
