/** The logins of one connector: the master's, and those of replicas that have a secret of their own. */
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { GivenLogin } from "../configuration/given-login.js";
import type { SecretTarget } from "../configuration/secret-target.js";
import { Credentials, type CredentialsProvider, type OtherVersionStage } from "../credentials/credentials-provider.js";
import { selectCredentials, selectReplicaCredentials } from "../credentials/select-credentials.js";
import type { SecretReader } from "../credentials/secrets-manager-credentials.js";
import { withDeadline } from "../support/with-deadline.js";
import type { LoginChoice } from "./choose-login.js";

/** How long a start waits for AWSPENDING when AWSCURRENT has been answered. */
const PENDING_PATIENCE_MS = 2_000;

/** Where one login is asked for. */
export type LoginRequest = readonly [provider: CredentialsProvider, secretId: string | undefined, given?: GivenLogin];

/** What a start knows of one secret. */
export type KnownVersions = Omit<LoginChoice, "tryLogin">;

/** How logins are fetched. */
export interface ConnectorLoginsOptions {
	readonly findRegion: () => string | undefined;
	readonly secrets: SecretReader;
	readonly warn: (message: string) => void;
}

/** Fetches logins and says once what is odd about them. */
export class ConnectorLogins {
	readonly master: CredentialsProvider;
	/** One for each replica; asked only for those with a secret of their own. */
	readonly replicas: readonly CredentialsProvider[];
	/** How often the current credentials were fetched, by result. */
	readonly readCounts = { failed: 0, succeeded: 0 };
	private hasWarnedOfPassword = false;
	private readonly shouldUseOtherVersions: boolean;
	private lastTarget: SecretTarget | undefined;
	private readonly warn: (message: string) => void;

	constructor(config: ITypeOrmAwsConnectorConfig, { findRegion, secrets, warn }: ConnectorLoginsOptions) {
		this.master = selectCredentials(config, findRegion, warn, secrets);
		this.replicas = selectReplicaCredentials(config, findRegion, warn, secrets);
		this.shouldUseOtherVersions = config.rotation?.shouldUsePendingSecret !== false;
		this.warn = warn;
	}

	/** Where the current version of the master's secret says the database is. A pending one belongs to the same place. */
	get target(): SecretTarget | undefined {
		return this.lastTarget;
	}

	/** AWSCURRENT. */
	async fetch([provider, secretId, given]: LoginRequest, signal?: AbortSignal): Promise<Credentials> {
		const credentials = await provider.fetch(secretId, signal, given).catch((error: unknown) => {
			this.readCounts.failed += 1;
			throw error;
		});
		this.readCounts.succeeded += 1;
		if (provider === this.master) this.lastTarget = credentials.target;
		if (credentials.password !== credentials.password.trim() && !this.hasWarnedOfPassword) {
			this.hasWarnedOfPassword = true;
			this.warn("The password begins or ends with white space. It is used as it is.");
		}
		return credentials;
	}

	/** Another version; `undefined` when there is none, when it may not be read, or when it is not to be used. */
	async fetchVersion(
		label: OtherVersionStage,
		[provider, secretId, given]: LoginRequest,
		signal?: AbortSignal,
	): Promise<Credentials | undefined> {
		return this.shouldUseOtherVersions ? provider.fetchVersion(label, secretId, signal, given) : undefined;
	}

	/**
	 * AWSCURRENT and AWSPENDING, asked for at once. The latter is hardly ever there, and a start does not wait for long to
	 * learn that.
	 */
	async fetchVersions(request: LoginRequest): Promise<KnownVersions> {
		const currentFetch = this.fetch(request);
		const pendingFetch = this.fetchVersion("AWSPENDING", request);
		const current = await currentFetch;
		const deadline = { deadlineMs: PENDING_PATIENCE_MS, subject: "The fetch of AWSPENDING" };
		return {
			current,
			fetchPrevious: async () => this.fetchVersion("AWSPREVIOUS", request),
			pending: await withDeadline(async () => pendingFetch, deadline).catch(() => undefined),
		};
	}

	/** Drops clients and whatever else may have gone bad. */
	renew(): void {
		for (const provider of [this.master, ...this.replicas]) provider.renew();
	}

	/** Fetches fail from now on. */
	close(): void {
		for (const provider of [this.master, ...this.replicas]) provider.close();
	}
}

/** The login of a replica without a secret of its own. */
export function followMaster({ isEmpty, password, username, versionId }: GivenLogin, master: Credentials): Credentials {
	if (isEmpty) return master;
	const versionIds = [master.versionId, versionId].filter((version) => version !== undefined);
	const login = { password: password ?? master.password, username: username ?? master.username };
	return new Credentials(login, versionIds.length === 0 ? undefined : versionIds.join("+"));
}
