/** Opens and checks replacement pools. Whatever fails, nothing it opened stays open and the live pools are not touched. */
import type { Clock } from "../support/clock.js";
import type { LiveDataSource, PoolSet } from "./live-data-source.js";
import type { CredentialPlan } from "./plan-credentials.js";
import { ConnectorTimeoutError, RotatorClosedError, StagingFailedError } from "../errors/errors.js";
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

/** Pools that are connected and have answered. */
export interface StagedPools extends PoolSet {
	/** Whether the master among them is read-only; `undefined` where the server does not say. */
	readonly isReadOnly: boolean | undefined;
}

/**
 * Makes one pool for each server of the plan, one connection in each, and asks each `SELECT 1`.
 * @throws StagingFailedError with the driver's error as its cause.
 * @throws RotatorClosedError when the application shuts down meanwhile.
 */
export async function stagePools(live: LiveDataSource, request: StagingRequest): Promise<StagedPools> {
	const created: ConnectionPool[] = [];
	try {
		const pools = await connectAll(live, request, created);
		request.onConnected();
		const [answer] = await Promise.all(pools.map(async (pool, index) => verify(pool, nameNode(index), request)));
		const [master, ...slaves] = pools;
		return { isReadOnly: answer?.isReadOnly, master: master as ConnectionPool, slaves };
	} catch (error) {
		discardPools(created);
		await waitUntilClosed(created, request.clock);
		throw error;
	}
}

/** Ends pools that never served anybody, without waiting for their servers. */
export function discardPools(pools: readonly ConnectionPool[]): void {
	for (const pool of pools) pool.beginEnd().force();
}

/** Whoever stages next must not find the sockets of this attempt beside its own. */
async function waitUntilClosed(pools: readonly ConnectionPool[], clock: Clock): Promise<void> {
	await Promise.all(pools.map(async (pool) => (pool.openCount > 0 ? pool.waitForClose(clock, CLOSE_PATIENCE_MS) : undefined)));
}

async function connectAll(
	live: LiveDataSource,
	{ clock, connectDeadlineMs, plan, signal }: StagingRequest,
	created: ConnectionPool[],
): Promise<ConnectionPool[]> {
	const openings = live.openPools(plan, (pool) => created.push(pool));
	return Promise.all(
		openings.map(async (open, index) => {
			const connect = async (): Promise<ConnectionPool> => {
				const opening = open();
				for (const pool of created) pool.noteOpening();
				return opening;
			};
			try {
				return await withDeadline(connect, { clock, deadlineMs: connectDeadlineMs, signal, subject: "Connecting" });
			} catch (error) {
				throw toStagingFailure("connect", nameNode(index), error);
			}
		}),
	);
}

async function verify(
	pool: ConnectionPool,
	node: string,
	{ clock, isLiveReadOnly, signal, verifyDeadlineMs }: StagingRequest,
): Promise<ProbeAnswer> {
	try {
		const ask = async () => pool.probeIdle(clock, verifyDeadlineMs);
		const answer = await withDeadline(ask, { clock, deadlineMs: verifyDeadlineMs, signal, subject: "SELECT 1" });
		if (answer === undefined) throw new StagingFailedError("verify", node, "its connection was lost before it could be checked");
		if (isLiveReadOnly === false && answer.isReadOnly === true && node === MASTER) {
			throw new StagingFailedError("verify", node, "it is read-only and the live one is not, as after a failover to a stale address");
		}
		return answer;
	} catch (error) {
		throw toStagingFailure("verify", node, error);
	}
}

const MASTER = "master";

function nameNode(index: number): string {
	return index === 0 ? MASTER : `slave${String(index - 1)}`;
}

function toStagingFailure(phase: "connect" | "verify", node: string, error: unknown): Error {
	if (error instanceof RotatorClosedError || error instanceof StagingFailedError) return error;
	if (error instanceof ConnectorTimeoutError)
		return new StagingFailedError(phase, node, `no answer within ${String(error.deadlineMs)} ms`, { cause: error });
	const { code, message } = error as { code?: unknown; message?: unknown };
	return new StagingFailedError(phase, node, `${String(message)}${typeof code === "string" ? ` (${code})` : ""}`, { cause: error });
}
