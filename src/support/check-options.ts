/** The parts that every check of options is made of. */
import type { TypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { OptionInvalidError } from "../errors/errors.js";
import { findNearestName } from "./nearest-name.js";

/** Says what is wrong with a value, as the end of `Option "name" …`; `undefined` when nothing is. */
export type Check = (value: unknown) => string | undefined;

/** One check for each option of a group. */
export type Checks<Options> = Readonly<Record<keyof Required<Options>, Check>>;

/** By name: what to do with an option that belongs elsewhere, as the end of `Option "name" …`. */
export type Misplaced = Readonly<Record<string, string>>;

/** Up to this many known names are listed for a name that is near to none of them. */
const MAXIMUM_LISTED_NAMES = 12;

/** Whether it has properties, as an array has. */
export function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}

/** Whether it is a group of options. */
export function isGroup(value: unknown): value is Record<string, unknown> {
	return isObject(value) && !Array.isArray(value);
}

/** Refuses what is no group of options. */
export function checkGroup(value: unknown): string | undefined {
	return isGroup(value) ? undefined : "must be an object";
}

/** Every option that is unknown, and every one whose check has something to say. */
export function checkOptions(
	prefix: string,
	options: object,
	checks: Readonly<Record<string, Check>>,
	misplaced: Misplaced = {},
): TypeOrmAwsConnectorError[] {
	const problems = findUnknown(prefix, options, Object.keys(checks), misplaced);
	for (const [name, value] of Object.entries(options)) {
		if (value === undefined || !Object.hasOwn(checks, name)) continue;
		const fault = checks[name]?.(value);
		if (fault !== undefined) problems.push(new OptionInvalidError(`${prefix}${name}`, fault));
	}
	return problems;
}

/** Every option that is not among the known ones. */
export function findUnknown(
	prefix: string,
	options: object,
	known: readonly string[],
	misplaced: Misplaced = {},
): TypeOrmAwsConnectorError[] {
	return Object.keys(options)
		.filter((name) => !known.includes(name))
		.map((name) => new OptionInvalidError(`${prefix}${name}`, describeUnknown(prefix, name, known, misplaced)));
}

function describeUnknown(prefix: string, name: string, known: readonly string[], misplaced: Misplaced): string {
	const hint = Object.hasOwn(misplaced, name) ? misplaced[name] : undefined;
	if (hint !== undefined) return hint;
	const nearest = findNearestName(name, known);
	if (nearest !== undefined) return `is unknown; the nearest known one is "${prefix}${nearest}"`;
	if (known.length > MAXIMUM_LISTED_NAMES) return "is unknown";
	return `is unknown; the known ones are ${known.map((each) => `"${prefix}${each}"`).join(", ")}`;
}
