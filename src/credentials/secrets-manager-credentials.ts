/** The login kept in a secret, read afresh each time. */
import type { ISecretsManagerCredentialsSource } from "../configuration/credentials.options.js";
import type { GivenLogin } from "../configuration/given-login.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { ConnectorClosedError, SecretMalformedError, SecretNotFoundError } from "../errors/errors.js";
import type { FetchedSecret, SecretFetcher } from "../secrets/secret-fetcher.js";
import { Credentials, type CredentialsProvider, type OtherVersionStage } from "./credentials-provider.js";
import { type KnownLogin, parseSecret, parseSecretTarget } from "./parse-secret.js";

/** What reads the secrets of a connector: a fetcher of its own, or a hold on what it shares with others. */
export type SecretReader = Pick<SecretFetcher, "close" | "fetch" | "renew">;

/** Reads the secret; what is given in code wins over what it says. */
export class SecretsManagerCredentials implements CredentialsProvider {
	readonly #given: KnownLogin;
	private hasWarned = false;

	/**
	 * @param warn Told once when a version other than AWSCURRENT cannot be read.
	 * @param source What is in the secret, and under which names.
	 */
	constructor(
		private readonly fetcher: SecretReader,
		given: KnownLogin = {},
		private readonly warn: (message: string) => void = () => undefined,
		private readonly source: Pick<ISecretsManagerCredentialsSource, "keys" | "shouldReadEndpointFromSecret"> = {},
	) {
		this.#given = given;
	}

	close(): void {
		this.fetcher.close();
	}

	async fetch(secretId: string, signal?: AbortSignal, given?: GivenLogin): Promise<Credentials> {
		return this.parse(await this.fetcher.fetch(secretId, { signal }), secretId, given);
	}

	/**
	 * A version that is missing or has no value (as a rotation leaves it before its first step) is normal. Whatever else
	 * goes wrong is no more than a warning.
	 */
	async fetchVersion(
		label: OtherVersionStage,
		secretId: string,
		signal?: AbortSignal,
		given?: GivenLogin,
	): Promise<Credentials | undefined> {
		try {
			return this.parse(await this.fetcher.fetch(secretId, { signal, versionStage: label }), secretId, given);
		} catch (error) {
			if (!isAbsence(error)) this.warnOnce(label, secretId, error);
			return undefined;
		}
	}

	renew(): void {
		this.fetcher.renew();
	}

	private parse({ text, versionId: secretVersion }: FetchedSecret, secretId: string, given?: GivenLogin): Credentials {
		const { keys, shouldReadEndpointFromSecret = false } = this.source;
		const login = parseSecret(text, secretId, given ?? this.#given, keys);
		const versionId = [secretVersion, given?.versionId].filter((version) => version !== undefined).join("+");
		return new Credentials(
			login,
			versionId === "" ? undefined : versionId,
			shouldReadEndpointFromSecret ? parseSecretTarget(text, secretId, keys) : undefined,
		);
	}

	private warnOnce(label: OtherVersionStage, secretId: string, error: unknown): void {
		if (this.hasWarned) return;
		this.hasWarned = true;
		const reason = isTypeOrmAwsConnectorError(error) ? ` ${error.message}` : "";
		this.warn(`${label} of secret "${secretId}" cannot be read; a single-user rotation is then waited out.${reason}`);
	}
}

/** Whether there is no such version, or no caller waits for it any more. */
function isAbsence(error: unknown): boolean {
	if (error instanceof SecretMalformedError) return error.reason === "empty";
	return error instanceof SecretNotFoundError || error instanceof ConnectorClosedError;
}
