/** The parts of an ARN, of every partition and service; nothing of a text that is none. */
import { parseArn, parseArnOf } from "../../../src/aws/parse-arn.js";

it.each([
	["arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db/host", "aws", "ssm", "eu-west-1", "123456789012", "parameter/prod/db/host"],
	["arn:aws-us-gov:secretsmanager:us-gov-west-1:1:secret:a-b", "aws-us-gov", "secretsmanager", "us-gov-west-1", "1", "secret:a-b"],
	["arn:aws-iso-b:kms:us-isob-east-1:1:key/one", "aws-iso-b", "kms", "us-isob-east-1", "1", "key/one"],
	["arn:aws:iam::123456789012:role/app", "aws", "iam", "", "123456789012", "role/app"],
	["arn:aws:s3:::bucket", "aws", "s3", "", "", "bucket"],
])("takes %s apart", (text, partition, service, region, account, resource) => {
	expect(parseArn(text)).toEqual({ account, partition, region, resource, service });
});

it.each([
	"",
	"arn",
	"arn:",
	"arn:aws:ssm:eu-west-1:123456789012",
	"arn:gcp:ssm:r:a:x",
	"arn:aws::r:a:x",
	"/prod/db/host",
	"xarn:aws:ssm:r:a:x",
])("finds no ARN in %p", (text) => {
	expect(parseArn(text)).toBeUndefined();
});

it("tells the ARN of one service from that of another", () => {
	const text = "arn:aws:ssm:eu-west-1:123456789012:parameter/a";

	expect(parseArnOf("ssm", text)?.resource).toBe("parameter/a");
	expect(parseArnOf("secretsmanager", text)).toBeUndefined();
});
