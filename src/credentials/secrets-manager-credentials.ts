/** The login kept in a secret, read afresh each time. */
import type { SecretFetcher } from "../secrets/secret-fetcher.js";
import { Credentials, type CredentialsProvider, type SecretLabel } from "./credentials-provider.js";
import { type GivenLogin, parseSecret } from "./parse-secret.js";

/** Reads the secret; what is given in code wins over what it says. */
export class SecretsManagerCredentials implements CredentialsProvider {
	readonly #given: GivenLogin;

	constructor(
		private readonly fetcher: Pick<SecretFetcher, "close" | "fetch" | "renew">,
		given: GivenLogin = {},
	) {
		this.#given = given;
	}

	close(): void {
		this.fetcher.close();
	}

	async fetch(secretId: string, signal?: AbortSignal): Promise<Credentials> {
		const { text, versionId } = await this.fetcher.fetch(secretId, { signal });
		return new Credentials(parseSecret(text, secretId, this.#given), versionId);
	}

	/**
	 * A missing version, one without a value (as a rotation leaves it before its first step), and one that may not be read are all normal. Whatever else
	 * goes wrong with it must not stop those who can do without it.
	 */
	async fetchLabelled(label: SecretLabel, secretId: string, signal?: AbortSignal): Promise<Credentials | undefined> {
		try {
			const { text, versionId } = await this.fetcher.fetch(secretId, { signal, versionStage: label });
			return new Credentials(parseSecret(text, secretId, this.#given), versionId);
		} catch {
			return undefined;
		}
	}

	renew(): void {
		this.fetcher.renew();
	}
}
