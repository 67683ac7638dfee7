/** The client of a registration: made here and destroyed here, or ready-made and left alone. */
import { SSMClient } from "@aws-sdk/client-ssm";

import { withAwsClientDefaults } from "../support/aws-client-defaults.js";
import type { IParameterStoreConfigProperties } from "./parameter-store.options.js";

const madeHere = new WeakSet<SSMClient>();

/** The ready-made client of the properties, or a new one. */
export function createSsmClient({ client, config = {} }: IParameterStoreConfigProperties): SSMClient {
	if (client !== undefined) return client;
	const made = new SSMClient(withAwsClientDefaults(config));
	madeHere.add(made);
	return made;
}

/** Closes the sockets of a client that was made by {@link createSsmClient}; does nothing to any other. */
export function destroySsmClient(client: SSMClient): void {
	if (madeHere.delete(client)) client.destroy();
}
