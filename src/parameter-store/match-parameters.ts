/** Which of the parameters in an answer is the one that was asked for. */
import type { Parameter } from "@aws-sdk/client-ssm";

import { parseParameterName } from "../aws/parameter-name.js";
import type { IParameterValue } from "./parameter-store.options.js";

/**
 * Each name that was asked for, with its parameter or `null`. The service answers with the bare name, and with version
 * or label beside it; a shared parameter is asked for by its ARN.
 */
export function matchParameters(names: readonly string[], found: readonly Parameter[]): ReadonlyMap<string, Parameter | null> {
	const answers = new Map(found.flatMap((parameter) => listNames(parameter).map((name) => [name, parameter] as const)));
	return new Map(names.map((name) => [name, answers.get(name) ?? answers.get(describeBare(name)) ?? null]));
}

/** What is known of a parameter; `null` where there is none. */
export function describeParameter(parameter: Parameter | null | undefined, isDecrypted: boolean): IParameterValue | null {
	if (parameter?.Value === undefined) return null;
	const { Type: type, Value: text, Version: version } = parameter;
	return { isEncrypted: type === "SecureString" && !isDecrypted, text, type, version };
}

function listNames({ ARN: arn, Name: name, Selector: selector = "" }: Parameter): string[] {
	// An answer without ARN, as of some emulators, is found by the name within the ARN that was asked for.
	const forms = arn === undefined ? [name, name && `bare ${name}`] : [name, arn];
	return forms.flatMap((form) => (form === undefined ? [] : form.endsWith(selector) ? form : `${form}${selector}`));
}

function describeBare(name: string): string {
	const { path, selector } = parseParameterName(name);
	return `bare ${path}${selector}`;
}
