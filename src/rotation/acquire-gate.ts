/**
 * Stands in front of the two methods that hand out connections. It keeps all generations together within the size of one pool, and it sees a refused
 * login before any SQL has run: the caller then waits for credentials that work instead of getting the error.
 */
import type { EventChannel } from "../events/event-channel.js";
import { type Clock, sleep } from "../support/clock.js";
import { isAuthenticationFailure } from "../support/login-failure.js";
import type { LiveDataSource, Obtain, ObtainedConnection, PoolSet } from "./live-data-source.js";
import { LoginWatch } from "./login-watch.js";
import { Permits } from "./permits.js";
import { closeIdle, type PostgresPool, watchPool } from "./postgres-pool.js";

/** How long a caller waits for credentials that work where the driver would wait for a connection for ever. */
const DEFAULT_BUDGET_MS = 30_000;

/** How long the socket of a refused login takes to close: the server has said its last word. */
const REFUSED_SOCKET_MS = 20;

/** What the gate is given. */
export interface AcquireGateOptions {
	readonly clock: Clock;
	readonly events: EventChannel;
	readonly live: LiveDataSource;
	/** Called when a login was refused and somebody waits: credentials that work are wanted. Absent: a refused login is passed on. */
	readonly onRefusal: (() => void) | undefined;
	readonly random: () => number;
}

/** One side (master or replicas) of the gate. */
interface Side {
	/** Connections of the current generation that are being obtained and may take an idle one. */
	claimCount: number;
	/** Permits held by connections of the current generation. */
	heldCount: number;
	readonly logins: LoginWatch;
	readonly permits: Permits;
	pools: readonly PostgresPool[];
	readonly timeoutMs: number;
}

/** The gate of one DataSource. */
export class AcquireGate {
	private currentGeneration = 1;
	private isOpen = false;
	private readonly restore: () => void;
	private readonly sides: Record<"master" | "slave", Side>;

	/** Installs itself; TypeORM's own methods run inside it. */
	constructor(private readonly options: AcquireGateOptions) {
		const { master, slaves } = options.live.readPools();
		this.sides = { master: this.createSide([master]), slave: this.createSide(slaves) };
		this.restore = options.live.wrapObtain((obtain, role) => this.guard(obtain, this.sides[role]));
	}

	/** Number of the generation that serves, starting with 1. */
	get generation(): number {
		return this.currentGeneration;
	}

	/** Connections lent to callers, of all generations. */
	get heldCount(): number {
		return this.sumSides(({ permits }) => permits.takenCount);
	}

	/** Whether somebody waits because the server refuses the credentials. */
	get isHealingWanted(): boolean {
		return this.listSides().some(({ logins }) => logins.refusal !== undefined && logins.waitingCount > 0);
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
	 * Begins a new generation, whose staging has just logged in. Each connection of the old pools keeps a permit until its socket is closed, which pg-pool
	 * tells with `remove`. To be called in the same turn in which the pools are exchanged.
	 */
	promote(next: PoolSet): void {
		this.currentGeneration += 1;
		this.promoteSide(this.sides.master, [next.master]);
		this.promoteSide(this.sides.slave, next.slaves);
	}

	/** Takes the gate away; TypeORM's own methods serve again, and whoever waits is let through to them. */
	uninstall(): void {
		this.isOpen = true;
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
				if (await closeIdle(pool, this.options.clock)) return () => permits.give();
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
		for (const { permits, pools } of this.listSides()) {
			for (const pool of pools) {
				while (countIdle(pools) > permits.freeCount && (await closeIdle(pool, this.options.clock)));
			}
		}
	}

	private createSide(pools: readonly PostgresPool[]): Side {
		const { clock, random } = this.options;
		const total = pools.reduce((sum, pool) => sum + pool.options.max, 0);
		const side: Side = {
			claimCount: 0,
			heldCount: 0,
			logins: new LoginWatch(clock, random),
			permits: new Permits(total, clock),
			pools,
			timeoutMs: pools[0]?.options.connectionTimeoutMillis ?? 0,
		};
		this.watchLogins(side);
		return side;
	}

	private guard(obtain: Obtain, side: Side): Obtain {
		return async () => {
			this.adoptForeignPools();
			const startedAtMs = this.options.clock.nowMs();
			if (!side.permits.tryTake()) await waitForPermit(side);
			try {
				return await this.obtainPatiently(obtain, side, startedAtMs);
			} catch (error) {
				side.permits.give();
				throw error;
			}
		};
	}

	/** After the application's own `destroy()` and `initialize()` the driver has pools that no rotation promoted. */
	private adoptForeignPools(): void {
		const { live } = this.options;
		if (live.master !== undefined && live.master !== this.sides.master.pools[0]) this.promote(live.readPools());
	}

	/** Tries until a connection is there, the budget is used up, or a fault comes that other credentials would not cure. */
	private async obtainPatiently(obtain: Obtain, side: Side, startedAtMs: number): Promise<ObtainedConnection> {
		const { clock, events } = this.options;
		const deadlineAtMs = startedAtMs + (side.timeoutMs > 0 ? side.timeoutMs : DEFAULT_BUDGET_MS);
		let ownRefusal: Error | undefined;
		for (;;) {
			const turn = this.isStepAside(side) ? "login" : side.logins.takeTurn();
			if (turn === "wait") {
				const refusal = ownRefusal ?? side.logins.refusal;
				const remainingMs = deadlineAtMs - clock.nowMs();
				if (remainingMs <= 0 && refusal !== undefined) throw refusal;
				if (refusal !== undefined) this.options.onRefusal?.();
				await side.logins.sleep(Math.max(remainingMs, 1));
				continue;
			}
			const generation = this.currentGeneration;
			try {
				const obtained = await this.lend(obtain, side);
				if (turn === "probe" && generation === this.currentGeneration) side.logins.noteProbeEnd();
				if (ownRefusal !== undefined) events.publish({ type: "acquire.healed", waitedMs: clock.nowMs() - startedAtMs });
				return obtained;
			} catch (error) {
				if (generation === this.currentGeneration) this.noteFault(error, side, turn === "probe");
				if (!isAuthenticationFailure(error)) throw error;
				// A login of a retired generation may be refused because that is over; the current one decides.
				if (generation === this.currentGeneration && (this.options.onRefusal === undefined || this.isOpen)) throw error;
				ownRefusal = error as Error;
				if (clock.nowMs() >= deadlineAtMs) throw error;
				// The socket of the refused login is closing; the next one would be one too many beside it.
				await sleep(clock, REFUSED_SOCKET_MS);
			}
		}
	}

	/** Whether a caller needs no permission to go on: no login is needed for it, or nobody would heal a refused one. */
	private isStepAside(side: Side): boolean {
		return this.isOpen || this.options.onRefusal === undefined || hasIdle(side);
	}

	private async lend(obtain: Obtain, side: Side): Promise<ObtainedConnection> {
		const generation = this.currentGeneration;
		side.heldCount += 1;
		side.claimCount += 1;
		try {
			const [client, release] = await obtain();
			return [client, (error) => this.takeBack(release, error, generation, side)];
		} catch (error) {
			if (generation === this.currentGeneration) side.heldCount -= 1;
			throw error;
		} finally {
			if (generation === this.currentGeneration) side.claimCount -= 1;
		}
	}

	private takeBack(release: (error?: Error) => void, error: Error | undefined, generation: number, side: Side): void {
		release(error);
		// A retired connection is not free before its socket is closed; see promoteSide().
		if (generation !== this.currentGeneration) return;
		side.heldCount -= 1;
		side.permits.give();
		side.logins.wakeOne();
	}

	private noteFault(error: unknown, { logins }: Side, wasProbe: boolean): void {
		if (isAuthenticationFailure(error)) logins.noteRefusal(error as Error);
		else if (wasProbe) logins.noteOtherFault();
	}

	private promoteSide(side: Side, next: readonly PostgresPool[]): void {
		const connectionCount = side.pools.reduce((sum, pool) => sum + pool.totalCount, 0);
		side.permits.reserve(Math.max(0, connectionCount - side.heldCount));
		for (const pool of side.pools) watchPool(pool, "remove", () => side.permits.give());
		side.claimCount = 0;
		side.heldCount = 0;
		side.pools = next;
		this.watchLogins(side);
		side.logins.noteSuccess();
	}

	/** A pool says `connect` for each login that succeeded. */
	private watchLogins(side: Side): void {
		const generation = this.currentGeneration;
		for (const pool of side.pools) {
			watchPool(pool, "connect", () => {
				if (generation === this.currentGeneration) side.logins.noteSuccess();
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

/** @throws The server's refusal where that is why nobody gives a permit back. */
async function waitForPermit({ logins, permits, timeoutMs }: Side): Promise<void> {
	try {
		await permits.take(timeoutMs);
	} catch (error) {
		throw logins.refusal ?? error;
	}
}

function countIdle(pools: readonly PostgresPool[]): number {
	return pools.reduce((sum, { idleCount }) => sum + idleCount, 0);
}

/** Whether a caller gets a connection without a login. Replicas are chosen by TypeORM at random, so each of them must have one. */
function hasIdle({ claimCount, pools }: Side): boolean {
	return pools.length > 0 && pools.every((pool) => pool.idleCount > claimCount);
}
