/** The doctor against the environment of the demonstration, with one thing wrong at a time: it names the field, the place and the remedy, and no secret. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Cloud, startCloud } from "../../../examples/demo/cloud.js";
import type { Diagnosis } from "../../../src/cli/diagnosis.js";
import { CertificateAuthority } from "../../support/certificates.js";
import { serveTls } from "../../support/postgres/serve-tls.js";
import { findSecretsInText, makeCanary } from "../../support/secret-search.js";
import { type CliRun, runCli, runHere } from "./run-cli.js";

const PLACE = ["--application", "bank", "--environment", "demo", "--namespace", "aws-ecs-fargate", "--instance", "bank-api"];
const PATHS = {
	databaseName: "/bank/demo/aws-ecs-fargate/bank-api/postgres/database-name",
	host: "/bank/demo/aws-rds/aurora-postgres/host",
	port: "/bank/demo/aws-rds/aurora-postgres/port",
	secretId: "/bank/demo/aws-secrets-manager/database/secret-id",
	synchronize: "/bank/demo/aws-ecs-fargate/bank-api/typeorm/synchronize",
	type: "/bank/demo/aws-ecs-fargate/bank-api/postgres/type",
};
const SECRET_ID = "bank/database";
const PASSWORD = makeCanary("password");

let cloud: Cloud;
let configCount = 0;
let folder: string;

beforeAll(async () => {
	cloud = await startCloud(4);
	await cloud.server.setPassword("app", PASSWORD);
	folder = await mkdtemp(join(tmpdir(), "doctor-"));
	await serve([]);
});

beforeEach(() => {
	const { aws, server } = cloud;
	aws.faults.clear();
	aws.secrets.put(SECRET_ID, { password: PASSWORD, username: "app" });
	for (const [name, value] of Object.entries({
		[PATHS.databaseName]: "bank",
		[PATHS.host]: server.host,
		[PATHS.port]: String(server.port),
		[PATHS.secretId]: SECRET_ID,
		[PATHS.synchronize]: "true",
		[PATHS.type]: "postgres",
	})) {
		aws.parameters.put(name, value);
	}
});

afterAll(async () => {
	await cloud.stop();
	await rm(folder, { recursive: true });
});

/** Rules of the server for all users but its administrator, and a certificate of an unknown authority. */
async function serve(
	rules: readonly string[],
	server = new CertificateAuthority("Unknown CA").issue({ names: ["127.0.0.1"] }),
): Promise<void> {
	await serveTls(cloud.server, { rules: rules.length === 0 ? ["host all all 127.0.0.1/32 scram-sha-256"] : rules, server });
}

async function diagnose(...options: string[]): Promise<CliRun> {
	return runHere(["doctor", ...PLACE, ...options], cloud.aws.env);
}

async function writeConfig(config: object): Promise<string> {
	configCount += 1;
	const file = join(folder, `connector-${String(configCount)}.json`);
	await writeFile(file, JSON.stringify(config));
	return file;
}

/** The part behind the checks. */
function readProblems({ stdout }: CliRun): string {
	return stdout.slice(stdout.search(/^\d+ problems?$/m));
}

/** A port of this machine without a listener. */
async function findClosedPort(): Promise<number> {
	const listener = createServer().listen(0, "127.0.0.1");
	await once(listener, "listening");
	const { port } = listener.address() as AddressInfo;
	listener.close();
	await once(listener, "close");
	return port;
}

/** What is wrong, and what the doctor says of it: field, place, remedy. Neither field nor place where it is about a service as a whole. */
const CASES: Readonly<
	Record<string, readonly [spoil: () => unknown, label: string | undefined, path: string | undefined, remedy: RegExp]>
> = {
	"a parameter is missing": [
		() => cloud.aws.parameters.delete(PATHS.port),
		"port",
		PATHS.port,
		/aws ssm put-parameter --name \S+\/port --type String --value '<an integer from 1 to 65535>'/,
	],
	"a number is none": [
		() => cloud.aws.parameters.put(PATHS.port, "5432abc"),
		"port",
		PATHS.port,
		/aws ssm put-parameter --name \S+\/port --overwrite --value '<an integer/,
	],
	"a choice is none": [
		() => cloud.aws.parameters.put(PATHS.type, "oracle"),
		"type",
		PATHS.type,
		/--name \S+\/type --overwrite --value '<one of .*"postgres"/,
	],
	"a truth value is none": [
		() => cloud.aws.parameters.put(PATHS.synchronize, "yes"),
		"shouldSynchronize",
		PATHS.synchronize,
		/--overwrite --value '<true or false>'/,
	],
	"a parameter is a list": [
		() => cloud.aws.parameters.put(PATHS.host, "a,b", "StringList"),
		"host",
		PATHS.host,
		/Delete the parameter, then: aws ssm put-parameter --name \S+\/host --type String/,
	],
	"a parameter is still encrypted": [
		() => cloud.aws.parameters.put(PATHS.host, makeCanary("host"), "SecureString"),
		"host",
		PATHS.host,
		/--decrypt here, and shouldDecryptParameters: true/,
	],
	"Parameter Store denies": [
		() => cloud.aws.faults.inject({ kind: "denied", service: "ssm" }),
		undefined,
		undefined,
		/Allow ssm:GetParameters\w* .* npx nestjs-typeorm-aws-connector policy/,
	],
	"the content of the secret is in the place of its name": [
		() => cloud.aws.parameters.put(PATHS.secretId, JSON.stringify({ password: makeCanary("content"), username: "app" })),
		"secret-id",
		PATHS.secretId,
		/--overwrite --value '<the name or the ARN of a secret>'/,
	],
	"the secret does not exist": [
		() => cloud.aws.secrets.delete(SECRET_ID),
		"secret-id",
		PATHS.secretId,
		/aws secretsmanager create-secret --name bank\/database --secret-string file:/,
	],
	"the secret is denied": [
		() => cloud.aws.faults.inject({ kind: "denied", operation: "GetSecretValue" }),
		"secret-id",
		PATHS.secretId,
		/Allow secretsmanager:GetSecretValue/,
	],
	"the secret cannot be decrypted": [
		() => cloud.aws.faults.inject({ kind: "decryption-failure", operation: "GetSecretValue" }),
		"secret-id",
		PATHS.secretId,
		/kms:Decrypt/,
	],
	"the secret is no JSON": [
		() => cloud.aws.secrets.put(SECRET_ID, makeCanary("text")),
		"secret-id",
		PATHS.secretId,
		/aws secretsmanager put-secret-value --secret-id bank\/database --secret-string file:/,
	],
	"the secret lacks a field": [
		() => cloud.aws.secrets.put(SECRET_ID, { passwort: makeCanary("misspelt"), username: "app" }),
		"password",
		PATHS.secretId,
		/put-secret-value --secret-id bank\/database/,
	],
	"the password is wrong": [
		() => cloud.aws.secrets.put(SECRET_ID, { password: makeCanary("wrong"), username: "app" }),
		"password",
		PATHS.secretId,
		/aws secretsmanager rotate-secret --secret-id bank\/database/,
	],
	"no server is at the port": [
		async () => cloud.aws.parameters.put(PATHS.port, String(await findClosedPort())),
		"host, port",
		PATHS.host,
		/put-parameter --name \S+\/host --overwrite .* security group.* port: \/bank\/demo\/aws-rds\/aurora-postgres\/port$/,
	],
	"the host does not exist": [
		() => cloud.aws.parameters.put(PATHS.host, "nowhere.invalid"),
		"host",
		PATHS.host,
		/aws ssm put-parameter --name \S+\/host --overwrite --value '<a host name>'/,
	],
	"the database does not exist": [
		() => cloud.aws.parameters.put(PATHS.databaseName, "casino"),
		"databaseName",
		PATHS.databaseName,
		/--name \S+\/database-name --overwrite --value '<the name of a database/,
	],
};

it("finds nothing wrong where nothing is", async () => {
	const run = await runCli(["doctor", ...PLACE], cloud.aws.env);

	expect(run.exitCode).toBe(0);
	expect(run.stdout).toMatch(/^No problem\.\n\nAsked: region eu-west-1, account \d{12}\nConnector "\/bank\/\S+"\n\nFIELD +VALUE/);
	expect(run.stdout).toMatch(/✓ {2}parameters .*\n ✓ {2}secret .*\n ✓ {2}server .*\n ✓ {2}login .*\n$/);
	// Each check as it ends: secret and server side by side.
	expect(run.stderr).toMatch(/^ ✓ {2}parameters .*\n(?: ✓ {2}(?:secret|server) .*\n){2} ✓ {2}login .*\n$/);
	expect(findSecretsInText("output", run.stdout)).toEqual([]);
});

it.each(Object.entries(CASES))("names field, place and remedy when %s", async (_, [spoil, label, path, remedy]) => {
	await spoil();

	const run = await diagnose("--json");

	const { asked, formatVersion, isValid, problems } = JSON.parse(run.stdout) as Diagnosis;
	expect(run).toMatchObject({ exitCode: 1, stderr: "" });
	expect([asked.region, formatVersion, isValid]).toEqual(["eu-west-1", 1, false]);
	expect(problems.map((problem) => [problem.label, problem.path])).toEqual([[label, path]]);
	expect(problems[0]?.remedy).toMatch(remedy);
	expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
});

it("prints problem, field, place and remedy first", async () => {
	cloud.aws.parameters.put(PATHS.databaseName, "casino");

	const run = await diagnose();

	expect(readProblems(run)).toMatch(
		/^1 problem\n {2}1\. The login .* has no such database \(3D000\)\.\n {5}databaseName {2}\S+\/database-name\n {5}> aws ssm put-parameter/,
	);
});

describe("TLS", () => {
	afterEach(async () => serve([]));

	it("that the server does not have is named", async () => {
		await serveTls(cloud.server, { server: undefined });

		const run = await diagnose("--config", await writeConfig({ tls: {} }));

		expect(run.exitCode).toBe(1);
		expect(readProblems(run)).toMatch(/does not offer TLS\.\n {5}tls\n {5}> .*switch it on/i);
	});

	it("with an unknown authority is named, and right once the authority is known", async () => {
		const authority = new CertificateAuthority("Bank CA");
		await serve([], authority.issue({ names: ["127.0.0.1"] }));

		const unknown = await diagnose("--config", await writeConfig({ tls: {} }));
		const known = await diagnose("--config", await writeConfig({ tls: { ca: authority.certificate } }));

		expect(unknown.exitCode).toBe(1);
		expect(readProblems(unknown)).toMatch(/TLS with 127\.0\.0\.1:\d+ fails: \w+\.\n {5}tls\n {5}> .*tls\.ca/);
		expect(known.exitCode).toBe(0);
		expect(known.stdout).toMatch(/✓ {2}server +127\.0\.0\.1:\d+ answers with TLSv1\.3, certificate of Bank CA, valid until/);
	});

	it.each([
		["ssl", { ssl: { rejectUnauthorized: false } }],
		["extra.ssl", { extra: { ssl: { rejectUnauthorized: false } } }],
	])("is tried as typeOrmOptions.%s says where the application gives that", async (_, typeOrmOptions) => {
		await serve([]);

		const run = await diagnose("--config", await writeConfig({ typeOrmOptions }));

		expect(run.exitCode).toBe(0);
		expect(run.stdout).toMatch(/✓ {2}server +\S+ answers with TLSv1\.3, certificate of Unknown CA/);
	});

	it("leads a token to a server, which does not take it", async () => {
		const authority = new CertificateAuthority("Bank CA");
		await serve([], authority.issue({ names: ["127.0.0.1"] }));
		const credentials = { region: "eu-west-1", source: "rds-iam" };

		const run = await diagnose("--config", await writeConfig({ credentials, tls: { ca: authority.certificate }, username: "app" }));

		expect(run.exitCode).toBe(1);
		expect(run.stdout).toMatch(/^password +\[hidden\] +token/m);
		expect(readProblems(run)).toMatch(
			/user "app" .* does not take the token \(28P01\)\.\n {5}username\n {5}> .* npx nestjs-typeorm-aws-connector policy .* GRANT rds_iam /,
		);
		expect(`${run.stdout}${run.stderr}`).not.toMatch(/X-Amz-|Signature/);
	});

	it("that the server insists on is named", async () => {
		await serve(["hostssl all all 127.0.0.1/32 scram-sha-256"]);

		const run = await diagnose();

		expect(run.exitCode).toBe(1);
		expect(readProblems(run)).toMatch(/wants another kind of TLS \(28000\)\.\n( {5}tls\n)? {5}> .*tls: true/i);
	});
});

it("hides a password that a server quotes in words of its own", async () => {
	const fields = ["SFATAL", "CXX000", `Mno luck with ${PASSWORD}`, ""].map((field) => `${field}\0`).join("");
	const message = Buffer.concat([Buffer.from("E\0\0\0\0"), Buffer.from(fields)]);
	message.writeInt32BE(message.length - 1, 1);
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.once("data", () => socket.end(message));
		socket.resume();
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	cloud.aws.parameters.put(PATHS.port, String((server.address() as AddressInfo).port));

	const run = await diagnose();

	server.close();
	await once(server, "close");
	expect(run.exitCode).toBe(1);
	expect(readProblems(run)).toContain("no luck with [hidden] (XX000)");
	expect(findSecretsInText("output", `${run.stdout}${run.stderr}`)).toEqual([]);
});

it("lists everything that is wrong at once, as data too", async () => {
	const { aws } = cloud;
	aws.parameters.put(PATHS.synchronize, "yes");
	aws.parameters.put(PATHS.port, String(await findClosedPort()));
	aws.secrets.put(SECRET_ID, makeCanary("text"));

	const run = await runCli(["doctor", ...PLACE, "--json"], aws.env);

	const { checks, isValid, problems } = JSON.parse(run.stdout) as Record<string, Record<string, string>[]>;
	expect(run.exitCode).toBe(1);
	expect(isValid).toBe(false);
	expect(checks?.map(({ name, outcome }) => [name, outcome])).toEqual([
		["parameters", "failed"],
		["secret", "failed"],
		["server", "failed"],
		["login", "skipped"],
	]);
	expect(problems?.map(({ code, label, path }) => [code, label, path])).toEqual([
		["ERR_CONNECTOR_PARAMETER_INVALID", "shouldSynchronize", PATHS.synchronize],
		["ERR_CONNECTOR_SECRET_MALFORMED", "secret-id", PATHS.secretId],
		["ECONNREFUSED", "host, port", PATHS.host],
	]);
	expect(findSecretsInText("output", run.stdout)).toEqual([]);
});

it.each([
	["the tree is denied, with which the application would not start", "ssm:GetParametersByPath", 1],
	["single parameters are denied, which the application does not read at its start", "ssm:GetParameters", 0],
])("reads as the application does where %s", async (_, denied, exitCode) => {
	cloud.aws.permissions.enforce({
		Statement: [
			{ Action: ["ssm:*", "secretsmanager:*"], Effect: "Allow", Resource: "*" },
			{ Action: denied, Effect: "Deny", Resource: "*" },
		],
		Version: "2012-10-17",
	});

	const run = await diagnose();

	cloud.aws.permissions.lift();
	expect(run.exitCode).toBe(exitCode);
	expect(run.stdout.includes(denied)).toBe(exitCode === 1);
});

it("takes full names from its command line, and needs no other place then", async () => {
	const { aws, server } = cloud;
	const names = {
		databaseName: "/prod/db/name",
		host: "/prod/db/host",
		port: "/prod/db/port",
		secretId: "/prod/db/secret",
		type: "/prod/db/engine",
	};
	const values = ["bank", server.host, String(server.port), SECRET_ID, "aurora-postgresql"];
	for (const [index, name] of Object.values(names).entries()) aws.parameters.put(name, values[index] ?? "");
	const lookups = Object.entries(names).flatMap(([field, name]) => ["--lookup", `${field}=${name}`]);

	const run = await runHere(["doctor", ...lookups], aws.env);
	const misspelt = await runHere(["doctor", "--lookup", "hots=/prod/db/host"], aws.env);

	expect(run.exitCode).toBe(0);
	expect(run.stdout).toMatch(/^host +\S+ +parameter +\/prod\/db\/host$/m);
	expect(misspelt).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--lookup hots: there is no such field") });
});

it("asks for the two segments that most parameters are below", async () => {
	const run = await runHere(["doctor", ...PLACE.slice(0, 4)], cloud.aws.env);

	expect(run.exitCode).toBe(1);
	expect(readProblems(run)).toMatch(/^1 problem\n.*\n {5}databaseName, type, .*\n {5}> Add --namespace and --instance, as /);
});

it("tells of AWS warnings as notes, and not in the middle of its data", async () => {
	cloud.aws.faults.inject({ kind: "denied", when: (input) => input["VersionStage"] === "AWSPENDING" });

	const run = await runCli(["doctor", ...PLACE, "--json"], cloud.aws.env);

	const { isValid, notes } = JSON.parse(run.stdout) as { isValid: boolean; notes: string[] };
	expect(isValid).toBe(true);
	expect(notes).toEqual([expect.stringMatching(/AWSPENDING of secret "bank\/database" cannot be read/)]);
});

it("asks the endpoint and the region of its command line for everything", async () => {
	const { aws } = cloud;
	const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = aws.env;
	const place = ["--endpoint", aws.url, "--region", "eu-central-1"];
	aws.calls.clear();

	const run = await runHere(["doctor", ...PLACE, ...place], { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });

	expect(run.exitCode).toBe(0);
	expect(new Set(aws.calls.list.map(({ region, service }) => `${service} ${String(region)}`))).toEqual(
		new Set(["ssm eu-central-1", "secretsmanager eu-central-1"]),
	);
});

it("takes a login from a file of options, and shows none of it", async () => {
	const { server } = cloud;
	const config = { databaseName: "bank", host: server.host, password: PASSWORD, port: server.port, type: "postgres", username: "app" };

	const run = await runHere(["doctor", "--config", await writeConfig(config)], cloud.aws.env);

	expect(run.exitCode).toBe(0);
	expect(run.stdout).toMatch(/^password +\[hidden\] +code/m);
	expect(findSecretsInText("output", run.stdout)).toEqual([]);
});

it.each([
	[["doctor"], /--application/],
	[["doctor", "--application", "bank"], /belong together/],
	[["mend"], /There is no command "mend"\. There are: doctor,/],
	[["docter", ...PLACE], /There is no command "docter"; did you mean "doctor"\?/],
	[["doctor", ...PLACE, "--decrpyt"], /there is no option --decrpyt; did you mean --decrypt\?/],
	[["doctor", ...PLACE, "--zzzzzz"], /there is no option --zzzzzz\n/],
	[["policy", ...PLACE, "--account", "12"], /twelve digits/],
	[["doctor", ...PLACE, "--config", "no-such-file.json"], /no-such-file\.json: cannot be loaded \(Error, MODULE_NOT_FOUND\)/],
])("answers %p with a sentence and exit code 2", async (commandLine, sentence) => {
	const run = await runHere(commandLine, cloud.aws.env);

	expect(run).toMatchObject({ exitCode: 2, stdout: "" });
	expect(run.stderr).toMatch(sentence);
});

it("a process that was misused ends with 2", async () => {
	const run = await runCli(["doctor"], cloud.aws.env);

	expect(run).toMatchObject({ exitCode: 2, stdout: "" });
	expect(run.stderr).toMatch(/^Say where the parameters are.*\n.*--help\n$/);
});
