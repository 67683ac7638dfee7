/** Subscribers receive every event, and a publisher is not affected by them. */
import { AsyncLocalStorage } from "node:async_hooks";

import { config } from "rxjs";

import type { ConnectorEvent } from "../../../src/events/connector-event.js";
import { EventChannel } from "../../../src/events/event-channel.js";

describe("EventChannel", () => {
	let channel: EventChannel;

	beforeEach(() => (channel = new EventChannel("orders")));

	function listen(): ConnectorEvent[] {
		const heard: ConnectorEvent[] = [];
		channel.events$.subscribe((event) => heard.push(event));
		return heard;
	}

	it("puts the name of its connector on every event", () => {
		const heard = listen();

		channel.publish({ message: "careful", type: "warning" });

		expect(heard).toEqual([{ connector: "orders", message: "careful", type: "warning" }]);
	});

	it("tells every subscriber, in order", () => {
		const [first, second] = [listen(), listen()];

		channel.publish({ trigger: "manual", type: "rotation.started" });
		channel.publish({ trigger: "manual", type: "rotation.unchanged" });

		expect(first.map(({ type }) => type)).toEqual(["rotation.started", "rotation.unchanged"]);
		expect(second).toEqual(first);
	});

	it("tells at once", () => {
		const heard = listen();

		channel.publish({ trigger: "manual", type: "rotation.started" });

		expect(heard).toHaveLength(1);
	});

	it("tells outside of the context of the request that brought the event about", () => {
		const request = new AsyncLocalStorage<string>();
		const contexts: (string | undefined)[] = [];
		channel.events$.subscribe(() => contexts.push(request.getStore()));

		request.run("request 1", () => channel.publish({ trigger: "manual", type: "rotation.started" }));

		expect(contexts).toEqual([undefined]);
	});

	it("keeps nothing for those who come later", () => {
		channel.publish({ trigger: "manual", type: "rotation.started" });

		expect(listen()).toEqual([]);
	});

	it("cannot be published to from outside", () => {
		expect(channel.events$).not.toHaveProperty("next");
	});

	it("ends for all subscribers when it is completed, and is silent then", () => {
		const heard = listen();
		const complete = jest.fn();
		channel.events$.subscribe({ complete });

		channel.complete();
		channel.publish({ trigger: "manual", type: "rotation.started" });

		expect(complete).toHaveBeenCalledTimes(1);
		expect(heard).toEqual([]);
	});

	describe("with a subscriber that fails", () => {
		const report = jest.fn();

		beforeEach(() => (config.onUnhandledError = report));
		afterEach(() => (config.onUnhandledError = null));

		it("goes on for the publisher and for the other subscribers", async () => {
			const fault = new Error("from a subscriber");
			channel.events$.subscribe(() => {
				throw fault;
			});
			const heard = listen();

			expect(() => channel.publish({ trigger: "manual", type: "rotation.started" })).not.toThrow();
			// rxjs reports on a timer of its own.
			await new Promise((resolve) => setTimeout(resolve, 0));

			expect(heard).toHaveLength(1);
			expect(report).toHaveBeenCalledWith(fault);
		});
	});
});

it("hands on no text of a server that would break a line or steer a terminal", () => {
	const channel = new EventChannel("orders");
	const events: ConnectorEvent[] = [];
	channel.events$.subscribe((event) => events.push(event));

	channel.publish({ isHealthy: false, reason: "\r\n[Nest] 1 LOG forged \u001b[2J", side: "current", type: "health.checked" });
	channel.publish({ server: "replicas[0]", reason: "x".repeat(600), type: "replica.unverified" });

	expect(events).toMatchObject([{ reason: "\\u{d}\\u{a}[Nest] 1 LOG forged \\u{1b}[2J" }, { reason: `${"x".repeat(500)}…` }]);
});
