/** Assertions about what lags behind: the list of connections that a server keeps, the user as which the next query runs. */
import { setTimeout as delay } from "node:timers/promises";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
const PAUSE_GROWTH = 1.3;
const DEADLINE_MS = 60_000;

/**
 * Repeats assertions until they hold. At the deadline the last failure is thrown.
 * @example
 * await eventually(async () => expect(await server.connections("app")).toEqual([]));
 */
export async function eventually(assert: () => Promise<void> | void): Promise<void> {
	const deadlineAt = performance.now() + DEADLINE_MS;
	for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * PAUSE_GROWTH)) {
		try {
			await assert();
			return;
		} catch (error) {
			if (performance.now() > deadlineAt) throw error;
		}
		await delay(pauseMs);
	}
}

/**
 * Resolves when queries run as `user`. A rotation resolves at its promotion; old connections may serve for a moment longer.
 * @param findUser Asks the session for its user.
 * @throws Error naming the user that serves instead, at the deadline.
 * @example
 * await waitForUser("app_green", () => scene.findUser());
 */
export async function waitForUser(user: string, findUser: () => Promise<unknown>): Promise<void> {
	await eventually(async () => {
		const current = await findUser();
		if (current !== user) throw new Error(`Queries run as ${String(current)}, not as ${user}.`);
	});
}
