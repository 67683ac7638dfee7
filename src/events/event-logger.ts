/** One log line for each event that a person may want to read. The only place where the library logs a rotation. */
import type { Observable, Subscription } from "rxjs";

import type { ConnectorEvent } from "./connector-event.js";
import { Logger } from "@nestjs/common";

type Level = "debug" | "error" | "log" | "warn";

/** Subscribes Nest's logger to a connector's events. */
export function logEvents(events$: Observable<ConnectorEvent>, context: string): Subscription {
	const logger = new Logger(context);
	return events$.subscribe((event) => {
		const [level, text] = describeEvent(event);
		logger[level](`[${event.connector}] ${text}`);
	});
}

function describeEvent(event: ConnectorEvent): [Level, string] {
	switch (event.type) {
		case "acquire.healed":
			return ["log", `A login was refused and healed after ${formatMs(event.waitedMs)}; the caller got its connection.`];
		case "acquire.refused":
			return [
				"warn",
				`The server refuses the login (${event.code}). ${
					event.isHealing
						? "Callers wait while the secret is looked at about once a second; AWSCURRENT, AWSPENDING and the database do not agree until then."
						: "Callers get the refusal."
				}`,
			];
		case "drain.finished":
			return ["debug", `Generation ${String(event.generation)} is closed after ${formatMs(event.durationMs)}.`];
		case "drain.forced":
			return [
				"warn",
				`Generation ${String(event.generation)} still had ${String(event.busyCount)} connections in use after ${formatMs(event.deadlineMs)}; they were cut. ` +
					"Look for query runners that are never released and for transactions longer than rotation.drainTimeoutMs.",
			];
		case "drain.started":
			return ["debug", `Generation ${String(event.generation)} is retired, ${String(event.busyCount)} connections are still in use.`];
		case "health.checked":
			return event.isHealthy
				? ["debug", `The ${event.side} side answered SELECT 1.`]
				: ["warn", `The ${event.side} side did not answer SELECT 1 (${event.reason ?? "unknown"}).`];
		case "replica.unverified":
			return [
				"warn",
				`Replica ${event.node} was not asked whether it takes the new credentials (${event.reason}). It is asked again at the next rotation.`,
			];
		case "replica.verified":
			return ["log", `Replica ${event.node} takes the new credentials.`];
		case "rotation.degraded":
			return [
				"error",
				`${String(event.failureCount)} rotations in a row failed; one more is tried at once with a fresh AWS client. The live pool keeps serving.`,
			];
		case "rotation.failed":
			return [
				"error",
				`Rotation (${event.trigger}) failed at ${event.stage}, ${String(event.failureCount)} in a row [${event.fault.code}]: ${event.fault.message}`,
			];
		case "rotation.recovered":
			return ["log", `Rotation works again after ${String(event.failureCount)} failures.`];
		case "rotation.skipped":
			return ["warn", SKIP_REASONS[event.reason]];
		case "rotation.started":
			return ["debug", `Rotation (${event.trigger}) started.`];
		case "rotation.succeeded":
			return [
				"log",
				`Rotation (${event.trigger}) promoted generation ${String(event.generation)} in ${formatMs(event.durationMs)}` +
					`${event.versionIdPrefix === undefined ? "" : `, secret version ${event.versionIdPrefix} (${event.versionStage})`}.`,
			];
		case "rotation.unchanged":
			return ["debug", `Rotation (${event.trigger}): the credentials are the same, nothing was opened.`];
		case "warning":
			return ["warn", event.message];
	}
}

const SKIP_REASONS = {
	"not-initialized": "Rotation skipped: the DataSource is not initialized.",
	unscheduled: "The rotation interval was deleted from the SchedulerRegistry; no scheduled rotation starts any more.",
} as const;

function formatMs(durationMs: number): string {
	return `${String(Math.round(durationMs))} ms`;
}
