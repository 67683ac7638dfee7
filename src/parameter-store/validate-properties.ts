/** Strict reading of a registration's properties. */
import { OptionInvalidError } from "../errors/errors.js";
import { findUnknown } from "../support/check-options.js";
import { parseSegment, type SegmentDefaults } from "./parameter-path.js";
import type { IParameterStoreConfigProperties } from "./parameter-store.options.js";

const KNOWN = Object.keys({
	application: 1,
	cacheTtlMs: 1,
	client: 1,
	config: 1,
	environment: 1,
	instanceName: 1,
	isVerbose: 1,
	namespace: 1,
	shouldDecryptParameters: 1,
	shouldLoadOnDemand: 1,
	shouldUseRecursiveLoading: 1,
} satisfies Record<keyof IParameterStoreConfigProperties, 1>);

const MISPLACED = Object.fromEntries(
	["extraProviders", "imports", "inject", "isGlobal"].map((name) => [
		name,
		"belongs beside the factory or class that makes the properties, not in the properties",
	]),
);

const FLAGS = ["isVerbose", "shouldDecryptParameters", "shouldLoadOnDemand", "shouldUseRecursiveLoading"] as const;

/**
 * The four segments, trimmed.
 * @throws OptionInvalidError naming the first option that cannot be used.
 */
export function validateProperties(properties: IParameterStoreConfigProperties | undefined): SegmentDefaults {
	const given: Partial<IParameterStoreConfigProperties> = properties ?? {};
	const [unknown] = findUnknown("", given, KNOWN, MISPLACED);
	if (unknown !== undefined) throw unknown;
	const parse = (label: keyof SegmentDefaults): string => parseSegment(given[label], (reason) => new OptionInvalidError(label, reason));
	const defaults = {
		application: parse("application"),
		environment: parse("environment"),
		namespace: parse("namespace"),
		instanceName: parse("instanceName"),
	};
	for (const flag of FLAGS) {
		// The text "false" of an environment variable would be true.
		if (!["boolean", "undefined"].includes(typeof given[flag])) throw new OptionInvalidError(flag, "must be true or false");
	}
	const { cacheTtlMs } = given;
	if (cacheTtlMs !== undefined && !(Number.isFinite(cacheTtlMs) && cacheTtlMs >= 1)) {
		throw new OptionInvalidError("cacheTtlMs", "must be a number of milliseconds, 1 or more");
	}
	validateClient(given);
	return defaults;
}

function validateClient({ client, config }: Partial<IParameterStoreConfigProperties>): void {
	if (client === undefined) return;
	if (typeof (client as { send?: unknown } | null)?.send !== "function") throw new OptionInvalidError("client", "must be an SSMClient");
	if (config !== undefined) throw new OptionInvalidError("client", 'cannot be combined with "config", which it would not heed');
}
