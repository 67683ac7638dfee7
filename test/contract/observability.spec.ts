/** Dashboard, alert rules and the guide name metrics that exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Meter } from "@opentelemetry/api";

import { createDurations } from "../../src/telemetry/durations.js";
import { createPoolGauges } from "../../src/telemetry/pool-gauges.js";
import { createPoolTimes } from "../../src/telemetry/pool-times.js";
import { createRotationMetrics } from "../../src/telemetry/rotation-metrics.js";

const ROOT = join(__dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Names and kinds of the guide's tables; another test reads each metric from a running exporter. */
const DOCUMENTED = [
	...read("docs/guides/metrics.md").matchAll(/^\| `((?:db\.|typeorm_aws_connector\.)[\w.]+)` +\| (counter|gauge|histogram|up-down)/gm),
].map(([, name = "", kind = ""]) => ({ kind, name }));
const SUFFIXES: Readonly<Record<string, readonly string[]>> = { counter: ["_total"], histogram: ["_bucket", "_count"] };
/** As the exporter for Prometheus writes them. */
const EXPORTED = new Set(
	DOCUMENTED.flatMap(({ kind, name }) => (SUFFIXES[kind] ?? [""]).map((suffix) => `${name.replaceAll(".", "_")}${suffix}`)),
);
const LABELS = new Set(["db_client_connection_pool_name", "db_client_connection_state"]);

function findUnknown(text: string): string[] {
	const names = [...text.matchAll(/\b(?:db_client_connection|typeorm_aws_connector)_\w+/g)].map(([name]) => name);
	return [...new Set(names)].filter((name) => !EXPORTED.has(name) && !LABELS.has(name));
}

interface Dashboard {
	readonly panels: readonly { readonly targets: readonly { readonly expr: string }[]; readonly title: string }[];
}

it("has metrics in the guide", () => {
	expect(DOCUMENTED.length).toBeGreaterThan(25);
});

it("names in the dashboard only metrics that exist", () => {
	const { panels } = JSON.parse(read("docs/observability/grafana-dashboard.json")) as Dashboard;
	const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

	expect(expressions.length).toBeGreaterThan(15);
	expect(findUnknown(expressions.join("\n"))).toEqual([]);
});

it("names in the alert rules only metrics that exist", () => {
	const expressions = [...read("docs/observability/alert-rules.yml").matchAll(/^ +expr: (.+)$/gm)].map(
		([, expression]) => expression ?? "",
	);

	expect(expressions).toHaveLength(5);
	expect(findUnknown(expressions.join("\n"))).toEqual([]);
});

it("documents each metric that is created, with its kind", () => {
	const created = new Map<string, string>();
	const create = (kind: string) => (name: string) => {
		created.set(name, kind);
		return { add: () => undefined };
	};
	const meter = {
		createCounter: create("counter"),
		createHistogram: create("histogram"),
		createObservableCounter: create("counter"),
		createObservableGauge: create("gauge"),
		createObservableUpDownCounter: create("up-down"),
	} as unknown as Meter;
	createDurations(meter, "default", () => 0);
	createPoolGauges(meter);
	createPoolTimes(meter, () => 0);
	createRotationMetrics(meter);

	expect(new Map(DOCUMENTED.map(({ kind, name }) => [name, kind]))).toEqual(created);
});
