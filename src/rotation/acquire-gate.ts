/**
 * Stands in front of the two methods that hand out connections. It keeps all generations together within the size of one pool, and it sees a refused
 * login before any SQL has run: the caller then waits for credentials that work instead of getting the error.
 */
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import { isAuthenticationFailure } from "../support/login-failure.js";
import type { ConnectionPool } from "./connection-pool.js";
import type { PoolSet } from "./driver-family.js";
import { beginObtaining, interceptRelease, type LiveDataSource, type Obtain, type ObtainedConnection } from "./live-data-source.js";
import {
	beginClaim,
	closeSurplus,
	hasIdle,
	keepPermit,
	lacksRoom,
	type Ledger,
	openLedger,
	retirePools,
	type Side,
	waitForClosing,
	waitForPermit,
	waitForRoom,
} from "./gate-side.js";
import { LoginWatch } from "./login-watch.js";
import { Permits } from "./permits.js";

/** How long a caller waits for credentials that work where the driver would wait for a connection for ever. */
const DEFAULT_BUDGET_MS = 30_000;

/** What the gate is given. */
export interface AcquireGateOptions {
	readonly clock: Clock;
	readonly events: EventChannel;
	readonly live: LiveDataSource;
	/** Called when a login was refused and somebody waits: credentials that work are wanted. Absent: a refused login is passed on. */
	readonly onRefusal: (() => void) | undefined;
	readonly random: () => number;
}

/** One try to obtain a connection, and whose budget it is part of. */
interface Attempt {
	readonly deadlineAtMs: number;
	readonly generation: number;
	readonly isProbe: boolean;
	readonly pools: readonly ConnectionPool[];
	readonly startedAtMs: number;
}

/** The gate of one DataSource. */
export class AcquireGate {
	private currentGeneration = 1;
	/** Which pools the sides speak of. */
	private identity: object | undefined;
	private isHealing: boolean;
	private isOpen = false;
	private readonly restore: () => void;
	private readonly sides: Record<"master" | "slave", Side>;

	/** Installs itself; TypeORM's own methods run inside it. */
	constructor(private readonly options: AcquireGateOptions) {
		const { master, slaves } = options.live.readPools();
		this.identity = options.live.identity;
		this.isHealing = options.onRefusal !== undefined;
		this.sides = { master: this.createSide([master]), slave: this.createSide(slaves) };
		this.restore = options.live.wrapObtain((obtain, role) => this.guard(obtain, this.sides[role]));
	}

	/** Number of the generation that serves, starting with 1. */
	get generation(): number {
		return this.currentGeneration;
	}

	/** Places in the pool that are taken: connections lent to callers, of all generations, and retired ones that are closing. */
	get heldCount(): number {
		return this.sumSides(({ permits }) => permits.takenCount);
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
		this.currentGeneration += 1;
		this.identity = this.options.live.identity;
		const settlements = [this.promoteSide(this.sides.master, [next.master]), this.promoteSide(this.sides.slave, next.slaves)];
		return () => {
			for (const settle of settlements) settle();
		};
	}

	/** Nobody can bring other credentials any more: refused logins are passed on, and whoever waits for them gets the refusal. */
	stopHealing(): void {
		this.isHealing = false;
		for (const { logins } of this.listSides()) logins.close();
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

	private guard(obtain: Obtain, side: Side): Obtain {
		return () => {
			this.adoptForeignPools();
			const attempt = this.beginAttempt(side);
			// The steady state: a connection is idle and nobody waits, so there is nothing to decide.
			if (hasIdle(side) && side.permits.tryTake()) {
				return this.lend(obtain, side).catch(async (error: unknown) =>
					keepPermit(side, async () => this.obtainPatiently(obtain, side, attempt, await this.judge(error, side, attempt))),
				);
			}
			return this.obtainInTurn(obtain, side, attempt);
		};
	}

	private async obtainInTurn(obtain: Obtain, side: Side, attempt: Attempt): Promise<ObtainedConnection> {
		if (!side.permits.tryTake()) await waitForPermit(side);
		return keepPermit(side, async () => this.obtainPatiently(obtain, side, attempt));
	}

	/** After the application's own `destroy()` and `initialize()` the driver has pools that no rotation promoted. */
	private adoptForeignPools(): void {
		const { live } = this.options;
		if (live.identity === undefined || live.identity === this.identity) return;
		const settle = this.promote(live.readPools());
		// The old pools were ended by destroy(), which takes back every connection first.
		settle();
	}

	private beginAttempt({ pools, timeoutMs }: Side): Attempt {
		const startedAtMs = this.options.clock.nowMs();
		const deadlineAtMs = startedAtMs + (timeoutMs > 0 ? timeoutMs : DEFAULT_BUDGET_MS);
		return { deadlineAtMs, generation: this.currentGeneration, isProbe: false, pools, startedAtMs };
	}

	/** Tries until a connection is there, the budget is used up, or a fault comes that other credentials would not cure. */
	private async obtainPatiently(
		obtain: Obtain,
		side: Side,
		{ deadlineAtMs, startedAtMs }: Attempt,
		firstRefusal?: Error,
	): Promise<ObtainedConnection> {
		const { clock, events } = this.options;
		let ownRefusal = firstRefusal;
		for (;;) {
			const turn = this.isStepAside(side) ? "login" : side.logins.takeTurn();
			const remainingMs = deadlineAtMs - clock.nowMs();
			const refusal = ownRefusal ?? side.logins.refusal;
			if (turn === "wait" && remainingMs <= 0 && refusal !== undefined) throw refusal;
			// Past its budget a caller does not wait for somebody else's slow login any more.
			if (turn === "wait" && remainingMs > 0) {
				if (refusal !== undefined) this.options.onRefusal?.();
				await side.logins.sleep(remainingMs);
				// Another login would meet pools that are ending, and mysql2 then says just that.
				if (!this.isHealing && refusal !== undefined && !hasIdle(side)) throw refusal;
				continue;
			}
			while (!hasIdle(side) && lacksRoom(side) && clock.nowMs() < deadlineAtMs) await waitForRoom(side, clock);
			const attempt = { deadlineAtMs, generation: this.currentGeneration, isProbe: turn === "probe", pools: side.pools, startedAtMs };
			try {
				const obtained = await this.lend(obtain, side);
				if (attempt.isProbe && attempt.generation === this.currentGeneration) side.logins.noteProbeEnd();
				if (ownRefusal !== undefined) events.publish({ type: "acquire.healed", waitedMs: clock.nowMs() - startedAtMs });
				return obtained;
			} catch (error) {
				ownRefusal = (await this.judge(error, side, attempt)) ?? ownRefusal;
			}
		}
	}

	/**
	 * Decides what follows from a login that failed. Nothing was sent yet, so that opening a connection again is safe.
	 * @returns The refusal that the caller waits out; `undefined` when another generation serves meanwhile and decides.
	 * @throws The error itself where waiting would not help.
	 */
	private async judge(error: unknown, side: Side, { deadlineAtMs, generation, isProbe, pools }: Attempt): Promise<Error | undefined> {
		const { clock } = this.options;
		const isRetired = generation !== this.currentGeneration;
		if (!isRetired) this.noteFault(error, side, isProbe);
		// This caller's permit stands for the socket of the login that failed.
		await waitForClosing(pools, clock);
		if (clock.nowMs() >= deadlineAtMs) throw error;
		if (isAuthenticationFailure(error) && (isRetired || (this.isHealing && !this.isOpen))) return error as Error;
		// A retired generation may fail because its server is gone.
		if (isRetired) return undefined;
		throw error;
	}

	/** Whether a caller needs no permission to go on: no login is needed for it, or nobody would heal a refused one. */
	private isStepAside(side: Side): boolean {
		return this.isOpen || !this.isHealing || hasIdle(side);
	}

	private lend(obtain: Obtain, side: Side): Promise<ObtainedConnection> {
		const { ledger } = side;
		const isOpening = !hasIdle(side);
		ledger.heldCount += 1;
		const { claimCount, obtaining } = beginClaim(side, () => beginObtaining(obtain));
		if (isOpening) for (const pool of side.pools) pool.noteOpening();
		return obtaining.then(
			(obtained) => {
				ledger.claimCount -= claimCount;
				return interceptRelease(obtained, () => this.takeBack(ledger, side));
			},
			(error: unknown) => {
				ledger.claimCount -= claimCount;
				ledger.heldCount -= 1;
				// The caller goes on with this permit, or gives it back himself.
				if (ledger.owedCount !== undefined) {
					ledger.owedCount -= 1;
					side.retiredCount -= 1;
				}
				throw error;
			},
		);
	}

	private takeBack(ledger: Ledger, side: Side): void {
		// A retired connection is not free before its socket is closed; see promoteSide().
		if (ledger.owedCount !== undefined) return;
		ledger.heldCount -= 1;
		side.permits.give();
		side.logins.wakeOne();
	}

	private noteFault(error: unknown, { logins }: Side, wasProbe: boolean): void {
		if (!isAuthenticationFailure(error)) {
			if (wasProbe) logins.noteOtherFault();
		} else if (logins.noteRefusal(error as Error)) {
			const code = String((error as { code?: unknown }).code);
			this.options.events.publish({ code, isHealing: this.isHealing, type: "acquire.refused" });
		}
	}

	private promoteSide(side: Side, next: readonly ConnectionPool[]): () => void {
		const settle = retirePools(side, next);
		this.watchLogins(side);
		side.logins.noteSuccess();
		return settle;
	}

	private watchLogins(side: Side): void {
		const generation = this.currentGeneration;
		for (const pool of side.pools) {
			pool.noteOpening();
			pool.onLogin(() => {
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
