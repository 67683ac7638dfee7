/**
 * Opens one connection with fresh credentials beside the live pool, checks it, and closes it. The live pool is not
 * touched, whatever fails.
 */
import type { LiveServer } from "../drivers/live-data-source.js";
import type { ServerAnswer } from "../drivers/probe.js";
import type { StagedServer } from "../drivers/staged-server.js";
import { ConnectorClosedError, ConnectorTimeoutError, StagingFailedError } from "../errors/errors.js";
import type { Clock } from "../support/clock.js";
import { isConnectionLimit } from "../support/login-failure.js";
import { findTlsRemedy } from "../support/tls-failure.js";
import { withDeadline } from "../support/with-deadline.js";

/** How long a check may take, and what the server must live up to. */
export interface StagingRequest {
	readonly clock: Clock;
	readonly connectDeadlineMs: number;
	/** `false` when the live server is known to be writable: the staged one has to be so, too. */
	readonly isLiveReadOnly: boolean | undefined;
	/** Called when the login has succeeded and the check begins. */
	readonly onConnected: () => void;
	/** Prepares a connection. */
	readonly open: () => StagedServer;
	readonly server: LiveServer;
	readonly signal: AbortSignal;
	readonly verifyDeadlineMs: number;
}

/** A server that takes the credentials. */
export interface VerifiedServer {
	readonly answer: ServerAnswer;
	/** Resolves when the connection of the check is closed. */
	readonly closed: Promise<void>;
	/** What the live pool logs in with from a promotion on. */
	readonly fields: object;
}

/**
 * Logs in and asks `SELECT 1`.
 * @throws StagingFailedError with the driver's error as its cause; ConnectorClosedError when the application shuts down
 * meanwhile.
 */
export async function stageServer(request: StagingRequest): Promise<VerifiedServer> {
	try {
		return await tryServer(request);
	} catch (error) {
		// A server at its limit has room for the check when the pool gives up a connection that no caller uses.
		const isFull = isConnectionLimit((error as Error).cause);
		if (!isFull || !(await request.server.pool.retireIdle())) throw error;
		return tryServer(request);
	}
}

async function tryServer(request: StagingRequest): Promise<VerifiedServer> {
	const { clock, connectDeadlineMs, isLiveReadOnly, onConnected, open, server, signal, verifyDeadlineMs } = request;
	const { name } = server;
	let phase: "connect" | "verify" = "connect";
	let staged: StagedServer | undefined;
	try {
		staged = open();
		await withDeadline(staged.connect, { clock, deadlineMs: connectDeadlineMs, signal, subject: "Connecting" });
		phase = "verify";
		onConnected();
		const answer = await staged.probe({ clock, deadlineMs: verifyDeadlineMs, signal });
		if (isLiveReadOnly === false && answer.isReadOnly === true) {
			throw new StagingFailedError("verify", name, "it is read-only and the live one is not, as after a failover to a stale address");
		}
		const fields = staged.readFields();
		return { answer, closed: staged.close(clock), fields };
	} catch (error) {
		await staged?.close(clock);
		throw toStagingFailure(phase, name, error);
	}
}

function toStagingFailure(phase: "connect" | "verify", server: string, error: unknown): Error {
	if (error instanceof ConnectorClosedError || error instanceof StagingFailedError) return error;
	if (error instanceof ConnectorTimeoutError)
		return new StagingFailedError(phase, server, `no answer within ${String(error.deadlineMs)} ms`, { cause: error });
	const { code, message } = error as { code?: unknown; message?: unknown };
	const remedy = findTlsRemedy(error);
	const reason = [`${String(message)}${typeof code === "string" ? ` (${code})` : ""}`, ...(remedy === undefined ? [] : [remedy])].join(
		"; ",
	);
	return new StagingFailedError(phase, server, reason, { cause: error });
}
