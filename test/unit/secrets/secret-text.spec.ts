/** JSON in, JSON out, and nothing of the text in an error. */
import { inspect } from "node:util";

import { OptionInvalidError, SecretMalformedError } from "../../../src/errors/errors.js";
import { parseJson, parseWhateverItIs, renderSecret } from "../../../src/secrets/secret-text.js";
import { failureOf } from "../../support/failure-of.js";

describe("parseJson", () => {
	it.each<[string, unknown]>([
		['{"a":1}', { a: 1 }],
		["[1]", [1]],
		["7", 7],
		['\uFEFF{"a":1}', { a: 1 }],
	])("reads %j", (text, value) => {
		expect(parseJson(text, "app/key")).toEqual(value);
	});

	it("says what the text must be, and nothing of what it is", async () => {
		const error = await failureOf((async () => Promise.resolve(parseJson("hunter2", "app/key", "It must be a list.")))());

		expect(error).toBeInstanceOf(SecretMalformedError);
		expect(error).toMatchObject({ message: 'Secret "app/key" is not valid JSON. It must be a list.', reason: "not-json" });
		expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
		expect(error).not.toHaveProperty("cause");
	});
});

describe("parseWhateverItIs", () => {
	it.each<[string, unknown]>([
		['{"a":1}', { a: 1 }],
		["[1]", [1]],
		["0123", "0123"],
		["123", "123"],
		["true", "true"],
		["null", "null"],
		['"quoted"', '"quoted"'],
		["sk_live_1", "sk_live_1"],
		['{"a":', '{"a":'],
		["", ""],
	])("reads %j as %j", (text, value) => {
		expect(parseWhateverItIs(text)).toEqual(value);
	});
});

describe("renderSecret", () => {
	it.each<[unknown, string]>([
		["sk_live_1", "sk_live_1"],
		["", ""],
		[{ a: 1 }, '{"a":1}'],
		[[1], "[1]"],
		[7, "7"],
		[null, "null"],
	])("writes %j as %j", (value, text) => {
		expect(renderSecret(value)).toBe(text);
	});

	const circle: { self?: unknown } = {};
	circle.self = circle;

	it.each([[undefined], [() => "hunter2"], [Symbol("hunter2")], [7n], [Buffer.from("hunter2")], [circle]])("refuses %p", (value) => {
		expect(() => renderSecret(value)).toThrow(OptionInvalidError);
		expect(() => renderSecret(value)).not.toThrow("hunter2");
	});
});
