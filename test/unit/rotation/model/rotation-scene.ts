/** A rotator with everything around it in memory: database, secret, callers, time. Commands move it; nothing is judged here. */
import type { RotatorService } from "../../../../src/rotation/rotator.service.js";
import type { FakeClock } from "../../../support/fake-clock.js";
import { asDataSource, createFakeDataSource, type FakeDataSource, settle } from "../../../support/fake-postgres-driver.js";
import { NEVER_MS } from "../../../support/fake-postgres-server.js";
import type { Command, DatabaseState } from "./commands.js";
import { Caller, type CallerObserver } from "./model-caller.js";
import { type Blame, ObservedServer, PoolLedger } from "./model-pools.js";
import { ModelSecret } from "./model-secret.js";

/** Size of the pool. */
export const POOL_SIZE = 3;

/** How long a caller waits, and how long the driver waits for a login. */
export const BUDGET_MS = 6_000;

/** Interval of the schedule. */
export const INTERVAL_MS = 8_000;

/** Deadlines of a rotation. */
export const DEADLINES = { connectMs: 400, drainMs: 1_000, fetchMs: 300, healthMs: 100, verifyMs: 200 };

/** How long the server holds a socket open after a goodbye, when it is slow. */
export const SLOW_GOODBYE_MS = 200;

/** States in which nothing keeps a rotation from succeeding. A server that has become read-only is not gone to. */
const WELL_STATES = new Set<DatabaseState>(["ok", "slow", "slow goodbyes"]);

const CLOSE_MS: Partial<Record<DatabaseState, number>> = { "black hole": NEVER_MS, "slow goodbyes": SLOW_GOODBYE_MS };

const LOGIN_MS: Partial<Record<DatabaseState, number>> = {
	"black hole": NEVER_MS,
	hang: NEVER_MS,
	slow: 40,
	"slower than the deadline": 2 * DEADLINES.connectMs,
};

/** Who looks at the scene. */
export interface SceneObserver extends CallerObserver {
	/** Something may have changed, and everything has come to rest. */
	onStep(): void;
}

/** The scene. */
export class RotationScene {
	callers: Caller[] = [];
	closedAtMs: number | undefined;
	closingAtMs: number | undefined;
	readonly dataSource: FakeDataSource;
	isDatabaseWell = true;
	/** Whether the rotator has said that no rotation runs or will run. */
	isRotationOver = false;
	readonly ledger: PoolLedger;
	observer: SceneObserver | undefined;
	readonly rotator: RotatorService;
	readonly secret: ModelSecret;
	readonly server: ObservedServer;

	private constructor(
		readonly clock: FakeClock,
		Rotator: typeof RotatorService,
		seed: number,
		private readonly blame: Blame,
	) {
		this.ledger = new PoolLedger(clock, blame);
		this.server = new ObservedServer(clock, this.ledger, blame);
		this.server.isOutOfTurnAllowed = () => this.isClosing || this.waiters.some((caller) => this.isAtItsEnd(caller));
		this.secret = new ModelSecret(this.server.passwords);
		this.dataSource = createFakeDataSource(
			clock,
			{ db: this.server },
			{ connectTimeoutMS: BUDGET_MS, extra: { idleTimeoutMillis: 3_000 }, poolSize: POOL_SIZE },
		);
		this.ledger.watchCreation(this.dataSource.driver.postgres);
		this.rotator = new Rotator(asDataSource(this.dataSource), undefined, this.secret.createConnector(INTERVAL_MS), "model", {
			clock,
			deadlines: DEADLINES,
			random: createRandom(seed),
		});
	}

	/** An application that has just started. */
	static async create(clock: FakeClock, Rotator: typeof RotatorService, seed: number, blame: Blame): Promise<RotationScene> {
		const scene = new RotationScene(clock, Rotator, seed, blame);
		await scene.dataSource.initialize();
		scene.ledger.watchExchange(scene.dataSource.driver, () => scene.isClosing);
		await scene.rotator.onModuleInit();
		scene.rotator.onApplicationBootstrap();
		return scene;
	}

	/** Callers that have a connection. */
	get holders(): Caller[] {
		return this.callers.filter(({ state }) => state === "holding");
	}

	get isClosing(): boolean {
		return this.closingAtMs !== undefined;
	}

	/** Callers that have none yet. */
	get waiters(): Caller[] {
		return this.callers.filter(({ state }) => state === "waiting");
	}

	async execute(command: Command): Promise<void> {
		await this.start(command);
		await settle();
		this.server.isCutting = false;
		this.endStep();
	}

	private endStep(): void {
		this.observer?.onStep();
		// An application gives back in a finally what it gets after the end.
		if (this.isRotationOver) for (const caller of this.holders) void caller.release();
		this.callers = this.callers.filter(({ state }) => state !== "ended");
	}

	private async start([name, argument]: Command): Promise<void> {
		switch (name) {
			case "acquire":
				for (let count = 0; count < argument; count += 1) this.acquire();
				return;
			case "advance":
				await this.advance(argument);
				return;
			case "close":
				if (!this.isClosing) void this.close(argument);
				return;
			case "database":
				this.setDatabase(argument);
				return;
			case "fetch":
				this.secret.setFetchState(argument);
				return;
			case "idle connections are cut":
				this.cutIdle();
				return;
			case "release":
				await this.holders[argument % Math.max(1, this.holders.length)]?.release();
				return;
			case "release all":
				for (const caller of this.holders) await caller.release();
				return;
			case "rotate":
				this.rotate();
				return;
			case "secret":
				this.secret.take(argument);
		}
	}

	/** A caller waits for nobody else at the end of its budget, and at the close. */
	private isAtItsEnd({ startedAtMs }: Caller): boolean {
		return this.clock.nowMs() - startedAtMs >= BUDGET_MS;
	}

	private acquire(): void {
		if (this.observer === undefined) return;
		const caller = new Caller(this.dataSource.driver, this.clock, this.observer);
		this.callers.push(caller);
		void caller.connect();
	}

	/** Lets time pass no faster than everything can follow. */
	private async advance(durationMs: number): Promise<void> {
		const { clock } = this;
		const endMs = clock.nowMs() + durationMs;
		await settle();
		for (let delayMs = clock.nextDelayMs; delayMs !== undefined && clock.nowMs() + delayMs <= endMs; delayMs = clock.nextDelayMs) {
			await clock.advance(delayMs);
			await settle();
			this.endStep();
		}
		await clock.advance(endMs - clock.nowMs());
	}

	/** As Nest does it; TypeORM's own module may come before or after. A network that is gone comes back: TypeORM waits for it for ever. */
	private async close(order: "rotator first" | "typeorm first"): Promise<void> {
		this.closingAtMs = this.clock.nowMs();
		this.server.closeMs = 0;
		this.server.refusedCloseMs = 0;
		this.server.finishGoodbyes();
		await this.rotator.onModuleDestroy();
		this.isRotationOver = true;
		this.rotator.beforeApplicationShutdown();
		if (order === "typeorm first") await this.dataSource.destroy();
		await this.rotator.onApplicationShutdown();
		if (order === "rotator first") await this.dataSource.destroy();
		this.closedAtMs = this.clock.nowMs();
	}

	private setDatabase(state: DatabaseState): void {
		const { server } = this;
		this.isDatabaseWell = WELL_STATES.has(state);
		server.answerMs = state === "hang" || state === "statements hang" ? NEVER_MS : 0;
		server.closeMs = this.isClosing ? 0 : (CLOSE_MS[state] ?? 0);
		server.refusedCloseMs = server.closeMs;
		server.connectionLimit = state === "full" ? POOL_SIZE : Number.POSITIVE_INFINITY;
		server.fault = state === "statements fail" ? new Error("the database system is starting up") : undefined;
		server.isReachable = state !== "down";
		server.isReadOnly = state === "read-only";
		server.loginMs = LOGIN_MS[state] ?? 0;
		if (server.closeMs !== NEVER_MS) server.finishGoodbyes();
		if (state === "down") {
			server.isCutting = true;
			server.cutConnections();
		}
	}

	private cutIdle(): void {
		this.server.isCutting = true;
		const held = new Set(this.holders.map(({ client }) => client));
		const idle = this.ledger.records.flatMap(({ sockets }) => [...sockets]).filter((client) => !held.has(client));
		for (const client of idle) client.connection.stream.destroy();
	}

	private rotate(): void {
		this.rotator.rotateDatabaseConnection().catch((error: unknown) => {
			if (!this.isClosing) this.blame("L5", `a rotation throws ${String(error)}`);
		});
	}
}

/** A number from 0 up to 1, the same ones for the same seed (Park and Miller). */
function createRandom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state * 48_271) % 2_147_483_647;
		return state / 2_147_483_647;
	};
}
