/** Hosts of AWS are told by their names, and by nothing that merely looks like them. */
import { isAwsDatabaseHost, isRdsHost } from "../../../src/tls/aws-host.js";

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
];
const DSQL_HOSTS = ["abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws", "abcdefghijklmnopqrstuvwxyz.dsql-fnh4.us-east-1.on.aws"];
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
