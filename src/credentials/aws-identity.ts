/**
 * The AWS identity that tokens are signed with. One that has expired signs tokens that look well and are refused, so it
 * is noticed here.
 */
import type { TAwsCredentials } from "../aws/aws.options.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConnectorTimeoutError, SecretUnavailableError } from "../errors/errors.js";
import { fetchKeptIdentity, forgetIdentity } from "../secrets/aws-identity-cache.js";
import { classifyAwsFailure } from "../aws/aws-failure.js";
import { wallClockMs } from "../support/clock.js";
import { withDeadline } from "../support/with-deadline.js";

/** What is used of an AWS identity. */
export interface AwsIdentity {
	readonly accessKeyId: string;
	readonly expiration?: Date;
	readonly secretAccessKey: string;
	readonly sessionToken?: string;
}

/** All that a chain of providers may take; the SDK itself would wait for ever. */
const DEADLINE_MS = 10_000;

/**
 * Fetches the identity, which is kept until shortly before it expires; once more past all caches when it has expired
 * all the same.
 * @param credentials An identity or a function that fetches one. Default: the SDK's own chain.
 * @param region where a provider that has to ask AWS asks.
 * @throws SecretUnavailableError when there is none, none that is still valid, or none within 10 s.
 */
export async function fetchIdentity(credentials: TAwsCredentials, region: string, nowMs: () => number = wallClockMs): Promise<AwsIdentity> {
	const isExpired = ({ expiration }: AwsIdentity): boolean => expiration !== undefined && expiration.getTime() <= nowMs();
	try {
		const ask = async (): Promise<AwsIdentity> => {
			const identity = await fetchKeptIdentity(credentials, region);
			return isExpired(identity) ? fetchKeptIdentity(credentials, region, { forceRefresh: true }) : identity;
		};
		const identity = await withDeadline(ask, { deadlineMs: DEADLINE_MS, subject: "The fetch of the AWS identity" });
		if (!isExpired(identity)) return identity;
		const reason = `the AWS identity expired at ${String(identity.expiration?.toISOString())} and was not renewed`;
		throw new SecretUnavailableError(undefined, reason, typeof credentials !== "object");
	} catch (error) {
		if (error instanceof ConnectorTimeoutError) {
			// The SDK asks a provider once at a time: one that never answers would hold up every later fetch.
			forgetIdentity(credentials);
			const reason = `the AWS identity was not there within ${String(error.deadlineMs)} ms`;
			const { remedy } = classifyAwsFailure(error, { progress: "preparing" });
			throw new SecretUnavailableError(undefined, reason, true, { cause: error, remedy });
		}
		if (isTypeOrmAwsConnectorError(error)) throw error;
		const { cause, isTransient, reason, remedy } = classifyAwsFailure(error, { progress: "preparing" });
		throw new SecretUnavailableError(undefined, reason, isTransient, { cause, remedy });
	}
}
