/** Each operation by its own action, on its own resource; nothing for what is not done. */
import { buildPolicy, type PolicyScope, type PolicyStatement } from "../../../src/cli/build-policy.js";

const SCOPE: PolicyScope = {
	account: "123456789012",
	parameters: { names: [], region: "eu-west-1" },
	secrets: { ids: [], region: "eu-west-1", shouldWrite: false, stages: ["AWSCURRENT"] },
};
const KEY = "arn:aws:kms:eu-west-1:123456789012:key/one";

function build(scope: {
	login?: PolicyScope["login"];
	parameters?: Partial<PolicyScope["parameters"]>;
	secrets?: Partial<PolicyScope["secrets"]>;
}): readonly PolicyStatement[] {
	const { login, parameters, secrets } = scope;
	return buildPolicy({
		...SCOPE,
		...(login && { login }),
		parameters: { ...SCOPE.parameters, ...parameters },
		secrets: { ...SCOPE.secrets, ...secrets },
	}).Statement;
}

it("allows nothing to a connector that asks for nothing", () => {
	expect(buildPolicy(SCOPE)).toEqual({ Statement: [], Version: "2012-10-17" });
});

describe("parameters", () => {
	it("are read each by its own ARN", () => {
		expect(build({ parameters: { names: ["/shop/test/a", "/shop/test/b"] } })).toEqual([
			{
				Action: "ssm:GetParameters",
				Effect: "Allow",
				Resource: [
					"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test/a",
					"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test/b",
				],
				Sid: "ReadParameters",
			},
		]);
	});

	it("are read by path only where the tree is loaded", () => {
		expect(build({ parameters: { treePath: "/shop/test" } })).toEqual([
			{
				Action: "ssm:GetParametersByPath",
				Effect: "Allow",
				Resource: "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test",
				Sid: "LoadParameterTree",
			},
		]);
	});

	it("are decrypted with a key of their own, by SSM, and no others", () => {
		const [, , decryption] = build({ parameters: { kmsKeyArn: KEY, names: ["/shop/test/a"], treePath: "/shop/test" } });

		expect(decryption).toEqual({
			Action: "kms:Decrypt",
			Condition: {
				StringEquals: { "kms:ViaService": "ssm.eu-west-1.amazonaws.com" },
				StringLike: {
					"kms:EncryptionContext:PARAMETER_ARN": [
						"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test/a",
						"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test/*",
					],
				},
			},
			Effect: "Allow",
			Resource: KEY,
			Sid: "DecryptParameters",
		});
	});

	it.each([
		["cn-north-1", "cn-north-1.amazonaws.com.cn"],
		["us-gov-west-1", "us-gov-west-1.amazonaws.com"],
		["eusc-de-east-1", "eusc-de-east-1.amazonaws.eu"],
		["us-isob-east-1", "us-isob-east-1.sc2s.sgov.gov"],
	])("and secrets of %s are decrypted by services under its DNS suffix", (region, suffix) => {
		const [, parameters] = build({ parameters: { kmsKeyArn: KEY, names: ["/a"], region } });
		const [, secrets] = build({ secrets: { ids: ["a"], kmsKeyArn: KEY, region } });

		expect(parameters?.Condition?.["StringEquals"]).toEqual({ "kms:ViaService": `ssm.${suffix}` });
		expect(secrets?.Condition?.["StringEquals"]).toEqual({ "kms:ViaService": `secretsmanager.${suffix}` });
	});

	it.each([
		["arn:aws:ssm:us-east-1:210987654321:parameter/shared/host", "arn:aws:ssm:us-east-1:210987654321:parameter/shared/host"],
		["arn:aws:ssm:us-east-1:210987654321:parameter/host:3", "arn:aws:ssm:us-east-1:210987654321:parameter/host"],
		["/shop/test/host:live", "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test/host"],
	])("named %s is %s, decrypted by the service of its region", (name, resource) => {
		const [read, decrypt] = build({ parameters: { kmsKeyArn: KEY, names: [name] } });

		expect(read?.Resource).toBe(resource);
		expect(decrypt?.Condition?.["StringEquals"]?.["kms:ViaService"]).toBe(`ssm.${String(resource.split(":")[3])}.amazonaws.com`);
	});

	it("need no key where there are none", () => {
		expect(build({ parameters: { kmsKeyArn: KEY } })).toEqual([]);
	});

	it.each([
		["cn-north-1", "arn:aws-cn:ssm:cn-north-1:"],
		["us-gov-west-1", "arn:aws-us-gov:ssm:us-gov-west-1:"],
		["eusc-de-east-1", "arn:aws-eusc:ssm:eusc-de-east-1:"],
		["us-iso-east-1", "arn:aws-iso:ssm:us-iso-east-1:"],
		["us-isob-east-1", "arn:aws-iso-b:ssm:us-isob-east-1:"],
		["eu-isoe-west-1", "arn:aws-iso-e:ssm:eu-isoe-west-1:"],
		["us-isof-south-1", "arn:aws-iso-f:ssm:us-isof-south-1:"],
	])("of %s are in its partition", (region, prefix) => {
		const [statement] = build({ parameters: { names: ["/a"], region } });

		expect(statement?.Resource).toBe(`${prefix}123456789012:parameter/a`);
	});
});

describe("a secret", () => {
	it("is read with the labels that are used, by name with the six characters that are appended", () => {
		expect(build({ secrets: { ids: ["app/database"], stages: ["AWSCURRENT", "AWSPENDING"] } })).toEqual([
			{
				Action: "secretsmanager:GetSecretValue",
				Condition: { StringEquals: { "secretsmanager:VersionStage": ["AWSCURRENT", "AWSPENDING"] } },
				Effect: "Allow",
				Resource: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/database-??????",
				Sid: "ReadSecret",
			},
		]);
	});

	it.each([
		["arn:aws:secretsmanager:us-east-1:1:secret:db-AbC123", "arn:aws:secretsmanager:us-east-1:1:secret:db-AbC123"],
		["arn:aws:secretsmanager:us-east-1:1:secret:db", "arn:aws:secretsmanager:us-east-1:1:secret:db-??????"],
		[
			"arn:aws:secretsmanager:us-east-1:1:secret:shop-db2024",
			["arn:aws:secretsmanager:us-east-1:1:secret:shop-db2024", "arn:aws:secretsmanager:us-east-1:1:secret:shop-db2024-??????"],
		],
		[
			"arn:aws:secretsmanager:us-east-1:1:secret:shop-worker",
			["arn:aws:secretsmanager:us-east-1:1:secret:shop-worker", "arn:aws:secretsmanager:us-east-1:1:secret:shop-worker-??????"],
		],
	])("named %s is %s", (id, resource) => {
		expect(build({ secrets: { ids: [id] } })[0]?.Resource).toEqual(resource);
	});

	it("shared by master and replica is named once", () => {
		expect(build({ secrets: { ids: ["a", "a", "b"] } })[0]?.Resource).toHaveLength(2);
	});

	it("with a key of its own is decrypted for Secrets Manager and for this secret alone", () => {
		expect(build({ secrets: { ids: ["a"], kmsKeyArn: KEY } })[1]).toEqual({
			Action: "kms:Decrypt",
			Condition: {
				StringEquals: { "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com" },
				StringLike: { "kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-??????" },
			},
			Effect: "Allow",
			Resource: KEY,
			Sid: "DecryptSecret",
		});
	});

	it("of another region is decrypted by the service of that region, beside the others", () => {
		const ids = ["a", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:b-AbC123"];

		expect(build({ secrets: { ids, kmsKeyArn: KEY } })[1]?.Condition?.["StringEquals"]).toEqual({
			"kms:ViaService": ["secretsmanager.eu-west-1.amazonaws.com", "secretsmanager.cn-north-1.amazonaws.com.cn"],
		});
	});

	it("is written only by who says so", () => {
		const statements = build({ secrets: { ids: ["a"], kmsKeyArn: KEY, shouldWrite: true } });

		expect(statements.map(({ Action }) => Action)).toEqual([
			"secretsmanager:GetSecretValue",
			"kms:Decrypt",
			"secretsmanager:PutSecretValue",
			"kms:GenerateDataKey",
		]);
	});
});

describe("a login with IAM", () => {
	it("to RDS is allowed to one user of one database", () => {
		const login = { region: "eu-west-1", resourceId: "cluster-ABC", source: "rds-iam", username: "app" } as const;

		expect(build({ login })).toEqual([
			{
				Action: "rds-db:connect",
				Effect: "Allow",
				Resource: "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-ABC/app",
				Sid: "LogInToRds",
			},
		]);
	});

	it.each([
		["app", "dsql:DbConnect"],
		["admin", "dsql:DbConnectAdmin"],
	])("of %s to Aurora DSQL is %s", (username, action) => {
		const login = { clusterId: "abc", region: "eu-west-1", source: "dsql-iam", username } as const;

		expect(build({ login })).toEqual([
			{ Action: action, Effect: "Allow", Resource: "arn:aws:dsql:eu-west-1:123456789012:cluster/abc", Sid: "LogInToDsql" },
		]);
	});
});
