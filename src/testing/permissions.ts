/** What a caller may do: an IAM policy, evaluated for each call as IAM would, by action, resource and conditions. */
import { AwsServiceError } from "./aws-service-error.js";
import type { AwsInput, AwsServiceName } from "./call-log.js";
import { type ParameterTable, readSelector } from "./parameter-table.js";
import type { SecretVault } from "./secret-vault.js";

/** A statement of a policy, as far as this endpoint understands one. */
export interface PolicyStatement {
	readonly Action: string | readonly string[];
	readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
	readonly Effect: "Allow" | "Deny";
	readonly Resource: string | readonly string[];
	readonly Sid?: string;
}

/** A policy document. */
export interface PolicyDocument {
	readonly Statement: readonly PolicyStatement[];
	readonly Version: string;
}

/** One thing that a call needs: an action on a resource, under these circumstances. */
export interface NeededPermission {
	readonly action: string;
	readonly context: Readonly<Record<string, string>>;
	readonly resource: string;
}

/** The account that everything here belongs to. */
export const ACCOUNT = "123456789012";
const CONDITION_OPERATORS: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
	StringEquals: (pattern, value) => pattern === value,
	StringLike: matches,
};

/**
 * The permissions of the caller of the endpoint. Everything is allowed until a policy is enforced.
 * @example
 * aws.permissions.enforce({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "ssm:GetParameters", Resource: "*" }] });
 */
export class Permissions {
	/** Actions that were denied, in order. */
	readonly denials: string[] = [];

	private policy: PolicyDocument | undefined;

	constructor(
		private readonly parameters: ParameterTable,
		private readonly secrets: SecretVault,
		private readonly region: string,
	) {}

	/** From now on only what this policy allows is done; the rest is answered with AccessDeniedException. */
	enforce(policy: PolicyDocument): void {
		this.policy = policy;
	}

	/** Everything is allowed again. */
	lift(): void {
		this.policy = undefined;
	}

	/** @internal Throws AwsServiceError unless everything that the call needs is allowed. */
	check(service: AwsServiceName, operation: string, input: AwsInput): void {
		const { policy } = this;
		if (policy === undefined) return;
		for (const needed of this.listNeeded(service, operation, input)) {
			if (isAllowed(policy, needed)) continue;
			this.denials.push(needed.action);
			throw new AwsServiceError(
				"AccessDeniedException",
				`User: arn:aws:sts::${ACCOUNT}:assumed-role/application/test is not authorized to perform: ${needed.action} on resource: ` +
					`${needed.resource} because no identity-based policy allows the ${needed.action} action`,
			);
		}
	}

	private listNeeded(service: AwsServiceName, operation: string, input: AwsInput): NeededPermission[] {
		return service === "ssm" ? this.listForParameters(operation, input) : this.listForSecret(operation, input);
	}

	private listForParameters(operation: string, { Name, Names, Path, WithDecryption }: AwsInput): NeededPermission[] {
		const names = [Name, ...((Names as string[] | undefined) ?? []), Path].filter((name) => typeof name === "string");
		const read = typeof Path === "string" ? this.parameters.listBelow(Path, true) : names.map((name) => this.parameters.find(name));
		return [
			...names.map((name) => ({ action: `ssm:${operation}`, context: {}, resource: this.describeParameter(name) })),
			...(WithDecryption === true ? read : []).flatMap((parameter) =>
				parameter?.kmsKeyId === undefined
					? []
					: decrypt(parameter.kmsKeyId, `ssm.${this.region}.amazonaws.com`, {
							"kms:EncryptionContext:PARAMETER_ARN": parameter.arn ?? this.describeParameter(parameter.name),
						}),
			),
		];
	}

	private listForSecret(operation: string, { Name, SecretId, VersionStage }: AwsInput): NeededPermission[] {
		const id = String(SecretId ?? Name);
		const secret = this.secrets.search(id);
		const resource =
			secret?.arn ?? (id.startsWith("arn:") ? id : `arn:aws:secretsmanager:${this.region}:${ACCOUNT}:secret:${id}-a1b2c3`);
		const context = typeof VersionStage === "string" ? { "secretsmanager:VersionStage": VersionStage } : {};
		const action = `secretsmanager:${operation}`;
		const keyed = secret?.kmsKeyId === undefined ? [] : [secret.kmsKeyId];
		const service = `secretsmanager.${this.region}.amazonaws.com`;
		const arn = { "kms:EncryptionContext:SecretARN": resource };
		return [
			{ action, context, resource },
			...(operation === "GetSecretValue" ? keyed.flatMap((key) => decrypt(key, service, arn)) : []),
			...(operation === "PutSecretValue" ? keyed.flatMap((key) => decrypt(key, service, arn, "kms:GenerateDataKey")) : []),
		];
	}

	/** A version or a label is no part of the resource. */
	private describeParameter(nameOrArn: string): string {
		const selector = readSelector(nameOrArn);
		const name = selector === undefined ? nameOrArn : nameOrArn.slice(0, -selector.length - 1);
		return name.startsWith("arn:") ? name : `arn:aws:ssm:${this.region}:${ACCOUNT}:parameter${name.startsWith("/") ? "" : "/"}${name}`;
	}
}

/** Whether a statement allows it and none denies it. */
export function isAllowed({ Statement }: PolicyDocument, needed: NeededPermission): boolean {
	const concerned = Statement.filter((statement) => concerns(statement, needed));
	return concerned.some(({ Effect }) => Effect === "Allow") && !concerned.some(({ Effect }) => Effect === "Deny");
}

function concerns({ Action, Condition = {}, Resource }: PolicyStatement, { action, context, resource }: NeededPermission): boolean {
	return (
		toList(Action).some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
		toList(Resource).some((pattern) => matches(pattern, resource)) &&
		Object.entries(Condition).every(([operator, keys]) =>
			Object.entries(keys).every(([key, values]) => holds(operator, values, context[key])),
		)
	);
}

/** A key that the call does not have makes the condition fail, as IAM has it for operators without IfExists. */
function holds(operator: string, values: string | readonly string[], value: string | undefined): boolean {
	const compare = CONDITION_OPERATORS[operator];
	if (compare === undefined) throw new Error(`The endpoint does not know the condition operator ${operator}`);
	return value !== undefined && toList(values).some((pattern) => compare(pattern, value));
}

function decrypt(resource: string, service: string, context: Readonly<Record<string, string>>, action = "kms:Decrypt"): NeededPermission[] {
	return [{ action, context: { ...context, "kms:ViaService": service }, resource }];
}

function toList(values: string | readonly string[]): readonly string[] {
	return typeof values === "string" ? [values] : values;
}

/** `*` stands for any text, `?` for one character. */
function matches(pattern: string, value: string): boolean {
	const expression = pattern
		.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
		.replaceAll("*", ".*")
		.replaceAll("?", ".");
	return new RegExp(`^${expression}$`, "s").test(value);
}
