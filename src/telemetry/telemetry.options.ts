/** The public types of metrics and traces. */
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";

/** What is measured, and where it goes. */
export interface ITelemetryOptions {
	/** Default: the one that the application has registered. */
	readonly meterProvider?: MeterProvider;
	/**
	 * Whether the pools are measured (`db.client.connection.*`). Default `true`. `false` where OpenTelemetry's
	 * `instrumentation-pg` counts the connections.
	 */
	readonly shouldMeasurePools?: boolean;
	/** Default: the one that the application has registered. */
	readonly tracerProvider?: TracerProvider;
}
