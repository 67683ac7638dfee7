/** Structured look-ups: served from what was read at start, or read by exact name. */
import type { Parameter } from "@aws-sdk/client-ssm";
import { Inject, Injectable, Logger, type OnApplicationShutdown, Optional } from "@nestjs/common";
import { type Observable, Subject } from "rxjs";

import { ParameterInvalidError, ParameterNotLoadedError, ParameterStoreUnavailableError } from "../errors/errors.js";
import { type Clock, systemClock } from "../support/clock.js";
import { SingleFlight } from "../support/single-flight.js";
import { ParameterCache, type ParameterSnapshot } from "./parameter-cache.js";
import { buildParameterPath, buildTreePath, type SegmentDefaults } from "./parameter-path.js";
import type {
	IConfigGetProperties,
	IParameterChange,
	IParameterStoreConfigProperties,
	IParameterStoreGetManyOptions,
} from "./parameter-store.options.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import { PARAMETER_STORE_CONFIG_PARAMETERS, PARAMETER_STORE_CONFIG_PROPERTIES } from "./parameter-store.tokens.js";
import { validateProperties } from "./validate-properties.js";

/** Systems Manager has a third type, StringList, which arrives as text joined by commas and would pass for a value. */
const USABLE_TYPES: ReadonlySet<string> = new Set(["SecureString", "String"]);

/** How long after a failure values past their ttl will do. */
const RETRY_INTERVAL_MS = 5_000;

/** The reads that are needed; without `getParametersByPath` a refresh reads the known names. */
type Store = Partial<Pick<ParameterStoreService, "getParametersByPath">> & Pick<ParameterStoreService, "getParametersByName">;

/**
 * Parameters by structured look-up.
 *
 * In a test it can be made by hand: `new ParameterStoreConfigService(properties, parameters)`. Without the third argument
 * `parameters` are all there is.
 * @example
 * const host = parameters.get({ namespace: ENamespace.AWS_RDS, instanceName: "aurora-postgres", path: ["host"] });
 */
@Injectable()
export class ParameterStoreConfigService implements OnApplicationShutdown {
	/**
	 * What a read found different from what was known before, one by one. Hot; completes when the application shuts down. A subscriber has to catch its own
	 * errors: rxjs rethrows them on a later tick, as uncaught exceptions.
	 */
	readonly changes$: Observable<IParameterChange>;

	private readonly cache: ParameterCache;
	private readonly changes = new Subject<IParameterChange>();
	private readonly defaults: SegmentDefaults;
	private readonly isOnDemand: boolean;
	private readonly isVerbose: boolean;
	private readonly logger = new Logger("ParameterStoreConfig");
	private readonly refreshes = new SingleFlight<void>();
	/** Set while Systems Manager does not answer. */
	private retryAtMs: number | undefined;
	private readonly shouldDecrypt: boolean;
	private readonly tree: { readonly isRecursive: boolean; readonly path: string } | undefined;
	private readonly ttlMs: number;

	constructor(
		@Inject(PARAMETER_STORE_CONFIG_PROPERTIES) properties: IParameterStoreConfigProperties,
		@Inject(PARAMETER_STORE_CONFIG_PARAMETERS) parameters: readonly Parameter[],
		@Optional() @Inject(ParameterStoreService) private readonly store?: Store,
		private readonly clock: Clock = systemClock,
	) {
		this.changes$ = this.changes.asObservable();
		this.defaults = validateProperties(properties);
		this.isOnDemand = properties.shouldLoadOnDemand ?? false;
		this.isVerbose = properties.isVerbose ?? false;
		this.shouldDecrypt = properties.shouldDecryptParameters ?? false;
		this.ttlMs = properties.cacheTtlMs ?? Infinity;
		const tree = { isRecursive: properties.shouldUseRecursiveLoading ?? true, path: buildTreePath(this.defaults) };
		this.tree = this.isOnDemand ? undefined : tree;
		this.cache = new ParameterCache(parameters, this.tree, clock);
	}

	/**
	 * The value last read, without waiting for Systems Manager. `null` where there is no such parameter, and where the look-up leaves
	 * the registered application and environment and `getMany` has not read it.
	 * @throws LookupInvalidError naming the segment; ParameterInvalidError for a StringList; ParameterNotLoadedError when loading on
	 * demand and `getMany` has not read it.
	 * @example
	 * parameters.get({ path: ["typeorm", "pool-size"] }); // "20"
	 */
	get(lookup: IConfigGetProperties): string | null {
		const path = this.describePath(lookup);
		const parameter = this.cache.get(path);
		if (parameter === undefined && this.isOnDemand) throw new ParameterNotLoadedError(path);
		// A failure is reported there, and the values stay.
		if (parameter !== undefined && this.isExpired(path)) this.refresh().catch(() => undefined);
		return readValue(parameter, path, lookup);
	}

	/**
	 * Values in the order of the look-ups, `null` where there is no such parameter. When all are known, and none is older than `cacheTtlMs`, they are served
	 * at once. Otherwise, or with `shouldRefresh`, all of them are read by exact name, ten a request, all requests at once, within 10 s;
	 * the answer is what this one read found, and `get` serves it from then on. After a failure `get` serves what it did before, and so does this where the
	 * values had only become too old.
	 * @throws LookupInvalidError naming the segment; ParameterInvalidError for a StringList, the other values being kept all the
	 * same; ParameterStoreUnavailableError; ConnectorClosedError when `signal` aborts.
	 * @example
	 * const [host, port] = await parameters.getMany([{ path: ["host"] }, { path: ["port"] }], { shouldRefresh: true });
	 */
	async getMany(
		lookups: readonly IConfigGetProperties[],
		{ shouldRefresh = false, signal }: IParameterStoreGetManyOptions = {},
	): Promise<readonly (string | null)[]> {
		const requests = lookups.map((lookup) => ({ lookup, path: this.describePath(lookup) }));
		const paths = [...new Set(requests.map(({ path }) => path))];
		const isKnown = paths.every((path) => this.cache.get(path) !== undefined);
		// One source for all: a value read earlier beside one read now could be the old host with the new port.
		const isFresh = isKnown && !shouldRefresh && !paths.some((path) => this.isExpired(path));
		const source = isFresh ? this.cache : await this.readOrKeep(paths, signal, isKnown && !shouldRefresh);
		return requests.map(({ lookup, path }) => readValue(source.get(path), path, lookup));
	}

	/**
	 * The full name of the parameter that a look-up means.
	 * @throws LookupInvalidError naming the segment.
	 * @example
	 * parameters.describePath({ path: ["host"] }); // "/shop/production/postgres/main/host"
	 */
	describePath(lookup: IConfigGetProperties): string {
		return buildParameterPath(lookup, this.defaults);
	}

	/**
	 * Reads everything again that was read before: the whole tree, or what `getMany` has asked for. `get` serves it from then on, and `changes$` tells what
	 * is different. Concurrent calls share one read; after a failure everything stays as it was.
	 * @throws ParameterStoreUnavailableError.
	 * @example
	 * await parameters.refresh();
	 */
	async refresh(): Promise<void> {
		return this.refreshes.run(async () => {
			try {
				await this.readAgain();
				this.retryAtMs = undefined;
			} catch (error) {
				this.reportOutage(error);
				throw error;
			}
		});
	}

	/** @internal */
	onApplicationShutdown(): void {
		this.changes.complete();
	}

	/** While Systems Manager does not answer nobody waits to hear that again. */
	private isExpired(path: string): boolean {
		if (this.store === undefined || this.cache.measureAgeMs(path) < this.ttlMs) return false;
		return this.retryAtMs === undefined || this.clock.nowMs() >= this.retryAtMs;
	}

	private async readAgain(): Promise<void> {
		const { inside, outside } = this.cache.listNames();
		const { store, tree } = this;
		if (store?.getParametersByPath === undefined || tree === undefined) {
			await this.read([...inside, ...outside], undefined);
			return;
		}
		const readNumber = this.cache.startRead();
		const [found] = await Promise.all([
			store.getParametersByPath(tree.path, this.shouldDecrypt, tree.isRecursive, this.isVerbose),
			this.read(outside, undefined),
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

	/** @param isKept whether what is known will do where Systems Manager does not answer. */
	private async readOrKeep(
		paths: readonly string[],
		signal: AbortSignal | undefined,
		isKept: boolean,
	): Promise<Pick<ParameterSnapshot, "get">> {
		try {
			const source = await this.read(paths, signal);
			this.retryAtMs = undefined;
			return source;
		} catch (error) {
			if (!isKept || !(error instanceof ParameterStoreUnavailableError)) throw error;
			this.reportOutage(error);
			return this.cache;
		}
	}

	private async read(paths: readonly string[], signal: AbortSignal | undefined): Promise<ParameterSnapshot> {
		const readNumber = this.cache.startRead();
		const found = await this.fetch(paths, signal);
		const byName = new Map(found.map((parameter) => [parameter.Name, parameter]));
		const snapshot = new Map(paths.map((path) => [path, byName.get(path) ?? null]));
		this.remember(snapshot, readNumber);
		return snapshot;
	}

	private async fetch(paths: readonly string[], signal: AbortSignal | undefined): Promise<Parameter[]> {
		if (this.store === undefined || paths.length === 0) return paths.flatMap((path) => this.cache.get(path) ?? []);
		return this.store.getParametersByName(paths, { isVerbose: this.isVerbose, shouldDecrypt: this.shouldDecrypt, signal });
	}
}

function readValue(parameter: Parameter | null | undefined, path: string, lookup: IConfigGetProperties): string | null {
	const { Type: type, Value: value } = parameter ?? {};
	if (type !== undefined && !USABLE_TYPES.has(type)) {
		throw new ParameterInvalidError(lookup.path.join("/"), `is a ${type}, but must be a String or a SecureString`, { lookup, path });
	}
	return value ?? null;
}
