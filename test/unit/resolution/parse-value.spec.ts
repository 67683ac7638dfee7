/** What JavaScript would bend into shape is refused. */
import { inspect } from "node:util";
import type { FieldKind } from "../../../src/configuration/connector-fields.js";
import { parseRaw, parseText } from "../../../src/resolution/parse-value.js";

const BOOLEAN: FieldKind = { kind: "boolean" };
const HOST: FieldKind = { kind: "host" };
const PORT: FieldKind = { kind: "integer", maximum: 65_535, minimum: 1 };
const STRATEGY: FieldKind = { kind: "enum", values: ["join", "query"] };
const TEXT: FieldKind = { kind: "text" };

const NOT_A_HOST = [
	["", "must not be empty"],
	[" \t", "must not be empty"],
	["db example", "must be a host name without white space"],
	["db\nexample", "must be a host name without white space"],
	["/var/run/postgresql", "must be a host name, not the path of a unix socket"],
	["postgres://db.example.com", "must be a host name, not a URL"],
	["db.example.com/orders", "must be a host name without a slash"],
	["db.example.com:5432", 'must be a host name without a port; the port belongs to "port"'],
	['{"host":"db.example.com","password":"hunter2"}', "must be a host name, not a JSON document"],
	['{ "host": "db.example.com" }', "must be a host name, not a JSON document"],
	['["db.example.com"]', "must be a host name, not a JSON document"],
	['"db.example.com"', "must be a host name, not a JSON document"],
	["[::1]", "must be a host name, or an IPv6 address without brackets"],
	["host1,host2", "must be one host name, not a list"],
	...[
		"db\u0000.example.com",
		"127.0.0.1\u0000.x.rds.amazonaws.com",
		"db\u001b]0;pwned\u0007.local",
		"db\u202e.example.com",
		"db\u200b.example.com",
		"größe.example.com",
		"db。example.com",
		"app@db.example.com",
		"db.example.com?x",
		"db.example.com#x",
		"db%2eexample.com",
		"db*",
		"-db.example.com",
		"db..example.com",
		".db.example.com",
		".",
		"127.1",
		"0x7f.0.0.1",
		"0x7f000001",
		"2130706433",
		"256.256.256.256",
		"1:2:3",
		"a".repeat(254),
	].map((host): [string, string] => [host, "must be a host name (letters, digits, and . - _) or an IP address"]),
] as const;

describe("parseText", () => {
	it.each([
		[BOOLEAN, "true", true],
		[BOOLEAN, " false\n", false],
		[PORT, "5432", 5432],
		[PORT, "\t1 ", 1],
		[PORT, "65535", 65_535],
		[PORT, "05432", 5432],
		[STRATEGY, " Join ", "join"],
		[STRATEGY, "QUERY", "query"],
		[TEXT, " orders ", "orders"],
		[TEXT, "größe 名", "größe 名"],
		[HOST, " db.example.com\n", "db.example.com"],
		[HOST, "db_1.Example-2.com.", "db_1.Example-2.com."],
		[HOST, "_db", "_db"],
		[HOST, "localhost", "localhost"],
		[HOST, "10.0.0.1", "10.0.0.1"],
		[HOST, "fe80::1%eth0", "fe80::1%eth0"],
		[HOST, "3com.example", "3com.example"],
		[HOST, "::1", "::1"],
		[HOST, "2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329"],
	] as const)("reads %j from %j", (accepts, text, value) => {
		expect(parseText(accepts, text)).toEqual({ value });
	});

	it.each(["TRUE", "yes", "1", "", "truefalse"])("does not take %j for a boolean", (text) => {
		expect(parseText(BOOLEAN, text)).toEqual({ fault: `must be true or false, not "${text}"` });
	});

	it.each([
		"0x1F90",
		"1e3",
		"5432abc",
		"",
		" ",
		"-5",
		"+5",
		"5.0",
		"5_432",
		"٥",
		"0",
		"65536",
		"99999999999999999999",
		"Infinity",
		"NaN",
	])("does not take %j for a port", (text) => {
		expect(parseText(PORT, text)).toEqual({ fault: `must be an integer from 1 to 65535, not ${JSON.stringify(text.trim())}` });
	});

	it.each(["joined", "", "join,query"])("does not take %j for a strategy", (text) => {
		expect(parseText(STRATEGY, text)).toEqual({ fault: `must be one of "join", "query", not "${text}"` });
	});

	it.each(["", " ", "\n"])("does not take %j for a text", (text) => {
		expect(parseText(TEXT, text)).toEqual({ fault: "must not be empty" });
	});

	it.each(NOT_A_HOST)("does not take %j for a host", (text, fault) => {
		expect(parseText(HOST, text)).toEqual({ fault });
	});

	it.each([
		"app/database",
		"rds!db-1f2e-3d4c",
		"a+b=c.d@e_f",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/database-AbC123",
	])("takes %j for the name of a secret", (text) => {
		expect(parseText({ kind: "secret" }, ` ${text}\n`)).toEqual({ value: text });
		expect(parseRaw({ kind: "secret" }, text)).toEqual({ value: text });
	});

	it.each(["password::", ":AWSPENDING:", "password:AWSCURRENT:1f2e"])(
		"does not take an ARN with %s at its end for a secret",
		(ending) => {
			const text = `arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/database-AbC123:${ending}`;
			const fault = "has the JSON key, the stage or the version of a task definition of ECS at its end; give the ARN alone";

			expect(parseText({ kind: "secret" }, text)).toEqual({ fault });
			expect(parseRaw({ kind: "secret" }, text)).toEqual({ fault });
		},
	);

	it.each(['{"username":"app","password":"hunter2"}', "hunter2 hunter2", "hunter2;", "pa$$word"])(
		"does not take what is in a secret for its name, and does not repeat it: %j",
		(text) => {
			const fault = "must be the name or the ARN of a secret, not what is in it";

			expect(parseText({ kind: "secret" }, text)).toEqual({ fault });
			expect(parseRaw({ kind: "secret" }, text)).toEqual({ fault });
		},
	);

	it.each([
		"shop\u0000options\u0000-c search_path=evil",
		"shop\n ✓  login  FORGED",
		"shop\u001b[2J",
		"shop\u0085",
		"shop\u202e",
		"shop\u2066x",
		"shop\u2028x",
	])("does not take %j for a text, which another program would obey", (text) => {
		const fault = "must not hold control characters, or such that change the direction of a text";

		expect(parseText(TEXT, text)).toEqual({ fault });
		expect(parseRaw(TEXT, text)).toEqual({ fault });
		expect("fault" in parseRaw({ kind: "secret" }, text)).toBe(true);
	});

	it.each(['{"dbname":"shop","password":"hunter2"}', '[{"password":"hunter2"}]'])("does not take a document for a text: %j", (text) => {
		expect(parseText(TEXT, text)).toEqual({ fault: "must be a name, not a JSON document" });
	});

	it("never repeats an address, which may hold a password", () => {
		expect(inspect(parseText(HOST, "postgres://app:hunter2@db.example.com/orders"))).not.toContain("hunter2");
	});

	it.each([BOOLEAN, PORT, STRATEGY])("repeats nothing that is longer than a value of any field: %j", (accepts) => {
		for (const text of ["S3cr3tCanary", "x".repeat(41), "pa$$word with blanks"]) {
			for (const parse of [parseText, parseRaw]) {
				const { fault } = parse(accepts, text) as { fault: string };

				expect(fault).toMatch(new RegExp(`^must be .*, not a text of ${String(text.length)} characters$`));
			}
		}
	});

	it("repeats a short text so that a terminal shows it and does not obey", () => {
		expect(parseText(PORT, "\u001b[2J\u202ex")).toEqual({ fault: 'must be an integer from 1 to 65535, not "\\u{1b}[2J\\u{202e}x"' });
	});
});

describe("parseRaw", () => {
	it.each([
		[BOOLEAN, true],
		[BOOLEAN, false],
		[PORT, 1],
		[PORT, 65_535],
		[STRATEGY, "join"],
		[TEXT, " verbatim "],
		[HOST, "localhost"],
	] as const)("accepts for %j the value %j as it is", (accepts, raw) => {
		expect(parseRaw(accepts, raw)).toEqual({ value: raw });
	});

	it.each([
		[BOOLEAN, "true", true],
		[BOOLEAN, "false", false],
		[PORT, "5432", 5432],
		[STRATEGY, "JOIN", "join"],
	] as const)("takes for %j the text %j of an environment variable", (accepts, raw, value) => {
		expect(parseRaw(accepts, raw)).toEqual({ value });
	});

	it.each([
		[0, "0"],
		[65_536, "65536"],
		[5432.5, "5432.5"],
		[NaN, "NaN"],
		[Infinity, "Infinity"],
		[true, "true"],
		[null, "null"],
		[[5432], "a value of type object"],
		["5432abc", '"5432abc"'],
		["0x1F", '"0x1F"'],
		["", '""'],
	])("does not take %p for a port", (raw, given) => {
		expect(parseRaw(PORT, raw)).toEqual({ fault: `must be an integer from 1 to 65535, not ${given}` });
	});

	it.each([
		["yes", '"yes"'],
		[1, "1"],
		[null, "null"],
	])("does not take %p for a boolean", (raw, given) => {
		expect(parseRaw(BOOLEAN, raw)).toEqual({ fault: `must be true or false, not ${given}` });
	});

	it.each([
		["joined", '"joined"'],
		[7, "7"],
	])("does not take %p for a strategy", (raw, given) => {
		expect(parseRaw(STRATEGY, raw)).toEqual({ fault: `must be one of "join", "query", not ${given}` });
	});

	it.each([[5], [null], [{}]])("does not take %p for a text or a host", (raw) => {
		expect(parseRaw(TEXT, raw)).toEqual({ fault: "must be a string" });
		expect(parseRaw(HOST, raw)).toEqual({ fault: "must be a string" });
	});

	it.each([...NOT_A_HOST, [" db.example.com", "must be a host name without white space"]] as const)(
		"does not take %j for a host",
		(raw, fault) => {
			expect(parseRaw(HOST, raw)).toEqual({ fault });
		},
	);

	it("does not take white space for a text", () => {
		expect(parseRaw(TEXT, " ")).toEqual({ fault: "must not be empty" });
	});
});
