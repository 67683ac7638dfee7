/** What a claim about a pool works with, whatever its driver: the pool with its gate, a server in memory, callers, and time. */
import type { LivePool } from "../../../src/drivers/live-pool.js";
import type { LoginGate } from "../../../src/drivers/login-gate.js";
import type { Clock } from "../../../src/support/clock.js";
import { isAuthenticationFailure } from "../../../src/support/login-failure.js";
import type { FakeClock } from "../../support/fake-clock.js";

/** What the servers in memory of both drivers have in common. */
export interface SceneServer {
	readonly acceptedCount: number;
	answerMs: number;
	closeMs: number;
	connectionLimit: number;
	cutConnections(): void;
	isReachable: boolean;
	isReadOnly: unknown;
	loginMs: number;
	readonly openCount: number;
	readonly openMaximum: number;
	readonly openUsers: readonly (string | undefined)[];
	readonly passwords: Map<string, string>;
	refusedCloseMs: number;
	readonly refusedCount: number;
	readonly statements: readonly string[];
}

/** A connection in the hands of a caller. */
export interface Loan {
	ask(text: string): Promise<unknown>;
	/** Takes the connection out of the pool and says goodbye to the server, as a pool does that closes a connection of its own accord. */
	close(): void;
	readonly connection: object;
	/** Gives the connection back as broken, as the driver lets an application do. */
	destroy(): void;
	/** Errors of which the connection has told its owner. */
	readonly errors: readonly Error[];
	release(): void;
	readonly user: string;
}

/** A caller of the pool, and what became of the call. */
export interface Caller {
	readonly error: unknown;
	readonly isAnswered: boolean;
	readonly loan: Loan | undefined;
}

/** Who a pool logs in as. */
export interface Login {
	readonly host?: string;
	readonly password: string;
	readonly user: string;
}

/** How a scene differs from a pool of two, of which each connection stays open, and of which callers wait without a limit. */
export interface SceneOptions<Gate extends LoginGate = StubGate> {
	/** How long a caller waits. */
	readonly budgetMs?: number;
	readonly createGate?: (clock: FakeClock, wake: () => void) => Gate;
	/** Options of the driver's pool. */
	readonly driver?: object;
	readonly limit?: number;
}

/** One pool above one server in memory; a second server has the host name `elsewhere`. */
export interface PoolScene<Gate extends LoginGate = StubGate, Raw extends object = object> {
	/** Asks for a connection as TypeORM does: with a callback, and with a listener for errors. */
	call(): Caller;
	readonly clock: FakeClock;
	/** A pool of the driver with the same options and no gate. */
	createRaw(): Raw;
	readonly elsewhere: SceneServer;
	/** Ends the pool as TypeORM's `destroy()` does. */
	end(): Promise<unknown>;
	readonly gate: Gate;
	readonly live: LivePool;
	/** The fields of a pool that logs in like this. */
	makeFields(login: Login): object;
	/** The driver's own pool. */
	readonly raw: Raw;
	readonly server: SceneServer;
	/** Lets sockets and promises come to rest while the clock stands still. */
	settle(): Promise<void>;
}

/** Makes scenes of one driver. */
export interface SceneMaker {
	readonly create: <Gate extends LoginGate = StubGate>(options?: SceneOptions<Gate>) => PoolScene<Gate>;
	readonly label: string;
}

/** The credentials of generation 1, 2, …: users of the server in memory. */
export function loginOf(generation: number): Login {
	return { password: `password-${String(generation)}`, user: `user${String(generation)}` };
}

/** Passwords of the server in memory: those of the first four generations. */
export const PASSWORDS: Readonly<Record<string, string>> = Object.fromEntries(
	[1, 2, 3, 4].map((generation) => [loginOf(generation).user, loginOf(generation).password]),
);

/** A gate that does what a spec says, and writes down what it is told. */
export class StubGate implements LoginGate {
	failure: Error | undefined;
	failureSinceMs = 0;
	heldCount = 0;
	/** Whether a login may begin, as far as nothing else forbids it. */
	isOpen = true;
	/** Whether callers whose login was refused wait for another attempt. */
	isPatient = true;
	/** Whether a login waits for the outcome of the login before. */
	isProbeFirst = false;
	lostCount = 0;
	/** Outcomes of logins. */
	readonly outcomes: { readonly error?: unknown; readonly isCurrent: boolean }[] = [];
	/** Each login that began: whether it was one of an exchange. */
	readonly started: boolean[] = [];
	private underWayCount = 0;

	constructor(private readonly clock: Clock) {}

	/** Logins that callers began. */
	get callersLoginCount(): number {
		return this.started.filter((isExchange) => !isExchange).length;
	}

	callerHeld(): void {
		this.heldCount += 1;
	}

	connectionLost(): void {
		this.lostCount += 1;
	}

	loginFailed(error: unknown, isCurrent: boolean): boolean {
		this.underWayCount -= 1;
		this.outcomes.push({ error, isCurrent });
		if (!isCurrent) return true;
		if (!isAuthenticationFailure(error)) return false;
		if (this.failure === undefined) this.failureSinceMs = this.clock.nowMs();
		this.failure = error as Error;
		this.isOpen = false;
		return this.isPatient;
	}

	loginStarted(isExchange: boolean): void {
		this.underWayCount += 1;
		this.started.push(isExchange);
	}

	loginSucceeded(isCurrent: boolean): void {
		this.underWayCount -= 1;
		this.outcomes.push({ isCurrent });
		if (isCurrent) this.failure = undefined;
	}

	mayLogin(): boolean {
		return this.isOpen && !(this.isProbeFirst && this.underWayCount > 0);
	}

	/** Logins may begin again; this wakes the pool. */
	open(): void {
		this.failure = undefined;
		this.isOpen = true;
	}
}

/** Lets time pass no faster than sockets and promises can follow. */
export async function pass({ clock, settle }: Pick<PoolScene<LoginGate>, "clock" | "settle">, durationMs: number): Promise<void> {
	const endMs = clock.nowMs() + durationMs;
	await settle();
	for (let delayMs = clock.nextDelayMs; delayMs !== undefined && clock.nowMs() + delayMs <= endMs; delayMs = clock.nextDelayMs) {
		await clock.advance(delayMs);
		await settle();
	}
	await clock.advance(endMs - clock.nowMs());
}

/** Callers that ask in the same turn, and what they got once everything has come to rest. */
export async function callAll(scene: PoolScene<LoginGate>, count: number): Promise<Caller[]> {
	const callers = Array.from({ length: count }, () => scene.call());
	await scene.settle();
	return callers;
}

/** Connections in the hands of callers. */
export async function lend(scene: PoolScene<LoginGate>, count: number): Promise<Loan[]> {
	const callers = await callAll(scene, count);
	return callers.map((caller) => take(caller));
}

/** The connection that a caller has got. */
export function take({ error, loan }: Caller): Loan {
	if (loan === undefined) throw new Error("The caller has no connection", { cause: error });
	return loan;
}

/** Fills the pool with idle connections. */
export async function warm(scene: PoolScene<LoginGate>, count: number): Promise<object[]> {
	const loans = await lend(scene, count);
	for (const loan of loans) loan.release();
	await scene.settle();
	return loans.map(({ connection }) => connection);
}

/** Promotes the credentials of the next generation. */
export function promote({ live, makeFields }: PoolScene<LoginGate>, host = "db"): ReturnType<LivePool["promote"]> {
	return live.promote(makeFields({ ...loginOf(live.generation + 1), host }));
}

/** Whether the caller got the refusal of the server. */
export function isRefusal({ error }: Caller): boolean {
	return /authentication failed|Access denied/.test(String((error as Error | undefined)?.message));
}
