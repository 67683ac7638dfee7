/**
 * Stands in front of the two methods that hand out connections. It keeps all generations together within the size of one pool, and it sees a refused
 * login before any SQL has run: the caller then waits for credentials that work instead of getting the error.
 */
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import { AcquireAttempts, type GateState } from "./acquire-attempts.js";
import type { ConnectionPool } from "./connection-pool.js";
import { listPools, type PoolSet } from "./driver-family.js";
import { closeSurplus, hasIdle, openLedger, retirePool, type Side } from "./gate-side.js";
import type { LiveDataSource } from "./live-data-source.js";
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
	/** The master, then each replica. */
	private readonly sides: readonly [master: Side, ...slaves: Side[]];
	private readonly state: GateState;

	/** Installs itself; TypeORM's own methods run inside it. */
	constructor(private readonly options: AcquireGateOptions) {
		const { master, slaves } = options.live.readPools();
		this.identity = options.live.identity;
		this.state = { crowdedUntilMs: 0, generation: 1, isHealing: options.onRefusal !== undefined, isOpen: false };
		this.attempts = new AcquireAttempts({ ...options, state: this.state });
		this.sides = [this.createSide(master), ...slaves.map((pool) => this.createSide(pool))];
		this.restore = options.live.wrapObtain({
			master: (obtain) => {
				this.adoptForeignPools();
				return this.attempts.obtain(obtain, this.sides[0]);
			},
			slave: (obtainFrom) => {
				this.adoptForeignPools();
				const { index, side } = this.chooseReplica();
				return this.attempts.obtain(async () => obtainFrom(index), side);
			},
		});
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
		return this.sides.map(({ pool }) => pool);
	}

	/** Whether somebody waits because the server refuses the credentials. */
	get isHealingWanted(): boolean {
		return this.sides.some(({ logins }) => logins.refusal !== undefined && logins.waitingCount > 0);
	}

	/** Whether the server's last word on a login of this generation was a refusal. */
	get isRefused(): boolean {
		return this.sides.some(({ logins }) => logins.refusal !== undefined);
	}

	/** Lets one caller try the refused credentials again; there are no others at the moment. */
	allowProbe(): void {
		for (const { logins } of this.sides) logins.allowProbe();
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
		const pools = listPools(next);
		const settlements = this.sides.map((side, index) => this.promoteSide(side, pools[index] ?? side.pool));
		return () => {
			for (const settle of settlements) settle();
			this.noteCrowd();
		};
	}

	/** Nobody can bring other credentials any more: refused logins are passed on, and whoever waits for them gets the refusal. */
	stopHealing(): void {
		this.state.isHealing = false;
		for (const { logins } of this.sides) logins.close();
	}

	/** Takes the gate away; TypeORM's own methods serve again, and whoever waits is let through to them. */
	uninstall(): void {
		this.state.isOpen = true;
		this.restore();
		for (const { logins, permits } of this.sides) {
			permits.dismissWaiters();
			logins.close();
		}
	}

	/**
	 * Gives up one connection that nobody uses, so that a server at its limit has room for a replacement.
	 * @returns The way to let the pool grow again; `undefined` when no connection is idle.
	 */
	async yieldIdleConnection(): Promise<(() => void) | undefined> {
		for (const { permits, pool } of this.sides) {
			if (!permits.tryTake()) continue;
			if (await pool.closeIdle(this.options.clock)) return () => permits.give();
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
		for (const side of this.sides) await closeSurplus(side, this.options.clock);
	}

	private createSide(pool: ConnectionPool): Side {
		const { clock, random } = this.options;
		const side: Side = {
			ledger: openLedger(),
			logins: new LoginWatch(clock, random),
			permits: new Permits(pool.size, clock),
			pool,
			retiredCount: 0,
			timeoutMs: pool.timeoutMs,
		};
		this.watchLogins(side);
		return side;
	}

	private noteCrowd(): void {
		this.state.crowdedUntilMs = this.options.clock.nowMs() + CROWDED_MS;
	}

	/**
	 * One at random, as TypeORM does it. One that refuses the login is left to those who wait for it already, and to one more who finds out when it takes it
	 * again: the others serve meanwhile.
	 */
	private chooseReplica(): { readonly index: number; readonly side: Side } {
		const count = this.sides.length - 1;
		const first = Math.floor(this.options.random() * count);
		for (let step = 0; step < count; step += 1) {
			const index = (first + step) % count;
			if (isServing(this.sides[index + 1] as Side)) return { index, side: this.sides[index + 1] as Side };
		}
		return { index: first, side: this.sides[first + 1] as Side };
	}

	/** After the application's own `destroy()` and `initialize()` the driver has pools that no rotation promoted. */
	private adoptForeignPools(): void {
		const { live } = this.options;
		if (live.identity === undefined || live.identity === this.identity) return;
		const settle = this.promote(live.readPools());
		// The old pools were ended by destroy(), which takes back every connection first.
		settle();
	}

	private promoteSide(side: Side, next: ConnectionPool): () => void {
		const settle = retirePool(side, next);
		this.watchLogins(side);
		side.logins.noteSuccess();
		return settle;
	}

	private watchLogins(side: Side): void {
		const generation = this.state.generation;
		side.pool.noteOpening();
		side.pool.onLogin(() => {
			if (generation === this.state.generation) side.logins.noteSuccess();
		});
	}

	private sumSides(count: (side: Side) => number): number {
		return this.sides.reduce((sum, side) => sum + count(side), 0);
	}
}

/** Whether somebody may be sent there: it is not known to refuse, has a connection all the same, or has to be tried again. */
function isServing(side: Side): boolean {
	const { logins } = side;
	return logins.refusal === undefined || hasIdle(side) || (logins.waitingCount === 0 && logins.isProbeDue);
}
