/** From what SSM or a user gives to a value of the right kind. Strict: what JavaScript would bend into shape is refused. */
import type { FieldKind } from "../configuration/connector-fields.js";

/** A value of a field. */
export type FieldValue = boolean | number | string;

/** The value, or what is wrong with what was given, as the end of `"field" …`. */
export type Parsed = { readonly fault: string } | { readonly value: FieldValue };

/** What Secrets Manager allows in a name and in an ARN. RDS puts an exclamation mark into the names of its own. */
const SECRET_NAME = /^[\w/+=.@:!-]+$/;

/** Longest part of an unusable value that a message repeats. */
const MAXIMUM_QUOTE_LENGTH = 40;

/** Parses the text of a parameter. White space around it does not count. */
export function parseText(accepts: FieldKind, text: string): Parsed {
	const trimmed = text.trim();
	switch (accepts.kind) {
		case "boolean":
			return trimmed === "true" || trimmed === "false" ? { value: trimmed === "true" } : refuse(accepts, quote(trimmed));
		case "integer":
			// Digits only: Number() also reads "0x1F", "1e3" and "", parseInt() reads "5432abc".
			return /^[0-9]+$/.test(trimmed) && isInRange(accepts, Number(trimmed))
				? { value: Number(trimmed) }
				: refuse(accepts, quote(trimmed));
		case "enum": {
			const value = accepts.values.find((candidate) => candidate.toLowerCase() === trimmed.toLowerCase());
			return value === undefined ? refuse(accepts, quote(trimmed)) : { value };
		}
		default:
			return parseName(accepts, trimmed);
	}
}

/**
 * Checks a value given in code. `configService.get<number>()` returns the text of an environment variable whatever its type says, so numbers, booleans and
 * choices may also come as a text that would do as a parameter.
 */
export function parseRaw(accepts: FieldKind, raw: unknown): Parsed {
	if (typeof raw === "string")
		return ["host", "secret", "text"].includes(accepts.kind) ? parseName(accepts, raw) : parseText(accepts, raw);
	switch (accepts.kind) {
		case "boolean":
			return typeof raw === "boolean" ? { value: raw } : refuse(accepts, describe(raw));
		case "integer":
			return typeof raw === "number" && Number.isInteger(raw) && isInRange(accepts, raw)
				? { value: raw }
				: refuse(accepts, describe(raw));
		case "enum":
			return refuse(accepts, describe(raw));
		default:
			return { fault: "must be a string" };
	}
}

/** What a field accepts, in words. */
export function describeKind(accepts: FieldKind): string {
	switch (accepts.kind) {
		case "boolean":
			return "true or false";
		case "enum":
			return `one of ${accepts.values.map((value) => `"${value}"`).join(", ")}`;
		case "host":
			return "a host name";
		case "integer":
			return `an integer from ${String(accepts.minimum)} to ${String(accepts.maximum)}`;
		case "secret":
			return "the name or the ARN of a secret";
		default:
			return "a text";
	}
}

function isInRange({ maximum, minimum }: Extract<FieldKind, { kind: "integer" }>, value: number): boolean {
	return value >= minimum && value <= maximum;
}

/** Texts are never quoted: an address may hold a password, as in `postgres://user:password@host`. */
function parseName({ kind }: FieldKind, text: string): Parsed {
	if (text.trim() === "") return { fault: "must not be empty" };
	if (kind === "secret" && !SECRET_NAME.test(text)) return { fault: "must be the name or the ARN of a secret, not what is in it" };
	const fault = kind === "host" ? findHostFault(text) : undefined;
	return fault === undefined ? { value: text } : { fault };
}

function findHostFault(host: string): string | undefined {
	if (host.startsWith("/")) return "must be a host name, not the path of a unix socket";
	if (host.includes("://")) return "must be a host name, not a URL";
	if (/\s/.test(host)) return "must be a host name without white space";
	if (host.includes("/")) return "must be a host name without a slash";
	// One colon only: an IPv6 address has more.
	if (/^[^:]*:[^:]*$/.test(host)) return 'must be a host name without a port; the port belongs to "port"';
	return undefined;
}

function refuse(accepts: Exclude<FieldKind, { kind: "host" | "secret" | "text" }>, given: string): Parsed {
	return { fault: `must be ${describeKind(accepts)}, not ${given}` };
}

function describe(raw: unknown): string {
	if (typeof raw === "number" || typeof raw === "boolean" || raw === null) return String(raw);
	return `a value of type ${typeof raw}`;
}

function quote(text: string): string {
	return JSON.stringify(text.length > MAXIMUM_QUOTE_LENGTH ? `${text.slice(0, MAXIMUM_QUOTE_LENGTH)}…` : text);
}
