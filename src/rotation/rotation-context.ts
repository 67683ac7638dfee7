/** What a rotation works with, and what one rotation leaves to the next. */
import type { LoginBreaker } from "../acquire/login-breaker.js";
import type { OptionsOrigin } from "../connector/options-origin.js";
import { readOrigin } from "../connector/options-origin.js";
import type { ExchangeMode } from "../drivers/exchange.js";
import type { LiveDataSource } from "../drivers/live-data-source.js";
import { PoolObservers } from "../drivers/pool-observer.js";
import type { RotationTrigger } from "../events/connector-event.js";
import type { EventChannel } from "../events/event-channel.js";
import type { Clock } from "../support/clock.js";
import type { RotationSource } from "../connector/rotation-source.js";
import { DrainAbort } from "./drain.js";
import type { TRotationResult } from "./rotation.options.js";
import type { RotationPhase } from "./rotation-state.js";

/** Deadlines of the steps in milliseconds. */
export interface RotationDeadlines {
	/** For the login of a staged connection. */
	readonly connectMs: number;
	/** For work on retired connections. */
	readonly drainMs: number;
	/** For the secret and the parameters. */
	readonly fetchMs: number;
	/** For the answer of an idle connection that shows whether the live pool works. */
	readonly healthMs: number;
	/** For `SELECT 1` on a staged connection. */
	readonly verifyMs: number;
}

/** Defaults: a rotation in which nothing ever answers ends within 30 seconds. */
export const DEFAULT_ROTATION_DEADLINES: RotationDeadlines = {
	connectMs: 10_000,
	drainMs: 60_000,
	fetchMs: 12_000,
	healthMs: 2_000,
	verifyMs: 5_000,
};

/** The live DataSource with a breaker for each server. */
export type RotatedDataSource = LiveDataSource<LoginBreaker>;

/** One of its servers. */
export type RotatedServer = RotatedDataSource["servers"][number];

/** One rotation, as traces show it. */
export interface RotationSpan {
	/** The result is missing when the rotation was called off. */
	end(result: TRotationResult | undefined): void;
	enter(phase: RotationPhase): void;
	/** Runs a task whose calls of AWS belong to the rotation. */
	run<Result>(task: () => Result): Result;
}

/** Begins the span of a rotation. */
export type BeginRotationSpan = (trigger: RotationTrigger) => RotationSpan;

/** Who observes the pools and the rotations of one rotator. */
export class RotationObservers extends PoolObservers {
	/** `undefined` where nothing is traced. */
	beginSpan: BeginRotationSpan | undefined;
}

/** What a rotation works with. */
export interface RotationContext {
	readonly clock: Clock;
	readonly connector: RotationSource;
	readonly deadlines: RotationDeadlines;
	readonly enter: (phase: RotationPhase) => void;
	readonly events: EventChannel;
	readonly live: RotatedDataSource;
	readonly memory: RotationMemory;
	/** How older connections leave, where the caller wants another way than the usual one. */
	readonly mode: ExchangeMode | undefined;
	readonly random: () => number;
	/** Aborts when the application shuts down. */
	readonly signal: AbortSignal;
	/** `undefined` where nothing is traced. */
	readonly span: RotationSpan | undefined;
	readonly trigger: RotationTrigger;
}

/** What is known of the servers of one DataSource. Keyed by index, 0 for the primary. */
export class RotationMemory {
	/** Fingerprints of AWSCURRENT on servers that have refused it and run on AWSPENDING. */
	readonly ahead = new Map<number, string>();
	/** Origins of the options of servers that still wait for newer credentials. */
	readonly formerOrigins = new Map<number, OptionsOrigin | undefined>();
	/** Ends the follow-up of a replica: the next rotation begins one. */
	readonly following = new Map<number, { readonly attempt: Promise<void>; readonly over: AbortController }>();
	readonly drainAbort = new DrainAbort();
	/** Whether a server was read-only when it was asked last. */
	readonly isReadOnly = new Map<number, boolean>();
	/** Servers whose live connection did not answer when it was asked last. */
	readonly isSilent = new Set<number>();
	/** Hosts that a server did not move to, each reported once. */
	readonly refusedHosts = new Map<number, string>();
	readonly searchPaths = new Map<number, string>();

	/** One server gets newer options; those of the other servers come from the origin that is replaced. */
	notePromotion(index: number, live: RotatedDataSource): void {
		const origin = readOrigin(live.dataSourceOptions);
		for (const { index: other } of live.servers)
			if (other !== index && !this.formerOrigins.has(other)) this.formerOrigins.set(other, origin);
		this.formerOrigins.delete(index);
	}
}
