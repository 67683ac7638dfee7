/**
 * The text of a secret, read as JSON and written as such. Nothing of it gets into an error: V8 quotes it in its own
 * messages.
 */
import { OptionInvalidError, SecretMalformedError } from "../errors/errors.js";

const BYTE_ORDER_MARK = "\uFEFF";

/**
 * The JSON value in a text. A byte order mark before it does not count.
 * @param expectation What the text must be, for the error.
 * @throws SecretMalformedError without a cause.
 */
export function parseJson(text: string, secretId: string, expectation?: string): unknown {
	try {
		return JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
	} catch {
		throw new SecretMalformedError(secretId, "not-json", undefined, expectation);
	}
}

/**
 * The object or list that a text is JSON of, otherwise the text: of a number JSON would keep the value, not the digits.
 */
export function parseWhateverItIs(text: string): unknown {
	try {
		const value = parseJson(text, "");
		return typeof value === "object" && value !== null ? value : text;
	} catch {
		return text;
	}
}

/**
 * A text as it is, anything else as JSON.
 * @throws OptionInvalidError for what JSON cannot hold.
 */
export function renderSecret(value: unknown): string {
	const text = typeof value === "string" ? value : renderJson(value);
	if (text === undefined) throw new OptionInvalidError("value", "must be a text, or something that JSON can hold");
	return text;
}

function renderJson(value: unknown): string | undefined {
	// JSON would make an object of its numbers.
	if (ArrayBuffer.isView(value)) return undefined;
	try {
		return JSON.stringify(value);
	} catch {
		return undefined;
	}
}
