/** Listeners of pools: ours belong to one pool, those of an application follow to its replacement. */

/** What listens to a pool. Added with `once`, it is wrapped, and the wrapper names it as its `listener`. */
export type PoolListener = ((...eventArguments: never[]) => void) & { readonly listener?: PoolListener };

/** The part of an EventEmitter that is used here. */
export interface PoolEmitter {
	off(event: string, listener: PoolListener): unknown;
	on(event: string, listener: PoolListener): unknown;
	once(event: string, listener: PoolListener): unknown;
	rawListeners(event: string): PoolListener[];
}

/** Our own listeners do not move. */
const ownListeners = new WeakSet<object>();

/** Listens for one of our own purposes. */
export function watchPool(pool: PoolEmitter, event: string, listener: PoolListener): void {
	ownListeners.add(listener);
	pool.on(event, listener);
}

/**
 * Lets an application's listeners follow to the replacement; one that was added with `once` moves, so that it is called once.
 *
 * What the replacement has already stays behind: TypeORM adds a listener to each pool it makes, and so may an instrumentation. Those of two pools are
 * different functions; it is their source that tells.
 */
export function copyListeners(from: PoolEmitter, to: PoolEmitter, events: readonly string[]): void {
	for (const event of events) {
		const present = to.rawListeners(event).map(readSource);
		for (const raw of from.rawListeners(event)) {
			if (ownListeners.has(raw)) continue;
			const presentAt = present.indexOf(readSource(raw));
			if (presentAt >= 0) {
				present.splice(presentAt, 1);
			} else if (raw.listener === undefined) {
				to.on(event, raw);
			} else {
				from.off(event, raw);
				to.once(event, raw.listener);
			}
		}
	}
}

function readSource(raw: PoolListener): string {
	return String(raw.listener ?? raw);
}
