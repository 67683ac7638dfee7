/** Each event becomes one log line; its level says how urgent it is. */
import { Logger } from "@nestjs/common";

import type { ConnectorEvent, ConnectorEventDetails } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { logEvents } from "../../../src/events/event-logger.js";

const LEVELS = ["debug", "error", "log", "warn"] as const;

type Line = readonly [details: ConnectorEventDetails, level: (typeof LEVELS)[number], text: string];

/** Every type of event is a key here, or this file does not compile. */
const LINES: Readonly<Record<ConnectorEvent["type"], readonly Line[]>> = {
	"connector.closed": [[{ failedCount: 1, rotatedCount: 12, type: "connector.closed" }, "log", "Closed after 12 rotations, 1 failed."]],
	"drain.finished": [
		[
			{ durationMs: 40.4, generation: 2, server: "primary", type: "drain.finished" },
			"debug",
			"Drain of generation 2 (primary) finished after 40 ms.",
		],
	],
	"drain.forced": [
		[
			{ busyCount: 3, deadlineMs: 60_000, generation: 2, server: "replica0", type: "drain.forced" },
			"warn",
			"3 connections of generation 2 (replica0) were still in use after 60000 ms and were cut. " +
				"Look for query runners that are never released and for transactions longer than rotation.drainTimeoutMs.",
		],
	],
	"drain.started": [
		[
			{ busyCount: 3, generation: 2, server: "primary", type: "drain.started" },
			"debug",
			"Generation 2 (primary) is retired; 3 connections are in use.",
		],
	],
	"exchange.finished": [
		[
			{ durationMs: 1_612.3, generation: 3, server: "primary", type: "exchange.finished" },
			"log",
			"All connections of the primary use generation 3, exchanged in 1612 ms.",
		],
	],
	"exchange.halted": [
		[
			{ reason: "28P01", server: "replica1", type: "exchange.halted" },
			"warn",
			"The exchange of connections of the replica1 is halted: a login failed (28P01). Existing connections keep serving.",
		],
	],
	"health.checked": [
		[{ isHealthy: true, side: "current", type: "health.checked" }, "debug", "The live connection answered SELECT 1."],
		[
			{ isHealthy: false, reason: "ECONNRESET", side: "current", type: "health.checked" },
			"warn",
			"The live connection did not answer SELECT 1 (ECONNRESET).",
		],
		[{ isHealthy: false, side: "current", type: "health.checked" }, "warn", "The live connection did not answer SELECT 1 (unknown)."],
	],
	"login.refused": [[{ code: "28P01", server: "primary", type: "login.refused" }, "debug", "The primary refused a login (28P01)."]],
	"recovery.finished": [
		[{ durationMs: 1_234.5678, type: "recovery.finished" }, "log", "Credential recovery finished after 1235 ms: logins succeed again."],
	],
	"recovery.overdue": [
		[
			{ code: "28P01", durationMs: 70_000, isLocked: false, type: "recovery.overdue" },
			"error",
			"The server still refuses the credentials (28P01) after 70000 ms; callers receive the refusal. " +
				"Compare AWSCURRENT and AWSPENDING of the secret with the database user.",
		],
	],
	"recovery.started": [
		[
			{ code: "28P01", isLocked: false, type: "recovery.started" },
			"warn",
			"The server refused a login (28P01). Callers wait while the secret is read again, until AWSCURRENT or AWSPENDING matches the database.",
		],
	],
	"replica.unverified": [
		[
			{ reason: "ECONNREFUSED", server: "replica0", type: "replica.unverified" },
			"warn",
			"The replica0 did not take the new credentials (ECONNREFUSED). It keeps its credentials and is asked again.",
		],
	],
	"replica.verified": [[{ server: "replica0", type: "replica.verified" }, "log", "The replica0 uses the new credentials."]],
	"rotation.degraded": [
		[
			{ failureCount: 3, type: "rotation.degraded" },
			"error",
			"3 rotations in a row failed; one more is tried at once with a fresh AWS client. The live pool keeps serving.",
		],
	],
	"rotation.failed": [
		[
			{
				failureCount: 2,
				fault: { code: "ERR_CONNECTOR_STAGING_FAILED", isTransient: true, message: "It failed." },
				stage: "verify",
				trigger: "schedule",
				type: "rotation.failed",
			},
			"error",
			"Rotation (schedule) failed at verify, 2 in a row [ERR_CONNECTOR_STAGING_FAILED]: It failed.",
		],
		[
			{
				failureCount: 1,
				fault: { code: "ERR_CONNECTOR_STAGING_FAILED", isTransient: true, message: "It failed." },
				stage: "stage",
				trigger: "authentication-failure",
				type: "rotation.failed",
			},
			"debug",
			"Rotation (authentication-failure) failed at stage, 1 in a row [ERR_CONNECTOR_STAGING_FAILED]: It failed.",
		],
	],
	"move.refused": [
		[
			{ from: "db.eu-west-1.rds.amazonaws.com:5432", server: "primary", to: "db.example.com", type: "move.refused" },
			"warn",
			"The primary stays at db.eu-west-1.rds.amazonaws.com:5432: the configuration names db.example.com, which is no database of AWS. " +
				"Find out who changed it. If the move is intended, add the host to rotation.allowedHosts.",
		],
	],
	"rotation.moved": [
		[
			{ from: "old.example.com:5432", server: "replica0", to: "new.example.com:5433", type: "rotation.moved" },
			"warn",
			"New connections of the replica0 go to new.example.com:5433; before they went to old.example.com:5432.",
		],
	],
	"rotation.recovered": [[{ failureCount: 4, type: "rotation.recovered" }, "log", "Rotation works again after 4 failures."]],
	"rotation.skipped": [
		[
			{ reason: "not-initialized", trigger: "manual", type: "rotation.skipped" },
			"warn",
			"Rotation skipped: the DataSource is not initialized.",
		],
		[
			{ reason: "unscheduled", trigger: "schedule", type: "rotation.skipped" },
			"warn",
			"The rotation interval was deleted from the SchedulerRegistry; no scheduled rotation starts any more.",
		],
	],
	"rotation.started": [[{ trigger: "manual", type: "rotation.started" }, "debug", "Rotation (manual) started."]],
	"rotation.succeeded": [
		[
			{
				durationMs: 21.6,
				generation: 3,
				trigger: "authentication-failure",
				type: "rotation.succeeded",
				versionIdPrefix: "0a1b2c3d",
				versionStage: "AWSPENDING",
				waitingServers: [],
			},
			"log",
			"Rotation (authentication-failure) promoted generation 3 in 22 ms, secret version 0a1b2c3d (AWSPENDING).",
		],
		[
			{
				durationMs: 22,
				generation: 3,
				trigger: "manual",
				type: "rotation.succeeded",
				versionStage: "AWSCURRENT",
				waitingServers: [],
			},
			"log",
			"Rotation (manual) promoted generation 3 in 22 ms.",
		],
		[
			{
				durationMs: 22,
				generation: 3,
				trigger: "manual",
				type: "rotation.succeeded",
				versionStage: "AWSCURRENT",
				waitingServers: ["replica0", "replica2"],
			},
			"log",
			"Rotation (manual) promoted generation 3 in 22 ms. Still waiting: replica0, replica2.",
		],
	],
	"rotation.unchanged": [
		[
			{ trigger: "emergency-recovery", type: "rotation.unchanged" },
			"debug",
			"Rotation (emergency-recovery): the credentials are the same, nothing was opened.",
		],
	],
	warning: [[{ message: "Bound to another connector.", type: "warning" }, "warn", "Bound to another connector."]],
};

describe("logEvents", () => {
	let channel: EventChannel;
	let lines: [level: string, text: string][];

	beforeEach(() => {
		channel = new EventChannel("orders");
		lines = [];
		for (const level of LEVELS) {
			jest.spyOn(Logger.prototype, level).mockImplementation((...texts: unknown[]) => void lines.push([level, String(texts[0])]));
		}
	});

	it.each(Object.values(LINES).flat())("writes one line for %j", (details, level, text) => {
		logEvents(channel.events$, { context: "RotatorService", shouldLogFields: false });

		channel.publish(details);

		expect(lines).toEqual([[level, `[orders] ${text}`]]);
	});

	it("gives the logger fields before the text, where they are wanted", () => {
		const log = jest.spyOn(Logger.prototype, "log").mockImplementation();
		const channel = new EventChannel("orders");
		logEvents(channel.events$, { context: "RotatorService", shouldLogFields: true });

		channel.publish({ durationMs: 40, generation: 2, server: "primary", type: "exchange.finished" });

		expect(log.mock.calls).toEqual([
			[
				{ connector: "orders", durationMs: 40, event: "exchange.finished", generation: 2, server: "primary" },
				"[orders] All connections of the primary use generation 2, exchanged in 40 ms.",
			],
		]);
	});

	it("writes in the context it was given", () => {
		const contexts: unknown[] = [];
		jest.spyOn(Logger.prototype, "warn").mockImplementation(function (this: Logger) {
			contexts.push((this as unknown as { context: string }).context);
		});
		logEvents(channel.events$, { context: "RotatorService", shouldLogFields: false });

		channel.publish({ message: "careful", type: "warning" });

		expect(contexts).toEqual(["RotatorService"]);
	});

	it("ends with its subscription", () => {
		logEvents(channel.events$, { context: "RotatorService", shouldLogFields: false }).unsubscribe();

		channel.publish({ message: "careful", type: "warning" });

		expect(lines).toEqual([]);
	});

	it("ends with the channel", () => {
		const subscription = logEvents(channel.events$, { context: "RotatorService", shouldLogFields: false });

		channel.complete();

		expect(subscription.closed).toBe(true);
	});
});
