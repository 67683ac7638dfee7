/** Parameters by full name: what was read is kept, and read again when it is too old or when that is asked for. */
import type { Parameter } from "@aws-sdk/client-ssm";
import { Logger } from "@nestjs/common";
import { type Observable, Subject } from "rxjs";

import { ParameterStoreUnavailableError } from "../errors/errors.js";
import { type Clock, lastingClock } from "../support/clock.js";
import { SingleFlight } from "../support/single-flight.js";
import { matchParameters } from "./match-parameters.js";
import { type LoadedTree, ParameterCache, type ParameterSnapshot } from "./parameter-cache.js";
import type { IParameterChange, IParameterStoreGetManyOptions } from "./parameter-store.options.js";
import type { ParameterStoreService } from "./parameter-store.service.js";

/** How long after a failure values past their ttl are served. */
const RETRY_INTERVAL_MS = 5_000;

/** The reads that are needed; without `getParametersByPath` a refresh reads the known names. */
export type ParameterFetcher = Partial<Pick<ParameterStoreService, "getParametersByPath">> &
	Pick<ParameterStoreService, "getParametersByName">;

/** What is read, and how. */
export interface CachedParametersOptions {
	readonly clock?: Clock | undefined;
	/** Whether paths and counts are logged. Default `false`. */
	readonly isVerbose?: boolean | undefined;
	/** What has been read already. Default: nothing. */
	readonly parameters?: readonly Parameter[] | undefined;
	/** Whether a SecureString is decrypted. */
	readonly shouldDecrypt: boolean;
	/** `undefined` where `parameters` are all there is. */
	readonly store?: ParameterFetcher | undefined;
	/** What `parameters` are the whole of. Default: nothing. */
	readonly tree?: LoadedTree | undefined;
	/** How old values may become. Default: any age. */
	readonly ttlMs?: number | undefined;
}

/** Reads by full name, with one cache. */
export class CachedParameters {
	/** What a read found different from what was known before. Completes in {@link close}. */
	readonly changes$: Observable<IParameterChange>;

	private readonly cache: ParameterCache;
	private readonly changes = new Subject<IParameterChange>();
	private readonly clock: Clock;
	private readonly isVerbose: boolean;
	private readonly logger = new Logger("ParameterStoreConfig");
	private readonly refreshes = new SingleFlight<void>();
	/** Set while Systems Manager does not answer. */
	private retryAtMs: number | undefined;
	private readonly shouldDecrypt: boolean;
	private readonly store: ParameterFetcher | undefined;
	private readonly tree: LoadedTree | undefined;
	private readonly ttlMs: number;

	constructor({ clock = lastingClock, isVerbose = false, parameters = [], shouldDecrypt, store, tree, ttlMs }: CachedParametersOptions) {
		this.changes$ = this.changes.asObservable();
		this.clock = clock;
		this.isVerbose = isVerbose;
		this.shouldDecrypt = shouldDecrypt;
		this.store = store;
		this.tree = tree;
		this.ttlMs = ttlMs ?? Infinity;
		this.cache = new ParameterCache(parameters, tree, clock);
	}

	/**
	 * The parameter as it was read last; `null` where it is known not to exist, `undefined` where it was never read. A
	 * value past its ttl is read again behind this.
	 */
	find(path: string): Parameter | null | undefined {
		const parameter = this.cache.get(path);
		// A failure is reported there, and the values stay.
		if (parameter !== undefined && this.isExpired(path)) this.refresh().catch(() => undefined);
		return parameter;
	}

	/**
	 * Parameters from one source: the cache when all of them are known and fresh, otherwise one read of all of them.
	 * @throws ParameterStoreUnavailableError; ConnectorClosedError when `signal` aborts.
	 */
	async read(
		paths: readonly string[],
		{ shouldRefresh = false, signal }: IParameterStoreGetManyOptions = {},
	): Promise<Pick<ParameterSnapshot, "get">> {
		const names = [...new Set(paths)];
		const isKnown = names.every((path) => this.cache.get(path) !== undefined);
		// One source for all: a value read earlier beside one read now could be the old host with the new port.
		const isFresh = isKnown && !shouldRefresh && !names.some((path) => this.isExpired(path));
		return isFresh ? this.cache : this.fetchOrKeep(names, signal, isKnown && !shouldRefresh);
	}

	/**
	 * Reads everything again that was read before. Concurrent calls share one read; after a failure everything stays as it
	 * was.
	 */
	async refresh(): Promise<void> {
		return this.refreshes.run(async () => {
			try {
				await this.fetchAgain();
				this.retryAtMs = undefined;
			} catch (error) {
				this.reportOutage(error);
				throw error;
			}
		});
	}

	/** Ends the stream of changes. */
	close(): void {
		this.changes.complete();
	}

	/** During an outage a read is repeated at intervals only. */
	private isExpired(path: string): boolean {
		if (this.store === undefined || this.cache.measureAgeMs(path) < this.ttlMs) return false;
		return this.retryAtMs === undefined || this.clock.nowMs() >= this.retryAtMs;
	}

	private async fetchAgain(): Promise<void> {
		const { inside, outside } = this.cache.listNames();
		const { store, tree } = this;
		if (store?.getParametersByPath === undefined || tree === undefined) {
			await this.fetch([...inside, ...outside], undefined);
			return;
		}
		const readNumber = this.cache.startRead();
		const [found] = await Promise.all([
			store.getParametersByPath(tree.path, this.shouldDecrypt, tree.isRecursive, this.isVerbose),
			this.fetch(outside, undefined),
		]);
		const gone = inside.map((name) => [name, null] as const);
		const present = found.map((parameter) => [String(parameter.Name), parameter] as const);
		this.remember(new Map([...gone, ...present]), readNumber, true);
	}

	/** One warning for each outage, however long it lasts. */
	private reportOutage(error: unknown): void {
		if (this.retryAtMs === undefined && error instanceof ParameterStoreUnavailableError) {
			this.logger.warn(`Parameters stay as they were read last. ${error.message}`);
		}
		this.retryAtMs = this.clock.nowMs() + RETRY_INTERVAL_MS;
	}

	private remember(snapshot: ParameterSnapshot, readNumber: number, isWholeTree = false): void {
		const changes = this.cache.remember(snapshot, readNumber, isWholeTree);
		for (const change of changes) this.changes.next(change);
	}

	/** @param isKept whether the known values are served when Systems Manager does not answer. */
	private async fetchOrKeep(
		names: readonly string[],
		signal: AbortSignal | undefined,
		isKept: boolean,
	): Promise<Pick<ParameterSnapshot, "get">> {
		try {
			const snapshot = await this.fetch(names, signal);
			this.retryAtMs = undefined;
			return snapshot;
		} catch (error) {
			if (!isKept || !(error instanceof ParameterStoreUnavailableError)) throw error;
			this.reportOutage(error);
			return this.cache;
		}
	}

	private async fetch(names: readonly string[], signal: AbortSignal | undefined): Promise<ParameterSnapshot> {
		const readNumber = this.cache.startRead();
		const snapshot = await this.request(names, signal);
		this.remember(snapshot, readNumber);
		return snapshot;
	}

	private async request(names: readonly string[], signal: AbortSignal | undefined): Promise<ParameterSnapshot> {
		if (this.store === undefined || names.length === 0) return new Map(names.map((name) => [name, this.cache.get(name) ?? null]));
		const { isVerbose, shouldDecrypt } = this;
		return matchParameters(names, await this.store.getParametersByName(names, { isVerbose, shouldDecrypt, signal }));
	}
}
