/**
 * What is given in code besides the fields, in a form that can be shown: an unknown text may be a secret, so only those
 * with a harmless name are.
 */
import { CONNECTOR_FIELDS } from "../configuration/connector-fields.js";
import { cleanText } from "../errors/clean-text.js";
import { hideLogin } from "../resolution/explain-fields.js";

/**
 * One option that is no field.
 * @example
 * { option: "rotation.drainTimeoutMs", value: 120_000 }
 */
export interface ExplainedOption {
	/** As its user writes it, such as `aws.region`. */
	readonly option: string;
	/**
	 * A number or a truth value as it is, a text where its name is known to hold no secret, a description of anything
	 * else.
	 */
	readonly value: boolean | number | string | null;
}

/** Names of options whose text may be shown. */
const OPEN_NAMES = new Set([
	"applicationName",
	"charset",
	"database",
	"databaseName",
	"endpoint",
	"host",
	"instanceName",
	"mode",
	"namespace",
	"region",
	"schema",
	"secretId",
	"servername",
	"source",
	"timezone",
	"type",
]);

/** Shown elsewhere: fields by their rows, lookups by the paths they make, the login by the rows of its two parts. */
const SHOWN_ELSEWHERE = new Set([
	...Object.values(CONNECTOR_FIELDS).map(({ option }) => option as string),
	"password",
	"ssmLookupDefaults",
	"ssmLookups",
	"username",
]);

/** A replica has fields and a login as a connector has. */
const REPLICA = /^replicas\[\d+\]\./;

/** How deep groups within groups are gone through. */
const MAXIMUM_DEPTH = 3;

/** Every option that is given and no field. */
export function describeGivenOptions(config: object, prefix = "", depth = 0): ExplainedOption[] {
	return Object.entries(config).flatMap(([name, value]: [string, unknown]) => {
		const option = `${prefix}${name}`;
		if (value === undefined || SHOWN_ELSEWHERE.has(option.replace(REPLICA, ""))) return [];
		if (depth < MAXIMUM_DEPTH && isGroup(value)) return describeGivenOptions(value, `${option}.`, depth + 1);
		if (depth < MAXIMUM_DEPTH && isListOfGroups(value)) {
			return value.flatMap((group, index) => describeGivenOptions(group, `${option}[${String(index)}].`, depth + 1));
		}
		return [{ option, value: describeValue(name, value) }];
	});
}

function isGroup(value: unknown): value is object {
	if (typeof value !== "object" || value === null) return false;
	const prototype: unknown = Object.getPrototypeOf(value);
	return prototype === Object.prototype || prototype === null;
}

function isListOfGroups(value: unknown): value is object[] {
	return Array.isArray(value) && value.length > 0 && value.every(isGroup);
}

function describeValue(name: string, value: unknown): ExplainedOption["value"] {
	if (typeof value === "boolean" || typeof value === "number" || value === null) return value;
	if (typeof value === "string") return OPEN_NAMES.has(name) ? cleanText(hideLogin(value)) : "[hidden]";
	if (Array.isArray(value)) return value.length === 1 ? "1 entry" : `${String(value.length)} entries`;
	if (typeof value === "function") return "a function or class";
	return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
