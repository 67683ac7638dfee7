/** How many connections the pools have, and in which state. */
import type { BatchObservableResult, Meter, Observable } from "@opentelemetry/api";

import type { IRotatorStatistics } from "../rotation/statistics.options.js";
import { describePool, PREFIX } from "./names.js";

/** Metrics that are read when they are collected. */
export interface ObservedMetrics {
	readonly instruments: Observable[];
	observe(result: BatchObservableResult, statistics: IRotatorStatistics): void;
}

/** The instruments of the semantic conventions, and one for connections of older generations. */
export function createPoolGauges(meter: Meter): ObservedMetrics {
	const createCount = (name: string, description: string, unit = "{connection}") =>
		meter.createObservableUpDownCounter(name, { description, unit });
	const count = createCount("db.client.connection.count", "Connections in the state that db.client.connection.state names.");
	const idleMax = createCount("db.client.connection.idle.max", "The maximum number of idle open connections allowed.");
	const max = createCount("db.client.connection.max", "The maximum number of open connections allowed.");
	const older = createCount(`${PREFIX}.connections.older`, "Connections with credentials that were replaced.");
	const pending = createCount("db.client.connection.pending_requests", "Callers that wait for an open connection.", "{request}");
	return {
		instruments: [count, idleMax, max, older, pending],
		observe(result, { connector, engine, servers }) {
			for (const server of servers) {
				const attributes = describePool(connector, server.name, engine);
				result.observe(count, server.idle, { ...attributes, "db.client.connection.state": "idle" });
				result.observe(count, server.inUse, { ...attributes, "db.client.connection.state": "used" });
				result.observe(older, server.older, attributes);
				result.observe(pending, server.waiting, attributes);
				// A pool without a limit has no such metric.
				if (Number.isFinite(server.limit)) result.observe(max, server.limit, attributes);
				if (Number.isFinite(server.idleLimit)) result.observe(idleMax, server.idleLimit, attributes);
			}
		},
	};
}
