/** Full names of parameters: which can be asked for, and what their parts are. */
import { findParameterNameFault, parseParameterName } from "../../../src/aws/parameter-name.js";

const ARN = "arn:aws:ssm:eu-west-1:123456789012:parameter";

it.each([
	["/prod/db/host", { path: "/prod/db/host", selector: "" }],
	["/host", { path: "/host", selector: "" }],
	[" /prod/db/host ", { path: "/prod/db/host", selector: "" }],
	["/prod/db/host:3", { path: "/prod/db/host", selector: ":3" }],
	["/prod/db/host:live", { path: "/prod/db/host", selector: ":live" }],
	["/Prod_1/db.main/host-name:v1.2-b_3", { path: "/Prod_1/db.main/host-name", selector: ":v1.2-b_3" }],
	["/aws/reference/secretsmanager/rds!cluster-abc", { path: "/aws/reference/secretsmanager/rds!cluster-abc", selector: "" }],
	[`${ARN}/prod/db/host`, { account: "123456789012", partition: "aws", path: "/prod/db/host", region: "eu-west-1", selector: "" }],
	[`${ARN}/prod/db/host:7`, { account: "123456789012", path: "/prod/db/host", selector: ":7" }],
	[`${ARN}/DB_HOST`, { path: "DB_HOST", selector: "" }],
	[`${ARN}/DB_HOST:live`, { path: "DB_HOST", selector: ":live" }],
	["arn:aws-cn:ssm:cn-north-1:123456789012:parameter/a/b", { partition: "aws-cn", path: "/a/b", region: "cn-north-1" }],
])("reads %s", (text, expected) => {
	expect(findParameterNameFault(text)).toBeUndefined();
	expect(parseParameterName(text)).toMatchObject(expected);
});

it.each([
	["", /begin with "\/"/],
	["host", /begin with "\/"/],
	["prod/db/host", /begin with "\/"/],
	["DB_HOST", /arn:aws:ssm:<region>:<account>:parameter\/<name>/],
	["/", /empty segment/],
	["/prod//host", /empty segment/],
	["/prod/db/", /empty segment/],
	["/prod/db host", /letters, digits/],
	["/prod/db/hôst", /letters, digits/],
	["/prod/db/{host}", /letters, digits/],
	[`/${Array.from({ length: 16 }, () => "a").join("/")}`, /15 segments/],
	[`/${"a".repeat(1_100)}`, /1011 characters/],
	["/prod/db/host:", /version .* label/],
	["/prod/db/host:0", /version .* label/],
	["/prod/db/host:1a", /version .* label/],
	["/prod/db/host:live now", /version .* label/],
	["arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf", /ARN of a parameter/],
	["arn:aws:ssm:eu-west-1:123456789012:document/a", /ARN of a parameter/],
	["arn:aws:ssm:eu-west-1", /ARN of a parameter/],
	["/aws/reference/secretsmanager/", /name a secret/],
	["postgres://app:secret@db/shop", /begin with "\/"/],
])("refuses %p", (text, fault) => {
	expect(findParameterNameFault(text)).toMatch(fault);
});

it("does not quote a text, which may be a password in the wrong place", () => {
	expect(findParameterNameFault("hunter2-and-more")).not.toContain("hunter2");
	expect(findParameterNameFault("/hunter2 and more")).not.toContain("hunter2");
});
