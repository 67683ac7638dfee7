/** The names that an application may already use. */
import { EEnvironment } from "../../../src/parameter-store/environment.enum.js";
import { ENamespace } from "../../../src/parameter-store/namespace.enum.js";
import * as tokens from "../../../src/parameter-store/parameter-store.tokens.js";

describe("ENamespace", () => {
	it("has a hundred names", () => {
		expect(Object.keys(ENamespace)).toHaveLength(100);
	});

	it.each(Object.entries(ENamespace))("writes %s as a path does", (name, value) => {
		expect(value).toBe(name.toLowerCase().replaceAll("_", "-"));
	});

	it.each(["AWS_RDS", "AWS_SECRETS_MANAGER", "MARIADB", "MYSQL", "POSTGRES", "ZEROMQ"])("knows %s", (name) => {
		expect(ENamespace).toHaveProperty(name);
	});
});

describe("EEnvironment", () => {
	it("names the five usual environments", () => {
		expect(EEnvironment).toEqual({
			DEVELOPMENT: "development",
			LOCAL: "local",
			PRODUCTION: "production",
			STAGING: "staging",
			TEST: "test",
		});
	});
});

describe("the injection tokens", () => {
	it.each(Object.entries(tokens))("%s is the string of its own name", (name, token) => {
		expect(token).toBe(name);
	});
});
