/** Text of others is shown, and neither a terminal nor a log obeys it. */
import { cleanLines, cleanText, hasControlCharacters, stringifyClean, toClause } from "../../../src/errors/clean-text.js";
import { ConfigurationError, OptionInvalidError, ParameterStoreUnavailableError } from "../../../src/errors/errors.js";

const HOSTILE = [
	["\u001b]0;pwned\u0007", "\\u{1b}]0;pwned\\u{7}"],
	["\u001b[2J", "\\u{1b}[2J"],
	["\u009b2J", "\\u{9b}2J"],
	["a\r\n[Nest] LOG forged", "a\\u{d}\\u{a}[Nest] LOG forged"],
	["a\u0000b\u007f", "a\\u{0}b\\u{7f}"],
	["\u202egpj.exe\u202c", "\\u{202e}gpj.exe\\u{202c}"],
	["\u2066x\u2069\u200e\u200f\u061c", "\\u{2066}x\\u{2069}\\u{200e}\\u{200f}\\u{61c}"],
	["a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"],
	["\ud83d", "\\u{d83d}"],
] as const;

describe("cleanText", () => {
	it.each(HOSTILE)("writes %j out", (text, clean) => {
		expect(cleanText(text)).toBe(clean);
	});

	it.each(["größe 名 😀", "no pg_hba.conf entry", "\\u{1b}", ""])("leaves %j as it is", (text) => {
		expect(cleanText(text)).toBe(text);
	});

	it("cuts a long text off", () => {
		expect(cleanText("x".repeat(501))).toBe(`${"x".repeat(500)}…`);
		expect(cleanText("x".repeat(500))).toBe("x".repeat(500));
		expect(cleanText("x".repeat(501), Infinity)).toHaveLength(501);
		expect(cleanText("x".repeat(11), 10)).toBe(`${"x".repeat(10)}…`);
	});
});

describe("toClause", () => {
	it.each([
		["Rate exceeded.", "Rate exceeded"],
		["Rate exceeded. \r\n..\t", "Rate exceeded"],
		["...", ""],
		["", ""],
		["1.5 of 2", "1.5 of 2"],
		["a\nb.", "a\\u{a}b"],
	])("makes of %j %j", (text, clause) => {
		expect(toClause(text)).toBe(clause);
	});

	it("cuts a long text off, whatever it ends with", () => {
		expect(toClause(`${"x".repeat(600)}.`)).toBe(`${"x".repeat(500)}…`);
		expect(toClause(`x${" ".repeat(600)}x`)).toBe("x…");
		expect(toClause(" ".repeat(600))).toBe("");
	});
});

describe("cleanLines", () => {
	it("leaves lines apart, and nothing else that a terminal would obey", () => {
		expect(cleanLines(`one\u001b[2J\n${"x".repeat(1_000)}\u009b\n\u202ethree\r\n`)).toBe(
			`one\\u{1b}[2J\n${"x".repeat(1_000)}\\u{9b}\n\\u{202e}three\\u{d}\n`,
		);
	});
});

describe("stringifyClean", () => {
	it("writes out what JSON leaves as it is, and the values come back", () => {
		const value = { list: ["\u001b[2J", "a\u009bb", "\u202e", "\u2028", "\u007f", "größe 名 😀", "\ud800"], text: "a\nb" };

		const text = stringifyClean(value);

		expect(JSON.parse(text)).toEqual(value);
		expect(text.split("\n").filter(hasControlCharacters)).toEqual([]);
	});
});

describe("hasControlCharacters", () => {
	it.each(HOSTILE.slice(0, -1))("says so of %j", (text) => {
		expect(hasControlCharacters(text)).toBe(true);
	});

	it.each(["größe 名 😀", "a b", ""])("says no of %j", (text) => {
		expect(hasControlCharacters(text)).toBe(false);
	});
});

describe("An error", () => {
	it.each(HOSTILE)("has one line, with %j in it written out", (text, clean) => {
		expect(new ParameterStoreUnavailableError(text, text, true).message).toBe(
			`Parameter Store could not be read (${clean}): ${clean}.`,
		);
	});

	it("of several problems has a line for each, and no more", () => {
		const problems = [new OptionInvalidError("a", "is\nforged"), new OptionInvalidError("b", "is \u001b[2J")];

		expect(new ConfigurationError(problems).message).toBe(
			'The database configuration has 2 problems:\n  - Option "a" is\\u{a}forged.\n  - Option "b" is \\u{1b}[2J.',
		);
	});
});
