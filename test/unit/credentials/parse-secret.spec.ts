/** A secret is a JSON object with two strings of its own; whatever else it is, nothing of it gets out. */
import { inspect } from "node:util";
import fc from "fast-check";
import { parseSecret, parseSecretTarget } from "../../../src/credentials/parse-secret.js";
import { hasControlCharacters } from "../../../src/errors/clean-text.js";
import { SecretMalformedError } from "../../../src/errors/errors.js";

function findFault(text: string, given?: Parameters<typeof parseSecret>[2]): SecretMalformedError {
	try {
		parseSecret(text, "app/database", given);
	} catch (error) {
		if (error instanceof SecretMalformedError) return error;
		throw error;
	}
	throw new Error("The secret was accepted.");
}

function printEverything(error: Error): string {
	return [
		error.message,
		error.stack,
		String(error.cause),
		JSON.stringify(error),
		JSON.stringify(Object.getOwnPropertyDescriptors(error)),
		inspect(error, { depth: 10, getters: true, showHidden: true }),
	].join("\n");
}

describe("parseSecret", () => {
	it("reads user name and password among other fields", () => {
		const text = JSON.stringify({ engine: "postgres", host: "h", password: "p", port: 5432, username: "u" });

		expect(parseSecret(text, "s")).toEqual({ password: "p", username: "u" });
	});

	it("takes every string that is not empty verbatim", () => {
		fc.assert(
			fc.property(
				fc.string({ minLength: 1, unit: "binary" }),
				fc.string({ minLength: 1, unit: "grapheme" }).filter((name) => !hasControlCharacters(name)),
				(password, username) => {
					expect(parseSecret(JSON.stringify({ password, username }), "s")).toEqual({ password, username });
				},
			),
		);
	});

	it.each([
		["with white space around it", " both ends\n"],
		["with a no-break space", "NBSP\u00A0"],
		["with a ligature", "ﬁ"],
		["with a decomposed letter", "e\u0301"],
		["with a soft hyphen", "soft\u00ADhyphen"],
		["of joined emoji", "👩‍🚒"],
		["of every ASCII sign", `!"#$%&'()*+,-./:;<=>?@[]^_{|}~\\\``],
		["of 1,000 characters", "x".repeat(1_000)],
	])("does not change a password %s", (_, password) => {
		expect(parseSecret(JSON.stringify({ password, username: "u" }), "s").password).toBe(password);
	});

	it("strips one byte order mark", () => {
		expect(parseSecret('\uFEFF{"username":"u","password":"\uFEFFp"}', "s")).toEqual({ password: "\uFEFFp", username: "u" });
		expect(findFault('\uFEFF\uFEFF{"username":"u","password":"p"}').reason).toBe("not-json");
	});

	it("takes the last of two equal keys, as JSON does", () => {
		expect(parseSecret('{"username":"u","password":"first","password":"last"}', "s").password).toBe("last");
	});

	it("lets what is given in code win, and does not need it in the secret", () => {
		expect(parseSecret('{"username":"u","password":"p"}', "s", { username: "given" })).toEqual({ password: "p", username: "given" });
		expect(parseSecret('{"username":"u"}', "s", { password: "given" })).toEqual({ password: "given", username: "u" });
		expect(findFault('{"password":"p"}', { password: "given" })).toMatchObject({ field: "username" });
	});

	it.each([
		["canary", "not-json"],
		["", "not-json"],
		['{"username":"u","password":"canary"', "not-json"],
		["{'username':'canary'}", "not-json"],
		["null", "not-object"],
		["5", "not-object"],
		['"canary"', "not-object"],
		['["canary","canary"]', "not-object"],
	])("refuses %j as %s", (text, reason) => {
		const error = findFault(text);

		expect(error.reason).toBe(reason);
		expect(error.message).toContain('"app/database"');
		expect(error).not.toHaveProperty("cause");
		expect(printEverything(error)).not.toContain("canary");
	});

	it.each([
		["{}", "username"],
		['{"username":"canary"}', "password"],
		['{"username":"","password":"canary"}', "username"],
		['{"username":"canary","password":""}', "password"],
		['{"username":"canary","password":1}', "password"],
		['{"username":"canary","password":null}', "password"],
		['{"username":"canary","password":["canary"]}', "password"],
		['{"username":"canary","password":{"value":"canary"}}', "password"],
		['{"USERNAME":"canary","password":"canary"}', "username"],
		['{"__proto__":{"username":"canary","password":"canary"}}', "username"],
	])("misses a field in %j", (text, field) => {
		const error = findFault(text);

		expect(error).toMatchObject({ field, reason: "missing-field" });
		expect(error.message).toContain(`lacks "${field}" as a non-empty string`);
		expect(printEverything(error)).not.toContain("canary");
	});

	it("never shows anything of what it refuses", () => {
		fc.assert(
			fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (before, after) => {
				const error = findFault(`${before}canary${after}`.replaceAll('"', "'"));
				expect(printEverything(error)).not.toContain("canary");
			}),
		);
	});

	it("takes nothing from a polluted prototype", () => {
		Object.defineProperty(Object.prototype, "password", { configurable: true, value: "inherited" });
		try {
			const error = findFault('{"username":"u"}', { password: undefined, username: undefined });

			expect(error).toMatchObject({ field: "password", reason: "missing-field" });
		} finally {
			Reflect.deleteProperty(Object.prototype, "password");
		}
	});

	it("does not change any object's prototype", () => {
		parseSecret('{"__proto__":{"polluted":true},"username":"u","password":"p"}', "s");

		expect("polluted" in {}).toBe(false);
	});
});

describe("parseSecret with other names", () => {
	const keys = { password: "pass", username: "user" };

	it("reads the values under them", () => {
		const text = JSON.stringify({ pass: "p", password: "not this", user: "u", username: "nor this" });

		expect(parseSecret(text, "s", {}, keys)).toEqual({ password: "p", username: "u" });
	});

	it("keeps the usual name of what is not renamed", () => {
		expect(parseSecret('{"user":"u","password":"p"}', "s", {}, { password: undefined, username: "user" } as object)).toEqual({
			password: "p",
			username: "u",
		});
	});

	it("says which names it looked for", () => {
		expect(() => parseSecret('{"username":"u","pass":"p"}', "app/database", {}, keys)).toThrow(
			'Secret "app/database" lacks "user" as a non-empty string. It must be a JSON object with the strings "user" and "pass".',
		);
	});
});

describe("parseSecretTarget", () => {
	const RDS = {
		dbClusterIdentifier: "cluster",
		dbname: "orders",
		engine: "postgres",
		host: "db.example.com",
		password: "p",
		port: 5432,
		username: "u",
	};

	it("reads the format of Secrets Manager", () => {
		expect(parseSecretTarget(JSON.stringify(RDS), "app/database")).toEqual({
			secretId: "app/database",
			values: {
				databaseName: { key: "dbname", text: "orders" },
				host: { key: "host", text: "db.example.com" },
				port: { key: "port", text: "5432" },
				type: { key: "engine", text: "postgres" },
			},
		});
	});

	it("takes a port as a text, too", () => {
		expect(parseSecretTarget('{"port":"5433"}', "s").values).toEqual({ port: { key: "port", text: "5433" } });
	});

	it("reads other names", () => {
		const keys = { databaseName: "db", host: "hostname", port: "p", type: "kind" };
		const text = JSON.stringify({ db: "d", host: "not this", hostname: "h", kind: "mysql", p: 1 });

		expect(Object.values(parseSecretTarget(text, "s", keys).values).map(({ text: value }) => value)).toEqual(["h", "1", "d", "mysql"]);
	});

	it.each(['{"host":null,"port":""}', "{}", '{"__proto__":{"host":"h"}}'])("leaves out what %s does not say", (text) => {
		expect(parseSecretTarget(text, "s").values).toEqual({});
	});

	it.each([
		['{"port":{"hunter2":1}}', "port"],
		['{"host":["hunter2"]}', "host"],
		['{"dbname":true}', "dbname"],
	])("refuses %s without repeating it", (text, field) => {
		const parse = (): unknown => parseSecretTarget(text, "app/database");

		expect(parse).toThrow(`Secret "app/database" holds a "${field}" of the wrong form. It must be a string or a number.`);
	});

	it("refuses what is no object", () => {
		expect(() => parseSecretTarget("[]", "app/database")).toThrow('Secret "app/database" is JSON, but not an object.');
	});
});
