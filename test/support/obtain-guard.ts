/** A guard in front of a driver's methods that lets everybody pass. */
import type { ObtainGuard } from "../../src/rotation/live-data-source.js";

/**
 * Writes down who came.
 * @param replica Index of the one that is asked.
 */
export function createOpenGuard(calls: string[] = [], replica = 0): ObtainGuard {
	return {
		master: async (obtain) => {
			calls.push("master");
			return obtain();
		},
		slave: async (obtainFrom) => {
			calls.push("slave");
			return obtainFrom(replica);
		},
	};
}
