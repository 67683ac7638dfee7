/** What telemetry does where there is nothing to report to, and how it ends. */
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { Subject } from "rxjs";

import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { RotationObservers } from "../../../src/rotation/rotation-context.js";
import type { RotatorService } from "../../../src/rotation/rotator.service.js";
import type { IRotatorStatistics } from "../../../src/rotation/statistics.options.js";
import { ConnectorTelemetry } from "../../../src/telemetry/connector-telemetry.service.js";
import { startTelemetry } from "../../../src/telemetry/start-telemetry.js";

class ManualReader extends MetricReader {
	protected override async onForceFlush(): Promise<void> {
		await Promise.resolve();
	}

	protected override async onShutdown(): Promise<void> {
		await Promise.resolve();
	}
}

const STATISTICS: IRotatorStatistics = {
	connector: "default",
	counters: {
		exchanges: 0,
		forcedCuts: 0,
		recoveredCallers: 0,
		recoveries: 0,
		refusedLogins: 3,
		rotations: {} as IRotatorStatistics["counters"]["rotations"],
		secretReads: { failed: 0, succeeded: 1 },
	},
	credentials: { ageMs: 1_500, versionIdPrefix: undefined, versionStage: undefined },
	engine: "postgres",
	failureCount: 0,
	generation: 1,
	lastSuccessAgeMs: undefined,
	nextRotationInMs: undefined,
	recoveryForMs: undefined,
	rotationIntervalMs: undefined,
	servers: [
		{
			byGeneration: [],
			generation: 1,
			idle: 1,
			idleLimit: Number.POSITIVE_INFINITY,
			inUse: 2,
			isExchanging: false,
			limit: Number.POSITIVE_INFINITY,
			name: "primary",
			older: 0,
			refusedForMs: undefined,
			total: 3,
			waiting: 4,
		},
	],
	state: "idle",
};

interface ObservedParts {
	readonly events$: Subject<ConnectorEvent>;
	readonly getStatistics: jest.Mock;
	readonly observe: jest.Mock;
	readonly rotator: RotatorService;
}

/** The parts of a rotator that telemetry uses. */
function createRotator(): ObservedParts {
	const [events$, getStatistics, observe, observers] = [
		new Subject<ConnectorEvent>(),
		jest.fn(() => STATISTICS),
		jest.fn(),
		new RotationObservers(),
	];
	observers.add("primary", { observe });
	return { events$, getStatistics, observe, rotator: { events$, getStatistics, observers } as unknown as RotatorService };
}

function createMeter(): { meterProvider: MeterProvider; readNames(): Promise<string[]> } {
	const reader = new ManualReader();
	return {
		meterProvider: new MeterProvider({ readers: [reader] }),
		readNames: async () => {
			const { resourceMetrics } = await reader.collect();
			return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name));
		},
	};
}

it("measures no caller where no SDK is registered", () => {
	const { events$, observe, rotator } = createRotator();

	startTelemetry(rotator);

	expect(observe).not.toHaveBeenCalled();
	expect(events$.observed).toBe(false);
});

it("measures pools and rotations where a meter provider is given, and leaves out limits that a pool does not have", async () => {
	const { meterProvider, readNames } = createMeter();
	const { observe, rotator } = createRotator();

	startTelemetry(rotator, { meterProvider });
	const names = await readNames();

	expect(observe).toHaveBeenCalledTimes(1);
	expect(names).toEqual(expect.arrayContaining(["db.client.connection.count", "typeorm_aws_connector.refused_logins"]));
	expect(names).not.toContain("db.client.connection.max");
	expect(names).not.toContain("typeorm_aws_connector.rotation.last_success.age");
});

it("leaves the pools to another instrumentation", async () => {
	const { meterProvider, readNames } = createMeter();
	const { observe, rotator } = createRotator();

	startTelemetry(rotator, { meterProvider, shouldMeasurePools: false });
	const names = await readNames();

	expect(observe).not.toHaveBeenCalled();
	expect(names.filter((name) => name.startsWith("db.client."))).toEqual([]);
	expect(names).toContain("typeorm_aws_connector.generation");
});

it("ends with the application", async () => {
	const { meterProvider, readNames } = createMeter();
	const { events$, getStatistics, rotator } = createRotator();
	const telemetry = new ConnectorTelemetry(rotator, { meterProvider });
	telemetry.onModuleInit();
	const before = await readNames();

	telemetry.onApplicationShutdown();
	getStatistics.mockClear();
	await readNames();

	expect(before).toContain("typeorm_aws_connector.generation");
	expect(events$.observed).toBe(false);
	expect(getStatistics).not.toHaveBeenCalled();
});
