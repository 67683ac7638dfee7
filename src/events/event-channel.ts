/** Publish and subscribe. A publisher never waits for a subscriber and never sees it fail. */
import { type Observable, Subject } from "rxjs";

import { cleanText } from "../errors/clean-text.js";
import { runInRootContext } from "../support/root-context.js";
import type { ConnectorEvent, ConnectorEventDetails } from "./connector-event.js";

/** One connector's stream of events. */
export class EventChannel {
	/**
	 * Hot: a subscriber sees what happens after it subscribed. Completes when the connector is closed. What a subscriber
	 * throws reaches neither the publisher nor other subscribers: rxjs rethrows it on a later tick, as an uncaught
	 * exception.
	 */
	readonly events$: Observable<ConnectorEvent>;

	private readonly subject = new Subject<ConnectorEvent>();

	constructor(
		/** Name put on every event. */
		readonly connector: string,
	) {
		this.events$ = this.subject.asObservable();
	}

	/** Ends the stream. Publishing afterwards does nothing. */
	complete(): void {
		this.subject.complete();
	}

	/**
	 * Hands the event to every subscriber, outside of the context of the request that brought it about. Texts of servers
	 * may be in it: none of them can break a line or steer a terminal.
	 */
	publish(details: ConnectorEventDetails): void {
		runInRootContext(() => this.subject.next({ connector: this.connector, ...cleanTexts(details) }));
	}
}

/** A fault has been described already, and its message may have several lines of our own. */
function cleanTexts<Details extends object>(details: Details): Details {
	const clean = ([name, value]: [string, unknown]): [string, unknown] => [name, typeof value === "string" ? cleanText(value) : value];
	return Object.fromEntries(Object.entries(details).map(clean)) as Details;
}
