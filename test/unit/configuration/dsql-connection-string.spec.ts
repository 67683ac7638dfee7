/** A connection string of Aurora DSQL says a host, and perhaps a user, a port and a database; never a password. */
import { parseDsqlConnectionString } from "../../../src/configuration/dsql-connection-string.js";

const HOST = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";
const SOURCE = { credentials: { source: "dsql-iam" } };

describe("parseDsqlConnectionString", () => {
	it.each([
		[`postgres://${HOST}`, { host: HOST }],
		[`postgresql://admin@${HOST}`, { host: HOST, username: "admin" }],
		[`postgres://admin@${HOST}/`, { host: HOST, username: "admin" }],
		[
			`postgres://app%40x@${HOST}:5433/re%20ports?sslmode=verify-full`,
			{ databaseName: "re ports", host: HOST, port: 5_433, username: "app@x" },
		],
		["postgres://admin@abcdefghijklmnopqrstuvwxyz", { host: "abcdefghijklmnopqrstuvwxyz", username: "admin" }],
	])("reads %s", (text, options) => {
		expect(parseDsqlConnectionString(text)).toEqual({ ...SOURCE, ...options });
	});

	it.each<readonly [text: string, fault: string]>([
		[HOST, "is not a URL"],
		[`mysql://admin@${HOST}`, "must begin with postgres:// or postgresql://"],
		[`postgres://admin:hunter2@${HOST}`, "holds a password, which Aurora DSQL does not have"],
		["postgres://admin@shop.abc123.eu-west-1.rds.amazonaws.com", "must name a host of Aurora DSQL, or the id of a cluster"],
		["postgres://admin@localhost", "must name a host of Aurora DSQL, or the id of a cluster"],
		["postgres://admin@0x7f000001", "must name a host of Aurora DSQL, or the id of a cluster"],
		["postgres://admin@[::1]", "must name a host of Aurora DSQL, or the id of a cluster"],
		["postgres://admin@abcdefghijklmnopqrstuvwxy", "must name a host of Aurora DSQL, or the id of a cluster"],
		[`postgres://%E0%A4%A@${HOST}`, "holds a % that encodes nothing"],
		[`postgres://admin@${HOST}/%E0%A4%A`, "holds a % that encodes nothing"],
		...["%00", "%0a", "%1b", "%E2%80%AE"].flatMap((hostile) =>
			[`postgres://admin${hostile}x@${HOST}`, `postgres://admin@${HOST}/shop${hostile}x`].map(
				(text) => [text, "must not hold control characters, or such that change the direction of a text"] as const,
			),
		),
	])("refuses %s without repeating it", (text, fault) => {
		const parse = (): unknown => parseDsqlConnectionString(text);

		expect(parse).toThrow(`Option "connectionString" ${fault}.`);
		expect(parse).not.toThrow(text);
	});
});
