/** Rotations, recoveries, exchanges and credentials, from the statistics of the rotator. */
import type { Meter } from "@opentelemetry/api";

import { PREFIX } from "./names.js";
import type { ObservedMetrics } from "./pool-gauges.js";

const MS_PER_SECOND = 1_000;

/** Creates the instruments. */
export function createRotationMetrics(meter: Meter): ObservedMetrics {
	const createCounter = (name: string, description: string, unit: string) =>
		meter.createObservableCounter(`${PREFIX}.${name}`, { description, unit });
	const createGauge = (name: string, description: string, unit: string) =>
		meter.createObservableGauge(`${PREFIX}.${name}`, { description, unit });
	const counters = {
		exchanges: createCounter("exchanges", "Exchanges of the connections of one server that have ended.", "{exchange}"),
		forcedCuts: createCounter("forced_cuts", "Connections in use that were cut at the drain deadline.", "{connection}"),
		recoveredCallers: createCounter("recovered_callers", "Callers that waited when a recovery ended.", "{request}"),
		recoveries: createCounter("recoveries", "Recoveries that ended with credentials that work.", "{recovery}"),
		refusedLogins: createCounter("refused_logins", "Logins that a server has refused.", "{login}"),
	};
	const rotations = createCounter("rotations", "Rotations by trigger and outcome.", "{rotation}");
	const secretReads = createCounter("secret.reads", "Fetches of the current credentials by outcome.", "{read}");
	const gauges = {
		failureCount: createGauge("rotation.failures_in_row", "Rotations that failed since the last success.", "{rotation}"),
		generation: createGauge("generation", "Number of the credentials that serve, starting with 1.", "1"),
	};
	const ages = {
		lastSuccessAgeMs: createGauge("rotation.last_success.age", "Time since a rotation last ended well.", "s"),
		nextRotationInMs: createGauge("rotation.next", "Time until the next scheduled rotation.", "s"),
		rotationIntervalMs: createGauge("rotation.interval", "Time between two scheduled rotations.", "s"),
	};
	const credentialsAge = createGauge("credentials.age", "For how long the credentials have served.", "s");
	const recoveryTime = createGauge("recovery.active", "For how long callers have waited for credentials; 0 in calm.", "s");
	return {
		instruments: [
			...Object.values(counters),
			...Object.values(gauges),
			...Object.values(ages),
			credentialsAge,
			recoveryTime,
			rotations,
			secretReads,
		],
		observe(result, statistics) {
			const { connector, counters: counts, credentials, recoveryForMs = 0 } = statistics;
			const attributes = { connector };
			for (const name of keysOf(counters)) result.observe(counters[name], counts[name], attributes);
			for (const name of keysOf(gauges)) result.observe(gauges[name], statistics[name], attributes);
			for (const name of keysOf(ages)) {
				const ageMs = statistics[name];
				if (ageMs !== undefined) result.observe(ages[name], ageMs / MS_PER_SECOND, attributes);
			}
			result.observe(credentialsAge, credentials.ageMs / MS_PER_SECOND, attributes);
			result.observe(recoveryTime, recoveryForMs / MS_PER_SECOND, attributes);
			for (const [trigger, outcomes] of Object.entries(counts.rotations)) {
				for (const [outcome, count] of Object.entries(outcomes))
					result.observe(rotations, count, { ...attributes, outcome, trigger });
			}
			for (const [outcome, count] of Object.entries(counts.secretReads))
				result.observe(secretReads, count, { ...attributes, outcome });
		},
	};
}

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] {
	return Object.keys(record) as Key[];
}
