/**
 * Exchanges the connections of one pool, one at a time and in the background. Older connections serve meanwhile, so no
 * caller waits for a login.
 */
import { type Clock, sleep } from "../support/clock.js";
import { isConnectionLimit } from "../support/login-failure.js";
import { runInRootContext } from "../support/root-context.js";
import { waitAtMost } from "../support/wait-at-most.js";
import { withAnySignal } from "../support/with-any-signal.js";
import type { LivePool, OpenedConnection } from "./live-pool.js";
import type { LoginGate } from "./login-gate.js";
import { CLOSE_PATIENCE_MS } from "./open-sockets.js";

/**
 * How long the additional connection waits beside connections that are all in use, doubled each time when none comes
 * back.
 */
const SURPLUS_MS = 1_000;

/** After a failed login the exchange tries again after this, doubled each time. */
const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 30_000;

/** A rotation does not wait longer for a login of the exchange that hangs. */
const PAUSE_PATIENCE_MS = 5_000;

/** How older connections leave the pool. */
export type ExchangeMode =
	/** One at a time, each after its replacement is ready. */
	| "gradual"
	/** As soon as one new connection is ready: the endpoint moved. */
	| "moved"
	/** Idle connections now, the others when they come back: the former password leaked. */
	| "at-once";

const STRENGTH: Readonly<Record<ExchangeMode, number>> = { "at-once": 2, gradual: 0, moved: 1 };

/** What an exchange asks of a pool. */
export type ExchangedPool = Pick<
	LivePool,
	| "findIdleOlder"
	| "generation"
	| "isEnding"
	| "isLost"
	| "limit"
	| "nextClose"
	| "nextReturn"
	| "olderCount"
	| "open"
	| "retire"
	| "retireOlder"
	| "socketCount"
>;

/** What an exchange works with. */
export interface ExchangeOptions {
	readonly clock: Clock;
	readonly gate: LoginGate;
	/** Called once for each exchange that comes to a halt because a login failed. */
	readonly onHalted: (error: unknown) => void;
	readonly pool: ExchangedPool;
}

/** The exchange of one pool. One object serves all its generations. */
export class Exchange {
	private checked: Promise<void> = Promise.resolve();
	private readonly closing = new AbortController();
	private mode: ExchangeMode = "gradual";
	/** Set while a rotation opens a connection of its own beside the pool. */
	private pauses = 0;
	private running: Promise<void> | undefined;
	private step: Promise<void> = Promise.resolve();
	private waking = new AbortController();

	constructor(private readonly options: ExchangeOptions) {}

	/** Resolves when no older connection is left, or the exchange was stopped. */
	get done(): Promise<void> {
		return this.running ?? Promise.resolve();
	}

	/** Whether older connections are left to exchange. */
	get isRunning(): boolean {
		return this.running !== undefined;
	}

	/**
	 * Begins after a promotion, or goes on with newer credentials.
	 * @param checked resolves when the connection that checked the credentials is closed: it is one beside the pool, as
	 * the first one of the exchange is.
	 */
	start(mode: ExchangeMode, checked: Promise<void>): void {
		this.checked = checked;
		// Connections to a former endpoint, or with a leaked password, stay unwanted whatever is promoted next.
		if (!this.isRunning || STRENGTH[mode] > STRENGTH[this.mode]) this.mode = mode;
		if (this.mode === "at-once") this.options.pool.retireOlder();
		this.wake();
		this.running ??= runInRootContext(async () => this.run());
	}

	/**
	 * Resolves when no additional connection of the exchange is open; none is opened before the returned function is
	 * called.
	 */
	async pause(): Promise<() => void> {
		this.pauses += 1;
		this.wake();
		const { clock, pool } = this.options;
		// The connection of the last check may still be closing, too.
		await waitAtMost(Promise.all([this.checked, this.step]), clock, PAUSE_PATIENCE_MS);
		// The socket of a login that was refused closes a moment later.
		for (let round = 0; round < 2 && pool.socketCount > pool.limit; round += 1) await pool.nextClose(CLOSE_PATIENCE_MS);
		let isPaused = true;
		return () => {
			if (!isPaused) return;
			isPaused = false;
			this.pauses -= 1;
			this.wake();
		};
	}

	/** No connection is exchanged any more. */
	stop(): void {
		this.closing.abort();
		this.wake();
	}

	/** Ends what the exchange waits for, other than a login. */
	private wake(): void {
		const { waking } = this;
		this.waking = new AbortController();
		waking.abort();
	}

	private isOver(): boolean {
		const { pool } = this.options;
		return this.closing.signal.aborted || pool.isEnding || pool.olderCount === 0;
	}

	private async run(): Promise<void> {
		const { clock, gate, onHalted, pool } = this.options;
		const { signal } = this.closing;
		/** Logins of one generation that failed in a row, and when the next may begin. */
		let failures = { count: 0, generation: 0, untilMs: 0 };
		/** Number of the generation of which a new connection is in the pool. */
		let readyGeneration = 0;
		let surplusMs = SURPLUS_MS;
		// start() notes that the exchange runs before it can be over.
		await this.checked;
		while (!this.isOver()) {
			await this.checked;
			const { generation } = pool;
			const pauseMs = failures.generation === generation ? failures.untilMs - clock.nowMs() : 0;
			if (this.pauses > 0) {
				await sleep(clock, RETRY_CAP_MS, this.waking.signal);
			} else if (this.mode === "at-once" || (this.mode === "moved" && readyGeneration === generation)) {
				pool.retireOlder();
				await pool.nextReturn(false, signal);
			} else if (pauseMs > 0) {
				await sleep(clock, pauseMs, this.waking.signal);
			} else if (pool.findIdleOlder() === undefined && (await pool.nextReturn(false, signal)) === undefined) {
				// Newer credentials, or fewer connections: look again.
			} else if (pool.socketCount > pool.limit) {
				await pool.nextClose(CLOSE_PATIENCE_MS);
			} else if (!gate.mayLogin()) {
				await sleep(clock, RETRY_BASE_MS / 4, this.waking.signal);
			} else if (this.pauses === 0 && generation === pool.generation && !this.isOver()) {
				const stepping = this.exchangeOne(surplusMs, failures.count > 0 && failures.generation === generation);
				this.step = stepping.then(
					() => undefined,
					() => undefined,
				);
				try {
					surplusMs = (await stepping) ? SURPLUS_MS : Math.min(RETRY_CAP_MS, surplusMs * 2);
					readyGeneration = generation;
					failures = { count: 0, generation, untilMs: 0 };
				} catch (error) {
					// A login with former credentials says nothing about those that serve.
					if (generation !== pool.generation || this.isOver()) continue;
					const count = failures.generation === generation ? failures.count : 0;
					if (count === 0) onHalted(error);
					failures = {
						count: count + 1,
						generation,
						untilMs: clock.nowMs() + Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** count),
					};
				}
			}
		}
		this.running = undefined;
	}

	/**
	 * @param isDoubtful whether the last attempt failed: the new connection has to last before an older one leaves.
	 * @returns Whether an older connection has left for the new one.
	 */
	private async exchangeOne(surplusMs: number, isDoubtful: boolean): Promise<boolean> {
		const { clock, pool } = this.options;
		const { hasLeft, opened } = await this.openOne();
		if (isDoubtful) await sleep(clock, CLOSE_PATIENCE_MS, this.waking.signal);
		let victim: object | undefined;
		if (!hasLeft && this.mode === "gradual" && pool.findIdleOlder() === undefined) {
			// Not acquired by a caller before an older one leaves: a caller that keeps it would keep the pool above its size.
			// A rotation that has come during the login does not wait for an older connection to come back.
			if (this.pauses === 0) {
				victim = await withAnySignal([this.closing.signal, this.waking.signal], async (either) =>
					pool.nextReturn(true, either, surplusMs),
				);
			}
			if (victim === undefined && pool.olderCount > 0 && !this.isOver()) {
				await pool.retire(opened.connection);
				return false;
			}
		}
		// Callers have filled the pool, or use every older connection: it has no room for another one.
		if (!hasLeft && victim === undefined && pool.findIdleOlder() === undefined && pool.socketCount > pool.limit) {
			await pool.retire(opened.connection);
			return false;
		}
		opened.release();
		// In the same tick, and after the release: a caller that was served a moment ago has claimed an idle connection.
		if (!hasLeft && this.mode === "gradual" && !pool.isLost(opened.connection)) victim ??= pool.findIdleOlder();
		if (victim !== undefined) await pool.retire(victim);
		if (pool.isLost(opened.connection)) throw new Error("The new connection was lost right after its login");
		return true;
	}

	private async openOne(): Promise<{ readonly hasLeft: boolean; readonly opened: OpenedConnection<object> }> {
		const { pool } = this.options;
		try {
			return { hasLeft: false, opened: await pool.open() };
		} catch (error) {
			const idle = pool.findIdleOlder();
			if (!isConnectionLimit(error) || idle === undefined) throw error;
			// The server has no room for one more: the older connection leaves first.
			await pool.retire(idle);
			return { hasLeft: true, opened: await pool.open() };
		}
	}
}
