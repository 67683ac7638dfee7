/**
 * How a caller gets its connection: with a permit, in its turn, and again where a new connection could not be opened for a reason that the change of
 * credentials explains. Nothing was sent before a login has succeeded, so that opening a connection again is safe.
 */
import { SecretUnavailableError } from "../errors/errors.js";
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import { isAuthenticationFailure, isConnectionLimit } from "../support/login-failure.js";
import type { ConnectionPool } from "./connection-pool.js";
import {
	beginClaim,
	hasIdle,
	keepPermit,
	lacksRoom,
	type Ledger,
	type Side,
	waitForClosing,
	waitForPermit,
	waitForRoom,
} from "./gate-side.js";
import { beginObtaining, interceptRelease, type Obtain, type ObtainedConnection } from "./live-data-source.js";

/** How long a caller waits for credentials that work where the driver would wait for a connection for ever. */
const DEFAULT_BUDGET_MS = 30_000;

/** A full server is asked again after 50 to 100 % of this. */
const FULL_SERVER_PAUSE_MS = 200;
const FULL_SERVER_JITTER_FRACTION = 0.5;

/** What all callers of a gate share. */
export interface GateState {
	/** Until then the server may have less room than usual, because of connections that a rotation opens or has just closed. */
	crowdedUntilMs: number;
	/** Number of the generation that serves, starting with 1. */
	generation: number;
	/** Whether somebody can bring other credentials, so that a refused login is waited out. */
	isHealing: boolean;
	/** Whether the gate is taken away. */
	isOpen: boolean;
}

/** What the attempts are given. */
export interface AcquireAttemptsOptions {
	readonly clock: Clock;
	readonly events: EventChannel;
	/** Called when a login was refused and somebody waits: credentials that work are wanted. */
	readonly onRefusal: (() => void) | undefined;
	readonly random: () => number;
	readonly state: Readonly<GateState>;
}

/** One try to obtain a connection, and whose budget it is part of. */
interface Attempt {
	readonly deadlineAtMs: number;
	readonly generation: number;
	readonly isProbe: boolean;
	readonly pool: ConnectionPool;
	readonly startedAtMs: number;
}

/** The callers of one gate. */
export class AcquireAttempts {
	constructor(private readonly options: AcquireAttemptsOptions) {}

	/** Obtains a connection of one side. Rejects with the driver's own error where waiting would not help, or the budget is used up. */
	obtain(obtain: Obtain, side: Side): Promise<ObtainedConnection> {
		const attempt = this.begin(side);
		// The steady state: a connection is idle and nobody waits, so there is nothing to decide.
		if (hasIdle(side) && side.permits.tryTake()) {
			return this.lend(obtain, side).catch(async (error: unknown) =>
				keepPermit(side, async () => this.obtainPatiently(obtain, side, attempt, await this.judge(error, side, attempt))),
			);
		}
		return this.obtainInTurn(obtain, side, attempt);
	}

	private async obtainInTurn(obtain: Obtain, side: Side, attempt: Attempt): Promise<ObtainedConnection> {
		if (!side.permits.tryTake()) await waitForPermit(side);
		return keepPermit(side, async () => this.obtainPatiently(obtain, side, attempt));
	}

	private begin({ pool, timeoutMs }: Side): Attempt {
		const startedAtMs = this.options.clock.nowMs();
		const deadlineAtMs = startedAtMs + (timeoutMs > 0 ? timeoutMs : DEFAULT_BUDGET_MS);
		return { deadlineAtMs, generation: this.options.state.generation, isProbe: false, pool, startedAtMs };
	}

	/** Tries until a connection is there, the budget is used up, or a fault comes that waiting would not cure. */
	private async obtainPatiently(
		obtain: Obtain,
		side: Side,
		{ deadlineAtMs, startedAtMs }: Attempt,
		firstRefusal?: Error,
	): Promise<ObtainedConnection> {
		const { clock, events, state } = this.options;
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
				if (!state.isHealing && refusal !== undefined && !hasIdle(side)) throw refusal;
				continue;
			}
			// Between the last look and the login nobody else may come.
			while (this.isRoomWanted(side, deadlineAtMs)) await waitForRoom(side, clock, deadlineAtMs - clock.nowMs());
			const attempt = { deadlineAtMs, generation: state.generation, isProbe: turn === "probe", pool: side.pool, startedAtMs };
			try {
				const obtained = await this.lend(obtain, side);
				if (attempt.isProbe && attempt.generation === state.generation) side.logins.noteProbeEnd();
				if (ownRefusal !== undefined) events.publish({ type: "acquire.healed", waitedMs: clock.nowMs() - startedAtMs });
				return obtained;
			} catch (error) {
				ownRefusal = (await this.judge(error, side, attempt)) ?? ownRefusal;
			}
		}
	}

	/** Whether a caller has to wait before it may log in, because of the room and not of the credentials. */
	private isRoomWanted(side: Side, deadlineAtMs: number): boolean {
		const { clock, state } = this.options;
		return !state.isOpen && !hasIdle(side) && lacksRoom(side) && clock.nowMs() < deadlineAtMs;
	}

	/**
	 * Decides what follows from a login that failed.
	 * @returns The refusal that the caller waits out; `undefined` when it may try again at once.
	 * @throws The error itself where waiting would not help.
	 */
	private async judge(error: unknown, side: Side, { deadlineAtMs, generation, isProbe, pool }: Attempt): Promise<Error | undefined> {
		const { clock, random, state } = this.options;
		if (generation === state.generation) this.noteFault(error, side, isProbe);
		// This caller's permit stands for the socket of the login that failed.
		await waitForClosing(pool, clock);
		const isRetired = generation !== state.generation;
		const remainingMs = deadlineAtMs - clock.nowMs();
		if (remainingMs <= 0) throw error;
		if (isRefusal(error) && (isRetired || (state.isHealing && !state.isOpen))) return error as Error;
		// A retired generation may fail because its server is gone.
		if (isRetired) return undefined;
		// A server may count a connection for a moment longer than we do.
		const isCrowded = side.retiredCount > 0 || clock.nowMs() < state.crowdedUntilMs;
		if (!isConnectionLimit(error) || !isCrowded || state.isOpen) throw error;
		const untilMs = clock.nowMs() + Math.min(remainingMs, FULL_SERVER_PAUSE_MS * (1 - FULL_SERVER_JITTER_FRACTION * random()));
		// Others who meet the same wake each other; a login costs the server something each time.
		while (clock.nowMs() < untilMs && this.isStuck(side, generation)) {
			await side.logins.sleep(untilMs - clock.nowMs());
		}
		return undefined;
	}

	/** Whether nothing has come meanwhile that would serve a caller of that generation. */
	private isStuck(side: Side, generation: number): boolean {
		const { state } = this.options;
		return generation === state.generation && !state.isOpen && !hasIdle(side);
	}

	/** Whether a caller needs no permission to go on: no login is needed for it, or nobody would heal a refused one. */
	private isStepAside(side: Side): boolean {
		const { isHealing, isOpen } = this.options.state;
		return isOpen || !isHealing || hasIdle(side);
	}

	private lend(obtain: Obtain, side: Side): Promise<ObtainedConnection> {
		const { ledger } = side;
		const isOpening = !hasIdle(side);
		ledger.heldCount += 1;
		const { claimCount, obtaining } = beginClaim(side, () => beginObtaining(obtain));
		if (isOpening) side.pool.noteOpening();
		return obtaining.then(
			(obtained) => {
				ledger.claimCount -= claimCount;
				return interceptRelease(obtained, () => takeBack(ledger, side));
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

	private noteFault(error: unknown, { logins }: Side, wasProbe: boolean): void {
		if (!isRefusal(error)) {
			if (wasProbe) logins.noteOtherFault();
		} else if (logins.noteRefusal(error as Error)) {
			const code = String((error as { code?: unknown }).code);
			this.options.events.publish({ code, isHealing: this.options.state.isHealing, type: "acquire.refused" });
		}
	}
}

/** Whether other credentials, or the same ones a little later, may be the cure: the server refuses them, or there is no login token at the moment. */
function isRefusal(error: unknown): boolean {
	// mysql2 makes an error of its own of what an authentication plugin throws.
	const reasons = [error, (error as Error | undefined)?.cause];
	return isAuthenticationFailure(error) || reasons.some((reason) => reason instanceof SecretUnavailableError && reason.isTransient);
}

function takeBack(ledger: Ledger, side: Side): void {
	ledger.heldCount -= 1;
	// A retired connection is not free before its socket is closed; see retirePool().
	if (ledger.owedCount === undefined) {
		side.permits.give();
		side.logins.wakeOne();
	} else ledger.payBackSurplus();
}
