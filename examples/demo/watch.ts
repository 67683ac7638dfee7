/** Watches the application while it serves: the load's figures and the server's connections every second, rotations when they happen. */
import type { ConnectorEvent } from "nestjs-typeorm-aws-connector";

import type { Cloud } from "./cloud.js";
import { sumUp } from "./figures.js";
import type { Load } from "./load.js";
import { formatConnections, formatMs, type Timeline } from "./timeline.js";

const INTERVAL_MS = 1_000;

/** What is watched, and where it is told. */
export interface WatchOptions {
	readonly cloud: Cloud;
	readonly load: Load;
	/** The load on the application without the library. */
	readonly plainLoad: Load;
	readonly timeline: Timeline;
}

/** Counts generations of pools and prints as it goes. */
export class Watch {
	/** The generation that serves. */
	generation = 1;
	private readonly interval: NodeJS.Timeout;
	private reported = Promise.resolve();
	private plainSeenCount = 0;
	private seenCount = 0;

	constructor(private readonly options: WatchOptions) {
		this.interval = setInterval(() => {
			this.reported = this.report();
		}, INTERVAL_MS);
	}

	/** Takes one event of the rotator. */
	note(event: ConnectorEvent): void {
		const { timeline } = this.options;
		if (event.type === "rotation.succeeded") {
			this.generation = event.generation;
			timeline.event(
				`generation ${String(event.generation)} of the pool serves, ${formatMs(event.durationMs)} ms after the rotation began`,
			);
		} else if (event.type === "drain.finished") {
			timeline.event(`generation ${String(event.generation)} is closed`);
		} else if (event.type === "rotation.failed") {
			timeline.event(`the rotation failed: ${event.fault.message}`);
		}
	}

	/** Prints no more lines. */
	async stop(): Promise<void> {
		clearInterval(this.interval);
		await this.reported;
	}

	private async report(): Promise<void> {
		const { cloud, load, plainLoad, timeline } = this.options;
		const samples = load.samples.slice(this.seenCount);
		const plainSamples = plainLoad.samples.slice(this.plainSeenCount);
		this.seenCount = load.samples.length;
		this.plainSeenCount = plainLoad.samples.length;
		const connections = await cloud.countConnections().catch(() => undefined);
		timeline.status(sumUp(samples), sumUp(plainSamples), {
			connections: connections === undefined ? "?" : formatConnections(connections),
			generation: this.generation,
		});
	}
}
