/** The command line → what is asked for. Anything that is not understood is a UsageError. */
import { parseArgs } from "node:util";

import { findRegionFault, isRegionName } from "../aws/aws-partitions.js";
import { findParameterNameFault } from "../aws/parameter-name.js";
import { parseArnOf } from "../aws/parse-arn.js";
import { LOOKUP_NAMES } from "../configuration/check-lookups.js";
import { findConnectionSecret } from "../configuration/credentials-source.js";
import { findNearestName } from "../support/nearest-name.js";

/** What the program can be asked to do. */
export const COMMANDS = ["doctor", "policy", "provision"] as const;

/** One of them. */
export type CommandName = (typeof COMMANDS)[number];

/** The command line was not understood; the message is for the person who typed it. */
export class UsageError extends Error {
	override readonly name = "UsageError";
}

const TEXT = { type: "string" } as const;
const FLAG = { type: "boolean" } as const;

/** Options that every command has. */
const SHARED = {
	application: TEXT,
	config: TEXT,
	decrypt: FLAG,
	endpoint: TEXT,
	environment: TEXT,
	help: { short: "h", type: "boolean" },
	instance: TEXT,
	json: FLAG,
	lookup: { multiple: true, type: "string" },
	namespace: TEXT,
	"on-demand": FLAG,
	region: TEXT,
	version: FLAG,
} as const;

const DOCTOR = { "allow-plaintext": FLAG } as const;

const POLICY = {
	account: TEXT,
	"allow-set": FLAG,
	"parameter-kms-key": TEXT,
	"resource-id": TEXT,
	"secret-kms-key": TEXT,
} as const;

const PROVISION = {
	apply: FLAG,
	"automatic-rotation": FLAG,
	"rotation-days": TEXT,
	"rotation-lambda-arn": TEXT,
	"secret-description": TEXT,
	"secret-kms-key": TEXT,
	set: { multiple: true, type: "string" },
} as const;

/** By command: the options besides the shared ones. */
const OWN: Readonly<Record<CommandName, object>> = { doctor: DOCTOR, policy: POLICY, provision: PROVISION };

/** Every option that some command has, as it was given. */
export type GivenOptions = ReturnType<
	typeof parseArgs<{ options: typeof DOCTOR & typeof POLICY & typeof PROVISION & typeof SHARED; strict: true }>
>["values"];

/** A command line that was understood. `help` and `version` end it before anything else is looked at. */
export type Invocation =
	| { readonly command: CommandName; readonly options: GivenOptions }
	| { readonly command: "help" | "version"; readonly options?: undefined };

/**
 * Reads the arguments behind the name of the program.
 * @throws UsageError
 */
export function parseArguments(commandLine: readonly string[]): Invocation {
	const [first, ...rest] = commandLine;
	if (first === undefined || first === "help" || first === "--help" || first === "-h") return { command: "help" };
	if (first === "--version") return { command: "version" };
	const command = COMMANDS.find((name) => name === first);
	if (command === undefined) {
		const known = [...COMMANDS, "dev"];
		throw new UsageError(`There is no command "${first}"${describeNearest(first, known)} There are: ${known.join(", ")}.`);
	}
	const options = parseOptions(command, rest);
	if (options.help === true) return { command: "help" };
	if (options.version === true) return { command: "version" };
	checkTogether(options);
	checkTexts(command, options);
	return { command, options };
}

function parseOptions(command: CommandName, args: string[]): GivenOptions {
	try {
		return parseArgs({ args, options: { ...SHARED, ...OWN[command] }, strict: true }).values;
	} catch (error) {
		const { message } = error as Error;
		const [, option] = /^Unknown option '--([\w-]+)'/.exec(message) ?? [];
		const known = Object.keys({ ...SHARED, ...OWN[command] });
		if (option !== undefined) {
			const nearest = findNearestName(option, known);
			const advice = nearest === undefined ? "" : `; did you mean --${nearest}?`;
			throw new UsageError(`${command}: there is no option --${option}${advice}`);
		}
		throw new UsageError(`${command}: ${message}`);
	}
}

function describeNearest(given: string, known: readonly string[]): string {
	const nearest = findNearestName(given, known);
	return nearest === undefined ? "." : `; did you mean "${nearest}"?`;
}

/**
 * The lookups of the command line, by the names that `ssmLookups` has.
 * @throws UsageError
 */
export function readLookups({ lookup: given = [] }: GivenOptions): Readonly<Record<string, string>> {
	return Object.fromEntries(
		given.map((assignment) => {
			const [name = "", ...rest] = assignment.split("=");
			const value = rest.join("=");
			if (!(LOOKUP_NAMES as readonly string[]).includes(name)) {
				throw new UsageError(`--lookup ${name}: there is no such field. Fields: ${LOOKUP_NAMES.join(", ")}.`);
			}
			const isSecret = name === "connection" && findConnectionSecret(value) !== undefined;
			const fault = isSecret ? undefined : findParameterNameFault(value);
			if (fault !== undefined) throw new UsageError(`--lookup ${name}: ${fault}.`);
			return [name, value];
		}),
	);
}

function checkTogether({ application, environment, ...options }: GivenOptions): void {
	if ((application === undefined) !== (environment === undefined)) {
		throw new UsageError("--application and --environment belong together: they are the first two segments of every parameter's name.");
	}
	if (application === undefined && options.config === undefined && options.lookup === undefined) {
		throw new UsageError(
			"Say where the parameters are: --application <name> --environment <name>, or --lookup <field>=<full name> for each.",
		);
	}
	const isRotating = options["automatic-rotation"] === true;
	if (isRotating !== (options["rotation-lambda-arn"] !== undefined)) {
		throw new UsageError("--automatic-rotation and --rotation-lambda-arn belong together.");
	}
	if (options["rotation-days"] !== undefined && !/^(?:[1-9]\d{0,2}|1000)$/.test(options["rotation-days"])) {
		throw new UsageError("--rotation-days must be an integer from 1 to 1000.");
	}
}

/** The segments of a name in Parameter Store: no wildcard of IAM is among their characters. */
const SEGMENT = /^[\w.-]+$/;
/** Instances, clusters and proxies. */
const RESOURCE_ID = /^(?:cluster|db|prx)-[A-Za-z0-9]+$/;

/**
 * What goes into a name, a policy or a request is of the right form: in a policy a wildcard would stand for other
 * names.
 */
function checkTexts(command: CommandName, options: GivenOptions): void {
	const { account, endpoint, region } = options;
	for (const name of ["application", "environment", "instance", "namespace"] as const) {
		const isUsable = options[name] === undefined || SEGMENT.test(options[name].trim());
		if (!isUsable) throw new UsageError(`--${name} may only hold letters, digits, and . - _`);
	}
	if (account !== undefined && !/^\d{12}$/.test(account)) {
		throw new UsageError("--account must be the twelve digits of an AWS account.");
	}
	if (endpoint !== undefined && !isWebAddress(endpoint)) throw new UsageError("--endpoint must be a URL with https: or http:.");
	const regionFault = region === undefined ? undefined : findRegionFault(region);
	if (regionFault !== undefined) throw new UsageError(`--region ${regionFault}.`);
	if (options["resource-id"] !== undefined && !RESOURCE_ID.test(options["resource-id"])) {
		throw new UsageError("--resource-id must be db-…, cluster-… or prx-…, with letters and digits behind it.");
	}
	if (command !== "policy") return;
	for (const name of ["parameter-kms-key", "secret-kms-key"] as const) {
		if (options[name] !== undefined && !isKeyArn(options[name])) {
			throw new UsageError(`--${name} must be the ARN of a key: arn:aws:kms:<region>:<account>:key/<id>. IAM takes no alias here.`);
		}
	}
}

function isWebAddress(text: string): boolean {
	return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}

function isKeyArn(text: string): boolean {
	const arn = parseArnOf("kms", text);
	return arn !== undefined && /^key\/[\w-]+$/.test(arn.resource) && isRegionName(arn.region) && /^\d{12}$/.test(arn.account);
}
