/** The names that AWS gives to databases say where they are. */
import { expandClusterId, findRegionInHost, isDsqlHost } from "../../../src/configuration/database-host.js";

describe("findRegionInHost", () => {
	it.each([
		["shop.abc123.eu-west-1.rds.amazonaws.com", "eu-west-1"],
		["shop.cluster-ro-abc123.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"],
		["shop.proxy-abc123.ap-southeast-2.rds.amazonaws.com.", "ap-southeast-2"],
		["SHOP.ABC123.EU-WEST-1.RDS.AMAZONAWS.COM", "eu-west-1"],
		["shop.abc123.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"],
		["shop.abc123.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"],
		["abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws", "us-east-1"],
		["abcdefghijklmnopqrstuvwxyz.dsql-fnh4.us-east-1.on.aws", "us-east-1"],
	])("of %s is %s", (host, region) => {
		expect(findRegionInHost(host)).toBe(region);
	});

	it.each([
		"database.internal",
		"127.0.0.1",
		"shop.eu-west-1.rds.amazonaws.com.example.org",
		"eu-west-1.rds.amazonaws.com",
		"x.dsql.us-east-1.on.aws.example.org",
	])("of %s is not known", (host) => {
		expect(findRegionInHost(host)).toBeUndefined();
	});
});

describe("isDsqlHost", () => {
	it.each([
		["abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws", true],
		["abcdefghijklmnopqrstuvwxyz.dsql-fnh4.us-east-1.on.aws", true],
		["shop.abc123.eu-west-1.rds.amazonaws.com", false],
		["function.lambda-url.us-east-1.on.aws", false],
		["abcdefghijklmnopqrstuvwxyz", false],
	])("of %s is %s", (host, isDsql) => {
		expect(isDsqlHost(host)).toBe(isDsql);
	});
});

describe("expandClusterId", () => {
	it("makes a host of an id, and leaves a host as it is", () => {
		expect(expandClusterId("abcdef", "eu-west-1")).toBe("abcdef.dsql.eu-west-1.on.aws");
		expect(expandClusterId("abcdef.dsql.us-east-1.on.aws", "eu-west-1")).toBe("abcdef.dsql.us-east-1.on.aws");
	});
});
