/** Exchanges the connections of one pool, one at a time and in the background. Older connections serve meanwhile, so no caller waits for a login. */
import { type Clock, sleep } from "../support/clock.js";
import { isConnectionLimit } from "../support/login-failure.js";
import { runInRootContext } from "../support/root-context.js";
import { waitAtMost } from "../support/wait-at-most.js";
import { withAnySignal } from "../support/with-any-signal.js";
import type { LivePool } from "./live-pool.js";
import type { LoginGate } from "./login-gate.js";
import { CLOSE_PATIENCE_MS } from "./open-sockets.js";

/** How long the additional connection may stay beside connections that are all in use. */
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

/** What an exchange works with. */
export interface ExchangeOptions {
	readonly clock: Clock;
	readonly gate: LoginGate;
	/** Called once for each exchange that comes to a halt because a login failed. */
	readonly onHalted: (error: unknown) => void;
	readonly pool: LivePool;
}

/** The exchange of one pool. One object serves all its generations. */
export class Exchange {
	private readonly closing = new AbortController();
	private checked: Promise<void> = Promise.resolve();
	private mode: ExchangeMode = "gradual";
	/** Set while a rotation opens a connection of its own beside the pool. */
	private pauses = 0;
	private resume = new AbortController();
	private running: Promise<void> | undefined;
	private step: Promise<void> = Promise.resolve();

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
	 * @param checked resolves when the connection that checked the credentials is closed: it is one beside the pool, as the first one of the exchange is.
	 */
	start(mode: ExchangeMode, checked: Promise<void>): void {
		this.checked = checked;
		// Connections to a former endpoint, or with a leaked password, stay unwanted whatever is promoted next.
		if (!this.isRunning || STRENGTH[mode] > STRENGTH[this.mode]) this.mode = mode;
		if (mode === "at-once") this.options.pool.retireOlder();
		this.running ??= runInRootContext(async () => this.run()).finally(() => (this.running = undefined));
	}

	/** Resolves when no additional connection of the exchange is open; none is opened before the returned function is called. */
	async pause(): Promise<() => void> {
		this.pauses += 1;
		await waitAtMost(this.step, this.options.clock, PAUSE_PATIENCE_MS);
		let isPaused = true;
		return () => {
			if (!isPaused) return;
			isPaused = false;
			this.pauses -= 1;
			this.resume.abort();
			this.resume = new AbortController();
		};
	}

	/** No connection is exchanged any more. */
	stop(): void {
		this.closing.abort();
		this.resume.abort();
	}

	private isOver(): boolean {
		const { pool } = this.options;
		return this.closing.signal.aborted || pool.isEnding || pool.olderCount === 0;
	}

	private async run(): Promise<void> {
		const { clock, gate, onHalted, pool } = this.options;
		const { signal } = this.closing;
		let failureCount = 0;
		/** Number of the generation of which a new connection is in the pool. */
		let readyGeneration = 0;
		while (!this.isOver()) {
			await this.checked;
			if (this.pauses > 0) {
				await sleep(clock, RETRY_CAP_MS, this.resume.signal);
			} else if (this.mode === "at-once" || (this.mode === "moved" && readyGeneration === pool.generation)) {
				pool.retireOlder();
				await pool.nextReturn(false, signal);
			} else if (pool.findIdleOlder() === undefined && (await pool.nextReturn(false, signal)) === undefined) {
				// Newer credentials, or fewer connections: look again.
			} else if (pool.socketCount > pool.limit) {
				await pool.nextClose(CLOSE_PATIENCE_MS);
			} else if (!gate.mayLogin()) {
				await withAnySignal([signal, this.resume.signal], async (either) => sleep(clock, RETRY_BASE_MS / 4, either));
			} else if (this.pauses === 0 && !this.isOver()) {
				const { generation } = pool;
				const stepping = this.exchangeOne();
				this.step = stepping.then(
					() => undefined,
					() => undefined,
				);
				try {
					await stepping;
					readyGeneration = generation;
					failureCount = 0;
				} catch (error) {
					if (failureCount === 0) onHalted(error);
					failureCount += 1;
					await sleep(clock, Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (failureCount - 1)), signal);
				}
			}
		}
	}

	private async exchangeOne(): Promise<void> {
		const { pool } = this.options;
		const opened = await this.openOne();
		opened.release();
		// In the same tick, and after the release: a caller that was served a moment ago has claimed an idle connection.
		const idle = pool.findIdleOlder();
		if (this.mode !== "gradual") return;
		const victim = idle ?? (await pool.nextReturn(true, this.closing.signal, SURPLUS_MS));
		// Every older connection is in use for long: the pool goes back to its size.
		if (victim === undefined && pool.olderCount > 0 && !this.isOver()) await pool.retireIdle(opened.connection);
		else if (victim !== undefined) await pool.retire(victim);
	}

	private async openOne(): ReturnType<LivePool["open"]> {
		const { pool } = this.options;
		try {
			return await pool.open();
		} catch (error) {
			const idle = pool.findIdleOlder();
			if (!isConnectionLimit(error) || idle === undefined) throw error;
			// The server has no room for one more: the older connection leaves first.
			await pool.retire(idle);
			return pool.open();
		}
	}
}
