/** How long single callers wait, use a connection, and how long logins take. */
import type { Attributes, Meter } from "@opentelemetry/api";

import type { PoolObserver } from "../drivers/pool-observer.js";
import { SECONDS } from "./names.js";

/** What pg-pool tells a caller whose `connectionTimeoutMs` is over. */
const TIMEOUT_MESSAGE = "timeout exceeded when trying to connect";

const MS_PER_SECOND = 1_000;

/** Creates the instruments, and from them an observer for each pool. */
export function createPoolTimes(meter: Meter, nowMs: () => number): (describe: () => Attributes) => PoolObserver {
	const createHistogram = (name: string, description: string) =>
		meter.createHistogram(`db.client.connection.${name}`, { advice: { explicitBucketBoundaries: SECONDS }, description, unit: "s" });
	const createTime = createHistogram("create_time", "The time it took to create a new connection.");
	const useTime = createHistogram("use_time", "The time between borrowing a connection and returning it to the pool.");
	const waitTime = createHistogram("wait_time", "The time it took to obtain an open connection from the pool.");
	const timeouts = meter.createCounter("db.client.connection.timeouts", {
		description: "The number of connection timeouts that have occurred trying to obtain a connection from the pool.",
		unit: "{timeout}",
	});
	return (describe) => {
		// The engine is known when the pool is used.
		let known: Attributes | undefined;
		const getAttributes = (): Attributes => (known ??= describe());
		const acquiredAtMs = new WeakMap<object, number>();
		const openingSinceMs = new WeakMap<object, number>();
		const secondsSince = (sinceMs: number): number => (nowMs() - sinceMs) / MS_PER_SECOND;
		const noteReturn = (connection: object): void => {
			const sinceMs = acquiredAtMs.get(connection);
			if (sinceMs === undefined) return;
			acquiredAtMs.delete(connection);
			useTime.record(secondsSince(sinceMs), getAttributes());
		};
		return {
			acquiring() {
				const sinceMs = nowMs();
				// Shown from the first caller on, so that a rate can be told.
				if (known === undefined) timeouts.add(0, getAttributes());
				return (connection, error) => {
					if (connection === undefined) {
						if ((error as Partial<Error> | undefined)?.message === TIMEOUT_MESSAGE) timeouts.add(1, getAttributes());
						return;
					}
					waitTime.record(secondsSince(sinceMs), getAttributes());
					acquiredAtMs.set(connection, nowMs());
				};
			},
			opened(connection) {
				const sinceMs = openingSinceMs.get(connection);
				if (sinceMs !== undefined) createTime.record(secondsSince(sinceMs), getAttributes());
			},
			opening(connection) {
				openingSinceMs.set(connection, nowMs());
			},
			returned: noteReturn,
		};
	};
}
