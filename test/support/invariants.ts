/** What holds after every fault, whatever it was. Each fault spec ends with it. */
import { getEventListeners } from "node:events";
import { inspect } from "node:util";

import { type AnyPool, type CountedPool, countPoolsOf } from "./counted-pools.js";
import { countResources, findLeaks } from "./leak-check.js";
import { endLater } from "./endings.js";
import { type LedgerWorkload, readLedger, startLedgerWorkload } from "./ledger-workload.js";
import { type Scene, type SceneOptions, type SceneServers, startScene } from "./rotating-database.js";
import type { DatabaseServer } from "./server/database-server.js";
import { findDialect } from "./sql-dialects.js";
import { waitUntil } from "./wait-until.js";

/** A scene that is watched from before its first connection to after its last. */
export interface WatchedScene<Server extends DatabaseServer = DatabaseServer> extends Scene<Server> {
	/** Ends the fault's scene and names every invariant that it broke; empty when all of them held. */
	findViolations(): Promise<string[]>;
	/** Every pool that was made, in order: those of the DataSource, then one for each check of new credentials. */
	readonly pools: readonly CountedPool<AnyPool>[];
	/** The queries that run all the time. */
	readonly workload: LedgerWorkload;
}

/** What differs from fault to fault. */
export interface WatchOptions extends SceneOptions {
	/** Whether this fault may cost an operation: only where the server cuts a connection in the middle of one. Default: none may. */
	readonly isExpected?: (failure: Error) => boolean;
	/** Called with each pool before it connects. */
	readonly onPoolCreated?: (counted: CountedPool<AnyPool>, index: number) => void;
	/** Workers of the load. Default 4, so that they do not fill the pool; 0 where the fault has to meet a pool at rest. */
	readonly workerCount?: number;
}

/** A rotation in flight listens, too; what leaks would add up over the rotations of a fault. */
const ABORT_LISTENER_LIMIT = 3;
const POOL_EVENTS = ["acquire", "connect", "connection", "enqueue", "error", "release", "remove"];

type AnyScene = Scene<DatabaseServer>;

/** Starts a scene with a load on it. */
export async function startWatchedScene<Server extends DatabaseServer>(
	servers: SceneServers<Server>,
	options: WatchOptions,
): Promise<WatchedScene<Server>> {
	const before = await countResources();
	const { driver, pools } = countPoolsOf(servers.server.engine, options.onPoolCreated);
	const { override = (served) => served } = options;
	const scene = await startScene(servers, { ...options, override: (served) => ({ ...override(served), driver }) });
	const workload = startLedgerWorkload(scene.dataSource, { workerCount: options.workerCount ?? 4 });

	// Operations that are stuck end with the scene.
	endLater(async () => Promise.all([workload.stop(), scene.stop()]));

	return {
		...scene,
		findViolations: async () => {
			const violations = [
				...(await findIdleness(scene)),
				...(await findLosses(scene, workload, options)),
				...(await findUnfinishedWork(scene)),
				...findListeners(scene, pools),
				...findSecrets(scene),
			];
			await scene.stop();
			return [...violations, ...findUnendedPools(pools), ...(await findConnections(scene)), ...(await findLeaks(before))];
		},
		pools,
		workload,
	};
}

/** The live side serves. */
async function findIdleness({ dataSource }: AnyScene): Promise<string[]> {
	try {
		await dataSource.query(findDialect(dataSource).writeProbe);
		return [];
	} catch (error) {
		return [`the live side does not serve: ${String(error)}`];
	}
}

/** No operation failed, what was acknowledged is stored, and nothing else is. */
async function findLosses(
	{ dataSource }: AnyScene,
	workload: LedgerWorkload,
	{ isExpected = () => false, workerCount }: WatchOptions,
): Promise<string[]> {
	const { acknowledged, failures, operationCount, unknown } = await workload.stop();
	const stored = new Set(await readLedger(dataSource));
	const known = new Set([...acknowledged, ...unknown]);
	const unexpected = failures.filter((failure) => !isExpected(failure));
	return [
		...(operationCount > 0 || workerCount === 0 ? [] : ["the load did nothing"]),
		...new Set(
			unexpected.map((failure) => `an operation failed: ${String(failure)} (${String((failure as { code?: unknown }).code)})`),
		),
		...acknowledged.filter((id) => !stored.has(id)).map((id) => `${id} was acknowledged and is not stored`),
		...[...stored].filter((id) => !known.has(id)).map((id) => `${id} is stored and was never acknowledged`),
	];
}

/** No older connection is left, and every drain has ended. */
async function findUnfinishedWork({ events, rotator }: AnyScene): Promise<string[]> {
	const isDone = (): boolean => ["older=0", "waiting=0", "draining=0"].every((part) => rotator.describe().includes(part));
	await waitUntil("every connection is exchanged", isDone).catch(() => undefined);
	const count = (type: string): number => events.filter((event) => event.type === type).length;
	const [startedCount, finishedCount] = [count("drain.started"), count("drain.finished")];
	return [
		...(isDone() ? [] : [`after the last rotation: ${rotator.describe()}`]),
		...(startedCount === finishedCount ? [] : [`${String(finishedCount)} of ${String(startedCount)} drains have ended`]),
	];
}

/** Nothing listens twice, however many rotations there were. */
function findListeners({ replica, rotator }: AnyScene, pools: readonly CountedPool<AnyPool>[]): string[] {
	const { runner } = rotator as unknown as { readonly runner: { readonly closed: AbortSignal } };
	const abortCount = getEventListeners(runner.closed, "abort").length;
	const live = pools.filter(({ endCount }) => endCount === 0);
	const serverCount = replica === undefined ? 1 : 2;
	const doubled = live.flatMap(({ pool }) => POOL_EVENTS.filter((event) => pool.listenerCount(event) > 1));
	return [
		...(abortCount <= ABORT_LISTENER_LIMIT ? [] : [`${String(abortCount)} listeners wait for the end of the rotator`]),
		...(live.length === serverCount ? [] : [`${String(live.length)} pools are alive`]),
		...doubled.map((event) => `a live pool has more than one listener of "${event}"`),
	];
}

/** No event holds a password. */
function findSecrets({ events }: AnyScene): string[] {
	const text = inspect(events, { depth: Number.POSITIVE_INFINITY, showHidden: true });
	return /password-\d|canary/.test(text) ? ["an event holds a password"] : [];
}

/** Each pool was ended once: that of each check, and the live ones by the end of the scene. */
function findUnendedPools(pools: readonly CountedPool<AnyPool>[]): string[] {
	return pools.flatMap(({ endCount }, index) => (endCount === 1 ? [] : [`pool ${String(index)} was ended ${String(endCount)} times`]));
}

/** Neither the database, its replica included, nor AWS has a connection of ours. */
async function findConnections({ aws, replica, server, users }: AnyScene): Promise<string[]> {
	const servers = replica === undefined ? [server] : [server, replica];
	const count = async (): Promise<number> => {
		const connections = await Promise.all(servers.flatMap((each) => users.map(async (user) => each.connections(user))));
		return connections.flat().length;
	};
	await waitUntil("nothing is connected", async () => aws.openConnectionCount === 0 && (await count()) === 0).catch(() => undefined);
	const [databaseCount, awsCount] = [await count(), aws.openConnectionCount];
	return [
		...(databaseCount === 0 ? [] : [`${String(databaseCount)} connections to the database are open`]),
		...(awsCount === 0 ? [] : [`${String(awsCount)} connections to AWS are open`]),
	];
}
