/**
 * From what SSM or a user gives to a value of the right kind. Strict: what JavaScript would bend into shape is refused.
 */
import { parseArnOf } from "../aws/parse-arn.js";
import { isIP } from "node:net";

import type { FieldKind } from "../configuration/connector-fields.js";
import { cleanText, findControlFault } from "../errors/clean-text.js";

/** A value of a field. */
export type FieldValue = boolean | number | string;

/** The value, or what is wrong with what was given, as the end of `"field" …`. */
export type Parsed = { readonly fault: string } | { readonly value: FieldValue };

/** What Secrets Manager allows in a name and in an ARN. RDS puts an exclamation mark into the names of its own. */
const SECRET_NAME = /^[\w/+=.@:!-]+$/;

/**
 * The longest choice, "cockroachdb". What is longer is no slip of the pen, and may be a password at the wrong place: it
 * is never repeated.
 */
const MAXIMUM_QUOTE_LENGTH = 11;
/** A number out of range is repeated whatever it is. */
const NUMBER = /^[+-]?\d{1,20}$/;

/** Letters, digits, dots, hyphens and underscores. */
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_-])?\.?$/i;
/** A last label of digits makes an IPv4 address of a name for some resolvers: `127.1`, `0x7f000001`. */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/i;

/**
 * Parses the text of a parameter. White space around it does not count.
 * @param isSecure whether the text is that of a SecureString, of which a fault repeats nothing.
 */
export function parseText(accepts: FieldKind, text: string, isSecure = false): Parsed {
	const trimmed = text.trim();
	const quote = (given: string): string => (isSecure ? "what is in the SecureString" : quoteShort(given));
	switch (accepts.kind) {
		case "boolean":
			return trimmed === "true" || trimmed === "false" ? { value: trimmed === "true" } : refuse(accepts, quote(trimmed));
		case "integer":
			// Digits only: Number() also reads "0x1F", "1e3" and "", parseInt() reads "5432abc".
			return /^[0-9]+$/.test(trimmed) && isInRange(accepts, Number(trimmed))
				? { value: Number(trimmed) }
				: refuse(accepts, quote(trimmed));
		case "enum": {
			const name = (accepts.normalize?.(trimmed) ?? trimmed).toLowerCase();
			const value = accepts.values.find((candidate) => candidate.toLowerCase() === name);
			return value === undefined ? refuse(accepts, quote(trimmed)) : { value };
		}
		default:
			return parseName(accepts, trimmed);
	}
}

/**
 * Checks a value given in code. `configService.get<number>()` returns the text of an environment variable whatever its
 * type says, so numbers, booleans and choices may also come as a text that would do as a parameter.
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
	if (kind === "secret" && isEcsReference(text)) return { fault: ECS_FAULT };
	const fault = kind === "host" ? findHostFault(text) : findTextFault(text);
	return fault === undefined ? { value: text } : { fault };
}

const ECS_FAULT = "has the JSON key, the stage or the version of a task definition of ECS at its end; give the ARN alone";

/** ECS writes `arn:…:secret:name-AbCdEf:json-key:version-stage:version-id`, which Secrets Manager does not know. */
function isEcsReference(text: string): boolean {
	const { resource = "" } = parseArnOf("secretsmanager", text.trim()) ?? {};
	return resource.startsWith("secret:") && resource.split(":").length > 2;
}

function findHostFault(host: string): string | undefined {
	if (host.startsWith("/")) return "must be a host name, not the path of a unix socket";
	if (isDocument(host)) return "must be a host name, not a JSON document";
	if (host.includes("://")) return "must be a host name, not a URL";
	if (/\s/.test(host)) return "must be a host name without white space";
	if (host.includes("/")) return "must be a host name without a slash";
	if (isIP(host) !== 0) return undefined;
	if (host.startsWith("[")) return "must be a host name, or an IPv6 address without brackets";
	// One colon only: an IPv6 address has more.
	const colon = host.indexOf(":");
	if (colon !== -1 && host.indexOf(":", colon + 1) === -1) return 'must be a host name without a port; the port belongs to "port"';
	if (host.includes(",")) return "must be one host name, not a list";
	const labels = host.replace(/\.$/, "").split(".");
	const isName = HOST_NAME.test(host) && !labels.includes("") && !NUMERIC_LABEL.test(labels.at(-1) ?? "");
	return isName ? undefined : "must be a host name (letters, digits, and . - _) or an IP address";
}

/** A name of a database may hold nearly anything. */
function findTextFault(text: string): string | undefined {
	return findControlFault(text) ?? (isDocument(text) ? "must be a name, not a JSON document" : undefined);
}

/** Whether a text begins as JSON of an object or a list does, or of a text in quotes. */
function isDocument(text: string): boolean {
	return /^\s*(?:\{|\[\s*["[{]|")/.test(text);
}

function refuse(accepts: Exclude<FieldKind, { kind: "host" | "secret" | "text" }>, given: string): Parsed {
	return { fault: `must be ${describeKind(accepts)}, not ${given}` };
}

function describe(raw: unknown): string {
	if (typeof raw === "number" || typeof raw === "boolean" || raw === null) return String(raw);
	return `a value of type ${typeof raw}`;
}

function quoteShort(text: string): string {
	if (text.length <= MAXIMUM_QUOTE_LENGTH || NUMBER.test(text)) return `"${cleanText(text).replaceAll('"', '\\"')}"`;
	return `a text of ${String(text.length)} characters`;
}
