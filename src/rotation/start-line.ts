/** What an operator wants to see of a connector when an application starts, in one line without a secret. */
import type { DataSource, DataSourceOptions } from "typeorm";

import type { ConnectorExplanation } from "../connector/explain-connector.js";
import type { RotationSource } from "../connector/rotation-source.js";
import { listServerOptions, toLooseOptions } from "../drivers/loose-options.js";
import { cleanText } from "../errors/clean-text.js";
import { type LogOptions, writeLine } from "../events/event-logger.js";

/** What the line tells beside the options. */
export interface StartLineParts {
	readonly explanation: ConnectorExplanation | undefined;
	/** `undefined` where rotation is off. */
	readonly intervalMs: number | undefined;
	readonly isRecoveryOn: boolean;
	readonly nextRotationInMs: number | undefined;
}

const MINUTE_MS = 60_000;

/**
 * Such as `Started: postgres, host db.example (/shop/host), port 5432 (default), database shop (code), user app (secret
 * prod/db), TLS verified, rotation every 60 min, next in 41 min.`
 */
export function describeStart(options: DataSourceOptions, parts: StartLineParts): string {
	const [primary = {}, ...replicas] = listServerOptions(toLooseOptions(options));
	const live = primary as Readonly<Record<string, unknown>>;
	const fields = new Map(parts.explanation?.fields.map((field) => [field.field, field]));
	const secretId = fields.get("secretId")?.value;
	const describe = (name: string, field: string, liveValue: unknown): string => {
		const { path, source, value } = fields.get(field) ?? {};
		const origin = source === "parameter" ? path : source === "secret" ? `secret ${String(secretId)}` : source;
		const isShown = source !== "parameter" || value !== undefined;
		return `${name} ${isShown && value === undefined ? String(liveValue) : String(value)}${origin === undefined ? "" : ` (${origin})`}`;
	};
	const facts = [
		options.type,
		describe("host", "host", live["host"]),
		describe("port", "port", live["port"]),
		describe("database", "databaseName", live["database"] ?? options.database),
		describe("user", "username", live["username"]),
		...(replicas.length === 0 ? [] : [`replicas ${String(replicas.length)}`]),
		describeTls((options as { readonly ssl?: unknown }).ssl ?? live["ssl"]),
		describeRotation(parts),
	];
	return cleanText(`Started: ${facts.join(", ")}.`, Number.POSITIVE_INFINITY);
}

/** Writes the line of a DataSource that is initialized. Never rejects: a start does not fail for a line. */
export async function logStart(
	dataSource: DataSource | undefined,
	connector: RotationSource,
	{ log, ...parts }: Omit<StartLineParts, "explanation" | "intervalMs"> & { readonly log: LogOptions },
): Promise<void> {
	if (dataSource?.isInitialized !== true || connector.explain === undefined) return;
	try {
		const explanation = await connector.explain().catch(() => undefined);
		const { intervalMs, isEnabled } = connector.getRotationConfig();
		const text = describeStart(dataSource.options, { ...parts, explanation, intervalMs: isEnabled ? intervalMs : undefined });
		writeLine({ connector: connector.name ?? "default", event: "connector.started" }, "log", text, log);
	} catch {
		// A stand-in of a connector may have no schedule.
	}
}

function describeTls(ssl: unknown): string {
	if (ssl === undefined || ssl === null || ssl === false) return "no TLS";
	const { rejectUnauthorized } = ssl as { readonly rejectUnauthorized?: unknown };
	return rejectUnauthorized === false ? "TLS not verified" : "TLS verified";
}

function describeRotation({ intervalMs, isRecoveryOn, nextRotationInMs }: StartLineParts): string {
	if (intervalMs === undefined) return isRecoveryOn ? "rotation off, recovery on" : "rotation off";
	const next = nextRotationInMs === undefined ? "" : `, next in ${formatMinutes(nextRotationInMs)}`;
	return `rotation every ${formatMinutes(intervalMs)}${next}`;
}

function formatMinutes(durationMs: number): string {
	return durationMs < 2 * MINUTE_MS ? `${String(Math.round(durationMs / 1_000))} s` : `${String(Math.round(durationMs / MINUTE_MS))} min`;
}
