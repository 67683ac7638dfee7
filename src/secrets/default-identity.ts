/** The AWS identity of the process, as the SDK's own chain finds it: environment, files, container, instance. */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

type DefaultProvider = SecretsManagerClient["config"]["credentials"];

/** Any client has the chain, and keeps what it found until that expires. No request is made through this one; its region is not used. */
let client: SecretsManagerClient | undefined;

/** Fetches the identity: from the chain's own cache while it is valid, past it with `forceRefresh`. */
export async function fetchDefaultIdentity(properties?: { readonly forceRefresh?: boolean }): ReturnType<DefaultProvider> {
	client ??= new SecretsManagerClient({ region: "us-east-1" });
	return client.config.credentials(properties);
}

/** Has the chain start afresh. */
export function renewDefaultIdentity(): void {
	client?.destroy();
	client = undefined;
}
