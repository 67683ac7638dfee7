/** Structured look-ups: served from what was read at start, or read by exact name. */
import type { Parameter } from "@aws-sdk/client-ssm";
import { Inject, Injectable, Optional } from "@nestjs/common";

import { ParameterInvalidError, ParameterNotLoadedError } from "../errors/errors.js";
import { ParameterCache, type ParameterSnapshot } from "./parameter-cache.js";
import { buildParameterPath, buildTreePath, type SegmentDefaults } from "./parameter-path.js";
import type { IConfigGetProperties, IParameterStoreConfigProperties, IParameterStoreGetManyOptions } from "./parameter-store.options.js";
import { ParameterStoreService } from "./parameter-store.service.js";
import { PARAMETER_STORE_CONFIG_PARAMETERS, PARAMETER_STORE_CONFIG_PROPERTIES } from "./parameter-store.tokens.js";
import { validateProperties } from "./validate-properties.js";

/** Systems Manager has a third type, StringList, which arrives as text joined by commas and would pass for a value. */
const USABLE_TYPES: ReadonlySet<string> = new Set(["SecureString", "String"]);

/**
 * Parameters by structured look-up.
 *
 * In a test it can be made by hand: `new ParameterStoreConfigService(properties, parameters)`. Without the third argument
 * `parameters` are all there is.
 * @example
 * const host = parameters.get({ namespace: ENamespace.AWS_RDS, instanceName: "aurora-postgres", path: ["host"] });
 */
@Injectable()
export class ParameterStoreConfigService {
	private readonly cache: ParameterCache;
	private readonly defaults: SegmentDefaults;
	private readonly isOnDemand: boolean;
	private readonly isVerbose: boolean;
	private readonly shouldDecrypt: boolean;

	constructor(
		@Inject(PARAMETER_STORE_CONFIG_PROPERTIES) properties: IParameterStoreConfigProperties,
		@Inject(PARAMETER_STORE_CONFIG_PARAMETERS) parameters: readonly Parameter[],
		@Optional() @Inject(ParameterStoreService) private readonly store?: Pick<ParameterStoreService, "getParametersByName">,
	) {
		this.defaults = validateProperties(properties);
		this.isOnDemand = properties.shouldLoadOnDemand ?? false;
		this.isVerbose = properties.isVerbose ?? false;
		this.shouldDecrypt = properties.shouldDecryptParameters ?? false;
		const tree = { isRecursive: properties.shouldUseRecursiveLoading ?? true, path: buildTreePath(this.defaults) };
		this.cache = new ParameterCache(parameters, this.isOnDemand ? undefined : tree);
	}

	/**
	 * The value last read, without asking Systems Manager. `null` where there is no such parameter, and where the look-up leaves
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
		return readValue(parameter, path, lookup);
	}

	/**
	 * Values in the order of the look-ups, `null` where there is no such parameter. When all are known they are served at once.
	 * Otherwise, or with `shouldRefresh`, all of them are read by exact name, ten a request, all requests at once, within 10 s;
	 * the answer is what this one read found, and `get` serves it from then on. After a failure `get` serves what it did before.
	 * @throws LookupInvalidError naming the segment; ParameterInvalidError for a StringList, the other values being kept all the
	 * same; ParameterStoreUnavailableError; RotatorClosedError when `signal` aborts.
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
		const source = isKnown && !shouldRefresh ? this.cache : await this.read(paths, signal);
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

	private async read(paths: readonly string[], signal: AbortSignal | undefined): Promise<ParameterSnapshot> {
		const readNumber = this.cache.startRead();
		const found = await this.fetch(paths, signal);
		const byName = new Map(found.map((parameter) => [parameter.Name, parameter]));
		const snapshot = new Map(paths.map((path) => [path, byName.get(path) ?? null]));
		this.cache.remember(snapshot, readNumber);
		return snapshot;
	}

	private async fetch(paths: readonly string[], signal: AbortSignal | undefined): Promise<Parameter[]> {
		if (this.store === undefined) return paths.flatMap((path) => this.cache.get(path) ?? []);
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
