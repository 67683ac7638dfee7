/** Strict reading of what the Secrets Manager service is given. */
import { AWS_CHECKS } from "../aws/check-aws.js";
import { type Check, checkGroup, checkOptions, type Checks } from "../support/check-options.js";
import { OptionInvalidError } from "../errors/errors.js";
import type { IGetSecretOptions, ISecretsManagerOptions } from "./secrets-manager.options.js";

const checkDurationMs: Check = (value) =>
	typeof value === "number" && Number.isFinite(value) && value >= 0 ? undefined : "must be a number of milliseconds, 0 or more";

const MANAGER: Checks<ISecretsManagerOptions> = {
	aws: checkGroup,
	cacheTtlMs: checkDurationMs,
	staleIfErrorMs: checkDurationMs,
	staleWhileRevalidateMs: checkDurationMs,
};

const READ: Checks<IGetSecretOptions> = {
	cache: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
	ttl: checkDurationMs,
};

/**
 * The options, as they are.
 * @throws OptionInvalidError naming the first that is unknown or of a wrong kind.
 */
export function validateSecretsManagerOptions(options: ISecretsManagerOptions): ISecretsManagerOptions {
	assertGroup(options);
	const { aws } = options;
	const [problem] = [...checkOptions("", options, MANAGER), ...(aws === undefined ? [] : checkOptions("aws.", aws, AWS_CHECKS))];
	if (problem !== undefined) throw problem;
	return options;
}

/**
 * Checks how a secret is to be read.
 * @throws OptionInvalidError naming the first option that is unknown or of a wrong kind.
 */
export function validateRead(secretId: string, options: IGetSecretOptions): void {
	if (typeof secretId !== "string" || secretId.trim() === "") {
		throw new OptionInvalidError("secretId", "must be the name or the ARN of a secret");
	}
	assertGroup(options);
	const [problem] = checkOptions("", options, READ);
	if (problem !== undefined) throw problem;
}

function assertGroup(options: unknown): void {
	const fault = checkGroup(options);
	if (fault !== undefined) throw new OptionInvalidError("options", fault);
}
