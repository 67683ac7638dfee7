/** Provisioning an empty environment: what is shown, what is created, and that nothing which exists is touched. */
import { type FakeAws, startFakeAws } from "../../../src/testing/fake-aws.js";
import { runHere } from "./run-cli.js";

const PLACE = ["--application", "shop", "--environment", "test", "--namespace", "api", "--instance", "main"];
const VALUES = {
	databaseName: "orders",
	host: "db.example.com",
	port: "5432",
	secretId: "shop/database",
	type: "postgres",
};
const SET = Object.entries(VALUES).flatMap(([field, value]) => ["--set", `${field}=${value}`]);
const PATHS = {
	databaseName: "/shop/test/api/main/postgres/database-name",
	host: "/shop/test/aws-rds/aurora-postgres/host",
	poolSize: "/shop/test/api/main/typeorm/pool-size",
	port: "/shop/test/aws-rds/aurora-postgres/port",
	secretId: "/shop/test/aws-secrets-manager/database/secret-id",
	type: "/shop/test/api/main/postgres/type",
};
const LAMBDA = "arn:aws:lambda:eu-west-1:123456789012:function:rotate";
const ROTATION = ["--automatic-rotation", "--rotation-lambda-arn", LAMBDA];
const WRITES = ["CreateSecret", "PutParameter", "PutSecretValue", "RotateSecret"];

let aws: FakeAws;

beforeEach(async () => {
	aws = await startFakeAws();
});

afterEach(async () => aws.stop());

async function provision(...options: string[]): Promise<{ exitCode: number; stdout: string }> {
	return runHere(["provision", ...PLACE, ...options], aws.env);
}

function listWrites(): string[] {
	return aws.calls.list.filter(({ operation }) => WRITES.includes(operation)).map(({ operation }) => operation);
}

it("shows what it would create, and creates nothing", async () => {
	const { exitCode, stdout } = await provision(...SET);

	expect(exitCode).toBe(0);
	expect(stdout).toMatch(/^planned {2}parameter {2}\S+\/host +db\.example\.com$/m);
	expect(stdout).toMatch(/^planned {2}secret +shop\/database +without a value$/m);
	expect(stdout).toMatch(/Nothing was changed\. Add --apply/);
	expect(listWrites()).toEqual([]);
});

it("names the values that it lacks, and creates nothing without them", async () => {
	const { exitCode, stdout } = await provision("--set", "host=db.example.com", "--apply");

	expect(exitCode).toBe(1);
	expect(stdout).toContain(`"port" at ${PATHS.port} needs a value: --set port=…`);
	expect(stdout).toContain(`"secret-id" at ${PATHS.secretId} needs a value: --set secretId=…`);
	expect(stdout).not.toContain('"host"');
	expect(listWrites()).toEqual([]);
});

it("creates all parameters and a secret without a value", async () => {
	const { exitCode, stdout } = await provision(...SET, "--set", "poolSize=20", "--apply");

	expect(exitCode).toBe(0);
	expect(Object.values(PATHS).map((path) => aws.parameters.get(path))).toEqual([
		"orders",
		"db.example.com",
		"20",
		"5432",
		"shop/database",
		"postgres",
	]);
	expect(aws.secrets.versions("shop/database")).toEqual({});
	expect(stdout).toMatch(/^created {2}parameter {2}\S+\/pool-size +20$/m);
	expect(stdout).not.toContain("--apply");
});

it("creates a secret with description, key and rotation, which does not begin at once", async () => {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/one";

	const { stdout } = await provision(
		...SET,
		...ROTATION,
		"--rotation-days",
		"7",
		"--secret-description",
		"Login of the shop",
		"--secret-kms-key",
		key,
		"--apply",
	);

	expect(aws.secrets.find("shop/database")).toMatchObject({
		description: "Login of the shop",
		isRotationEnabled: true,
		kmsKeyId: key,
		rotationLambdaArn: LAMBDA,
		rotationRules: { AutomaticallyAfterDays: 7 },
	});
	expect(aws.secrets.versions("shop/database")).toEqual({});
	expect(stdout).toMatch(new RegExp(`^created {2}rotation +shop/database +every 7 days by ${LAMBDA}$`, "m"));
});

it("leaves alone what exists", async () => {
	aws.parameters.put(PATHS.host, "old.example.com");
	aws.secrets.put("shop/database", { password: "one", username: "app" });

	const { exitCode, stdout } = await provision(...SET, ...ROTATION, "--apply");

	expect(exitCode).toBe(0);
	expect(aws.parameters.get(PATHS.host)).toBe("old.example.com");
	expect(aws.secrets.get("shop/database")).toBe('{"password":"one","username":"app"}');
	expect(aws.secrets.find("shop/database").isRotationEnabled).toBe(false);
	expect(stdout).toMatch(/^kept +secret +shop\/database +exists, and stays as it is$/m);
	expect(stdout).not.toContain("/host");
});

it.each([[], ["--apply"]])("has a secret that is marked for deletion restored first %j", async (...flags) => {
	aws.secrets.put("shop/database", { password: "one", username: "app" });
	aws.secrets.scheduleDeletion("shop/database");

	const { exitCode, stdout } = await provision(...SET, ...flags);

	expect(exitCode).toBe(1);
	expect(stdout).toMatch(
		/^failed +secret +shop\/database +is marked for deletion; .*aws secretsmanager restore-secret --secret-id shop\/database$/m,
	);
});

it("leaves alone what another process creates in the meantime", async () => {
	aws.faults.inject({ kind: "not-found", operation: "GetParametersByPath" });
	aws.parameters.put(PATHS.host, "old.example.com");

	const { exitCode, stdout } = await provision(...SET, "--apply");

	expect(exitCode).toBe(0);
	expect(aws.parameters.get(PATHS.host)).toBe("old.example.com");
	expect(stdout).toMatch(/^kept +parameter {2}\S+\/host +exists, and stays as it is$/m);
});

it("creates no secret for an ARN, which belongs to one that exists", async () => {
	aws.parameters.put(PATHS.secretId, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbC123");

	const { stdout } = await provision(...SET, "--apply");

	expect(stdout).not.toMatch(/secret:shop/);
	expect(listWrites()).not.toContain("CreateSecret");
});

it("shows in its dry run that the secret exists", async () => {
	aws.secrets.put("shop/database", "anything");

	const { stdout } = await provision(...SET);

	expect(stdout).toMatch(/^kept +secret/m);
});

it("says that nothing is missing where nothing is", async () => {
	await provision(...SET, "--apply");
	aws.calls.clear();

	const { exitCode, stdout } = await provision("--apply");

	expect(exitCode).toBe(0);
	expect(stdout).toMatch(/^kept +secret +shop\/database/);
	expect(listWrites()).toEqual(["CreateSecret"]);
});

it("leaves a wrong parameter to its owner, and does nothing before", async () => {
	aws.parameters.put(PATHS.port, "abc");

	const { exitCode, stdout } = await provision(...SET, "--apply");

	expect(exitCode).toBe(1);
	expect(stdout).toMatch(/- "port" must be an integer .*\/port/);
	expect(aws.parameters.get(PATHS.port)).toBe("abc");
	expect(listWrites()).toEqual([]);
});

it("reports what AWS refuses, and goes on", async () => {
	aws.faults.inject({ kind: "denied", operation: "PutParameter", times: 1 });

	const { exitCode, stdout } = await provision(...SET, "--apply", "--json");

	const { steps } = JSON.parse(stdout) as { steps: { detail: string; name: string; outcome: string }[] };
	expect(exitCode).toBe(1);
	expect(steps.map(({ outcome }) => outcome)).toEqual(["failed", "created", "created", "created", "created", "created"]);
	expect(steps[0]).toMatchObject({ detail: expect.stringContaining("AccessDeniedException"), name: PATHS.host });
});

it.each([
	[["--set", "hots=x"], /there is no such field/],
	[["--set", "port=abc"], /--set port: must be an integer/],
	[["--automatic-rotation"], /belong together/],
	[["--rotation-days", "0"], /from 1 to 1000/],
])("answers %p with a sentence and exit code 2", async (options, sentence) => {
	const run = await runHere(["provision", ...PLACE, ...options], aws.env);

	expect(run.exitCode).toBe(2);
	expect(run.stderr).toMatch(sentence);
	expect(listWrites()).toEqual([]);
});
