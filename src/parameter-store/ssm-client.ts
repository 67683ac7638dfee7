/** The client of a registration: made here and destroyed here, or ready-made and left alone. */
import { SSMClient, type SSMClientConfig } from "@aws-sdk/client-ssm";

import { withAwsClientDefaults } from "../aws/aws-client-defaults.js";
import { warnOfPlainEndpoint } from "../aws/plain-endpoint.js";
import type { IParameterStoreConfigProperties } from "./parameter-store.options.js";

/** Clients made here, and what they were made from. Private to this file: an AWS identity may be in it. */
const madeHere = new WeakMap<SSMClient, SSMClientConfig>();

/** The ready-made client of the properties, or a new one. */
export function createSsmClient({ client, config = {} }: Pick<IParameterStoreConfigProperties, "client" | "config">): SSMClient {
	if (client !== undefined) return client;
	warnOfPlainEndpoint(config.endpoint, "SSM");
	const made = new SSMClient(withAwsClientDefaults(config));
	madeHere.set(made, config);
	return made;
}

/**
 * Another client with the same configuration, but for `changes`; the client itself where it was not made by {@link
 * createSsmClient}.
 */
export function deriveSsmClient(client: SSMClient, changes: SSMClientConfig = {}): SSMClient {
	const config = madeHere.get(client);
	return config === undefined ? client : createSsmClient({ config: { ...config, ...changes } });
}

/** Closes the sockets of a client that was made by {@link createSsmClient}; does nothing to any other. */
export function destroySsmClient(client: SSMClient): void {
	if (madeHere.delete(client)) client.destroy();
}
