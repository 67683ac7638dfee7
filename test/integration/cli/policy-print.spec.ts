/** From configurations of every kind to their policies, and what is said where one cannot be written. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { PolicyStatement } from "../../../src/cli/build-policy.js";
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { CANONICAL_PARAMETERS } from "../../support/stub-parameter-source.js";
import { type CliRun, runHere } from "./run-cli.js";

const PLACE = ["--application", "shop", "--environment", "test", "--namespace", "api", "--instance", "main"];
const SECRET_PATH = "/shop/test/aws-secrets-manager/database/secret-id";
const DSQL_HOST = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws";

let aws: FakeAws;
let fileCount = 0;
let folder: string;

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "policy-"));
	aws = await startFakeAws();
	aws.parameters.putMany(CANONICAL_PARAMETERS);
});

afterEach(async () => {
	await aws.stop();
	await rm(folder, { recursive: true });
});

async function print(config: object, ...options: string[]): Promise<CliRun> {
	// A module is loaded once.
	fileCount += 1;
	const file = join(folder, `connector-${String(fileCount)}.json`);
	await writeFile(file, JSON.stringify(config));
	return runHere(["policy", ...options, "--config", file], aws.env);
}

async function list(config: object, ...options: string[]): Promise<readonly PolicyStatement[]> {
	const { stdout } = await print(config, ...options);
	return (JSON.parse(stdout) as { Statement: PolicyStatement[] }).Statement;
}

it("names every parameter that is looked up on demand, and none that is given in code", async () => {
	const [statement] = await list({ host: "localhost", poolSize: 3 }, ...PLACE, "--on-demand");

	expect(statement?.Action).toBe("ssm:GetParameters");
	expect(statement?.Resource).toHaveLength(11);
	expect(statement?.Resource).not.toContain("arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test/aws-rds/aurora-postgres/host");
});

it("names what lies outside of the tree that is loaded, and what a rotation reads again", async () => {
	aws.parameters.put("/shared/test/aws-rds/aurora-postgres/host", "db.example.com");

	const [tree, parameters] = await list({ ssmLookups: { host: { application: "shared", path: ["host"] } } }, ...PLACE);
	const withoutRotation = await list({ rotation: { isEnabled: false } }, ...PLACE);

	expect(tree?.Resource).toBe("arn:aws:ssm:eu-west-1:123456789012:parameter/shop/test");
	expect(parameters?.Resource).toEqual(
		[
			"shared/test/aws-rds/aurora-postgres/host",
			"shop/test/api/main/postgres/database-name",
			"shop/test/api/main/postgres/type",
			"shop/test/aws-rds/aurora-postgres/port",
			SECRET_PATH.slice(1),
		].map((name) => `arn:aws:ssm:eu-west-1:123456789012:parameter/${name}`),
	);
	expect(withoutRotation.map(({ Sid }) => Sid)).toEqual(["LoadParameterTree", "ReadSecret"]);
});

it("lists AWSPENDING unless it is switched off", async () => {
	const usual = await list({}, ...PLACE);
	const without = await list({ rotation: { shouldUsePendingSecret: false } }, ...PLACE);

	const readStages = (statements: readonly PolicyStatement[]): unknown =>
		statements.find(({ Sid }) => Sid === "ReadSecret")?.Condition?.["StringEquals"]?.["secretsmanager:VersionStage"];
	expect(readStages(usual)).toEqual(["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"]);
	expect(readStages(without)).toBe("AWSCURRENT");
});

it("takes the account of the parameters, where the secret is shared by another account", async () => {
	const secretId = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:central-AbCdEf";

	const statements = await list({ secretId }, ...PLACE);

	const [parameters, secret] = [statements.slice(0, -1), statements.at(-1)];
	expect(parameters.flatMap(({ Resource }) => Resource).every((arn) => arn.startsWith("arn:aws:ssm:eu-west-1:123456789012:"))).toBe(true);
	expect(secret?.Resource).toBe(secretId);
});

it("includes the secrets of replicas", async () => {
	const statements = await list({ replicas: [{ host: "reader", secretId: "app/reader" }] }, ...PLACE);

	expect(statements.at(-1)?.Resource).toEqual(
		["app/database", "app/reader"].map((name) => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-??????`),
	);
});

it("of a connector with IAM logins has no secret in it", async () => {
	const given = { databaseName: "orders", host: "db.abc.eu-west-1.rds.amazonaws.com", port: 5432, type: "postgres", username: "app" };

	const rds = await list({ ...given, credentials: { source: "rds-iam" } }, "--account", "123456789012", "--resource-id", "db-ABC");
	const dsql = await list({ host: DSQL_HOST }, "--account", "123456789012");
	const named = await list({ host: DSQL_HOST, username: "app" }, "--account", "123456789012");

	expect(rds.map(({ Action, Resource }) => [Action, Resource])).toEqual([
		["rds-db:connect", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-ABC/app"],
	]);
	expect([...dsql, ...named].map(({ Action, Resource }) => [Action, Resource])).toEqual([
		["dsql:DbConnectAdmin", "arn:aws:dsql:us-east-1:123456789012:cluster/abcdefghijklmnopqrstuvwxyz"],
		["dsql:DbConnect", "arn:aws:dsql:us-east-1:123456789012:cluster/abcdefghijklmnopqrstuvwxyz"],
	]);
});

it("takes account and region of the secret from its ARN", async () => {
	const given = { databaseName: "orders", host: "localhost", port: 5432, type: "postgres" };
	const secretId = "arn:aws:secretsmanager:us-west-2:210987654321:secret:app-AbC123";

	const statements = await list({ ...given, secretId }, "--secret-kms-key", "arn:aws:kms:us-west-2:210987654321:key/one");

	expect(statements[0]?.Resource).toBe(secretId);
	expect(statements[1]?.Condition?.["StringEquals"]).toEqual({ "kms:ViaService": "secretsmanager.us-west-2.amazonaws.com" });
});

it.each([
	["a secret id", {}, [...PLACE, "--account", "123456789012"], /"secret-id" is not known: create \/shop\/test\/aws-secrets-manager/],
	["an account", { secretId: "app" }, ["--region", "eu-west-1"], /add --account/],
	["a namespace", {}, PLACE.slice(0, 4), /segment "namespace" is missing/],
	["a resource id", { credentials: { source: "rds-iam" }, host: "h", username: "u" }, [], /add --resource-id/],
])("cannot be written without %s", async (_, config, options, sentence) => {
	aws.parameters.delete(SECRET_PATH);

	const run = await print(config, ...options);

	expect(run).toMatchObject({ exitCode: 1, stdout: "" });
	expect(run.stderr).toMatch(sentence);
});

it.each<[string, object, string[], RegExp]>([
	["parameters", { ssmLookups: { host: { path: ["*"] } } }, PLACE, /parameter ".*\/\*" holds/],
	["parameters of a namespace", { ssmLookups: { host: { namespace: "a?", path: ["host"] } } }, PLACE, /parameter ".*a\?.*" holds/],
	[
		"users",
		{ credentials: { source: "rds-iam" }, host: "db.abc.eu-west-1.rds.amazonaws.com", username: "*" },
		[...PLACE, "--resource-id", "db-ABC"],
		/username holds/,
	],
	[
		"users by a variable",
		{ credentials: { source: "rds-iam" }, host: "db.abc.eu-west-1.rds.amazonaws.com", username: "${aws:username}" },
		[...PLACE, "--resource-id", "db-ABC"],
		/username holds/,
	],
	["something else than a secret", { secretId: "arn:aws:s3:::shop" }, PLACE, /"arn:aws:s3:::shop" is an ARN, but not of a secret/],
	[
		"the rotation of a secret",
		{ secretId: "arn:aws:lambda:eu-west-1:123456789012:function:rotate" },
		PLACE,
		/is an ARN, but not of a secret/,
	],
])("is not written where it would allow other %s", async (_, config, options, sentence) => {
	const run = await print(config, ...options);

	expect(run).toMatchObject({ exitCode: 1, stdout: "" });
	expect(run.stderr).toMatch(sentence);
});

it("says beside the policy what write access means", async () => {
	const run = await print({}, ...PLACE);

	expect(run.exitCode).toBe(0);
	expect(run.stderr).toMatch(/^Write access to these parameters and to this secret is access to the database/);
});
