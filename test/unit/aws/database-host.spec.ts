/** Databases of AWS are recognised by their names, and by nothing that merely looks like them; the names say where they are. */
import { expandClusterId, findRegionInHost, isAwsDatabaseHost, isDsqlHost, isRdsHost } from "../../../src/aws/database-host.js";

describe("findRegionInHost", () => {
	it.each([
		["shop.abc123.eu-west-1.rds.amazonaws.com", "eu-west-1"],
		["shop.cluster-ro-abc123.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"],
		["shop.proxy-abc123.ap-southeast-2.rds.amazonaws.com.", "ap-southeast-2"],
		["SHOP.ABC123.EU-WEST-1.RDS.AMAZONAWS.COM", "eu-west-1"],
		["shop.abc123.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"],
		["shop.abc123.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"],
		["shop.abc123.rds.us-gov-east-1.amazonaws.com", "us-gov-east-1"],
		["shop.abc123.eusc-de-east-1.rds.amazonaws.eu", "eusc-de-east-1"],
		["shop.cluster-abc123.rds.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"],
		["shop.cluster-abc123.us-isob-east-1.rds.sc2s.sgov.gov", "us-isob-east-1"],
		["shop.abc123.eu-isoe-west-1.rds.cloud.adc-e.uk", "eu-isoe-west-1"],
		["shop.abc123.rds.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"],
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
		"shop.global-abc123.global.rds.amazonaws.com",
		"shop.global-abc123.global.rds.amazonaws.eu",
		"abcdefghijklmnopqrstuvwxyz.dsql.global.on.aws",
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
		expect(expandClusterId("abcdef", "eusc-de-east-1")).toBe("abcdef.dsql.eusc-de-east-1.on.amazonwebservices.eu");
		expect(expandClusterId("abcdef.dsql.us-east-1.on.aws", "eu-west-1")).toBe("abcdef.dsql.us-east-1.on.aws");
	});
});

const RDS_HOSTS = [
	"shop.abc123.eu-west-1.rds.amazonaws.com",
	"shop.cluster-abc123.us-east-1.rds.amazonaws.com",
	"shop.cluster-ro-abc123.us-east-1.rds.amazonaws.com",
	"readers.cluster-custom-abc123.us-east-1.rds.amazonaws.com",
	"pool.proxy-abc123.us-east-1.rds.amazonaws.com",
	"pool.endpoint.proxy-abc123.us-east-1.rds.amazonaws.com",
	"shop.global-abc123.global.rds.amazonaws.com",
	"shop.abc123.us-gov-west-1.rds.amazonaws.com",
	"shop.abc123.rds.cn-north-1.amazonaws.com.cn",
	"shop.abc123.cn-north-1.rds.amazonaws.com.cn",
	"SHOP.abc123.EU-WEST-1.RDS.AmazonAWS.com",
	"shop.abc123.eu-west-1.rds.amazonaws.com.",
	"x.rds.amazonaws.com",
	"shop.abc123.rds.us-gov-east-1.amazonaws.com",
	"shop.abc123.eusc-de-east-1.rds.amazonaws.eu",
	"shop.cluster-abc123.rds.us-iso-east-1.c2s.ic.gov",
	"shop.cluster-abc123.us-iso-west-1.rds.c2s.ic.gov",
	"shop.cluster-ro-abc123.rds.us-isob-east-1.sc2s.sgov.gov",
	"shop.abc123.eu-isoe-west-1.rds.cloud.adc-e.uk",
	"shop.abc123.rds.us-isof-south-1.csp.hci.ic.gov",
];
const DSQL_HOSTS = [
	"abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws",
	"abcdefghijklmnopqrstuvwxyz.dsql-fnh4.us-east-1.on.aws",
	"abcdefghijklmnopqrstuvwxyz.dsql.eusc-de-east-1.on.amazonwebservices.eu",
];
const OTHER_HOSTS = [
	"localhost",
	"127.0.0.1",
	"::1",
	"db.example.com",
	"shop.rds.amazonaws.com.example.com",
	"shoprds.amazonaws.com",
	"s3.eu-west-1.amazonaws.com",
	"my-function.lambda-url.us-east-1.on.aws",
	"rds.internal",
	"rds.eu-west-1.amazonaws.com",
	"rds.amazonaws.com",
	"shop.abc123.eusc-de-east-1.rds.amazonaws.eu.example.com",
	"shop.abc123.eusc-de-east-1.rdsamazonaws.eu",
	"shop.rds.us-iso-east-1.xc2s.ic.gov",
	"shop.rds.a.b.amazonaws.com",
	"dsql.us-east-1.on.aws",
	"x.dsql-a-b.us-east-1.on.aws",
];

describe("a host", () => {
	it.each(RDS_HOSTS)("is one of RDS: %s", (host) => {
		expect(isRdsHost(host)).toBe(true);
		expect(isAwsDatabaseHost(host)).toBe(true);
	});

	it.each(DSQL_HOSTS)("is one of Aurora DSQL: %s", (host) => {
		expect(isRdsHost(host)).toBe(false);
		expect(isAwsDatabaseHost(host)).toBe(true);
	});

	it.each(OTHER_HOSTS)("is no database of AWS: %s", (host) => {
		expect(isRdsHost(host)).toBe(false);
		expect(isAwsDatabaseHost(host)).toBe(false);
	});
});
