/**
 * Stands in front of the two methods that hand out connections. It keeps all generations together within the size of one pool, and it sees a refused
 * login before any SQL has run: the caller then waits for fresh credentials instead of getting the error.
 */
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import type { LiveDataSource, Obtain, ObtainedConnection, PoolSet } from "./live-data-source.js";
import type { PostgresPool } from "./postgres-pool.js";
import { isAuthenticationFailure } from "./authentication-failure.js";
import { Permits } from "./permits.js";

/** What the gate is given. */
export interface AcquireGateOptions {
	readonly clock: Clock;
	readonly events: EventChannel;
	/** Brings fresh credentials; resolves when it is settled whether there are any. Absent: a refused login is passed on. */
	readonly heal: (() => Promise<void>) | undefined;
	readonly live: LiveDataSource;
}

/** One side (master or replicas) of the gate. */
interface Side {
	/** Permits held by connections of the current generation. */
	heldCount: number;
	readonly permits: Permits;
	readonly timeoutMs: number;
}

/** The gate of one DataSource. */
export class AcquireGate {
	private currentGeneration = 1;
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
		return this.sides.master.permits.takenCount + this.sides.slave.permits.takenCount;
	}

	/** Callers that wait for a connection. */
	get waitingCount(): number {
		return this.sides.master.permits.waitingCount + this.sides.slave.permits.waitingCount;
	}

	/**
	 * Begins a new generation. Each connection of the old pools keeps a permit until its socket is closed, which pg-pool tells with `remove`. To be called
	 * in the same turn in which the pools are exchanged.
	 */
	retire({ master, slaves }: PoolSet): void {
		this.currentGeneration += 1;
		this.retireSide(this.sides.master, [master]);
		this.retireSide(this.sides.slave, slaves);
	}

	/** Takes the gate away; TypeORM's own methods serve again. */
	uninstall(): void {
		this.restore();
		this.sides.master.permits.dismissWaiters();
		this.sides.slave.permits.dismissWaiters();
	}

	private createSide(pools: readonly PostgresPool[]): Side {
		const total = pools.reduce((sum, pool) => sum + pool.options.max, 0);
		return { heldCount: 0, permits: new Permits(total, this.options.clock), timeoutMs: pools[0]?.options.connectionTimeoutMillis ?? 0 };
	}

	private guard(obtain: Obtain, side: Side): Obtain {
		return async () => {
			if (!side.permits.tryTake()) await side.permits.take(side.timeoutMs);
			try {
				return await this.obtainHealed(obtain, side);
			} catch (error) {
				side.permits.give();
				throw error;
			}
		};
	}

	private async obtainHealed(obtain: Obtain, side: Side): Promise<ObtainedConnection> {
		const generation = this.currentGeneration;
		try {
			return await this.lend(obtain, side);
		} catch (error) {
			const { clock, events, heal } = this.options;
			if (heal === undefined || !isAuthenticationFailure(error)) throw error;
			const refusedAtMs = clock.nowMs();
			if (generation === this.currentGeneration) await heal();
			// Without a new generation the same login would be refused again: the caller gets the server's own words.
			if (generation === this.currentGeneration) throw error;
			const obtained = await this.lend(obtain, side);
			events.publish({ type: "acquire.healed", waitedMs: clock.nowMs() - refusedAtMs });
			return obtained;
		}
	}

	private async lend(obtain: Obtain, side: Side): Promise<ObtainedConnection> {
		const generation = this.currentGeneration;
		side.heldCount += 1;
		try {
			const [client, release] = await obtain();
			return [client, (error) => this.takeBack(release, error, generation, side)];
		} catch (error) {
			if (generation === this.currentGeneration) side.heldCount -= 1;
			throw error;
		}
	}

	private takeBack(release: (error?: Error) => void, error: Error | undefined, generation: number, side: Side): void {
		release(error);
		// A retired connection is not free before its socket is closed; see retire().
		if (generation !== this.currentGeneration) return;
		side.heldCount -= 1;
		side.permits.give();
	}

	private retireSide(side: Side, pools: readonly PostgresPool[]): void {
		const connectionCount = pools.reduce((sum, pool) => sum + pool.totalCount, 0);
		side.permits.reserve(Math.max(0, connectionCount - side.heldCount));
		side.heldCount = 0;
		for (const pool of pools) pool.on("remove", () => side.permits.give());
	}
}
