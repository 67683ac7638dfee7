/** Refuses lookups that cannot be turned into the name of a parameter, and replicas without a host. */
import { findParameterNameFault, isFullName } from "../aws/parameter-name.js";
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { LookupInvalidError, OptionInvalidError } from "../errors/errors.js";
import { LEADING_SEGMENTS, parseSegment } from "../parameter-store/parameter-path.js";
import { checkGroup, checkOptions, type Checks, findUnknown, isGroup } from "../support/check-options.js";
import { CONNECTOR_FIELDS, type FieldName } from "./connector-fields.js";
import type { ITypeOrmAwsConnectorSsmLookups } from "./connector.options.js";
import { findConnectionSecret, LOGIN_LOOKUPS } from "./credentials-source.js";
import type { ITypeOrmAwsConnectorReplica, ITypeOrmAwsConnectorReplicaSsmLookups } from "./replica.options.js";

/** Name of a lookup: a field, the whole connection, or a part of the login. */
export type LookupName = keyof ITypeOrmAwsConnectorSsmLookups;

/** All lookups of a connector. */
export const LOOKUP_NAMES: readonly LookupName[] = [...(Object.keys(CONNECTOR_FIELDS) as FieldName[]), "connection", ...LOGIN_LOOKUPS];

/**
 * Every fault in a group of lookups.
 * @param prefix what stands before `ssmLookups`, with its dot: nothing, or a replica.
 */
export function checkLookups(
	prefix: string,
	lookups: Readonly<Record<string, unknown>>,
	names: readonly LookupName[],
): TypeOrmAwsConnectorError[] {
	const problems = findUnknown(`${prefix}ssmLookups.`, lookups, names);
	for (const [name, lookup] of Object.entries(lookups)) {
		if (lookup === undefined || !(names as readonly string[]).includes(name)) continue;
		problems.push(...checkLookup(prefix, name as LookupName, lookup));
	}
	return problems;
}

/** The name of a field, or of another lookup, in messages. */
export function describeLookup(name: LookupName): string {
	return Object.hasOwn(CONNECTOR_FIELDS, name) ? CONNECTOR_FIELDS[name as FieldName].label : name;
}

function checkLookup(prefix: string, name: LookupName, lookup: unknown): TypeOrmAwsConnectorError[] {
	const option = `${prefix}ssmLookups.${name}`;
	const label = `${prefix}${describeLookup(name)}`;
	if (isFullName(lookup)) {
		const isSecret = name === "connection" && prefix === "" && findConnectionSecret(lookup) !== undefined;
		const fault = isSecret ? undefined : findParameterNameFault(lookup);
		return fault === undefined ? [] : [new LookupInvalidError(label, fault, lookup)];
	}
	if (!isGroup(lookup)) return [new OptionInvalidError(option, 'must be the full name of a parameter, or an object with a "path"')];
	return [...checkPath(label, lookup), ...checkSegments(label, `${option}.`, lookup, ["path"])];
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

/** Its values are checked when they are resolved, together with what SSM lacks. */
const REPLICA: Checks<ITypeOrmAwsConnectorReplica> = {
	host: () => undefined,
	password: () => undefined,
	port: () => undefined,
	secretId: () => undefined,
	ssmLookups: checkGroup,
	username: () => undefined,
};

const REPLICA_LOOKUPS: readonly (keyof ITypeOrmAwsConnectorReplicaSsmLookups)[] = [
	"connection",
	"host",
	"password",
	"port",
	"secretId",
	"username",
];

/** Every fault in `replicas`. */
export function checkReplicas(replicas: readonly unknown[]): TypeOrmAwsConnectorError[] {
	return Array.from(replicas, checkReplica).flat();
}

function checkReplica(replica: unknown, index: number): TypeOrmAwsConnectorError[] {
	const option = `replicas[${String(index)}]`;
	if (!isGroup(replica)) return [new OptionInvalidError(option, "must be an object")];
	const { host, ssmLookups } = replica;
	const lookups = isGroup(ssmLookups) ? ssmLookups : {};
	const isPlaced = [host, lookups["connection"], lookups["host"]].some((place) => place !== undefined);
	return [
		...(isPlaced ? [] : [new OptionInvalidError(`${option}.host`, `is not given, and neither is "${option}.ssmLookups.host"`)]),
		...checkOptions(`${option}.`, replica, REPLICA),
		...checkLookups(`${option}.`, lookups, REPLICA_LOOKUPS),
	];
}
