/** The span of a rotation. */
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

import { startTelemetry } from "../../../src/telemetry/start-telemetry.js";
import { type Scene, type SceneServers, startScene, startSceneServers } from "../../support/rotating-database.js";
import { LATEST_TYPEORM } from "../../support/typeorm-versions.js";

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
let servers: SceneServers;

beforeAll(async () => {
	context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
	servers = await startSceneServers();
});

afterEach(() => {
	servers.aws.faults.clear();
	exporter.reset();
});

afterAll(() => context.disable());

/** A rotator that is traced. The secret is fetched in the context of the span that is returned. */
async function startTraced(): Promise<{ findFetchSpanId(): string | undefined; scene: Scene }> {
	const scene = await startScene(servers, { version: LATEST_TYPEORM });
	startTelemetry(scene.rotator, { tracerProvider });
	const { connector } = scene;
	const resolve = connector.resolveConnection.bind(connector);
	let fetchSpanId: string | undefined;
	jest.spyOn(connector, "resolveConnection").mockImplementation(async (request) => {
		fetchSpanId = trace.getActiveSpan()?.spanContext().spanId;
		return resolve(request);
	});
	return { findFetchSpanId: () => fetchSpanId, scene };
}

it("is a root with an event for each step, and calls of AWS are below it", async () => {
	const { findFetchSpanId, scene } = await startTraced();
	const request = tracerProvider.getTracer("application").startSpan("request");
	await scene.alternate();

	await context.with(trace.setSpan(ROOT_CONTEXT, request), async () => scene.rotator.rotateDatabaseConnection());

	const spans = exporter.getFinishedSpans();
	expect(spans).toHaveLength(1);
	expect(spans[0]).toMatchObject({
		attributes: {
			"typeorm_aws_connector.connector": "default",
			"typeorm_aws_connector.generation": 2,
			"typeorm_aws_connector.outcome": "rotated",
			"typeorm_aws_connector.trigger": "manual",
		},
		name: "typeorm_aws_connector.rotate",
		status: { code: SpanStatusCode.UNSET },
	});
	expect(spans[0]?.parentSpanContext).toBeUndefined();
	expect(spans[0]?.events.map(({ name }) => name)).toEqual(["fetching", "staging", "verifying", "promoting"]);
	expect(findFetchSpanId()).toBe(spans[0]?.spanContext().spanId);
});

it("tells how it failed, without the text of a foreign error", async () => {
	const { scene } = await startTraced();
	servers.aws.faults.inject({ kind: "denied", service: "secretsmanager" });

	const result = await scene.rotator.rotateDatabaseConnection();

	const [span] = exporter.getFinishedSpans();
	expect(result.outcome).toBe("failed");
	expect(span).toMatchObject({
		attributes: { "error.type": "ERR_CONNECTOR_CREDENTIALS_UNAVAILABLE", "typeorm_aws_connector.outcome": "failed" },
		status: { code: SpanStatusCode.ERROR },
	});
	expect(JSON.stringify([span?.attributes, span?.status])).not.toContain(scene.current().password);
});
