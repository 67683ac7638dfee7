/** Opens and checks replacement pools. Whatever fails, nothing it opened stays open and the live pools are not touched. */
import { type Clock, sleep } from "../support/clock.js";
import { isAccessDenied, isAuthenticationFailure, isConnectionLimit } from "../support/login-failure.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import type { PoolOpening, PoolSet } from "./driver-family.js";
import type { LiveDataSource } from "./live-data-source.js";
import type { CredentialPlan } from "./plan-credentials.js";
import { ConnectorTimeoutError, ConnectorClosedError, StagingFailedError } from "../errors/errors.js";
import { withAnySignal } from "../support/with-any-signal.js";
import { withDeadline } from "../support/with-deadline.js";
import { CLOSE_PATIENCE_MS, type ConnectionPool, type ProbeAnswer } from "./connection-pool.js";

/** How long staging may take, and what it must live up to. */
export interface StagingRequest {
	readonly clock: Clock;
	readonly connectDeadlineMs: number;
	/** `false` when the live side is known to be writable: its replacement has to be so, too. */
	readonly isLiveReadOnly: boolean | undefined;
	/** Called when every pool is connected and the check begins. */
	readonly onConnected: () => void;
	readonly plan: CredentialPlan;
	readonly signal: AbortSignal;
	readonly verifyDeadlineMs: number;
}

/** A replica that was not asked, since it did not answer. */
export interface UnverifiedReplica {
	/** `slave0` for the first. */
	readonly node: string;
	readonly pool: ConnectionPool;
	/** Code of the fault, or its name. */
	readonly reason: string;
}

/** Pools that are connected and have answered. */
export interface StagedPools extends PoolSet {
	/** Whether the master among them is read-only; `undefined` where the server does not say. */
	readonly isReadOnly: boolean | undefined;
	/** Replicas that could not be reached: their pools have no connection yet. */
	readonly unverified: readonly UnverifiedReplica[];
}

/** A server of the plan on the way to its pool. */
interface Node {
	/** Whether the driver's own factory was asked for the pool. */
	isOpened: boolean;
	readonly name: string;
	readonly open: PoolOpening;
	/** The pool as soon as there is one, whatever becomes of its first login. */
	pool: ConnectionPool | undefined;
}

/** What came of one node. */
interface StagedNode {
	readonly answer?: ProbeAnswer;
	readonly pool: ConnectionPool;
	readonly unverified?: UnverifiedReplica;
}

/** How often a replica that refuses the login is asked again: the change of the password is on its way to it. */
const REPLICA_RETRY_MS = 500;

/**
 * Makes one pool for each server of the plan, one connection in each, and asks each `SELECT 1`.
 *
 * A replica that refuses the login, or the database to it, is waited for, as long as connecting may take: the change of the role has not reached it yet.
 * One that cannot be reached does not hold up the others; its pool is promoted without a connection and reported. So is one without the right TLS: the live
 * pool could not open a connection to it either, and the master must not wait for somebody to correct that.
 * @throws StagingFailedError with the driver's error as its cause.
 * @throws ConnectorClosedError when the application shuts down meanwhile.
 */
export async function stagePools(live: LiveDataSource, request: StagingRequest): Promise<StagedPools> {
	const calledOff = new AbortController();
	const nodes = openNodes(live, request.plan);
	try {
		let connectingCount = nodes.length;
		const onConnected = (): void => {
			connectingCount -= 1;
			if (connectingCount === 0) request.onConnected();
		};
		const [master, ...slaves] = await withAnySignal([request.signal, calledOff.signal], async (signal) => {
			const staging = nodes.map(async (node, index) =>
				(index === 0 ? stageMaster : stageReplica)(node, { ...request, onConnected, signal }),
			);
			// One that fails calls off the others, before anybody stops listening.
			for (const each of staging) each.catch(() => calledOff.abort());
			return Promise.all(staging);
		});
		return {
			isReadOnly: master?.answer?.isReadOnly,
			master: master?.pool as ConnectionPool,
			slaves: slaves.map(({ pool }) => pool),
			unverified: slaves.flatMap(({ unverified }) => unverified ?? []),
		};
	} catch (error) {
		const created = nodes.flatMap(({ pool }) => pool ?? []);
		discardPools(created);
		await waitUntilClosed(created, request.clock);
		throw error;
	}
}

/** Ends pools that never served anybody, without waiting for their servers. */
export function discardPools(pools: readonly ConnectionPool[]): void {
	for (const pool of pools) pool.beginEnd().force();
}

/** Asks replicas again that could not be reached when their pools were promoted. Never fails: returns those that still do not answer. */
export async function recheckReplicas(
	replicas: readonly UnverifiedReplica[],
	request: Pick<StagingRequest, "clock" | "connectDeadlineMs" | "signal" | "verifyDeadlineMs">,
): Promise<UnverifiedReplica[]> {
	const findings = await Promise.all(
		replicas.map(async ({ node, pool }) => {
			try {
				await withinDeadline(async () => pool.connect(), request);
				await ask(pool, node, request);
				return [];
			} catch (error) {
				return [{ node, pool, reason: nameReason(error) }];
			}
		}),
	);
	return findings.flat();
}

function openNodes(live: LiveDataSource, plan: CredentialPlan): Node[] {
	const early: ConnectionPool[] = [];
	const nodes: Node[] = [];
	const openings = live.openPools(plan, (pool, index) => {
		const node = nodes[index];
		if (node === undefined) early[index] = pool;
		else node.pool = pool;
	});
	openings.forEach((open, index) => {
		nodes.push({ isOpened: false, name: index === 0 ? "master" : `slave${String(index - 1)}`, open, pool: early[index] });
	});
	return nodes;
}

async function stageMaster(node: Node, request: StagingRequest): Promise<StagedNode> {
	const pool = await connect(node, request);
	request.onConnected();
	const answer = await verify(pool, node.name, request);
	if (request.isLiveReadOnly === false && answer.isReadOnly === true) {
		throw new StagingFailedError(
			"verify",
			node.name,
			"it is read-only and the live one is not, as after a failover to a stale address",
		);
	}
	return { answer, pool };
}

async function stageReplica(node: Node, request: StagingRequest): Promise<StagedNode> {
	const { clock, connectDeadlineMs, signal } = request;
	const startedAtMs = clock.nowMs();
	let isConnected = false;
	for (;;) {
		try {
			const pool = await connect(node, request);
			if (!isConnected) request.onConnected();
			isConnected = true;
			await verify(pool, node.name, request);
			return { pool };
		} catch (error) {
			const { cause = error } = error as Error;
			const { pool } = node;
			if (error instanceof ConnectorClosedError || pool === undefined || isConnectionLimit(cause)) throw error;
			if (!isAuthenticationFailure(cause) && !isAccessDenied(cause)) {
				if (!isConnected) request.onConnected();
				return { pool, unverified: { node: node.name, pool, reason: nameReason(cause) } };
			}
			if (clock.nowMs() - startedAtMs + REPLICA_RETRY_MS > connectDeadlineMs) throw error;
			await sleep(clock, REPLICA_RETRY_MS, signal);
		}
	}
}

/** The driver's factory makes the pool and connects it; after a refused login the pool is there, and has no connection. */
async function connect(node: Node, request: StagingRequest): Promise<ConnectionPool> {
	try {
		return await withinDeadline(async () => {
			const { isOpened, pool } = node;
			node.isOpened = true;
			const opening = pool === undefined || !isOpened ? node.open() : pool.connect().then(() => pool);
			node.pool?.noteOpening();
			return opening;
		}, request);
	} catch (error) {
		throw toStagingFailure("connect", node.name, error);
	}
}

async function verify(pool: ConnectionPool, node: string, request: StagingRequest): Promise<ProbeAnswer> {
	try {
		return await ask(pool, node, request);
	} catch (error) {
		throw toStagingFailure("verify", node, error);
	}
}

async function ask(
	pool: ConnectionPool,
	node: string,
	{ clock, signal, verifyDeadlineMs }: Pick<StagingRequest, "clock" | "signal" | "verifyDeadlineMs">,
): Promise<ProbeAnswer> {
	const probe = async (): Promise<ProbeAnswer | undefined> => pool.probeIdle(clock, verifyDeadlineMs);
	const answer = await withDeadline(probe, { clock, deadlineMs: verifyDeadlineMs, signal, subject: "SELECT 1" });
	if (answer === undefined) throw new StagingFailedError("verify", node, "its connection was lost before it could be checked");
	return answer;
}

function withinDeadline<Result>(
	connecting: () => Promise<Result>,
	{ clock, connectDeadlineMs, signal }: Pick<StagingRequest, "clock" | "connectDeadlineMs" | "signal">,
): Promise<Result> {
	return withDeadline(connecting, { clock, deadlineMs: connectDeadlineMs, signal, subject: "Connecting" });
}

/** Whoever stages next must not find the sockets of this attempt beside its own. */
async function waitUntilClosed(pools: readonly ConnectionPool[], clock: Clock): Promise<void> {
	await Promise.all(pools.map(async (pool) => (pool.openCount > 0 ? pool.waitForClose(clock, CLOSE_PATIENCE_MS) : undefined)));
}

function nameReason(error: unknown): string {
	const { code, name } = error as { code?: unknown; name?: unknown };
	return String(code ?? name);
}

function toStagingFailure(phase: "connect" | "verify", node: string, error: unknown): Error {
	if (error instanceof ConnectorClosedError || error instanceof StagingFailedError) return error;
	if (error instanceof ConnectorTimeoutError)
		return new StagingFailedError(phase, node, `no answer within ${String(error.deadlineMs)} ms`, { cause: error });
	const { code, message } = error as { code?: unknown; message?: unknown };
	const remedy = findTlsRemedy(error);
	const reason = [`${String(message)}${typeof code === "string" ? ` (${code})` : ""}`, ...(remedy === undefined ? [] : [remedy])].join(
		"; ",
	);
	return new StagingFailedError(phase, node, reason, { cause: error });
}
