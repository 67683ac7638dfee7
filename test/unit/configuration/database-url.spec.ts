/** The address of a database becomes options, or is refused without being quoted. */
import { failureOf } from "../../support/failure-of.js";
import { parseDatabaseUrl } from "../../../src/configuration/database-url.js";

it.each([
	[
		"postgres://shop:secret@db.local:5433/orders",
		{ databaseName: "orders", host: "db.local", password: "secret", port: 5433, type: "postgres", username: "shop" },
	],
	["postgresql://db.local/orders", { databaseName: "orders", host: "db.local", port: 5432, type: "postgres" }],
	["postgres://shop@[::1]", { host: "::1", port: 5432, type: "postgres", username: "shop" }],
	[
		"mysql://root:p%40ss%3F@db.local/shop%20one",
		{ databaseName: "shop one", host: "db.local", password: "p@ss?", port: 3306, type: "mysql", username: "root" },
	],
	["mariadb://db.local", { host: "db.local", port: 3306, type: "mariadb" }],
	["cockroachdb://db.local", { host: "db.local", port: 26_257, type: "cockroachdb" }],
])("%s is understood", (url, options) => {
	expect(parseDatabaseUrl(url)).toEqual(options);
});

it.each([
	["no address", "hunter2", "is no address of a database"],
	["another scheme", "redis://user:hunter2@localhost", "must begin with one of"],
	["no host", "postgres:///hunter2", "must name a host"],
	["a question mark in the password", "postgres://user:x@localhost/db?password=hunter2", "holds ? or #"],
	["a fragment", "postgres://localhost/db#hunter2", "holds ? or #"],
	["a stray % in the database", "postgres://localhost/hunter2%zz", "holds a % that encodes nothing"],
	["a stray % in the password", "postgres://user:hunter2%zz@localhost/db", "holds a % that encodes nothing"],
	["a slash in a password of digits", "postgres://shop:12/hunter2@localhost/db", "holds a / or @"],
	["an @ behind the host", "mysql://localhost/hunter2@db", "holds a / or @"],
	["a line break", "postgres://localhost/hunter2%0Ax", "control"],
])("an address with %s is refused, and not quoted", async (_, url, fault) => {
	const { code, message } = (await failureOf(Promise.resolve().then(() => parseDatabaseUrl(url, "DATABASE_URL")))) as Error & {
		code: string;
	};

	expect(code).toBe("ERR_CONNECTOR_OPTION_INVALID");
	expect(message).toContain("DATABASE_URL");
	expect(message).toContain(fault);
	expect(message).not.toContain("hunter2");
});
