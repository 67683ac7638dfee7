/** The login that is given in code. AWS is never asked. */
import type { IAwsDatabaseCredentialsSecret } from "../configuration/connector.options.js";
import { Credentials, type CredentialsProvider } from "./credentials-provider.js";

/** Always the same login. */
export class StaticCredentials implements CredentialsProvider {
	private readonly credentials: Credentials;

	constructor(login: IAwsDatabaseCredentialsSecret) {
		this.credentials = new Credentials(login);
	}

	close(): void {
		// Holds nothing.
	}

	fetch(): Promise<Credentials> {
		return Promise.resolve(this.credentials);
	}

	fetchVersion(): Promise<undefined> {
		return Promise.resolve(undefined);
	}

	renew(): void {
		// Nothing of it can go bad.
	}
}
