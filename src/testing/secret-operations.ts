/** The operations of Secrets Manager. */
import { randomUUID } from "node:crypto";
import { startOfTurn, wallClockMs } from "../support/clock.js";
import { AwsServiceError } from "./aws-service-error.js";
import type { Operation, Operations } from "./operations.js";
import {
	type RotationEvent,
	type Secret,
	type SecretValue,
	type SecretVault,
	type SecretVersion,
	attachStage,
	findHolder,
	findVersion,
} from "./secret-vault.js";

interface ValueInput {
	readonly ClientRequestToken?: string;
	readonly SecretBinary?: string;
	readonly SecretString?: string;
}

interface CreateSecretInput extends ValueInput {
	readonly Description?: string;
	readonly KmsKeyId?: string;
	readonly Name: string;
}

interface SecretIdInput {
	readonly SecretId: string;
}

interface GetSecretValueInput extends SecretIdInput {
	readonly VersionId?: string;
	readonly VersionStage?: string;
}

interface PutSecretValueInput extends SecretIdInput, ValueInput {
	readonly VersionStages?: readonly string[];
}

interface RotateSecretInput extends SecretIdInput {
	readonly ClientRequestToken?: string;
	readonly RotateImmediately?: boolean;
	readonly RotationLambdaARN?: string;
	readonly RotationRules?: object;
}

interface UpdateSecretVersionStageInput extends SecretIdInput {
	readonly MoveToVersionId?: string;
	readonly RemoveFromVersionId?: string;
	readonly VersionStage: string;
}

const ROTATION_STEPS: readonly RotationEvent["step"][] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/** The operations of the service, answering from `vault`. */
export function createSecretOperations(vault: SecretVault): Operations {
	const service = new SecretsService(vault);
	return new Map<string, Operation>([
		["CreateSecret", (input: CreateSecretInput) => service.createSecret(input)],
		["DescribeSecret", (input: SecretIdInput) => service.describeSecret(input)],
		["GetSecretValue", (input: GetSecretValueInput) => service.getSecretValue(input)],
		["PutSecretValue", (input: PutSecretValueInput) => service.putSecretValue(input)],
		["RotateSecret", (input: RotateSecretInput) => service.rotateSecret(input)],
		["UpdateSecretVersionStage", (input: UpdateSecretVersionStageInput) => service.updateSecretVersionStage(input)],
	]);
}

const MARKED_FOR_DELETION = "You can't perform this operation on the secret because it was marked for deletion.";

class SecretsService {
	constructor(private readonly vault: SecretVault) {}

	createSecret({ ClientRequestToken = randomUUID(), Description, KmsKeyId, Name, ...input }: CreateSecretInput): object {
		const value = readValue(input);
		const secret = this.vault.create(Name);
		secret.description = Description;
		secret.kmsKeyId = KmsKeyId;
		if (value === undefined) return { ARN: secret.arn, Name };
		this.vault.addVersion(secret, ClientRequestToken, value, ["AWSCURRENT"]);
		return { ARN: secret.arn, Name, VersionId: ClientRequestToken };
	}

	describeSecret({ SecretId }: SecretIdInput): object {
		const secret = this.vault.find(SecretId);
		const staged = [...secret.versions.values()].filter(({ stages }) => stages.size > 0);
		return {
			ARN: secret.arn,
			CreatedDate: secret.createdAt / 1_000,
			...(secret.deletedAt === undefined ? {} : { DeletedDate: secret.deletedAt / 1_000 }),
			...(secret.description === undefined ? {} : { Description: secret.description }),
			...(secret.kmsKeyId === undefined ? {} : { KmsKeyId: secret.kmsKeyId }),
			LastChangedDate: secret.lastChangedAt / 1_000,
			...(secret.lastRotatedAt === undefined ? {} : { LastRotatedDate: secret.lastRotatedAt / 1_000 }),
			Name: secret.name,
			RotationEnabled: secret.isRotationEnabled,
			...(secret.rotationLambdaArn === undefined ? {} : { RotationLambdaARN: secret.rotationLambdaArn }),
			...(secret.rotationRules === undefined ? {} : { RotationRules: secret.rotationRules }),
			VersionIdsToStages: Object.fromEntries(staged.map(({ id, stages }) => [id, [...stages]])),
		};
	}

	getSecretValue({ SecretId, VersionId, VersionStage }: GetSecretValueInput): object {
		const secret = this.vault.find(SecretId);
		if (secret.deletedAt !== undefined) throw new AwsServiceError("InvalidRequestException", MARKED_FOR_DELETION);
		const { createdAt, id, stages, value } = chooseVersion(secret, VersionId, VersionStage);
		return {
			ARN: secret.arn,
			CreatedDate: createdAt / 1_000,
			Name: secret.name,
			...(typeof value === "string" ? { SecretString: value } : { SecretBinary: Buffer.from(value).toString("base64") }),
			VersionId: id,
			VersionStages: [...stages],
		};
	}

	putSecretValue({ ClientRequestToken = randomUUID(), SecretId, VersionStages = ["AWSCURRENT"], ...input }: PutSecretValueInput): object {
		const secret = this.vault.find(SecretId);
		const value = readValue(input);
		if (value === undefined)
			throw new AwsServiceError("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
		const former = secret.versions.get(ClientRequestToken);
		// The same token with the same value is a repeated request; a version that RotateSecret left empty takes its value
		// here.
		if (former?.value !== undefined && !isSameValue(former.value, value))
			throw new AwsServiceError(
				"ResourceExistsException",
				"You can't modify an existing version, you can only create a new version.",
			);
		const { id, stages } = this.vault.addVersion(secret, ClientRequestToken, value, VersionStages);
		return { ARN: secret.arn, Name: secret.name, VersionId: id, VersionStages: [...stages] };
	}

	rotateSecret({
		ClientRequestToken = randomUUID(),
		RotateImmediately = true,
		RotationLambdaARN,
		RotationRules,
		SecretId,
	}: RotateSecretInput): object {
		const secret = this.vault.find(SecretId);
		secret.rotationLambdaArn = RotationLambdaARN ?? secret.rotationLambdaArn;
		if (secret.rotationLambdaArn === undefined && secret.rotate === undefined)
			throw new AwsServiceError("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.");
		const pending = findHolder(secret, "AWSPENDING");
		if (pending !== undefined && !pending.stages.has("AWSCURRENT"))
			throw new AwsServiceError("InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.");
		secret.isRotationEnabled = true;
		secret.rotationRules = RotationRules ?? secret.rotationRules;
		if (RotateImmediately) {
			this.vault.addVersion(secret, ClientRequestToken, undefined, ["AWSPENDING"]);
			secret.lastRotation = runRotation(secret, ClientRequestToken);
			// A test that wants to know awaits rotationEnd(); without that a failed rotation is not an unhandled rejection.
			secret.lastRotation.catch(() => undefined);
		}
		return { ARN: secret.arn, Name: secret.name, VersionId: ClientRequestToken };
	}

	updateSecretVersionStage({ MoveToVersionId, RemoveFromVersionId, SecretId, VersionStage }: UpdateSecretVersionStageInput): object {
		const secret = this.vault.find(SecretId);
		const holder = findHolder(secret, VersionStage);
		const target = MoveToVersionId === undefined ? undefined : findVersion(secret, MoveToVersionId);
		if (holder !== undefined && holder !== target && holder.id !== RemoveFromVersionId)
			throw new AwsServiceError(
				"InvalidParameterException",
				`The staging label ${VersionStage} is attached to version ${holder.id}: reference that version in RemoveFromVersionId.`,
			);
		if (VersionStage === "AWSCURRENT" && target === undefined)
			throw new AwsServiceError(
				"InvalidParameterException",
				"You can only move staging label AWSCURRENT to a different secret version.",
			);
		if (target === undefined) holder?.stages.delete(VersionStage);
		else attachStage(secret, VersionStage, target);
		secret.lastChangedAt = wallClockMs();
		return { ARN: secret.arn, Name: secret.name };
	}
}

function chooseVersion(
	secret: Secret,
	versionId: string | undefined,
	versionStage: string | undefined,
): SecretVersion & { value: SecretValue } {
	const stage = versionStage ?? (versionId === undefined ? "AWSCURRENT" : undefined);
	const version = versionId === undefined ? findHolder(secret, stage ?? "") : findVersion(secret, versionId);
	if (versionId !== undefined && stage !== undefined && version?.stages.has(stage) === false)
		throw new AwsServiceError(
			"InvalidRequestException",
			"You provided a VersionStage that is not associated to the provided VersionId.",
		);
	if (version?.value === undefined) {
		const subject = versionId === undefined ? `staging label: ${String(stage)}` : `VersionId: ${versionId}`;
		throw new AwsServiceError("ResourceNotFoundException", `Secrets Manager can't find the specified secret value for ${subject}`);
	}
	return version as SecretVersion & { value: SecretValue };
}

function readValue({ SecretBinary, SecretString }: ValueInput): SecretValue | undefined {
	if (SecretBinary !== undefined && SecretString !== undefined)
		throw new AwsServiceError(
			"InvalidParameterException",
			"You can't specify both a binary secret value and a string secret value in the same secret.",
		);
	return SecretBinary === undefined ? SecretString : Buffer.from(SecretBinary, "base64");
}

function isSameValue(left: SecretValue, right: SecretValue): boolean {
	return Buffer.compare(Buffer.from(left), Buffer.from(right)) === 0 && typeof left === typeof right;
}

async function runRotation(secret: Secret, clientRequestToken: string): Promise<void> {
	// Rotation begins after the answer, as with the real service.
	await startOfTurn();
	if (secret.rotate === undefined) return;
	for (const step of ROTATION_STEPS) await secret.rotate({ clientRequestToken, secretId: secret.arn, step });
	secret.lastRotatedAt = wallClockMs();
}
