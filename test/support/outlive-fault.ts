/** A fault that lasts for twenty rotations of the schedule, and then ends. */
import { countResources } from "./leak-check.js";
import type { Scene, SceneOptions } from "./rotating-database.js";
import type { DatabaseServer } from "./server/database-server.js";
import { waitUntil } from "./wait-until.js";

const FAILURE_COUNT = 20;

/** A schedule so quick that twenty rotations take a moment. A back-off is never longer than the interval. */
export const QUICK_ROTATION = { intervalMs: 20, isEnabled: true } as const satisfies NonNullable<SceneOptions["config"]>["rotation"];

/** What the failed rotations said. */
export interface OutlivedFault {
	/** Each code once. */
	readonly codes: readonly string[];
	/** Each message once. */
	readonly messages: readonly string[];
	/** Sockets of this process after the failures, compared with those before them: both ends of what goes through a proxy. */
	readonly socketGrowth: number;
	/** Each step at which one failed once. */
	readonly stages: readonly string[];
	/** Name of the user while the fault lasted. */
	readonly userMeanwhile: string;
}

/**
 * Waits until twenty rotations have failed, ends the fault, and waits until the schedule has rotated by itself.
 * @param withinMs How long resuming may take.
 */
export async function outliveFault(
	scene: Scene<DatabaseServer>,
	endFault: () => Promise<void> | void,
	withinMs?: number,
): Promise<OutlivedFault> {
	const listFailures = () => scene.events.filter((event) => event.type === "rotation.failed");
	const unique = (values: string[]): string[] => [...new Set(values)];

	const socketCountBefore = await countSockets();
	await waitUntil("twenty rotations have failed", () => listFailures().length >= FAILURE_COUNT);
	const socketGrowth = (await countSockets()) - socketCountBefore;
	const userMeanwhile = await scene.findUser();
	await endFault();
	await waitUntil("rotation has resumed", () => scene.events.some(({ type }) => type === "rotation.succeeded"), withinMs);

	return {
		codes: unique(listFailures().map(({ fault }) => fault.code)),
		messages: unique(listFailures().map(({ fault }) => fault.message)),
		socketGrowth,
		stages: unique(listFailures().map(({ stage }) => stage)),
		userMeanwhile,
	};
}

async function countSockets(): Promise<number> {
	const { resources } = await countResources();
	return resources.get("TCPSocketWrap") ?? 0;
}
