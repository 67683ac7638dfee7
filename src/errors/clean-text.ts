/** Text of other programs and people, made safe for a message, a log line, an event or a terminal. */

/** Longer than this, and a message is no message any more. */
const MAXIMUM_LENGTH = 500;

/** Control characters, those that change the direction of a text, separators of lines, and halves of characters. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Cs}]/gu;

/** The same without halves of characters, which no name can be told apart by. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

/**
 * The text in one line: what a terminal or a log would obey instead of showing it is written as `\u{1b}`, and what is
 * longer than the limit is cut off.
 * @param limit in characters. Default 500.
 */
export function cleanText(text: string, limit: number = MAXIMUM_LENGTH): string {
	const short = text.length > limit ? `${text.slice(0, limit)}…` : text;
	return short.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * Several lines, each of them as {@link cleanText} writes it, of any length: the last look at what goes to a terminal.
 */
export function cleanLines(text: string): string {
	return text
		.split("\n")
		.map((line) => cleanText(line, Infinity))
		.join("\n");
}

/** JSON of two columns in which nothing is left that a terminal would obey, with the values as they are. */
export function stringifyClean(value: unknown): string {
	const text = JSON.stringify(value, undefined, 2);
	// Outside of its texts JSON has no such character but the end of a line.
	return text
		.split("\n")
		.map((line) => line.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`))
		.join("\n");
}

/** The text of another program as a clause: in one line, without full stops and blanks at its end. */
export function toClause(text: string): string {
	let end = Math.min(text.length, MAXIMUM_LENGTH);
	// An expression for this takes seconds for a text of blanks.
	while (end > 0 && /[.\s]/.test(text.charAt(end - 1))) end -= 1;
	return cleanText(text.length > MAXIMUM_LENGTH && end > 0 ? `${text.slice(0, end)}…` : text.slice(0, end));
}

/** Whether a name holds a control character, or one that changes the direction in which it is read. */
export function hasControlCharacters(text: string): boolean {
	return CONTROL.test(text);
}

/**
 * The fault of a name that goes to a server, as the end of a sentence; `undefined` where it has none. Drivers end names
 * with a zero byte: what a name holds behind one of its own, the server reads as further fields of the login.
 */
export function findControlFault(text: string): string | undefined {
	return hasControlCharacters(text) ? "must not hold control characters, or such that change the direction of a text" : undefined;
}
