/**
 * Stands in front of the two methods that hand out connections. It keeps all generations together within the size of one pool, and it sees a refused
 * login before any SQL has run: the caller then waits for credentials that work instead of getting the error.
 */
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import { AcquireAttempts, type GateState } from "./acquire-attempts.js";
import type { ConnectionPool } from "./connection-pool.js";
import type { PoolSet } from "./driver-family.js";
import { closeSurplus, openLedger, retirePools, type Side } from "./gate-side.js";
import type { LiveDataSource, Obtain } from "./live-data-source.js";
import { LoginWatch } from "./login-watch.js";
import { Permits } from "./permits.js";

/** How long a server may have less room than usual, from the moment in which a rotation is about to open a connection or has closed the last one. */
const CROWDED_MS = 15_000;

/** What the gate is given. */
export interface AcquireGateOptions {
	readonly clock: Clock;
	readonly events: EventChannel;
	readonly live: LiveDataSource;
	/** Called when a login was refused and somebody waits: credentials that work are wanted. Absent: a refused login is passed on. */
	readonly onRefusal: (() => void) | undefined;
	readonly random: () => number;
}

/** The gate of one DataSource. */
export class AcquireGate {
	private readonly attempts: AcquireAttempts;
	/** Which pools the sides speak of. */
	private identity: object | undefined;
	private readonly restore: () => void;
	private readonly sides: Record<"master" | "slave", Side>;
	private readonly state: GateState;

	/** Installs itself; TypeORM's own methods run inside it. */
	constructor(private readonly options: AcquireGateOptions) {
		const { master, slaves } = options.live.readPools();
		this.identity = options.live.identity;
		this.state = { crowdedUntilMs: 0, generation: 1, isHealing: options.onRefusal !== undefined, isOpen: false };
		this.attempts = new AcquireAttempts({ ...options, state: this.state });
		this.sides = { master: this.createSide([master]), slave: this.createSide(slaves) };
		this.restore = options.live.wrapObtain((obtain, role) => this.guard(obtain, this.sides[role]));
	}

	/** Number of the generation that serves, starting with 1. */
	get generation(): number {
		return this.state.generation;
	}

	/** Places in the pool that are taken: connections lent to callers, of all generations, and retired ones that are closing. */
	get heldCount(): number {
		return this.sumSides(({ permits }) => permits.takenCount);
	}

	/** The pools that serve, the master's first. */
	get pools(): readonly ConnectionPool[] {
		return this.listSides().flatMap(({ pools }) => pools);
	}

	/** Whether somebody waits because the server refuses the credentials. */
	get isHealingWanted(): boolean {
		return this.listSides().some(({ logins }) => logins.refusal !== undefined && logins.waitingCount > 0);
	}

	/** Whether the server's last word on a login of this generation was a refusal. */
	get isRefused(): boolean {
		return this.listSides().some(({ logins }) => logins.refusal !== undefined);
	}

	/** Lets one caller try the refused credentials again; there are no others at the moment. */
	allowProbe(): void {
		for (const { logins } of this.listSides()) logins.allowProbe();
	}

	/** Callers that wait for a connection. */
	get waitingCount(): number {
		return this.sumSides(({ logins, permits }) => permits.waitingCount + logins.waitingCount);
	}

	/**
	 * Begins a new generation, whose staging has just logged in. Each connection of the old pools keeps a permit until its socket is
	 * closed. To be called in the same turn in which the pools are exchanged.
	 * @returns To be called when nothing of the old pools is left: gives back the permits of callers for whom no close was told.
	 */
	promote(next: PoolSet): () => void {
		this.state.generation += 1;
		this.identity = this.options.live.identity;
		const settlements = [this.promoteSide(this.sides.master, [next.master]), this.promoteSide(this.sides.slave, next.slaves)];
		return () => {
			for (const settle of settlements) settle();
			this.noteCrowd();
		};
	}

	/** Nobody can bring other credentials any more: refused logins are passed on, and whoever waits for them gets the refusal. */
	stopHealing(): void {
		this.state.isHealing = false;
		for (const { logins } of this.listSides()) logins.close();
	}

	/** Takes the gate away; TypeORM's own methods serve again, and whoever waits is let through to them. */
	uninstall(): void {
		this.state.isOpen = true;
		this.restore();
		for (const { logins, permits } of this.listSides()) {
			permits.dismissWaiters();
			logins.close();
		}
	}

	/**
	 * Gives up one connection that nobody uses, so that a server at its limit has room for a replacement.
	 * @returns The way to let the pool grow again; `undefined` when no connection is idle.
	 */
	async yieldIdleConnection(): Promise<(() => void) | undefined> {
		for (const { permits, pools } of this.listSides()) {
			if (!permits.tryTake()) continue;
			for (const pool of pools) {
				if (await pool.closeIdle(this.options.clock)) return () => permits.give();
			}
			permits.give();
		}
		return undefined;
	}

	/**
	 * Closes idle connections that nobody may use, because connections of retired generations hold the permits. Before staging, so that one more
	 * connection is one more than a pool has, however many generations drain.
	 */
	async closeSurplus(): Promise<void> {
		this.noteCrowd();
		for (const side of this.listSides()) await closeSurplus(side, this.options.clock);
	}

	private createSide(pools: readonly ConnectionPool[]): Side {
		const { clock, random } = this.options;
		const total = pools.reduce((sum, pool) => sum + pool.size, 0);
		const side: Side = {
			ledger: openLedger(),
			logins: new LoginWatch(clock, random),
			permits: new Permits(total, clock),
			pools,
			retiredCount: 0,
			timeoutMs: pools[0]?.timeoutMs ?? 0,
		};
		this.watchLogins(side);
		return side;
	}

	private noteCrowd(): void {
		this.state.crowdedUntilMs = this.options.clock.nowMs() + CROWDED_MS;
	}

	private guard(obtain: Obtain, side: Side): Obtain {
		const { attempts } = this;
		return () => {
			this.adoptForeignPools();
			return attempts.obtain(obtain, side);
		};
	}

	/** After the application's own `destroy()` and `initialize()` the driver has pools that no rotation promoted. */
	private adoptForeignPools(): void {
		const { live } = this.options;
		if (live.identity === undefined || live.identity === this.identity) return;
		const settle = this.promote(live.readPools());
		// The old pools were ended by destroy(), which takes back every connection first.
		settle();
	}

	private promoteSide(side: Side, next: readonly ConnectionPool[]): () => void {
		const settle = retirePools(side, next);
		this.watchLogins(side);
		side.logins.noteSuccess();
		return settle;
	}

	private watchLogins(side: Side): void {
		const generation = this.state.generation;
		for (const pool of side.pools) {
			pool.noteOpening();
			pool.onLogin(() => {
				if (generation === this.state.generation) side.logins.noteSuccess();
			});
		}
	}

	private listSides(): Side[] {
		return [this.sides.master, this.sides.slave];
	}

	private sumSides(count: (side: Side) => number): number {
		return this.listSides().reduce((sum, side) => sum + count(side), 0);
	}
}
