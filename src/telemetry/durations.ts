/** How long exchanges, recoveries and rotations take. */
import type { Meter } from "@opentelemetry/api";

import type { ConnectorEvent } from "../events/connector-event.js";
import { PREFIX, SECONDS } from "./names.js";

const MS_PER_SECOND = 1_000;

/** Creates the instruments. @returns To be called with each event. */
export function createDurations(meter: Meter, connector: string, nowMs: () => number): (event: ConnectorEvent) => void {
	const createHistogram = (name: string, description: string) =>
		meter.createHistogram(`${PREFIX}.${name}.duration`, { advice: { explicitBucketBoundaries: SECONDS }, description, unit: "s" });
	const exchanges = createHistogram("exchange", "How long it took to exchange the connections of one server.");
	const recoveries = createHistogram("recovery", "From the first refusal until logins succeeded.");
	const rotations = createHistogram("rotation", "How long a rotation took, until the primary used the credentials.");
	const overdue = meter.createCounter(`${PREFIX}.recoveries.overdue`, {
		description: "Recoveries that lasted longer than a caller waits.",
		unit: "{recovery}",
	});
	overdue.add(0, { connector });
	let startedAtMs = nowMs();
	return (event) => {
		const noteRotation = (outcome: string, trigger: string): void =>
			rotations.record((nowMs() - startedAtMs) / MS_PER_SECOND, { connector, outcome, trigger });
		switch (event.type) {
			case "exchange.finished":
				exchanges.record(event.durationMs / MS_PER_SECOND, { connector, server: event.server });
				break;
			case "recovery.finished":
				recoveries.record(event.durationMs / MS_PER_SECOND, { connector });
				break;
			case "recovery.overdue":
				overdue.add(1, { connector });
				break;
			case "rotation.failed":
				noteRotation("failed", event.trigger);
				break;
			case "rotation.started":
				startedAtMs = nowMs();
				break;
			case "rotation.succeeded":
				noteRotation("rotated", event.trigger);
				break;
			case "rotation.unchanged":
				noteRotation("unchanged", event.trigger);
				break;
			default:
		}
	};
}
