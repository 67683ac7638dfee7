/**
 * AWS identities, each kept until shortly before it expires: providers that assume a role ask AWS whenever they are
 * called.
 */
import { SecretsManagerClient, type SecretsManagerClientConfig } from "@aws-sdk/client-secrets-manager";

import { withAwsClientDefaults } from "../aws/aws-client-defaults.js";

/**
 * An identity, a function that fetches one, or nothing for the SDK's own chain: environment, files, container,
 * instance.
 */
type IdentitySource = SecretsManagerClientConfig["credentials"];

const DEFAULT_CHAIN = {};

/**
 * By source and region. Any client of the SDK finds and keeps the identity for its requests; no request is made through
 * these.
 */
const clients = new WeakMap<object, Map<string, SecretsManagerClient>>();

/**
 * Fetches an identity: what is kept while it is valid, past that with `forceRefresh`.
 * @param region where a provider that has to ask AWS asks.
 */
export async function fetchKeptIdentity(
	source: IdentitySource,
	region: string,
	properties?: { readonly forceRefresh?: boolean },
): ReturnType<SecretsManagerClient["config"]["credentials"]> {
	const key = source ?? DEFAULT_CHAIN;
	const regional = clients.get(key) ?? new Map<string, SecretsManagerClient>();
	clients.set(key, regional);
	const client = regional.get(region) ?? new SecretsManagerClient({ region, ...(source === undefined ? {} : { credentials: source }) });
	regional.set(region, client);
	return client.config.credentials(properties);
}

/**
 * The region of the SDK's own chain, which reads the shared configuration files, too; `undefined` where nothing names
 * one.
 */
export async function findSdkRegion(): Promise<string | undefined> {
	const client = new SecretsManagerClient(withAwsClientDefaults({}));
	try {
		return await client.config.region();
	} catch {
		return undefined;
	} finally {
		client.destroy();
	}
}

/** Forgets an identity, so that the next fetch begins afresh. */
export function forgetIdentity(source: IdentitySource): void {
	clients.delete(source ?? DEFAULT_CHAIN);
}
