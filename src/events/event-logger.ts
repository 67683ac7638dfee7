/** One log line for each event that a person may want to read. The only place where the library logs a rotation. */
import type { Observable, Subscription } from "rxjs";

import type { ConnectorEvent } from "./connector-event.js";
import { Logger } from "@nestjs/common";

type Level = "debug" | "error" | "log" | "warn";

/** How log lines are written. */
export interface LogOptions {
	/** What Nest's logger shows as the place. */
	readonly context: string;
	/** Whether the logger gets fields beside the text. */
	readonly shouldLogFields: boolean;
}

/** Subscribes Nest's logger to a connector's events. */
export function logEvents(events$: Observable<ConnectorEvent>, options: LogOptions): Subscription {
	return events$.subscribe(({ connector, type, ...details }) => {
		const [level, text] = describeEvent({ connector, type, ...details } as ConnectorEvent);
		writeLine({ connector, event: type, ...details }, level, text, options);
	});
}

/**
 * Writes one line. Loggers such as nestjs-pino take an object before the text for fields of the line; Nest's own logger
 * prints the object.
 */
export function writeLine(
	fields: { readonly connector: string; readonly event: string },
	level: Level,
	text: string,
	{ context, shouldLogFields }: LogOptions,
): void {
	const logger = new Logger(context);
	const line = `[${fields.connector}] ${text}`;
	if (shouldLogFields) logger[level](fields, line);
	else logger[level](line);
}

function describeEvent(event: ConnectorEvent): [Level, string] {
	switch (event.type) {
		case "connector.closed":
			return ["log", `Closed after ${String(event.rotatedCount)} rotations, ${String(event.failedCount)} failed.`];
		case "drain.finished":
			return [
				"debug",
				`Drain of generation ${String(event.generation)} (${event.server}) finished after ${formatMs(event.durationMs)}.`,
			];
		case "drain.forced":
			return [
				"warn",
				`${String(event.busyCount)} connections of generation ${String(event.generation)} (${event.server}) were still in use after ${formatMs(event.deadlineMs)} and were cut. ` +
					"Look for query runners that are never released and for transactions longer than rotation.drainTimeoutMs.",
			];
		case "drain.started":
			return [
				"debug",
				`Generation ${String(event.generation)} (${event.server}) is retired; ${String(event.busyCount)} connections are in use.`,
			];
		case "exchange.finished":
			return [
				"log",
				`All connections of the ${event.server} use generation ${String(event.generation)}, exchanged in ${formatMs(event.durationMs)}.`,
			];
		case "exchange.halted":
			return [
				"warn",
				`The exchange of connections of the ${event.server} is halted: a login failed (${event.reason}). Existing connections keep serving.`,
			];
		case "health.checked":
			return event.isHealthy
				? ["debug", "The live connection answered SELECT 1."]
				: ["warn", `The live connection did not answer SELECT 1 (${event.reason ?? "unknown"}).`];
		case "login.refused":
			return ["debug", `The ${event.server} refused a login (${event.code}).`];
		case "recovery.finished":
			return ["log", `Credential recovery finished after ${formatMs(event.durationMs)}: logins succeed again.`];
		case "recovery.overdue":
			return [
				"error",
				`The server still refuses the credentials (${event.code}) after ${formatMs(event.durationMs)}; callers receive the refusal. ${
					event.isLocked ? UNLOCK : "Compare AWSCURRENT and AWSPENDING of the secret with the database user."
				}`,
			];
		case "recovery.started":
			return [
				"warn",
				`The server refused a login (${event.code}). ${
					event.isLocked
						? UNLOCK
						: "Callers wait while the secret is read again, until AWSCURRENT or AWSPENDING matches the database."
				}`,
			];
		case "replica.unverified":
			return [
				"warn",
				`The ${event.server} did not take the new credentials (${event.reason}). It keeps its credentials and is asked again.`,
			];
		case "replica.verified":
			return ["log", `The ${event.server} uses the new credentials.`];
		case "rotation.degraded":
			return [
				"error",
				`${String(event.failureCount)} rotations in a row failed; one more is tried at once with a fresh AWS client. The live pool keeps serving.`,
			];
		case "rotation.failed":
			return [
				// The attempts of a recovery are reported as one.
				event.trigger === "authentication-failure" ? "debug" : "error",
				`Rotation (${event.trigger}) failed at ${event.stage}, ${String(event.failureCount)} in a row [${event.fault.code}]: ${event.fault.message}`,
			];
		case "move.refused":
			return [
				"warn",
				`The ${event.server} stays at ${event.from}: the configuration names ${event.to}, which is no database of AWS. ` +
					"Find out who changed it. If the move is intended, add the host to rotation.allowedHosts.",
			];
		case "rotation.moved":
			return ["warn", `New connections of the ${event.server} go to ${event.to}; before they went to ${event.from}.`];
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
					`${event.versionIdPrefix === undefined ? "" : `, secret version ${event.versionIdPrefix} (${event.versionStage})`}.${
						event.waitingServers.length === 0 ? "" : ` Still waiting: ${event.waitingServers.join(", ")}.`
					}`,
			];
		case "rotation.unchanged":
			return ["debug", `Rotation (${event.trigger}): the credentials are the same, nothing was opened.`];
		case "warning":
			return ["warn", event.message];
	}
}

const UNLOCK =
	"The account is locked: unlock it (ALTER USER … ACCOUNT UNLOCK; on MariaDB, after too many refused logins, FLUSH PRIVILEGES), " +
	"or rotate to another user. Until then the server is asked every 15–30 s.";

const SKIP_REASONS = {
	"not-initialized": "Rotation skipped: the DataSource is not initialized.",
	unscheduled: "The rotation interval was deleted from the SchedulerRegistry; no scheduled rotation starts any more.",
} as const;

function formatMs(durationMs: number): string {
	return `${String(Math.round(durationMs))} ms`;
}
