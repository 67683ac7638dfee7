/**
 * What is missing of a configuration in AWS, and what would be created for it. Nothing that exists is ever in the plan.
 */
import { CONNECTOR_FIELDS, type FieldDefinition, type FieldName } from "../configuration/connector-fields.js";
import { parseText } from "../resolution/parse-value.js";
import { ALL_FIELDS } from "../resolution/resolve-settings.js";
import { readValue } from "./diagnosis.js";
import type { Session } from "./open-session.js";
import { type GivenOptions, UsageError } from "./parse-arguments.js";

/** A parameter to be created. */
export interface PlannedParameter {
	readonly name: string;
	readonly value: string;
}

/** A secret to be created without a value. Its owner puts the password in. */
export interface PlannedSecret {
	readonly description: string | undefined;
	readonly kmsKeyId: string | undefined;
	readonly name: string;
	readonly rotation: { readonly days: number; readonly lambdaArn: string } | undefined;
}

/** Everything to be created, and what cannot be for want of a value. */
export interface ProvisionPlan {
	readonly parameters: readonly PlannedParameter[];
	readonly secret: PlannedSecret | undefined;
	readonly unresolved: readonly string[];
}

/** How often a secret is rotated by default. */
const DEFAULT_ROTATION_DAYS = 30;

/**
 * Plans what is not there. A field with a default needs no parameter, but gets one when a value is given.
 * @throws UsageError when a given value names no field or does not suit it.
 */
export function planProvision(session: Session): ProvisionPlan {
	const { explanation, options } = session;
	const values = readValues(options);
	const unresolved: string[] = [];
	const parameters = explanation.fields.flatMap(({ field, isRequired, label, path, source }): PlannedParameter[] => {
		const isAbsent = source === "default" || (source === "missing" && isUnset(session, path));
		if (!isAbsent || path === undefined) return [];
		const value = values.get(field);
		if (value !== undefined) return [{ name: path, value }];
		if (isRequired) unresolved.push(`"${label}" at ${path} needs a value: --set ${field}=…`);
		return [];
	});
	for (const { code, message } of explanation.problems) {
		if (code !== "ERR_CONNECTOR_PARAMETER_NOT_FOUND") unresolved.push(message);
	}
	return { parameters, secret: planSecret(session, values), unresolved };
}

/** Whether there is no parameter of that name, which is another thing than one that cannot be used. */
function isUnset({ survey }: Session, path: string | undefined): boolean {
	return path !== undefined && survey.find(path) === undefined;
}

function readValues({ set = [] }: GivenOptions): ReadonlyMap<string, string> {
	return new Map(
		set.map((assignment) => {
			const [name = "", ...rest] = assignment.split("=");
			const value = rest.join("=");
			if (!isFieldName(name)) throw new UsageError(`--set ${name}: there is no such field. Fields: ${ALL_FIELDS.join(", ")}.`);
			const { accepts }: FieldDefinition = CONNECTOR_FIELDS[name];
			const parsed = parseText(accepts, value);
			if ("fault" in parsed) throw new UsageError(`--set ${name}: ${parsed.fault}.`);
			return [name, value];
		}),
	);
}

function isFieldName(name: string): name is FieldName {
	return Object.hasOwn(CONNECTOR_FIELDS, name);
}

function planSecret(session: Session, values: ReadonlyMap<string, string>): PlannedSecret | undefined {
	const { explanation, options } = session;
	if (explanation.fields.some(({ field, source }) => field === "secretId" && source === "not-required")) return undefined;
	const id = readValue(session, "secretId") ?? values.get("secretId");
	// An ARN belongs to a secret that exists, or to none.
	if (typeof id !== "string" || id.startsWith("arn:")) return undefined;
	const lambdaArn = options["rotation-lambda-arn"];
	const days = Number(options["rotation-days"] ?? DEFAULT_ROTATION_DAYS);
	return {
		description: options["secret-description"],
		kmsKeyId: options["secret-kms-key"],
		name: id,
		rotation: lambdaArn === undefined ? undefined : { days, lambdaArn },
	};
}
