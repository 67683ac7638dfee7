/** What the command line may say, and how it is told that it may not. */
import { COMMANDS, parseArguments, UsageError } from "../../../src/cli/parse-arguments.js";
import { USAGE } from "../../../src/cli/usage.js";

const PLACE = ["--application", "shop", "--environment", "test"];

it.each(COMMANDS)("understands %s", (command) => {
	expect(parseArguments([command, ...PLACE])).toEqual({ command, options: { application: "shop", environment: "test" } });
});

it.each([[[]], [["help"]], [["--help"]], [["-h"]], [["doctor", "--help"]], [["policy", "-h"]]])("answers %p with help", (commandLine) => {
	expect(parseArguments(commandLine)).toEqual({ command: "help" });
});

it.each([[["--version"]], [["doctor", "--version"]]])("answers %p with its version", (commandLine) => {
	expect(parseArguments(commandLine)).toEqual({ command: "version" });
});

it("does without a place when there is a file of options", () => {
	expect(parseArguments(["doctor", "--config", "connector.json"])).toMatchObject({ options: { config: "connector.json" } });
});

it("collects repeated values", () => {
	expect(parseArguments(["provision", ...PLACE, "--set", "a=1", "--set", "b=2"])).toMatchObject({ options: { set: ["a=1", "b=2"] } });
});

it.each([
	["an unknown command", ["mend"], /"mend".*doctor, policy, provision/],
	["an unknown option", ["doctor", ...PLACE, "--regio", "x"], /^doctor: .*--regio/],
	["an option of another command", ["doctor", ...PLACE, "--apply"], /--apply/],
	["an option without its value", ["doctor", "--application"], /--application/],
	["an argument that is no option", ["doctor", ...PLACE, "extra"], /extra/],
	["no place", ["policy"], /--application <name> --environment <name>/],
	["half a place", ["policy", "--environment", "test"], /belong together/],
	["half a rotation", ["provision", ...PLACE, "--rotation-lambda-arn", "arn"], /belong together/],
	["too many days", ["provision", ...PLACE, "--rotation-days", "1001"], /1 to 1000/],
	["a short account", ["policy", ...PLACE, "--account", "123"], /twelve digits/],
	["an endpoint that is none", ["doctor", ...PLACE, "--endpoint", "nowhere"], /--endpoint must be a URL/],
	["a file as an endpoint", ["doctor", ...PLACE, "--endpoint", "file:///etc/passwd"], /--endpoint must be a URL with https: or http:/],
	["a wildcard as an application", ["policy", "--application", "*", "--environment", "test"], /--application may only hold/],
	["a wildcard as an environment", ["policy", "--application", "shop", "--environment", "te?t"], /--environment may only hold/],
	["a variable as a namespace", ["policy", ...PLACE, "--namespace", "${aws:username}"], /--namespace may only hold/],
	["a slash in an instance", ["doctor", ...PLACE, "--instance", "a/b"], /--instance may only hold/],
	["a control character in an instance", ["doctor", ...PLACE, "--instance", "a\u001b[2J"], /--instance may only hold/],
	["all regions", ["policy", ...PLACE, "--region", "aws-global"], /--region must be the name of one region/],
	["a wildcard as a region", ["policy", ...PLACE, "--region", "*"], /--region must be the name of a region/],
	["a wildcard as a resource", ["policy", ...PLACE, "--resource-id", "*"], /--resource-id must be db-/],
	["every cluster as a resource", ["policy", ...PLACE, "--resource-id", "cluster-*"], /--resource-id must be db-/],
	["a wildcard as a key", ["policy", ...PLACE, "--secret-kms-key", "*"], /--secret-kms-key must be the ARN of a key/],
	["an alias as a key", ["policy", ...PLACE, "--parameter-kms-key", "alias/shop"], /--parameter-kms-key must be the ARN of a key/],
	[
		"all keys as a key",
		["policy", ...PLACE, "--secret-kms-key", "arn:aws:kms:eu-west-1:123456789012:key/*"],
		/--secret-kms-key must be the ARN of a key/,
	],
	[
		"a key of all regions",
		["policy", ...PLACE, "--secret-kms-key", "arn:aws:kms:*:123456789012:key/one"],
		/--secret-kms-key must be the ARN of a key/,
	],
	[
		"an ARN of another service as a key",
		["policy", ...PLACE, "--secret-kms-key", "arn:aws:s3:eu-west-1:123456789012:key/one"],
		/--secret-kms-key must be the ARN of a key/,
	],
])("refuses %s", (_, commandLine, sentence) => {
	const parse = (): unknown => parseArguments(commandLine);

	expect(parse).toThrow(UsageError);
	expect(parse).toThrow(sentence);
});

it("takes an alias where a secret is created with it", () => {
	const { options } = parseArguments(["provision", ...PLACE, "--secret-kms-key", "alias/shop"]);

	expect(options).toMatchObject({ "secret-kms-key": "alias/shop" });
});

it("explains every option in its help", () => {
	const options = [
		"allow-plaintext",
		"application",
		"config",
		"decrypt",
		"endpoint",
		"environment",
		"instance",
		"json",
		"namespace",
		"on-demand",
		"region",
	];
	const own = ["account", "allow-set", "apply", "automatic-rotation", "parameter-kms-key", "resource-id", "rotation-days"];
	const others = ["rotation-lambda-arn", "secret-description", "secret-kms-key", "set"];

	expect([...options, ...own, ...others].filter((name) => !USAGE.includes(`--${name}`))).toEqual([]);
});
