/** What the endpoint of local work is filled with: a JSON file of parameters and secrets. */
import { readFileSync } from "node:fs";

import { findParameterNameFault } from "../aws/parameter-name.js";
import { isObject } from "../support/check-options.js";
import { UsageError } from "./parse-arguments.js";

/** The content of the file. */
export interface DevContent {
	/** Values of type String, by their full names. */
	readonly parameters: Readonly<Record<string, string>>;
	/** An object is stored as JSON. */
	readonly secrets: Readonly<Record<string, object | string>>;
}

const GROUPS = ["parameters", "secrets"];

/**
 * Reads the file.
 * @throws UsageError which names a parameter or a secret, and repeats no value.
 */
export function readDevContent(file: string): DevContent {
	const content = parse(file);
	if (!isObject(content) || Array.isArray(content)) throw refuse(file, "must hold an object");
	const unknown = Object.keys(content).filter((name) => !GROUPS.includes(name));
	if (unknown.length > 0) throw refuse(file, `"${unknown.join('", "')}" is unknown; there are "parameters" and "secrets"`);
	const { parameters = {}, secrets = {} } = content as Partial<Record<string, unknown>>;
	if (!isGroup(parameters) || !isGroup(secrets)) throw refuse(file, '"parameters" and "secrets" must be objects');
	for (const [name, value] of Object.entries(parameters)) {
		const fault = findParameterNameFault(name) ?? (typeof value === "string" && value !== "" ? undefined : "the value must be a text");
		if (fault !== undefined) throw refuse(file, `parameter "${name}": ${fault}`);
	}
	for (const [name, value] of Object.entries(secrets)) {
		if (name === "" || !(typeof value === "string" || isGroup(value))) {
			throw refuse(file, `secret "${name}": the value must be an object or a text`);
		}
	}
	return { parameters, secrets } as DevContent;
}

function parse(file: string): unknown {
	try {
		return JSON.parse(readFileSync(file, "utf8")) as unknown;
	} catch (error) {
		// The message of JSON.parse quotes the text, and a password may be in it.
		const { code, name } = error as NodeJS.ErrnoException;
		throw refuse(file, `cannot be read (${code ?? name})`);
	}
}

function isGroup(value: unknown): value is Record<string, unknown> {
	return isObject(value) && !Array.isArray(value);
}

function refuse(file: string, fault: string): UsageError {
	return new UsageError(`dev ${file}: ${fault}.`);
}
