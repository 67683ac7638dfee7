/**
 * A fleet that loses all connections inside the window of a single-user rotation: the server has the new password, and
 * AWSCURRENT still names the former one. LoginBreaker, LoginPace and CredentialRecovery are those of the library.
 */
import { CredentialRecovery } from "../../src/acquire/credential-recovery.js";
import { LoginBreaker } from "../../src/acquire/login-breaker.js";
import { findPace, fingerprint } from "../../src/acquire/login-pace.js";
import { EventChannel } from "../../src/events/event-channel.js";
import { INSTANCES_PER_DATABASE } from "./schedule.js";
import { DatabaseServer, SecretsService, wait } from "./services.js";
import { createRandom, VirtualClock } from "./virtual-clock.js";

/** For how long callers wait, and how often a caller without the library tries again. */
const BUDGET_MS = 30_000;
const NAIVE_RETRY_MS = 1_000;

/** No fleet takes longer. */
const END_MS = 1_800_000;

/** A fleet and its outage. */
export interface RecoveryScene {
	readonly canReadPending: boolean;
	readonly instanceCount: number;
	/** `false`: every caller logs in for itself; refused, it reads AWSCURRENT and tries again after a second. */
	readonly isPaced: boolean;
	readonly loginsPerSecond: number;
	readonly poolSize: number;
	readonly seed?: number;
	/** How long AWSCURRENT names the former password. */
	readonly windowMs: number;
}

/** What came of it. */
export interface RecoveryOutcome {
	readonly loginPeak: number;
	readonly loginsPerSecond: readonly number[];
	readonly readPeak: number;
	readonly readsPerInstance: number;
	readonly readsPerSecond: readonly number[];
	/** Until the last instance has a connection, and until all pools are full. */
	readonly recoveredAfterMs: number;
	readonly refilledAfterMs: number;
	/** Refused logins of one instance. */
	readonly refusedPerInstance: number;
	readonly throttledCount: number;
}

const REFUSAL = Object.assign(new Error("password authentication failed"), { code: "28P01" });

interface Scene extends RecoveryScene {
	readonly clock: VirtualClock;
	readonly random: () => number;
	readonly secrets: SecretsService;
}

interface Instance {
	readonly onConnected: (isFirst: boolean, isFull: boolean) => void;
	readonly server: DatabaseServer;
}

/** Cuts all connections at the first moment of the window, while a caller waits for each connection of each pool. */
export async function simulateRecovery(scene: RecoveryScene): Promise<RecoveryOutcome> {
	const { instanceCount, isPaced, loginsPerSecond, seed = 1 } = scene;
	const clock = new VirtualClock();
	const secrets = new SecretsService(clock);
	const databaseCount = Math.ceil(instanceCount / INSTANCES_PER_DATABASE);
	const isValid = (password: string): boolean => password === "new";
	const servers = Array.from({ length: databaseCount }, () => new DatabaseServer(clock, loginsPerSecond, isValid));
	const done = { fullCount: 0, recoveredAtMs: 0, refilledAtMs: 0 };
	const onConnected = (isFirst: boolean, isFull: boolean): void => {
		if (isFirst) done.recoveredAtMs = clock.nowMs();
		if (!isFull) return;
		done.fullCount += 1;
		done.refilledAtMs = clock.nowMs();
	};
	const whole: Scene = { ...scene, clock, random: createRandom(seed), secrets };
	for (let index = 0; index < instanceCount; index += 1) {
		const server = servers[index % databaseCount] as DatabaseServer;
		if (isPaced) startPaced(whole, { onConnected, server });
		else startNaive(whole, { onConnected, server });
	}
	await clock.runUntil(END_MS, () => done.fullCount === instanceCount);
	const refusedCount = servers.reduce((sum, server) => sum + server.refusedCount, 0);
	return {
		loginPeak: Math.max(...servers.map(({ logins }) => logins.peak())),
		loginsPerSecond: (servers[0] as DatabaseServer).logins.perSecond,
		readPeak: secrets.offered.peak(),
		readsPerInstance: secrets.offered.total / instanceCount,
		readsPerSecond: secrets.offered.perSecond,
		recoveredAfterMs: done.recoveredAtMs,
		refilledAfterMs: done.fullCount === instanceCount ? done.refilledAtMs : Infinity,
		refusedPerInstance: refusedCount / instanceCount,
		throttledCount: secrets.throttledCount,
	};
}

/** An instance with the library: the pool asks the breaker before each login. */
function startPaced({ canReadPending, clock, poolSize, random, secrets, windowMs }: Scene, { onConnected, server }: Instance): void {
	const own = clock.fork();
	let credentials = { host: "database", password: "former", port: 5432, username: "app" };
	let [connectionCount, loggingInCount, waitingCount] = [0, 0, poolSize];
	let isThrottled = false;
	const pace = findPace(credentials, own, random);
	const gate: LoginBreaker = new LoginBreaker({
		clock: own,
		getCredentials: () => credentials,
		isRecoveryOn: true,
		onCallerHeld: (error) => recovery.start(error),
		onRecovered: () => recovery.finish(),
		onRefused: (error) => recovery.start(error),
		random,
		wake: () => serve(),
	});
	const recovery = new CredentialRecovery({
		budgetMs: () => BUDGET_MS,
		clock: own,
		closed: new AbortController().signal,
		events: new EventChannel("fleet"),
		isThrottled: () => isThrottled,
		isWanted: () => gate.refusal !== undefined && waitingCount > 0,
		random,
		refresh,
	});

	const serve = (): void => {
		while (waitingCount > loggingInCount && connectionCount + loggingInCount < poolSize) {
			if (!gate.mayLogin()) {
				gate.callerHeld();
				return;
			}
			void logIn();
		}
	};

	async function logIn(): Promise<void> {
		const { password } = credentials;
		loggingInCount += 1;
		gate.loginStarted(false);
		const isTaken = await server.login(password);
		loggingInCount -= 1;
		if (isTaken) {
			connectionCount += 1;
			waitingCount -= 1;
			onConnected(connectionCount === 1, connectionCount === poolSize);
			gate.loginSucceeded(password === credentials.password);
		} else {
			gate.loginFailed(REFUSAL, password === credentials.password);
		}
		serve();
	}

	/** As a rotation of the library: AWSCURRENT first, each version only when it is its turn, one login as a check. */
	async function refresh(): Promise<boolean> {
		const [hasCurrent, hasPending] = await Promise.all([secrets.read(), secrets.read()]);
		// A rotation ends when AWSCURRENT cannot be read.
		isThrottled = !hasCurrent;
		if (!hasCurrent) return false;
		const current = own.nowMs() >= windowMs ? "new" : "former";
		const pending = hasPending && canReadPending ? ["new"] : [];
		for (const password of [current, ...pending]) {
			if (password === credentials.password) continue;
			const version = fingerprint({ ...credentials, password });
			if (!pace.mayTry(version)) return false;
			pace.begin(version);
			const isTaken = await server.login(password);
			if (isTaken) {
				server.close();
				pace.clear();
				credentials = { ...credentials, password };
				gate.credentialsPromoted();
				return true;
			}
			pace.recordAuthFailure(version, REFUSAL);
		}
		return false;
	}

	serve();
}

/** An instance without the library: a refused caller reads the secret, and tries again after a second. */
function startNaive({ clock, poolSize, secrets, windowMs }: Scene, { onConnected, server }: Instance): void {
	let connectionCount = 0;
	const call = async (): Promise<void> => {
		let password = "former";
		for (;;) {
			if (await server.login(password)) break;
			if (await secrets.read()) password = clock.nowMs() >= windowMs ? "new" : "former";
			if (password === "former") await wait(clock, NAIVE_RETRY_MS);
		}
		connectionCount += 1;
		onConnected(connectionCount === 1, connectionCount === poolSize);
	};
	for (let index = 0; index < poolSize; index += 1) void call();
}
