/** What must hold at every moment of a scene, whatever was done to it. */
import type { FakeLogin } from "../../../support/fake-postgres-server.js";
import type { Caller } from "./model-caller.js";
import type { Blame, PoolRecord } from "./model-pools.js";
import { BUDGET_MS, DEADLINES, POOL_SIZE, type RotationScene, type SceneObserver, SLOW_GOODBYE_MS } from "./rotation-scene.js";

/** What a rotation that hangs in each of its steps, twice, and the pause of the healer may take. */
export const HEALING_MS = 5_000;

/** A drain looks at its pools every 20 ms. */
export const SLACK_MS = 100;

/** Grace of a shutdown; see rotator.service.ts. */
const SHUTDOWN_GRACE_MS = 2_000;

/**
 * Looks at a scene from outside.
 *
 * | Id | Invariant |
 * |---|---|
 * | I1 | the live pool is usable, and answered before it was promoted |
 * | I2 | at most one pool is staged |
 * | I3 | a lent connection has one pool for life |
 * | I4 | no held connection is cut before its drain deadline |
 * | I5 | nothing is open but the live pool, the staged one while a rotation runs, and those that drain; a retired pool opens nothing |
 * | I6 | no drain passes its deadline |
 * | I7 | a retired pool that nobody uses is closed |
 * | I8 | after the close no socket, no timer and no waiting caller is left |
 * | I9 | the generation never goes back |
 * | I10 | nothing is promoted after the close |
 * | I11 | at most poolSize + 1 sockets are open |
 * | I12 | a refused login is tried by one caller at a time, not before half a second |
 * | L1 | when the faults stop, the live login becomes that of AWSCURRENT |
 * | L2 | drains end |
 * | L3 | a caller gets a connection, or an error within its budget; no refusal before, and none at all when a version works long enough |
 * | L4 | the whole pool can be lent when nothing is wrong |
 * | L5 | a rotation that fails is a result and not an exception |
 */
export class Invariants implements SceneObserver {
	/** Since when nothing is wrong with AWS, the database and the credentials, and places in the pool are free. */
	private calmSinceMs: number | undefined = 0;
	private generation = 1;
	private readonly lenders = new Map<Caller, PoolRecord>();

	constructor(
		private readonly scene: RotationScene,
		private readonly blame: Blame,
		private readonly throwIfBroken: () => void,
	) {}

	onCut(caller: Caller): void {
		const { clock, closingAtMs = Number.POSITIVE_INFINITY, server } = this.scene;
		const { number, retiredAtMs = Number.POSITIVE_INFINITY } = this.lenders.get(caller) ?? {};
		const isOver = clock.nowMs() >= Math.min(retiredAtMs + DEADLINES.drainMs, closingAtMs + SHUTDOWN_GRACE_MS);
		if (!server.isCutting && !isOver) this.blame("I4", `a connection of pool ${number ?? 0} was cut while it was held`);
	}

	onFailed(caller: Caller, error: Error): void {
		const { clock, isClosing, server } = this.scene;
		if (isClosing) return;
		const nowMs = clock.nowMs();
		const isRefused = (error as { code?: string }).code === "28P01";
		if (isRefused && nowMs < caller.startedAtMs + BUDGET_MS)
			this.blame("L3", "a refused login is passed on before the budget is used up");
		if (this.calmSinceMs === undefined || server.isCutting) return;
		const calmMs = nowMs - Math.max(this.calmSinceMs, caller.startedAtMs);
		// Other errors may come from a login that has hung since before.
		const isLate = isRefused ? calmMs >= HEALING_MS : this.calmSinceMs + 2 * BUDGET_MS <= caller.startedAtMs;
		if (isLate) this.blame("L3", `a caller fails with "${error.message}" after ${calmMs} calm ms`);
	}

	onLent(caller: Caller): void {
		this.lenders.set(caller, this.scene.ledger.find(caller.client?.login as FakeLogin));
	}

	onStep(): void {
		this.noteCalm();
		this.checkRotator();
		for (const caller of this.scene.holders) this.checkHolder(caller);
		for (const caller of this.scene.waiters) this.checkWaiter(caller);
		for (const record of this.scene.ledger.records) this.checkPool(record);
		this.checkClose();
		this.throwIfBroken();
	}

	/** To be asked some time after the last fault. */
	checkConvergence(): void {
		const { dataSource, rotator, secret, waiters } = this.scene;
		const live = dataSource.driver.master?.options as FakeLogin | undefined;
		const { password, user } = secret.current;
		if (live?.user !== user || live.password !== password)
			this.blame("L1", `the live pool logs in as ${live?.user} with "${live?.password}" and not as ${user} with "${password}"`);
		if (!rotator.describe().includes(" draining=0 ")) this.blame("L2", "a drain has not ended");
		if (waiters.length > 0) this.blame("L3", `${waiters.length} callers wait for ever`);
		this.throwIfBroken();
	}

	private noteCalm(): void {
		const { clock, holders, isDatabaseWell, secret, server } = this.scene;
		const isFull = holders.length + server.loginCount >= POOL_SIZE;
		const isCalm = isDatabaseWell && secret.isReadable && !isFull;
		this.calmSinceMs = isCalm ? (this.calmSinceMs ?? clock.nowMs()) : undefined;
	}

	private checkRotator(): void {
		const { dataSource, isClosing, ledger, rotator, server } = this.scene;
		const { master } = dataSource.driver;
		if (!isClosing && (master === undefined || master.ending === true)) this.blame("I1", "the live pool is not usable");
		if (ledger.records.filter(({ isStaged }) => isStaged).length > 1) this.blame("I2", "two pools are staged");
		if (server.peakCount > POOL_SIZE + 1) this.blame("I11", `${server.peakCount} sockets were open`);

		const generation = Number(/ generation=(\d+) /.exec(rotator.describe())?.[1]);
		if (!(generation >= this.generation)) this.blame("I9", `generation ${generation} follows ${this.generation}`);
		this.generation = generation;
	}

	private checkHolder(caller: Caller): void {
		const owners = this.scene.ledger.records.filter(({ pool }) => pool._clients?.includes(caller.client as never));
		if (owners.length !== 1 || owners[0] !== this.lenders.get(caller)) this.blame("I3", "a lent connection has changed its pool");
	}

	/** It may log in at the last moment of its budget, and the driver then waits as long again. */
	private checkWaiter({ startedAtMs }: Caller): void {
		if (this.scene.clock.nowMs() - startedAtMs > 2 * BUDGET_MS + SLACK_MS) this.blame("L3", "a caller waits beyond its budget");
	}

	private checkPool(record: PoolRecord): void {
		const { clock, holders, isRotationOver, rotator, server, waiters } = this.scene;
		const { number, promotedAtMs, retiredAtMs, sockets } = record;
		const nowMs = clock.nowMs();
		const isIdle = isRotationOver || rotator.describe().startsWith("state=idle ");
		if (promotedAtMs === undefined && sockets.size > 0 && isIdle) this.blame("I5", `staged pool ${number} was left open`);
		if (retiredAtMs === undefined) return;

		const isInUse = server.closeMs > 0 || holders.some((caller) => this.lenders.get(caller) === record);
		const isAwaited = waiters.some(({ startedAtMs }) => startedAtMs <= retiredAtMs);
		record.idleSinceMs = isInUse || isAwaited ? undefined : (record.idleSinceMs ?? nowMs);
		if (sockets.size === 0) return;
		if (nowMs > retiredAtMs + DEADLINES.drainMs + SLACK_MS) this.blame("I6", `pool ${number} is open after its drain`);
		if (nowMs > (record.idleSinceMs ?? nowMs) + SLACK_MS) this.blame("I7", `nobody uses retired pool ${number}, and it is open`);
	}

	private checkClose(): void {
		const { clock, closedAtMs = Number.POSITIVE_INFINITY, ledger, server, waiters } = this.scene;
		// pg-pool has ended when it has said goodbye on every connection, and does not wait for the answers.
		if (clock.nowMs() <= closedAtMs + SLACK_MS + SLOW_GOODBYE_MS) return;
		if (server.openCount > 0) this.blame("I8", `${server.openCount} sockets are left`);
		// pg-pool neither serves nor rejects who waits in a pool that TypeORM ends; only a timer of its own ends that.
		const queueLength = ledger.records.reduce((count, { pool }) => count + pool.waitingCount, 0);
		if (clock.pendingCount > queueLength) this.blame("I8", `${clock.pendingCount - queueLength} timers are left`);
		if (waiters.length > queueLength) this.blame("I8", `${waiters.length - queueLength} callers are left waiting`);
	}
}
