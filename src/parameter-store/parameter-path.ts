/** Lookups, structured or by full name, and the full names they stand for. */
import { findParameterNameFault, isFullName } from "../aws/parameter-name.js";
import { LookupInvalidError } from "../errors/errors.js";
import type { IConfigGetProperties, TParameterLookup } from "./parameter-store.options.js";

/** The segments before a lookup's own path, in their order. */
export const LEADING_SEGMENTS = ["application", "environment", "namespace", "instanceName"] as const;

/** The registered segments, trimmed. */
export type SegmentDefaults = Readonly<Record<(typeof LEADING_SEGMENTS)[number], string>>;

/**
 * The full name of the parameter that a lookup means.
 * @throws LookupInvalidError naming the segment, or what is wrong with a full name.
 */
export function buildParameterPath(lookup: TParameterLookup, defaults: SegmentDefaults): string {
	return isFullName(lookup) ? requireFullName(lookup) : joinSegments(lookup, defaults);
}

/**
 * A full name, trimmed.
 * @throws LookupInvalidError saying what is wrong with it.
 */
export function requireFullName(name: string): string {
	const fault = findParameterNameFault(name);
	if (fault !== undefined) throw new LookupInvalidError("parameter", fault, name);
	return name.trim();
}

function joinSegments(lookup: IConfigGetProperties, defaults: SegmentDefaults): string {
	if (!Array.isArray(lookup.path) || lookup.path.length === 0) {
		throw new LookupInvalidError("parameter", '"path" must be a list of at least one segment', lookup);
	}
	const parse = (segment: unknown, label: string): string =>
		parseSegment(segment, (reason) => new LookupInvalidError("parameter", `segment "${label}" ${reason}`, lookup));
	const leading = LEADING_SEGMENTS.map((label) => parse(lookup[label] ?? defaults[label], label));
	const own = Array.from(lookup.path, (segment, index) => parse(segment, `path[${String(index)}]`));
	return `/${[...leading, ...own].join("/")}`;
}

/** What everything of one application in one environment begins with. */
export function buildTreePath({ application, environment }: SegmentDefaults): string {
	return `/${application}/${environment}`;
}

/** The trimmed segment. `refuse` makes the error, since only the caller knows where the segment stands. */
export function parseSegment(segment: unknown, refuse: (reason: string) => Error): string {
	if (segment === undefined || segment === null) throw refuse("is missing");
	if (typeof segment !== "string") throw refuse("must be text");
	const trimmed = segment.trim();
	if (trimmed === "") throw refuse("must not be empty");
	if (trimmed.includes("/")) throw refuse('must not contain "/"');
	return trimmed;
}
