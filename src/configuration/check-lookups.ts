/** Refuses look-ups that cannot be turned into the name of a parameter. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { LookupInvalidError, OptionInvalidError } from "../errors/errors.js";
import { LEADING_SEGMENTS, parseSegment } from "../parameter-store/parameter-path.js";
import { findUnknown, isGroup } from "../support/check-options.js";
import { CONNECTOR_FIELDS, type FieldName } from "./connector-fields.js";

/**
 * Every fault in a group of look-ups.
 * @param owner what stands before `ssmLookups`, with its dot: nothing, or a replica.
 */
export function checkLookups(
	owner: string,
	lookups: Readonly<Record<string, unknown>>,
	names: readonly FieldName[],
): TypeOrmAwsConnectorError[] {
	const problems = findUnknown(`${owner}ssmLookups.`, lookups, names);
	for (const [name, lookup] of Object.entries(lookups)) {
		if (lookup === undefined || !(names as readonly string[]).includes(name)) continue;
		const option = `${owner}ssmLookups.${name}`;
		if (!isGroup(lookup)) {
			problems.push(new OptionInvalidError(option, 'must be an object with a "path"'));
			continue;
		}
		const label = `${owner}${CONNECTOR_FIELDS[name as FieldName].label}`;
		problems.push(...checkPath(label, lookup), ...checkSegments(label, `${option}.`, lookup, ["path"]));
	}
	return problems;
}

/** Every fault in the segments that stand before the path. */
export function checkSegments(
	label: string,
	prefix: string,
	lookup: Record<string, unknown>,
	others: readonly string[],
): TypeOrmAwsConnectorError[] {
	const given = LEADING_SEGMENTS.filter((name) => lookup[name] !== undefined);
	return [
		...findUnknown(prefix, lookup, [...LEADING_SEGMENTS, ...others]),
		...given.flatMap((name) => checkSegment(label, name, lookup[name], lookup)),
	];
}

function checkPath(label: string, lookup: Record<string, unknown>): TypeOrmAwsConnectorError[] {
	const { path } = lookup;
	if (!Array.isArray(path) || path.length === 0) {
		return [new LookupInvalidError(label, '"path" must be a list of at least one segment', lookup)];
	}
	return Array.from(path, (segment, index) => checkSegment(label, `path[${String(index)}]`, segment, lookup)).flat();
}

function checkSegment(label: string, name: string, segment: unknown, lookup: object): TypeOrmAwsConnectorError[] {
	try {
		parseSegment(segment, (reason) => new LookupInvalidError(label, `segment "${name}" ${reason}`, lookup));
		return [];
	} catch (problem) {
		return [problem as LookupInvalidError];
	}
}
