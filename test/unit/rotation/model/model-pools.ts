/** Every pool that the library opens, seen from outside: from the driver's field and from the server's sockets. */
import type { PgPool } from "../../../../src/rotation/postgres-pool.js";
import type { Clock } from "../../../../src/support/clock.js";
import type { FakePostgresDriver, PoolConstructor } from "../../../support/fake-postgres-driver.js";
import { type FakeLogin, type FakePostgresClient, FakePostgresServer } from "../../../support/fake-postgres-server.js";

/** A successful login vouches for others that long; see login-watch.ts. */
const PROVEN_MS = 100;

/** A login that takes longer than a second is not waited for by the others. It may begin a health check later than its caller's turn. */
const SLOW_LOGIN_MS = 1_000 - 100;

/** A refused login of the live generation is not repeated before this. */
const REFUSAL_PAUSE_MS = 500;

/** Notes that an invariant is broken. */
export type Blame = (invariant: string, finding: string) => void;

/** One pool and what became of it. */
export class PoolRecord {
	/** Since when nobody holds or awaits a connection of it; kept up by the model. */
	idleSinceMs: number | undefined;
	/** Whether a statement was answered over it. */
	isVerified = false;
	/** Of those that nothing spoke for. */
	lastRefusedProbeAtMs = Number.NEGATIVE_INFINITY;
	lastRefusedAtMs = Number.NEGATIVE_INFINITY;
	promotedAtMs: number | undefined;
	/** When it was last known that its credentials are taken, or that the fault is another one. */
	provenAtMs: number | undefined;
	/** Callers that waited in the queue of the pool when it was retired: pg-pool may open connections for them. */
	queuedCount = 0;
	retiredAtMs: number | undefined;
	readonly sockets = new Set<FakePostgresClient>();

	constructor(
		readonly pool: PgPool,
		readonly number: number,
	) {}

	get isStaged(): boolean {
		return this.promotedAtMs === undefined && this.pool.ending !== true;
	}
}

/** The pools in the order in which they were made. */
export class PoolLedger {
	readonly records: PoolRecord[] = [];

	constructor(
		private readonly clock: Clock,
		private readonly blame: Blame,
	) {}

	/** pg-pool gives each client its own options object as the login. */
	find(login: FakeLogin): PoolRecord {
		const record = this.records.find(({ pool }) => (pool.options as object) === login);
		if (record === undefined) throw new Error("A login of a pool that nobody made");
		return record;
	}

	/** Sees each pool that is made from here on. */
	watchCreation(postgres: { Pool: PoolConstructor }): void {
		const { records } = this;
		postgres.Pool = class extends postgres.Pool {
			constructor(options: unknown) {
				super(options);
				records.push(new PoolRecord(this, records.length + 1));
			}
		};
	}

	/** Sees each exchange of the driver's pool in the moment in which it happens. */
	watchExchange(driver: FakePostgresDriver, isClosing: () => boolean): void {
		let { master } = driver;
		const [initial] = this.records;
		if (initial !== undefined) initial.promotedAtMs = this.clock.nowMs();
		Object.defineProperty(driver, "master", {
			get: () => master,
			set: (next: PgPool | undefined) => {
				if (next !== undefined) this.noteExchange(next, master, isClosing());
				master = next;
			},
		});
	}

	private noteExchange(next: PgPool, previous: PgPool | undefined, isClosing: boolean): void {
		const record = this.find(next.options as FakeLogin);
		if (isClosing) this.blame("I10", `pool ${record.number} was promoted after the close`);
		if (record.promotedAtMs !== undefined) this.blame("I9", `pool ${record.number} was promoted a second time`);
		if (!record.isVerified) this.blame("I1", `pool ${record.number} was promoted before it had answered`);
		record.promotedAtMs = this.clock.nowMs();
		record.provenAtMs = this.clock.nowMs();
		if (previous === undefined) return;
		const retired = this.find(previous.options as FakeLogin);
		retired.queuedCount = previous.waitingCount;
		retired.retiredAtMs = this.clock.nowMs();
	}
}

/** The server, which knows best what is open. */
export class ObservedServer extends FakePostgresServer {
	/** Whether sockets are cut by the server, and not by the library. */
	isCutting = false;
	/** Whether somebody may try refused credentials out of turn. */
	isOutOfTurnAllowed = (): boolean => false;
	/** Most sockets that were open at the same time. */
	peakCount = 0;
	private readonly open = new Set<FakePostgresClient>();
	private readonly attempts = new Map<FakePostgresClient, { readonly isProven: boolean; readonly startedAtMs: number }>();

	constructor(
		clock: Clock,
		private readonly ledger: PoolLedger,
		private readonly blame: Blame,
	) {
		super(clock, { app: "one", app_clone: "clone" });
	}

	/** Logins that are under way. */
	get loginCount(): number {
		return this.attempts.size;
	}

	override accept(client: FakePostgresClient): Error | undefined {
		const record = this.ledger.find(client.login);
		const nowMs = this.clock.nowMs();
		if (record.retiredAtMs !== undefined && nowMs > record.retiredAtMs) this.noteLateOpening(record);
		const fault = super.accept(client);
		if (fault === undefined) {
			this.open.add(client);
			record.sockets.add(client);
		} else record.provenAtMs = nowMs;
		this.peakCount = Math.max(this.peakCount, this.openCount);
		const isSlow = [...record.sockets].some((socket) => nowMs - (this.attempts.get(socket)?.startedAtMs ?? nowMs) >= SLOW_LOGIN_MS);
		const isProven = isSlow || (record.provenAtMs !== undefined && nowMs - record.provenAtMs <= PROVEN_MS);
		if (fault === undefined) this.attempts.set(client, { isProven, startedAtMs: nowMs });
		return fault;
	}

	override authenticate(login: FakeLogin, client: FakePostgresClient): Error | undefined {
		const refusal = super.authenticate(login, client);
		const record = this.ledger.find(login);
		if (refusal === undefined) record.provenAtMs = this.clock.nowMs();
		else this.noteRefusal(record, client);
		this.attempts.delete(client);
		return refusal;
	}

	override execute(text: string, client: FakePostgresClient): Record<string, unknown>[] {
		this.ledger.find(client.login).isVerified = true;
		return super.execute(text, client);
	}

	override forget(client: FakePostgresClient): void {
		super.forget(client);
		this.open.delete(client);
		const record = this.ledger.find(client.login);
		record.sockets.delete(client);
		if (this.attempts.delete(client)) record.provenAtMs = this.clock.nowMs();
	}

	/** A network that was gone delivers what was sent meanwhile. */
	finishGoodbyes(): void {
		for (const client of this.open) if (client._ending) client.connection.stream.destroy();
	}

	private noteLateOpening(record: PoolRecord): void {
		record.queuedCount -= 1;
		if (record.queuedCount < 0) this.blame("I5", `retired pool ${record.number} opens a connection`);
	}

	/** A refused login costs one try in half a second, not one for each caller. */
	private noteRefusal(record: PoolRecord, client: FakePostgresClient): void {
		const nowMs = this.clock.nowMs();
		const { isProven = false, startedAtMs = nowMs } = this.attempts.get(client) ?? {};
		const isExcused = this.isOutOfTurnAllowed() || isProven || nowMs - startedAtMs >= SLOW_LOGIN_MS;
		const pausedMs = startedAtMs - record.lastRefusedAtMs;
		const isRepeated = (pausedMs > 0 && pausedMs < REFUSAL_PAUSE_MS) || nowMs - record.lastRefusedProbeAtMs < REFUSAL_PAUSE_MS;
		if (record.promotedAtMs !== undefined && isRepeated && !isExcused)
			this.blame("I12", `pool ${record.number} repeats a refused login`);
		record.lastRefusedAtMs = nowMs;
		if (!isExcused) record.lastRefusedProbeAtMs = nowMs;
	}
}
