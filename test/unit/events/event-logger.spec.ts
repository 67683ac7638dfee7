/** One line for each kind of event, on the level at which a person wants to be bothered with it. */
import { Logger } from "@nestjs/common";

import type { ConnectorEvent, ConnectorEventDetails } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";
import { logEvents } from "../../../src/events/event-logger.js";

const LEVELS = ["debug", "error", "log", "warn"] as const;

type Line = readonly [details: ConnectorEventDetails, level: (typeof LEVELS)[number], text: string];

/** Every type of event is a key here, or this file does not compile. */
const LINES: Readonly<Record<ConnectorEvent["type"], readonly Line[]>> = {
	"acquire.healed": [
		[
			{ type: "acquire.healed", waitedMs: 1_234.5678 },
			"log",
			"A login was refused and healed after 1235 ms; the caller got its connection.",
		],
	],
	"acquire.refused": [
		[
			{ code: "28P01", isHealing: true, type: "acquire.refused" },
			"warn",
			"The server refuses the login (28P01). Callers wait while the secret is looked at about once a second; " +
				"AWSCURRENT, AWSPENDING and the database do not agree until then.",
		],
		[
			{ code: "28000", isHealing: false, type: "acquire.refused" },
			"warn",
			"The server refuses the login (28000). Callers get the refusal.",
		],
	],
	"drain.finished": [[{ durationMs: 40, generation: 2, type: "drain.finished" }, "debug", "Generation 2 is closed after 40 ms."]],
	"drain.forced": [
		[
			{ busyCount: 3, deadlineMs: 60_000, generation: 2, type: "drain.forced" },
			"warn",
			"Generation 2 still had 3 connections in use after 60000 ms; they were cut. " +
				"Look for query runners that are never released and for transactions longer than rotation.drainTimeoutMs.",
		],
	],
	"drain.started": [
		[{ busyCount: 3, generation: 2, type: "drain.started" }, "debug", "Generation 2 is retired, 3 connections are still in use."],
	],
	"health.checked": [
		[{ isHealthy: true, side: "promoted", type: "health.checked" }, "debug", "The promoted side answered SELECT 1."],
		[
			{ isHealthy: false, reason: "ECONNRESET", side: "current", type: "health.checked" },
			"warn",
			"The current side did not answer SELECT 1 (ECONNRESET).",
		],
		[{ isHealthy: false, side: "current", type: "health.checked" }, "warn", "The current side did not answer SELECT 1 (unknown)."],
	],
	"replica.unverified": [
		[
			{ node: "slave0", reason: "ECONNREFUSED", type: "replica.unverified" },
			"warn",
			"Replica slave0 was not asked whether it takes the new credentials (ECONNREFUSED). It is asked again at the next rotation.",
		],
	],
	"replica.verified": [[{ node: "slave0", type: "replica.verified" }, "log", "Replica slave0 takes the new credentials."]],
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
	],
	"rotation.recovered": [[{ failureCount: 4, type: "rotation.recovered" }, "log", "Rotation works again after 4 failures."]],
	"rotation.skipped": [
		[{ reason: "not-initialized", type: "rotation.skipped" }, "warn", "Rotation skipped: the DataSource is not initialized."],
		[
			{ reason: "unscheduled", type: "rotation.skipped" },
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
			},
			"log",
			"Rotation (authentication-failure) promoted generation 3 in 22 ms, secret version 0a1b2c3d (AWSPENDING).",
		],
		[
			{ durationMs: 22, generation: 3, trigger: "manual", type: "rotation.succeeded", versionStage: "AWSCURRENT" },
			"log",
			"Rotation (manual) promoted generation 3 in 22 ms.",
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
		logEvents(channel.events$, "RotatorService");

		channel.publish(details);

		expect(lines).toEqual([[level, `[orders] ${text}`]]);
	});

	it("writes in the context it was given", () => {
		const contexts: unknown[] = [];
		jest.spyOn(Logger.prototype, "warn").mockImplementation(function (this: Logger) {
			contexts.push((this as unknown as { context: string }).context);
		});
		logEvents(channel.events$, "RotatorService");

		channel.publish({ message: "careful", type: "warning" });

		expect(contexts).toEqual(["RotatorService"]);
	});

	it("ends with its subscription", () => {
		logEvents(channel.events$, "RotatorService").unsubscribe();

		channel.publish({ message: "careful", type: "warning" });

		expect(lines).toEqual([]);
	});

	it("ends with the channel", () => {
		const subscription = logEvents(channel.events$, "RotatorService");

		channel.complete();

		expect(subscription.closed).toBe(true);
	});
});
