/** A user name with its password, and where such pairs come from. */
import { inspect } from "node:util";

import type { IAwsDatabaseCredentialsSecret } from "../configuration/connector.options.js";
import type { GivenLogin } from "../configuration/given-login.js";
import type { SecretTarget } from "../configuration/secret-target.js";

/**
 * One login. Printing it, in whatever way, does not show the password.
 * @example
 * console.log(credentials); // Credentials { password: '[hidden]', username: 'app', versionId: undefined }
 */
export class Credentials {
	/** Version of the secret it was read from, where there is one. */
	readonly versionId: string | undefined;
	readonly #password: string;
	readonly #target: SecretTarget | undefined;
	readonly #username: string;

	constructor(login: IAwsDatabaseCredentialsSecret, versionId?: string, target?: SecretTarget) {
		this.#password = login.password;
		this.#target = target;
		this.#username = login.username;
		this.versionId = versionId;
	}

	/** Verbatim, as the secret or the code has it. */
	get password(): string {
		return this.#password;
	}

	/** Where the database is, when the secret was asked for that, too. */
	get target(): SecretTarget | undefined {
		return this.#target;
	}

	/** Name of the database user. */
	get username(): string {
		return this.#username;
	}

	/** The login with its password hidden, for JSON.stringify(). */
	toJSON(): object {
		return { password: "[hidden]", username: this.#username, versionId: this.versionId };
	}

	[inspect.custom](): string {
		return `Credentials ${inspect(this.toJSON())}`;
	}
}

/** Versions of a secret besides the current one: the next, and the last. */
export type OtherVersionStage = "AWSPENDING" | "AWSPREVIOUS";

/** Where logins come from. */
export interface CredentialsProvider {
	/** Gives back what it holds of AWS. Fetches may fail from now on. */
	close(): void;
	/**
	 * The login as it is now.
	 * @param secretId the resolved one, `undefined` where no secret is needed.
	 * @param given what is known of the login without a secret, which wins over what the secret says. Default: what the
	 * configuration has in code.
	 */
	fetch(secretId: string | undefined, signal?: AbortSignal, given?: GivenLogin): Promise<Credentials>;
	/** The login that has another label than AWSCURRENT; `undefined` when there is none that can be read. */
	fetchVersion(
		label: OtherVersionStage,
		secretId: string | undefined,
		signal?: AbortSignal,
		given?: GivenLogin,
	): Promise<Credentials | undefined>;
	/** Drops clients and whatever else may have gone bad. */
	renew(): void;
}
