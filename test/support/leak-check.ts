/** Finds what a piece of code left open: handles of this process, and connections as the server counts them. */
import { setTimeout as delay } from "node:timers/promises";

const POLL_INTERVAL_MS = 20;

/** What was open at one moment. */
export interface ResourceCount {
	/** Connections as the server counts them; `undefined` when no server was asked. */
	readonly connectionCount: number | undefined;
	/** Kind of resource, as `process.getActiveResourcesInfo()` names it, to how many keep the process alive. */
	readonly resources: ReadonlyMap<string, number>;
}

/** How to look for leaks. */
export interface LeakCheckOptions {
	/** Asks the server how many connections it has, say `async () => (await server.connections("app")).length`. */
	readonly countConnections?: (() => Promise<number>) | undefined;
	/** How long things that are closing get to be gone. Default 30,000 ms: a bound for what leaks. */
	readonly settleMs?: number | undefined;
}

/**
 * Counts what is open now.
 * @example
 * const before = await countResources();
 */
export async function countResources({ countConnections }: Pick<LeakCheckOptions, "countConnections"> = {}): Promise<ResourceCount> {
	// The server first: asking it may open and close a socket of its own.
	const connectionCount = await countConnections?.();
	const resources = new Map<string, number>();
	for (const kind of process.getActiveResourcesInfo()) resources.set(kind, (resources.get(kind) ?? 0) + 1);
	return { connectionCount, resources };
}

/**
 * Tells what is open now and was not `before`, one line for each kind; empty when nothing leaked. Closing takes a few turns of the
 * event loop on either side, so it looks again until nothing is left or `settleMs` have passed.
 * @example
 * const before = await countResources();
 * await useThePool();
 * expect(await findLeaks(before)).toEqual([]);
 */
export async function findLeaks(before: ResourceCount, { countConnections, settleMs = 30_000 }: LeakCheckOptions = {}): Promise<string[]> {
	const deadlineAt = Date.now() + settleMs;
	for (;;) {
		const leaks = compare(before, await countResources({ countConnections }));
		if (leaks.length === 0 || Date.now() >= deadlineAt) return leaks;
		await delay(POLL_INTERVAL_MS);
	}
}

function compare(before: ResourceCount, after: ResourceCount): string[] {
	const leaks: string[] = [];
	for (const [kind, count] of after.resources) {
		const formerCount = before.resources.get(kind) ?? 0;
		if (count > formerCount) leaks.push(`${kind}: ${String(count)} open, ${String(formerCount)} before`);
	}
	if (after.connectionCount !== undefined && after.connectionCount > (before.connectionCount ?? 0))
		leaks.push(`server connections: ${String(after.connectionCount)} open, ${String(before.connectionCount ?? 0)} before`);
	return leaks;
}
