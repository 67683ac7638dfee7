/** Lookups, served from what was read at start, or read by exact name. */
import type { Parameter } from "@aws-sdk/client-ssm";
import { Inject, Injectable, type OnApplicationShutdown, Optional } from "@nestjs/common";
import type { Observable } from "rxjs";

import { ParameterInvalidError, ParameterNotLoadedError } from "../errors/errors.js";
import { type Clock, lastingClock } from "../support/clock.js";
import { CachedParameters, type ParameterFetcher } from "./cached-parameters.js";
import { describeParameter } from "./match-parameters.js";
import { buildParameterPath, buildTreePath, type SegmentDefaults } from "./parameter-path.js";
import type {
	IParameterChange,
	IParameterStoreConfigProperties,
	IParameterStoreGetManyOptions,
	IParameterValue,
	TParameterLookup,
} from "./parameter-store.options.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import { PARAMETER_STORE_CONFIG_PARAMETERS, PARAMETER_STORE_CONFIG_PROPERTIES } from "./parameter-store.tokens.js";
import { validateProperties } from "./validate-properties.js";

/** Systems Manager has a third type, StringList, which arrives as text joined by commas and would pass for a value. */
const USABLE_TYPES: ReadonlySet<string> = new Set(["SecureString", "String"]);

/**
 * Parameters by lookup: structured, or by full name.
 *
 * In a test it can be made by hand: `new ParameterStoreConfigService(properties, parameters)`. Without the third
 * argument `parameters` are all there is.
 * @example
 * const host = parameters.get({ namespace: ENamespace.AWS_RDS, instanceName: "aurora-postgres", path: ["host"] });
 */
@Injectable()
export class ParameterStoreConfigService implements OnApplicationShutdown {
	/** Full names are read here, too, and not by the connector itself. */
	readonly canReadFullNames = true;

	/**
	 * What a read found different from what was known before, one by one. Hot; completes when the application shuts down.
	 * A subscriber has to catch its own errors: rxjs rethrows them on a later tick, as uncaught exceptions.
	 */
	readonly changes$: Observable<IParameterChange>;

	private readonly defaults: SegmentDefaults;
	private readonly isOnDemand: boolean;
	/** Private to the language: it holds the values. */
	readonly #parameters: CachedParameters;
	private readonly shouldDecrypt: boolean;

	constructor(
		@Inject(PARAMETER_STORE_CONFIG_PROPERTIES) properties: IParameterStoreConfigProperties,
		@Inject(PARAMETER_STORE_CONFIG_PARAMETERS) parameters: readonly Parameter[],
		@Optional() @Inject(ParameterStoreService) store?: ParameterFetcher,
		clock: Clock = lastingClock,
	) {
		this.defaults = validateProperties(properties);
		this.isOnDemand = properties.shouldLoadOnDemand ?? false;
		this.shouldDecrypt = properties.shouldDecryptParameters ?? false;
		const tree = { isRecursive: properties.shouldUseRecursiveLoading ?? true, path: buildTreePath(this.defaults) };
		this.#parameters = new CachedParameters({
			clock,
			isVerbose: properties.isVerbose,
			parameters,
			shouldDecrypt: this.shouldDecrypt,
			store,
			tree: this.isOnDemand ? undefined : tree,
			ttlMs: properties.cacheTtlMs,
		});
		this.changes$ = this.#parameters.changes$;
	}

	/**
	 * The value last read, without waiting for Systems Manager. `null` where there is no such parameter, and where the
	 * lookup leaves the registered application and environment and `getMany` has not read it.
	 * @throws LookupInvalidError naming the segment; ParameterInvalidError for a StringList; ParameterNotLoadedError when
	 * loading on demand and `getMany` has not read it.
	 * @example
	 * parameters.get({ path: ["typeorm", "pool-size"] }); // "20"
	 * parameters.get("/shop/production/feature-flags");
	 */
	get(lookup: TParameterLookup): string | null {
		return readText(this.read(lookup), this.describePath(lookup), lookup);
	}

	/**
	 * Values in the order of the lookups, `null` where there is no such parameter. When all are known, and none is older
	 * than `cacheTtlMs`, they are served at once. Otherwise, or with `shouldRefresh`, all of them are read by exact name,
	 * ten a request, all requests at once, within 10 s; the answer is what this one read found, and `get` serves it from
	 * then on. After a failure `get` serves what it did before, and so does this where the values had only become too old.
	 * @throws LookupInvalidError naming the segment; ParameterInvalidError for a StringList, the other values being kept
	 * all the same; ParameterStoreUnavailableError; ConnectorClosedError when `signal` aborts.
	 * @example
	 * const [host, port] = await parameters.getMany([{ path: ["host"] }, "/prod/db/port"], { shouldRefresh: true });
	 */
	async getMany(lookups: readonly TParameterLookup[], options: IParameterStoreGetManyOptions = {}): Promise<readonly (string | null)[]> {
		const values = await this.readMany(lookups, options);
		return values.map((value, index) => {
			const lookup = lookups[index] as TParameterLookup;
			return readText(value, this.describePath(lookup), lookup);
		});
	}

	/**
	 * The same as {@link get}, with type and version of the parameter. A StringList is given as it is.
	 * @throws LookupInvalidError naming the segment; ParameterNotLoadedError when loading on demand and `getMany` has not
	 * read it.
	 * @example
	 * const { version } = parameters.read({ path: ["typeorm", "pool-size"] }) ?? {};
	 */
	read(lookup: TParameterLookup): IParameterValue | null {
		const path = this.describePath(lookup);
		const parameter = this.#parameters.find(path);
		if (parameter === undefined && this.isOnDemand) throw new ParameterNotLoadedError(path);
		return describeParameter(parameter, this.shouldDecrypt);
	}

	/**
	 * The same as {@link getMany}, with type and version of each parameter. A StringList is given as it is.
	 * @throws LookupInvalidError naming the segment; ParameterStoreUnavailableError; ConnectorClosedError when `signal`
	 * aborts.
	 * @example
	 * const [host] = await parameters.readMany(["/prod/db/host"]);
	 */
	async readMany(
		lookups: readonly TParameterLookup[],
		options: IParameterStoreGetManyOptions = {},
	): Promise<readonly (IParameterValue | null)[]> {
		const paths = lookups.map((lookup) => this.describePath(lookup));
		const source = await this.#parameters.read(paths, options);
		return paths.map((path) => describeParameter(source.get(path), this.shouldDecrypt));
	}

	/**
	 * The full name of the parameter that a lookup means.
	 * @throws LookupInvalidError naming the segment.
	 * @example
	 * parameters.describePath({ path: ["host"] }); // "/shop/production/postgres/main/host"
	 */
	describePath(lookup: TParameterLookup): string {
		return buildParameterPath(lookup, this.defaults);
	}

	/**
	 * Reads everything again that was read before: the whole tree, or what `getMany` has asked for. `get` serves it from
	 * then on, and `changes$` tells what is different. Concurrent calls share one read; after a failure everything stays
	 * as it was.
	 * @throws ParameterStoreUnavailableError.
	 * @example
	 * await parameters.refresh();
	 */
	async refresh(): Promise<void> {
		return this.#parameters.refresh();
	}

	/** Called by Nest: `changes$` completes. */
	onApplicationShutdown(): void {
		this.#parameters.close();
	}
}

function readText(value: IParameterValue | null, path: string, lookup: TParameterLookup): string | null {
	if (value?.type !== undefined && !USABLE_TYPES.has(value.type)) {
		const label = typeof lookup === "string" ? path : lookup.path.join("/");
		throw new ParameterInvalidError(label, `is a ${value.type}, but must be a String or a SecureString`, { lookup, path });
	}
	return value?.text ?? null;
}
