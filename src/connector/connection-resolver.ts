/** From sources to the options of a DataSource: parameters, then credentials, then TLS. */
import type { DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { hasLoginLookup } from "../configuration/credentials-source.js";
import { isTargetInSecret } from "../configuration/secret-target.js";
import type { Credentials } from "../credentials/credentials-provider.js";
import type { ParameterReader } from "../resolution/read-parameter.js";
import { ALL_FIELDS, type ResolvedSettings, resolveAccess, resolveSettings } from "../resolution/resolve-settings.js";
import type { ConnectorTls } from "../tls/connector-tls.js";
import type { TlsOptions } from "../tls/tls-options.js";
import { chooseLogin } from "./choose-login.js";
import { type ConnectorLogins, followMaster, type KnownVersions, type LoginRequest } from "./connector-logins.js";
import type { ConnectorParameters } from "./connector-parameters.js";
import { createDataSourceOptions } from "./data-source-options.js";
import { findHost } from "./describe-login.js";
import type { ResolvedOptions, ResolveRequest, VersionOfSecret } from "./rotation-source.js";
import { reportAtStart } from "./start-warnings.js";
import { tryLogin } from "./choose-login.js";

/** Settings, and what was asked for of each login; `undefined` for a replica that follows the master. */
interface ResolvedLogins<Fetched> {
	readonly master: Fetched;
	readonly replicas: readonly (Fetched | undefined)[];
	readonly settings: ResolvedSettings;
}

/** What a resolver works with. */
export interface ResolverParts {
	/** Whose mark the options carry. */
	readonly connector: { readonly connectorId: string; readonly name: string };
	readonly logins: ConnectorLogins;
	readonly parameters: ConnectorParameters;
	readonly tls: ConnectorTls;
	readonly warn: (message: string) => void;
}

/** Resolves one connector's options, each time from what AWS says then. */
export class ConnectionResolver {
	readonly #config: ITypeOrmAwsConnectorConfig;
	private lastSecretIds: readonly (string | undefined)[] = [];
	private startVersionOfSecret: VersionOfSecret | undefined;

	constructor(
		config: ITypeOrmAwsConnectorConfig,
		private readonly parts: ResolverParts,
	) {
		this.#config = config;
	}

	/** Names or ARNs of the secrets that were read last: that of the primary, then those of the replicas. */
	get secretIds(): readonly (string | undefined)[] {
		return this.lastSecretIds;
	}

	/** The version of the primary's secret with which the application started. */
	get startVersion(): VersionOfSecret | undefined {
		return this.startVersionOfSecret;
	}

	/**
	 * Options and the version of the secret they hold. Parameter Store and Secrets Manager are asked one after the other
	 * only when the id of the secret is in a parameter.
	 */
	async resolveCurrent({ isRecovery = false, shouldRefresh = false, signal }: ResolveRequest = {}): Promise<ResolvedOptions> {
		const { master, replicas, settings } = await this.resolveWith(
			async (request) => this.parts.logins.fetch(request, signal),
			async () => {
				if (!shouldRefresh) return this.parts.parameters.load(ALL_FIELDS, signal);
				return isRecovery ? this.parts.parameters.refreshBeside(signal) : this.parts.parameters.refresh(signal);
			},
		);
		return this.describeConnection(settings, master, replicas);
	}

	/**
	 * The same with the pending version of each secret that has one; `undefined` when there is none, when it may not be
	 * read, or when it is not to be used. Parameter Store is not asked again.
	 */
	async resolvePending({ signal }: ResolveRequest = {}): Promise<ResolvedOptions | undefined> {
		const { master, replicas, settings } = await this.resolveWith(
			async (request) => ({
				fetchCurrent: async () => this.parts.logins.fetch(request, signal),
				pending: await this.parts.logins.fetchVersion("AWSPENDING", request, signal),
			}),
			async () => this.parts.parameters.reuse(signal),
		);
		if ([master, ...replicas].every((known) => known?.pending === undefined)) return undefined;
		// Where another server's secret is the one that changes, this one's stays as it is.
		const [credentials, ...own] = await Promise.all([
			master.pending ?? master.fetchCurrent(),
			...replicas.map((known) => known?.pending ?? known?.fetchCurrent()),
		]);
		return this.describeConnection(settings, credentials, own);
	}

	/**
	 * Options at the start of an application. While a secret has a pending version, one login finds out which version the
	 * server takes.
	 */
	async resolveAtStart(): Promise<DataSourceOptions> {
		const { master, replicas, settings } = await this.resolveWith(async (request) => this.parts.logins.fetchVersions(request));
		const choose = async (
			versions: KnownVersions,
			{ host, port }: { readonly host: string; readonly port: number },
		): Promise<Credentials> =>
			chooseLogin({
				...versions,
				// Which hosts there are decides about TLS: a login on trial is encrypted as the connections that follow.
				tryLogin: async (candidate) =>
					tryLogin(await this.assembleOptions({ ...settings, host, port, replicas: [] }, candidate, [], settings)),
			});
		const [credentials, ...own] = await Promise.all([
			choose(master, settings),
			...settings.replicas.map(async (place, index) => {
				const versions = replicas[index];
				return versions && choose(versions, place);
			}),
		]);
		const { versionId } = credentials;
		const stage = credentials === master.current ? "AWSCURRENT" : credentials === master.pending ? "AWSPENDING" : "AWSPREVIOUS";
		this.startVersionOfSecret = versionId === undefined ? undefined : { stage, versionId };
		return this.assembleOptions(settings, credentials, own);
	}

	/**
	 * Settings, and what `fetch` makes of the master's login and of each replica's own; parameters and the master's secret
	 * are asked for at once where the id is given in code.
	 */
	private async resolveWith<Fetched>(
		fetch: (request: LoginRequest) => Promise<Fetched>,
		readParameters: () => Promise<ParameterReader | undefined> = async () => this.parts.parameters.load(ALL_FIELDS),
	): Promise<ResolvedLogins<Fetched>> {
		const { secretId } = this.#config;
		const { master: provider, replicas: providers } = this.parts.logins;
		// A login with parts in Parameter Store waits for them.
		const canFetchNow = secretId !== undefined && secretId !== "" && !hasLoginLookup(this.#config);
		let fetched = canFetchNow ? fetch([provider, secretId]) : undefined;
		// When a setting is missing, that is what gets reported.
		fetched?.catch(() => undefined);
		const reader = await readParameters();
		if (isTargetInSecret(this.#config)) {
			const access = resolveAccess(this.#config, reader);
			await (fetched ??= fetch([provider, access.secretId, access.login]));
		}
		const settings = resolveSettings(this.#config, reader, this.parts.logins.target);
		this.parts.parameters.report(settings.warnings);
		this.lastSecretIds = [settings.secretId, ...settings.replicas.map((replica) => replica.secretId)];
		const [master, replicas] = await Promise.all([
			fetched ?? fetch([provider, settings.secretId, settings.login]),
			Promise.all(
				settings.replicas.map(async (replica, index) => {
					const own = providers[index];
					return own === undefined || replica.secretId === undefined ? undefined : fetch([own, replica.secretId, replica.login]);
				}),
			),
		]);
		return { master, replicas, settings };
	}

	private async describeConnection(
		settings: ResolvedSettings,
		credentials: Credentials,
		own: readonly (Credentials | undefined)[],
	): Promise<ResolvedOptions> {
		const logins = [credentials, ...settings.replicas.map(({ login }, index) => own[index] ?? login)];
		return {
			options: await this.assembleOptions(settings, credentials, own),
			versionId: logins.flatMap(({ versionId }) => versionId ?? []).join("+") || undefined,
		};
	}

	/**
	 * @param own the logins of the replicas that have a secret of their own.
	 * @param whole the settings with all servers. Default: those of the options.
	 */
	private async assembleOptions(
		settings: ResolvedSettings,
		credentials: Credentials,
		own: readonly (Credentials | undefined)[] = [],
		whole: ResolvedSettings = settings,
	): Promise<DataSourceOptions> {
		const replicaCredentials = settings.replicas.map(({ login }, index) => own[index] ?? followMaster(login, credentials));
		const listHosts = (servers: ResolvedSettings): string[] =>
			[servers, ...servers.replicas].map((target) => findHost(credentials, target));
		const hosts = listHosts(whole);
		reportAtStart({ config: this.#config, hosts, settings, warn: this.parts.warn });
		const describe = async (host: string): Promise<TlsOptions> => this.parts.tls.describe(hosts, settings.type, host);
		const [ssl, ...replicaSsl] = await Promise.all(listHosts(settings).map(describe));
		const parts = { config: this.#config, connector: this.parts.connector, credentials, replicaCredentials, replicaSsl, settings, ssl };
		return createDataSourceOptions(parts);
	}
}
