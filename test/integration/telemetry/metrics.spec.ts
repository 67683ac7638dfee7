/** The metrics of OpenTelemetry, read by name where Prometheus reads them. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";

import { startTelemetry } from "../../../src/telemetry/start-telemetry.js";
import { describeEngines } from "../../support/describe-engines.js";
import { endLater } from "../../support/endings.js";
import { eventually } from "../../support/eventually.js";
import { fillPool, holdConnections } from "../../support/held-connections.js";
import { waitUntil } from "../../support/wait-until.js";

const MONTH_MS = 2_592_000_000;
const POOL_SIZE = 3;
const CONFIG = { poolSize: POOL_SIZE, rotation: { intervalMs: MONTH_MS, isEnabled: true } };

/** Samples by name, each with its labels. */
type Samples = ReadonlyMap<string, readonly { readonly labels: string; readonly value: number }[]>;

/** Serves the exporter of the SDK over HTTP, as in an application. */
async function startPrometheus(): Promise<{ meterProvider: MeterProvider; read(): Promise<Samples> }> {
	const exporter = new PrometheusExporter({ preventServerStart: true });
	const meterProvider = new MeterProvider({ readers: [exporter] });
	const server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	endLater(async () => {
		server.closeAllConnections();
		await Promise.all([meterProvider.shutdown(), new Promise((resolve) => server.close(resolve))]);
	});
	const { port } = server.address() as AddressInfo;
	return {
		meterProvider,
		read: async () => {
			const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
			const samples = new Map<string, { labels: string; value: number }[]>();
			for (const line of text.split("\n")) {
				const [, name, labels = "", value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
				if (name !== undefined) samples.set(name, [...(samples.get(name) ?? []), { labels, value: Number(value) }]);
			}
			return samples;
		},
	};
}

/** The sum of all samples whose labels have each of the texts. */
function sum(samples: Samples, name: string, ...labels: readonly string[]): number {
	const found = samples.get(name);
	if (found === undefined) throw new Error(`No ${name} among ${[...samples.keys()].join(", ")}`);
	return found.filter((sample) => labels.every((label) => sample.labels.includes(label))).reduce((total, { value }) => total + value, 0);
}

const IDLE = 'db_client_connection_state="idle"';
const USED = 'db_client_connection_state="used"';

describeEngines("The metrics of a DataSource", {}, ({ engine, start }) => {
	it("show a rotation, and the connections that the server lists", async () => {
		const { meterProvider, read } = await startPrometheus();
		const scene = await start({ config: CONFIG });
		const stop = startTelemetry(scene.rotator, { meterProvider });
		await fillPool(scene.dataSource, POOL_SIZE);
		const held = await holdConnections(scene.dataSource, 1);
		const before = await read();
		await scene.alternate();
		await scene.rotator.rotateDatabaseConnection();
		await scene.waitForUser(scene.users[1]);
		await waitUntil("only the connection in use is older", () => scene.rotator.getStatistics().servers[0]?.older === 1);
		const meanwhile = await read();

		expect(sum(before, "db_client_connection_count", USED)).toBe(1);
		expect(sum(before, "db_client_connection_max")).toBe(POOL_SIZE);
		expect(sum(before, "db_client_connection_idle_max")).toBeGreaterThan(0);
		expect(sum(before, "typeorm_aws_connector_generation")).toBe(1);
		expect(sum(before, "typeorm_aws_connector_rotations_total")).toBe(0);
		expect(before.get("db_client_connection_count")?.[0]?.labels).toContain('db_client_connection_pool_name="default.primary"');
		expect(before.get("db_client_connection_count")?.[0]?.labels).toContain(
			`db_system_name="${engine === "postgres" ? "postgresql" : engine}"`,
		);
		expect(sum(meanwhile, "typeorm_aws_connector_connections_older")).toBe(1);
		expect(sum(meanwhile, "typeorm_aws_connector_generation")).toBe(2);
		expect(sum(meanwhile, "typeorm_aws_connector_rotations_total", 'outcome="rotated"', 'trigger="manual"')).toBe(1);
		expect(sum(meanwhile, "typeorm_aws_connector_rotation_duration_count", 'outcome="rotated"')).toBe(1);
		expect(sum(meanwhile, "typeorm_aws_connector_rotation_interval")).toBe(MONTH_MS / 1_000);
		expect(sum(meanwhile, "typeorm_aws_connector_rotation_next")).toBeGreaterThanOrEqual(0);
		expect(sum(meanwhile, "typeorm_aws_connector_rotation_last_success_age")).toBeGreaterThanOrEqual(0);
		expect(sum(meanwhile, "typeorm_aws_connector_rotation_failures_in_row")).toBe(0);
		expect(sum(meanwhile, "typeorm_aws_connector_credentials_age")).toBeGreaterThanOrEqual(0);
		expect(sum(meanwhile, "typeorm_aws_connector_secret_reads_total", 'outcome="succeeded"')).toBeGreaterThanOrEqual(2);
		await eventually(async () => {
			const samples = await read();
			const listed = await Promise.all(scene.users.map(async (user) => scene.server.connections(user)));
			expect(sum(samples, "db_client_connection_count")).toBe(listed.flat().length);
		});
		await held.release();
		await scene.rotator.waitForExchange();
		const after = await read();
		expect(sum(after, "db_client_connection_count", USED)).toBe(0);
		expect(sum(after, "db_client_connection_count", IDLE)).toBeGreaterThan(0);
		expect(sum(after, "typeorm_aws_connector_connections_older")).toBe(0);
		expect(sum(after, "typeorm_aws_connector_exchanges_total")).toBe(1);
		expect(sum(after, "typeorm_aws_connector_exchange_duration_count", 'server="primary"')).toBe(1);
		expect(sum(after, "typeorm_aws_connector_forced_cuts_total")).toBe(0);
		expect(sum(after, "db_client_connection_create_time_count")).toBeGreaterThanOrEqual(1);
		expect(sum(after, "db_client_connection_use_time_count")).toBeGreaterThanOrEqual(1);
		expect(sum(after, "db_client_connection_wait_time_count")).toBeGreaterThanOrEqual(1);
		stop();
	});

	it("show a recovery", async () => {
		const callerCount = 8;
		const { meterProvider, read } = await startPrometheus();
		const scene = await start({ config: CONFIG });
		startTelemetry(scene.rotator, { meterProvider });
		const { username } = scene.current();
		await scene.server.setPassword(username, "changed");
		await scene.server.terminate(username);
		await waitUntil("the pool has noticed", () => scene.rotator.getStatistics().servers[0]?.total === 0);

		const callers = Array.from({ length: callerCount }, async (): Promise<unknown> => scene.dataSource.query("SELECT 1"));
		await waitUntil("callers wait", async () => sum(await read(), "db_client_connection_pending_requests") === callerCount);
		const meanwhile = await read();
		scene.aws.secrets.put(scene.secretId, { password: "changed", username });
		await Promise.all(callers);
		const after = await read();

		expect(sum(meanwhile, "typeorm_aws_connector_recovery_active")).toBeGreaterThan(0);
		expect(sum(meanwhile, "typeorm_aws_connector_recoveries_total")).toBe(0);
		expect(sum(after, "typeorm_aws_connector_recovery_active")).toBe(0);
		expect(sum(after, "typeorm_aws_connector_recoveries_total")).toBe(1);
		expect(sum(after, "typeorm_aws_connector_recoveries_overdue_total")).toBe(0);
		expect(sum(after, "typeorm_aws_connector_recovery_duration_count")).toBe(1);
		expect(sum(after, "typeorm_aws_connector_recovered_callers_total")).toBe(callerCount);
		expect(sum(after, "typeorm_aws_connector_refused_logins_total")).toBeGreaterThanOrEqual(1);
		expect(sum(after, "db_client_connection_pending_requests")).toBe(0);
		expect(sum(after, "db_client_connection_wait_time_count")).toBeGreaterThanOrEqual(callerCount);
	});

	it("show an exhausted pool", async () => {
		const { meterProvider, read } = await startPrometheus();
		const scene = await start({ config: { ...CONFIG, connectionTimeoutMs: 1_000 } });
		startTelemetry(scene.rotator, { meterProvider });
		const held = await holdConnections(scene.dataSource, POOL_SIZE);
		const caller = scene.dataSource.query("SELECT 1").then(
			() => "served",
			() => "refused",
		);
		await waitUntil("a caller waits", async () => sum(await read(), "db_client_connection_pending_requests") === 1);
		const exhausted = await read();
		// The callers of mysql2 wait without a limit.
		if (engine === "postgres") await caller;
		await held.release();
		const outcome = await caller;
		const after = await read();

		expect(sum(exhausted, "db_client_connection_count", USED)).toBe(POOL_SIZE);
		expect(sum(exhausted, "db_client_connection_count", IDLE)).toBe(0);
		expect(outcome).toBe(engine === "postgres" ? "refused" : "served");
		expect(sum(after, "db_client_connection_timeouts_total")).toBe(engine === "postgres" ? 1 : 0);
		expect(sum(after, "db_client_connection_use_time_count")).toBeGreaterThanOrEqual(POOL_SIZE);
	});

	it("name no host, no user and no secret", async () => {
		const { meterProvider, read } = await startPrometheus();
		const scene = await start({ config: CONFIG });
		startTelemetry(scene.rotator, { meterProvider });
		await fillPool(scene.dataSource, POOL_SIZE);
		await scene.exchange();

		const text = JSON.stringify([...(await read())]);

		for (const secret of [scene.server.host, scene.database, scene.secretId, scene.current().password, ...scene.users])
			expect(text).not.toContain(secret);
	});
});
