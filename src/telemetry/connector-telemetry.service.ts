/** Metrics and traces as a provider of Nest. */
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from "@nestjs/common";

import { RotatorService } from "../rotation/rotator.service.js";
import { startTelemetry } from "./start-telemetry.js";
import type { ITelemetryOptions } from "./telemetry.options.js";

/**
 * Measures the pools and rotations of a DataSource through `@opentelemetry/api`, which is an optional peer, from the
 * start of the application to its end. Does nothing where no SDK is registered. For a named registration, or with
 * options, provide `new ConnectorTelemetry(rotator, options)` with `inject: [getRotatorToken("reports")]`.
 * @example
 * providers: [ConnectorTelemetry]
 */
@Injectable()
export class ConnectorTelemetry implements OnApplicationShutdown, OnModuleInit {
	private stop: (() => void) | undefined;

	constructor(
		@Inject(RotatorService) private readonly rotator: RotatorService,
		private readonly options: ITelemetryOptions = {},
	) {}

	onModuleInit(): void {
		this.stop ??= startTelemetry(this.rotator, this.options);
	}

	onApplicationShutdown(): void {
		this.stop?.();
		this.stop = undefined;
	}
}
