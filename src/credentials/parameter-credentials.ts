/** The login kept in Parameter Store: it is read with the settings, so nothing is asked here. */
import type { GivenLogin } from "../configuration/given-login.js";
import { OptionInvalidError } from "../errors/errors.js";
import { Credentials, type CredentialsProvider } from "./credentials-provider.js";

/** What the parameters say. */
export class ParameterCredentials implements CredentialsProvider {
	close(): void {
		// Holds nothing.
	}

	/** @throws OptionInvalidError when a part is neither in code nor in a parameter. */
	async fetch(_secretId: string | undefined, _signal?: AbortSignal, given?: GivenLogin): Promise<Credentials> {
		const { password, username, versionId } = given ?? {};
		if (username === undefined) throw refuse("username");
		if (password === undefined) throw refuse("password");
		return Promise.resolve(new Credentials({ password, username }, versionId));
	}

	/** Parameters have no stages. */
	fetchVersion(): Promise<undefined> {
		return Promise.resolve(undefined);
	}

	renew(): void {
		// Nothing of it can go bad.
	}
}

function refuse(part: "password" | "username"): OptionInvalidError {
	return new OptionInvalidError(`ssmLookups.${part}`, 'is needed with credentials.source "parameter-store", or "ssmLookups.connection"');
}
