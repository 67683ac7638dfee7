/** Live connections leave AWS only for a host that the options name. */
import { findAllowedHostsFault, isAllowedMove } from "../../../src/configuration/allowed-hosts.js";

const RDS = "shop.abc123.eu-west-1.rds.amazonaws.com";
const OTHER_RDS = "shop.abc123.eu-central-1.rds.amazonaws.com";
const SOVEREIGN = "shop.abc123.eusc-de-east-1.rds.amazonaws.eu";
const DSQL = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";
const ROGUE = "db.evil.example";

describe("isAllowedMove", () => {
	it.each([
		[RDS, OTHER_RDS],
		[RDS, SOVEREIGN],
		[RDS, DSQL],
		[ROGUE, RDS],
		["db.shop.internal", ROGUE],
		["localhost", "127.0.0.1"],
		[RDS, RDS.toUpperCase()],
		[RDS, `${RDS}.`],
	])("lets connections go from %s to %s", (from, to) => {
		expect(isAllowedMove(from, to)).toBe(true);
	});

	it.each(
		[RDS, SOVEREIGN, DSQL].flatMap((from) =>
			[ROGUE, "localhost", "10.0.0.1", "shoprds.amazonaws.com", `${RDS}.evil.example`].map((to) => [from, to]),
		),
	)("does not let them go from %s to %s", (from = "", to = "") => {
		expect(isAllowedMove(from, to)).toBe(false);
		expect(isAllowedMove(from, to, ["other.example"])).toBe(false);
	});

	it.each([
		["db.shop.internal", ["db.shop.internal"], true],
		["DB.shop.internal.", ["db.SHOP.internal"], true],
		["db.shop.internal", ["*.shop.internal"], true],
		["a.db.shop.internal", ["*.shop.internal"], true],
		["shop.internal", ["*.shop.internal"], false],
		[".shop.internal", ["*.shop.internal"], false],
		["db.shop.internal.evil.example", ["*.shop.internal"], false],
		["dbshop.internal", ["*.shop.internal"], false],
		["db.shop.internal", ["shop.internal"], false],
		["127.0.0.1", ["127.0.0.1"], true],
		["db.evil.example", [], false],
	])("to %s with %j is %p", (to, allowedHosts, isAllowed) => {
		expect(isAllowedMove(RDS, to, allowedHosts)).toBe(isAllowed);
	});
});

describe("findAllowedHostsFault", () => {
	it.each([[["db.shop.internal"]], [["*.shop.internal", "127.0.0.1", "::1"]]])("accepts %j", (value) => {
		expect(findAllowedHostsFault(value)).toBeUndefined();
	});

	it.each([
		[[]],
		[["*"]],
		[["*."]],
		[["db.*.internal"]],
		[["https://db"]],
		[["db internal"]],
		[[""]],
		[[1]],
		["db"],
		[{}],
		[null],
		[["a", undefined]],
	])("refuses %j", (value) => {
		expect(findAllowedHostsFault(value)).toBe('must be a list of host names, or of texts such as "*.example.com"');
	});
});
