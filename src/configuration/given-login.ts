/** The parts of a login that are known without a secret: given in code, or in parameters. */
import { inspect } from "node:util";

/** What is known. */
interface GivenLoginParts {
	readonly isUsernameSecure?: boolean;
	readonly password?: string | undefined;
	readonly username?: string | undefined;
	readonly versionId?: string | undefined;
}

/** A user name, a password, both or none. Printing it, in whatever way, does not show the password. */
export class GivenLogin {
	/** Whether the user name is in a SecureString. */
	readonly isUsernameSecure: boolean;
	readonly #password: string | undefined;
	/** Versions of the parameters that the parts were read from; `undefined` where there are none. */
	readonly versionId: string | undefined;
	readonly username: string | undefined;

	constructor({ isUsernameSecure = false, password, username, versionId }: GivenLoginParts = {}) {
		this.isUsernameSecure = isUsernameSecure;
		this.#password = password;
		this.username = username;
		this.versionId = versionId;
	}

	/** Verbatim. */
	get password(): string | undefined {
		return this.#password;
	}

	/** Whether there is neither of the two. */
	get isEmpty(): boolean {
		return this.#password === undefined && this.username === undefined;
	}

	/** With the password hidden, for JSON.stringify(). */
	toJSON(): object {
		return { password: this.#password === undefined ? undefined : "[hidden]", username: this.username, versionId: this.versionId };
	}

	[inspect.custom](): string {
		return `GivenLogin ${inspect(this.toJSON())}`;
	}
}
