/**
 * `provision`: creates what is missing, and leaves alone what is there, also when another process creates it at the
 * same moment.
 */
import { CreateSecretCommand, DescribeSecretCommand, RotateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand } from "@aws-sdk/client-ssm";

import { quoteForShell } from "../aws/aws-command.js";
import { withAwsClientDefaults } from "../aws/aws-client-defaults.js";
import { classifyAwsFailure } from "../aws/aws-failure.js";
import type { Session } from "./open-session.js";
import { type PlannedParameter, type PlannedSecret, planProvision } from "./plan-provision.js";

/** What became of one thing. */
export interface ProvisionStep {
	readonly kind: "parameter" | "rotation" | "secret";
	readonly name: string;
	readonly outcome: "created" | "failed" | "kept" | "planned";
	/** Value of a parameter, settings of a secret, or why it failed. */
	readonly detail: string;
}

/** What `--json` prints. */
export interface ProvisionReport {
	readonly isApplied: boolean;
	readonly steps: readonly ProvisionStep[];
	/** What has to be said first: values, corrections. */
	readonly unresolved: readonly string[];
}

/** Plans, and with `--apply` creates. With something unresolved nothing is created at all. */
export async function provision(session: Session): Promise<ProvisionReport> {
	const { parameters, secret, unresolved } = planProvision(session);
	const isApplied = session.options.apply === true && unresolved.length === 0;
	const { credentials, endpoint, region, secretsManagerClient } = session.config.aws ?? {};
	const place = { ...(credentials && { credentials }), ...(endpoint && { endpoint }), ...(region && { region }) };
	const secrets = secretsManagerClient ?? new SecretsManagerClient(withAwsClientDefaults(place));
	try {
		const steps: ProvisionStep[] = [];
		for (const parameter of parameters) steps.push(await provisionParameter(session, parameter, isApplied));
		if (secret !== undefined) steps.push(...(await provisionSecret(secrets, secret, isApplied)));
		return { isApplied, steps, unresolved };
	} finally {
		if (secrets !== secretsManagerClient) secrets.destroy();
	}
}

async function provisionParameter({ ssm }: Session, { name, value }: PlannedParameter, isApplied: boolean): Promise<ProvisionStep> {
	const step = { detail: value, kind: "parameter", name } as const;
	if (!isApplied) return { ...step, outcome: "planned" };
	try {
		await ssm.send(new PutParameterCommand({ Name: name, Overwrite: false, Type: "String", Value: value }));
		return { ...step, outcome: "created" };
	} catch (error) {
		return describeFailure(step, error, "ParameterAlreadyExists");
	}
}

async function provisionSecret(client: SecretsManagerClient, secret: PlannedSecret, isApplied: boolean): Promise<ProvisionStep[]> {
	const { description, kmsKeyId, name, rotation } = secret;
	const step = { detail: describeSettings(secret), kind: "secret", name } as const;
	const state = await findSecretState(client, name);
	if (state === "deleted") return [{ ...step, detail: describeDeletion(name), outcome: "failed" }];
	if (!isApplied) return [state === "present" ? keep(step) : { ...step, outcome: "planned" }];
	try {
		const settings = { ...(description && { Description: description }), ...(kmsKeyId && { KmsKeyId: kmsKeyId }) };
		await client.send(new CreateSecretCommand({ Name: name, ...settings }));
	} catch (error) {
		return [describeFailure(step, error, "ResourceExistsException")];
	}
	const created = { ...step, outcome: "created" } as const;
	return rotation === undefined ? [created] : [created, await switchRotationOn(client, name, rotation)];
}

/** Without rotating at once: there is no login yet that could be changed. */
async function switchRotationOn(
	client: SecretsManagerClient,
	name: string,
	{ days, lambdaArn }: NonNullable<PlannedSecret["rotation"]>,
): Promise<ProvisionStep> {
	const step = { detail: `every ${String(days)} days by ${lambdaArn}`, kind: "rotation", name } as const;
	const RotationRules = { AutomaticallyAfterDays: days };
	try {
		const command = { RotateImmediately: false, RotationLambdaARN: lambdaArn, RotationRules, SecretId: name };
		await client.send(new RotateSecretCommand(command));
		return { ...step, outcome: "created" };
	} catch (error) {
		return describeFailure(step, error);
	}
}

/** Where the secret cannot be described, the answer to its creation decides. */
async function findSecretState(client: SecretsManagerClient, name: string): Promise<"deleted" | "present" | "unknown"> {
	return client.send(new DescribeSecretCommand({ SecretId: name })).then(
		({ DeletedDate: deletedAt }) => (deletedAt === undefined ? "present" : "deleted"),
		() => "unknown",
	);
}

function describeDeletion(name: string): string {
	return `is marked for deletion; bring it back first: aws secretsmanager restore-secret --secret-id ${quoteForShell(name)}`;
}

function describeFailure(step: Omit<ProvisionStep, "outcome">, error: unknown, kept?: string): ProvisionStep {
	if (error instanceof Error && error.name === kept) return keep(step);
	return { ...step, detail: classifyAwsFailure(error).reason, outcome: "failed" };
}

function keep(step: Omit<ProvisionStep, "outcome">): ProvisionStep {
	return { ...step, detail: "exists, and stays as it is", outcome: "kept" };
}

function describeSettings({ description, kmsKeyId, rotation }: PlannedSecret): string {
	return [
		"without a value",
		...(description === undefined ? [] : [`description "${description}"`]),
		...(kmsKeyId === undefined ? [] : [`key ${kmsKeyId}`]),
		...(rotation === undefined ? [] : [`rotation every ${String(rotation.days)} days by ${rotation.lambdaArn}`]),
	].join(", ");
}
