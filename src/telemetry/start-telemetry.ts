/** Connects a rotator to OpenTelemetry. */
import type { BatchObservableCallback } from "@opentelemetry/api";

import type { RotatorService } from "../rotation/rotator.service.js";
import { systemClock } from "../support/clock.js";
import { createDurations } from "./durations.js";
import { describePool, SCOPE_NAME } from "./names.js";
import { loadOpenTelemetry } from "./optional-packages.js";
import { createPoolGauges } from "./pool-gauges.js";
import { createPoolTimes } from "./pool-times.js";
import { createRotationMetrics } from "./rotation-metrics.js";
import { createRotationSpans } from "./rotation-spans.js";
import type { ITelemetryOptions } from "./telemetry.options.js";

/**
 * Measures a rotator and its pools, and traces its rotations. Call it after the SDK has been registered. Without
 * `@opentelemetry/api` or without an SDK it does nothing: no caller is timed, no object is made.
 * @returns Ends the metrics. The times of single connections are measured until the DataSource is destroyed.
 * @example
 * const stop = startTelemetry(rotator, { shouldMeasurePools: false });
 */
export function startTelemetry(rotator: RotatorService, options: ITelemetryOptions = {}): () => void {
	const opentelemetry = loadOpenTelemetry();
	if (opentelemetry === undefined) return () => undefined;
	const { createNoopMeter, metrics, trace } = opentelemetry;
	const meter = (options.meterProvider ?? metrics.getMeterProvider()).getMeter(SCOPE_NAME);
	const tracer = (options.tracerProvider ?? trace.getTracerProvider()).getTracer(SCOPE_NAME);
	const { connector } = rotator.getStatistics();
	rotator.observers.beginSpan = createRotationSpans(opentelemetry, tracer, connector);
	if (meter === createNoopMeter()) return () => undefined;

	const { shouldMeasurePools = true } = options;
	const nowMs = (): number => systemClock.nowMs();
	const observed = [createRotationMetrics(meter), ...(shouldMeasurePools ? [createPoolGauges(meter)] : [])];
	const instruments = observed.flatMap((metric) => metric.instruments);
	const readAll: BatchObservableCallback = (result) => {
		const statistics = rotator.getStatistics();
		for (const metric of observed) metric.observe(result, statistics);
	};
	meter.addBatchObservableCallback(readAll, instruments);
	if (shouldMeasurePools) {
		const createTimes = createPoolTimes(meter, nowMs);
		rotator.observers.start((server) => createTimes(() => describePool(connector, server, rotator.getStatistics().engine)));
	}
	const subscription = rotator.events$.subscribe(createDurations(meter, connector, nowMs));
	return () => {
		subscription.unsubscribe();
		meter.removeBatchObservableCallback(readAll, instruments);
	};
}
