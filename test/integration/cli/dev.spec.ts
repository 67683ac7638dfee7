/** `dev` serves the parameters and secrets of a file to any client of the AWS SDK, alone or around a command. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParametersByPathCommand, SSMClient } from "@aws-sdk/client-ssm";

import { endLater } from "../../support/endings.js";
import { waitUntil } from "../../support/wait-until.js";
import { runCli, runHere } from "./run-cli.js";

const DEADLINE_MS = 60_000;
const CONTENT = {
	parameters: { "/shop/limit": "20" },
	secrets: { "shop/database": { password: "hunter2", username: "shop" }, text: "plain" },
};

let folder: string;
let file: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "connector-dev-"));
	endLater(async () => rmSync(folder, { force: true, recursive: true }));
	file = join(folder, "aws.local.json");
	writeFileSync(file, JSON.stringify(CONTENT));
});

function start(...commandLine: readonly string[]): { child: ChildProcessWithoutNullStreams; read: () => string } {
	const child = spawn(process.execPath, ["scripts/run-ts.cjs", "src/cli/main.ts", "dev", ...commandLine]);
	endLater(async () => child.kill("SIGKILL"));
	let output = "";
	child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
	return { child, read: () => output };
}

it("prints the variables that lead the SDK to it, serves until a signal, and ends with 0", async () => {
	const { child, read } = start(file, "--port", "0");
	await waitUntil("the variables are printed", () => read().includes("AWS_SECRET_ACCESS_KEY="), DEADLINE_MS);
	const env = Object.fromEntries(
		read()
			.trim()
			.split("\n")
			.map((line) => line.split("=") as [string, string]),
	);
	const config = {
		credentials: { accessKeyId: String(env["AWS_ACCESS_KEY_ID"]), secretAccessKey: String(env["AWS_SECRET_ACCESS_KEY"]) },
		region: String(env["AWS_REGION"]),
	};
	const ssm = new SSMClient({ ...config, endpoint: String(env["AWS_ENDPOINT_URL_SSM"]) });
	const secrets = new SecretsManagerClient({ ...config, endpoint: String(env["AWS_ENDPOINT_URL_SECRETS_MANAGER"]) });
	endLater(async () => {
		ssm.destroy();
		secrets.destroy();
	});

	const { Parameters } = await ssm.send(new GetParametersByPathCommand({ Path: "/shop" }));
	const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: "shop/database" }));

	expect(Parameters?.map(({ Name, Value }) => [Name, Value])).toEqual([["/shop/limit", "20"]]);
	expect(JSON.parse(String(SecretString))).toEqual(CONTENT.secrets["shop/database"]);
	child.kill("SIGTERM");
	expect(await once(child, "close")).toEqual([0, null]);
});

it("starts a command with these variables, and ends with it", async () => {
	const program = "console.log(new URL(process.env.AWS_ENDPOINT_URL_SSM).hostname, process.env.AWS_REGION); process.exitCode = 3";

	const { exitCode, stderr, stdout } = await runCli(
		["dev", file, "--port", "0", "--region", "eu-central-1", "--", process.execPath, "-e", program],
		{},
	);

	expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: "127.0.0.1 eu-central-1\n" });
	expect(stderr).toContain("1 parameters, 2 secrets");
	expect(stderr).not.toContain("hunter2");
});

it("takes the file of the guide", async () => {
	const commandLine = ["dev", "examples/recipes/aws.local.json", "--port", "0", "--", process.execPath, "-e", ""];

	const guide = readFileSync("docs/guides/local-development.md", "utf8");
	for (const name of [".env.example", "aws.local.json"]) {
		expect(guide).toContain(readFileSync(join("examples/recipes", name), "utf8").replaceAll("\t", "  ").trim());
	}
	expect(await runCli(commandLine, {})).toMatchObject({
		exitCode: 0,
		stderr: expect.stringContaining("5 parameters, 2 secrets") as string,
	});
});

it("passes a signal on to the command", async () => {
	const program =
		"process.on('SIGTERM', () => { console.log('stopped'); process.exit(0); }); console.log('ready'); setInterval(() => {}, 1000)";
	const { child, read } = start(file, "--port", "0", "--", process.execPath, "-e", program);
	await waitUntil("the command is ready", () => read().includes("ready"), DEADLINE_MS);

	child.kill("SIGTERM");

	expect(await once(child, "close")).toEqual([0, null]);
	expect(read()).toContain("stopped");
});

it.each([
	["no file", [], "name one file"],
	["two files", ["a.json", "b.json"], "name one file"],
	["a file that is not there", ["missing.json"], "cannot be read (ENOENT)"],
	["an unknown option", ["FILE", "--prot", "1"], "--prot"],
	["a port that is none", ["FILE", "--port", "70000"], "--port must be a number up to 65535"],
	["a region that is none", ["FILE", "--region", "eu west"], "--region"],
])("refuses %s with exit code 2", async (_, commandLine, fault) => {
	const { exitCode, stderr } = await runHere(["dev", ...commandLine.map((text) => (text === "FILE" ? file : text))], {});

	expect(exitCode).toBe(2);
	expect(stderr).toContain(fault);
});

it.each([
	["no JSON", '{ "secrets": { "a": "hunter2" ', "cannot be read (SyntaxError)"],
	["a list", "[]", "must hold an object"],
	["an unknown group", '{ "secret": { "a": "hunter2" } }', '"secret" is unknown'],
	["a list of secrets", '{ "secrets": ["hunter2"] }', "must be objects"],
	["a parameter that is a number", '{ "parameters": { "/shop/port": 5432 } }', 'parameter "/shop/port": the value must be a text'],
	["an empty parameter", '{ "parameters": { "/shop/port": "" } }', 'parameter "/shop/port"'],
	["a name without a slash", '{ "parameters": { "port": "hunter2" } }', 'parameter "port"'],
	["a secret that is a number", '{ "secrets": { "shop": 1 } }', 'secret "shop": the value must be an object or a text'],
])("refuses a file with %s, and repeats no value", async (_, text, fault) => {
	writeFileSync(file, text);

	const { exitCode, stderr, stdout } = await runHere(["dev", file], {});

	expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
	expect(stderr).toContain(fault);
	expect(stderr).not.toContain("hunter2");
});

it("says that a port is taken", async () => {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	endLater(async () => server.close());
	const { port } = server.address() as { port: number };

	const { exitCode, stderr } = await runHere(["dev", file, "--port", String(port)], {});

	expect(exitCode).toBe(2);
	expect(stderr).toContain(`port ${String(port)} cannot be used (EADDRINUSE)`);
});

it("says that a command is not there", async () => {
	const { exitCode, stderr } = await runHere(["dev", file, "--port", "0", "--", join(folder, "missing")], {});

	expect(exitCode).toBe(127);
	expect(stderr).toContain("cannot be started (ENOENT)");
});
