/** Connections that were in use at a promotion: they finish their work, and are cut at the deadline. */
import type { HeldConnections } from "../drivers/returning-connections.js";
import { ConnectorTimeoutError } from "../errors/errors.js";
import type { EventChannel } from "../events/event-channel.js";
import { type Clock, sleep } from "../support/clock.js";
import { runInRootContext } from "../support/root-context.js";
import { waitAtMost } from "../support/wait-at-most.js";

/** The deadline counts in slices: of the time in which the process was suspended, only the last slice is counted. */
const SLICE_MS = 1_000;

/** How long sockets that were cut may take to close. */
const CUT_PATIENCE_MS = 5_000;

/** What a drain needs to know. */
export interface DrainRequest {
	readonly clock: Clock;
	readonly deadlineMs: number;
	readonly events: EventChannel;
	/** Number of the generation whose credentials are retired. */
	readonly generation: number;
	/** Drains under way; {@link drainAbort} cuts what is left. */
	readonly drainAbort: DrainAbort;
	/** Closes connections that TypeORM has forgotten. */
	readonly releaseAbandoned: () => void;
	readonly server: string;
}

/** The drains of one DataSource. */
export class DrainAbort {
	private readonly drains = new Set<Promise<void>>();
	private readonly now = new AbortController();

	/** Promotions whose connections in use have not all come back. */
	get count(): number {
		return this.drains.size;
	}

	/** Aborts when the drains have to end. */
	get signal(): AbortSignal {
		return this.now.signal;
	}

	/** Waits for the drains, at most `graceMs`, and cuts what is left then. */
	async finish(clock: Clock, graceMs: number): Promise<void> {
		const drained = Promise.all(this.drains);
		await waitAtMost(drained, clock, graceMs);
		this.now.abort();
		await drained;
	}

	/** Keeps account of a drain. */
	add(drain: Promise<void>): void {
		const kept = drain.finally(() => this.drains.delete(kept));
		this.drains.add(kept);
	}
}

/** Follows the connections that were in use at a promotion. */
export function watchDrain(held: HeldConnections, request: DrainRequest): void {
	if (held.count === 0) return;
	request.drainAbort.add(runInRootContext(async () => drain(held, request)));
}

async function drain(held: HeldConnections, request: DrainRequest): Promise<void> {
	const { clock, deadlineMs, events, generation, drainAbort, releaseAbandoned, server } = request;
	const startedAtMs = clock.nowMs();
	const over = new AbortController();
	void held.done.then(() => over.abort());
	events.publish({ busyCount: held.count, generation, server, type: "drain.started" });
	const wake = (): void => over.abort();
	drainAbort.signal.addEventListener("abort", wake, { once: true });
	for (let remainingMs = deadlineMs; remainingMs > 0 && !over.signal.aborted; remainingMs -= SLICE_MS) {
		releaseAbandoned();
		await sleep(clock, Math.min(SLICE_MS, remainingMs), over.signal);
	}
	drainAbort.signal.removeEventListener("abort", wake);
	if (held.count > 0) {
		events.publish({ busyCount: held.count, deadlineMs, generation, server, type: "drain.forced" });
		held.cut(new ConnectorTimeoutError("The work on a connection with retired credentials (rotation.drainTimeoutMs)", deadlineMs));
		await waitAtMost(held.done, clock, CUT_PATIENCE_MS);
	}
	events.publish({ durationMs: clock.nowMs() - startedAtMs, generation, server, type: "drain.finished" });
}
