/** The secrets of the endpoint, their versions, and the stages attached to them. */
import { randomBytes, randomUUID } from "node:crypto";
import { wallClockMs } from "../support/clock.js";
import { AwsServiceError } from "./aws-service-error.js";

/** What a version holds: text or bytes. */
export type SecretValue = Uint8Array | string;

/** One version of a secret. A rotation that has only begun leaves one without a value. */
export interface SecretVersion {
	readonly createdAt: number;
	readonly id: string;
	readonly stages: Set<string>;
	value: SecretValue | undefined;
}

/** What a rotation function is called with, once for each step. */
export interface RotationEvent {
	/** Id of the version that is to become AWSCURRENT. */
	readonly clientRequestToken: string;
	/** ARN of the secret. */
	readonly secretId: string;
	readonly step: "createSecret" | "finishSecret" | "setSecret" | "testSecret";
}

/** Stands for the Lambda function that rotates a secret. */
export type RotationFunction = (event: RotationEvent) => Promise<void> | void;

/** A secret as it is kept. */
export interface Secret {
	readonly arn: string;
	readonly createdAt: number;
	/** When it is deleted for good; `undefined` for a secret that is in use. */
	deletedAt: number | undefined;
	description: string | undefined;
	isRotationEnabled: boolean;
	/** ARN of its key, where that is not the account's default. */
	kmsKeyId: string | undefined;
	lastChangedAt: number;
	lastRotatedAt: number | undefined;
	/** Settles with the rotation that RotateSecret started last. */
	lastRotation: Promise<void>;
	readonly name: string;
	rotate: RotationFunction | undefined;
	rotationLambdaArn: string | undefined;
	rotationRules: object | undefined;
	readonly versions: Map<string, SecretVersion>;
}

/** Where a new version goes. */
export interface SecretPutOptions {
	/** Stages to attach, taken from the versions that have them. Default `["AWSCURRENT"]`. */
	readonly stages?: readonly string[];
	/** Default: a new UUID. */
	readonly versionId?: string;
}

/**
 * The secrets of the endpoint, as a test sees and changes them. Every method takes a name or an ARN and throws when
 * there is no such secret, `put` excepted.
 * @example
 * aws.secrets.put("app/database", { username: "app", password: "one" });
 * const pending = aws.secrets.put("app/database", { username: "app", password: "two" }, { stages: ["AWSPENDING"] });
 * aws.secrets.moveStage("app/database", "AWSCURRENT", pending);
 */
export class SecretVault {
	private readonly secrets = new Map<string, Secret>();

	constructor(private readonly region: string) {}

	/**
	 * Adds a version, creating the secret if need be, and returns the version's id. An object is stored as JSON;
	 * `undefined` makes a version without a value, as a rotation leaves it before its first step.
	 */
	put(
		name: string,
		value: SecretValue | object | undefined,
		{ stages = ["AWSCURRENT"], versionId = randomUUID() }: SecretPutOptions = {},
	): string {
		const secret = this.search(name) ?? this.create(name);
		const content = typeof value === "object" && !(value instanceof Uint8Array) ? JSON.stringify(value) : value;
		this.addVersion(secret, versionId, content, stages);
		return versionId;
	}

	/** The text or bytes of the version at a stage (default AWSCURRENT); `undefined` when there is none. */
	get(id: string, stage = "AWSCURRENT"): SecretValue | undefined {
		return findHolder(this.find(id), stage)?.value;
	}

	/** Attaches a stage to a version, taking it from the one that has it; `undefined` only takes it away. */
	moveStage(id: string, stage: string, toVersionId: string | undefined): void {
		const secret = this.find(id);
		if (toVersionId === undefined) findHolder(secret, stage)?.stages.delete(stage);
		else attachStage(secret, stage, findVersion(secret, toVersionId));
		secret.lastChangedAt = wallClockMs();
	}

	/** Removes a secret at once and says whether it was there. */
	delete(id: string): boolean {
		const secret = this.search(id);
		return secret !== undefined && this.secrets.delete(secret.name);
	}

	/** Marks a secret for deletion, as DeleteSecret does: its value cannot be read any more. */
	scheduleDeletion(id: string): void {
		this.find(id).deletedAt = wallClockMs();
	}

	/** The ARN of a secret, with the six characters the service appends. */
	arn(id: string): string {
		return this.find(id).arn;
	}

	/** Version ids and their stages, versions without a stage included. */
	versions(id: string): Record<string, readonly string[]> {
		return Object.fromEntries([...this.find(id).versions].map(([versionId, { stages }]) => [versionId, [...stages]]));
	}

	/**
	 * Gives a secret its rotation function: RotateSecret then calls it in this process, step by step, after it has
	 * answered.
	 */
	setRotationFunction(id: string, rotate: RotationFunction): void {
		this.find(id).rotate = rotate;
	}

	/** Waits for the rotation that RotateSecret started last; rejects as the rotation function did. */
	async rotationEnd(id: string): Promise<void> {
		await this.find(id).lastRotation;
	}

	/**
	 * @internal The whole secret by name, ARN or ARN without its suffix; for the operations. Throws
	 * ResourceNotFoundException.
	 */
	find(id: string): Secret {
		const secret = this.search(id);
		if (secret === undefined)
			throw new AwsServiceError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
		return secret;
	}

	/** @internal The same, or `undefined`. */
	search(id: string): Secret | undefined {
		return this.secrets.get(id) ?? [...this.secrets.values()].find(({ arn }) => arn === id || arn.slice(0, -7) === id);
	}

	/** @internal An empty new secret; for the operations. Throws ResourceExistsException. */
	create(name: string): Secret {
		if (this.secrets.has(name))
			throw new AwsServiceError("ResourceExistsException", `The operation failed because the secret ${name} already exists.`);
		const secret: Secret = {
			arn: `arn:aws:secretsmanager:${this.region}:123456789012:secret:${name}-${randomBytes(3).toString("hex")}`,
			createdAt: wallClockMs(),
			deletedAt: undefined,
			description: undefined,
			isRotationEnabled: false,
			kmsKeyId: undefined,
			lastChangedAt: wallClockMs(),
			lastRotatedAt: undefined,
			lastRotation: Promise.resolve(),
			name,
			rotate: undefined,
			rotationLambdaArn: undefined,
			rotationRules: undefined,
			versions: new Map(),
		};
		this.secrets.set(name, secret);
		return secret;
	}

	/** @internal A new version, or the value of one that has none yet; for the operations. */
	addVersion(secret: Secret, versionId: string, value: SecretValue | undefined, stages: Iterable<string>): SecretVersion {
		const version = secret.versions.get(versionId) ?? { createdAt: wallClockMs(), id: versionId, stages: new Set<string>(), value };
		version.value = value;
		secret.versions.set(versionId, version);
		for (const stage of stages) attachStage(secret, stage, version);
		secret.lastChangedAt = wallClockMs();
		return version;
	}
}

/** The version with this id. Throws ResourceNotFoundException. */
export function findVersion(secret: Secret, versionId: string): SecretVersion {
	const version = secret.versions.get(versionId);
	if (version === undefined)
		throw new AwsServiceError(
			"ResourceNotFoundException",
			`Secrets Manager can't find the specified secret value for VersionId: ${versionId}`,
		);
	return version;
}

/** The version a stage is attached to. */
export function findHolder(secret: Secret, stage: string): SecretVersion | undefined {
	return [...secret.versions.values()].find(({ stages }) => stages.has(stage));
}

/** Moves a stage. Moving AWSCURRENT leaves AWSPREVIOUS on the version it came from, as the service does by itself. */
export function attachStage(secret: Secret, stage: string, version: SecretVersion): void {
	const former = findHolder(secret, stage);
	if (former === version) return;
	former?.stages.delete(stage);
	version.stages.add(stage);
	if (stage === "AWSCURRENT" && former !== undefined) attachStage(secret, "AWSPREVIOUS", former);
}
