/** TLS of one connector: what its drivers are given, and what is said once about it. */
import { findRegionInHost, isAwsDatabaseHost, isRdsHost } from "../aws/database-host.js";
import { findRdsBundle } from "../aws/rds-bundle.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";
import { isIam } from "../configuration/credentials-source.js";
import { findTlsRemedy, isUnknownAuthority } from "../support/tls-failure.js";
import { hasRdsAuthority } from "./authorities.js";
import { createTlsOptions, type TlsOptions } from "./tls-options.js";
import { findTlsRisk } from "./tls-risk.js";

type TlsConfig = Omit<ITypeOrmAwsConnectorConfig, "entities">;

/** Made once for a connector, since each warning is given once. */
export class ConnectorTls {
	/** May hold the key of a client. */
	readonly #config: TlsConfig;
	/** All hosts, as they were described last. */
	private hosts: readonly string[] = [];
	private readonly said = new Set<string>();

	constructor(
		config: TlsConfig,
		private readonly warn: (message: string) => void,
	) {
		this.#config = config;
	}

	/**
	 * `ssl` for the connections to one host; `undefined` also when the application has given that option itself.
	 * @param hosts all hosts of the connector, replicas included: they are encrypted all or none.
	 * @param host the one of them to connect to. Default: the first.
	 * @throws ConfigurationError when the driver of the engine cannot do what `tls` says.
	 */
	async describe(hosts: readonly string[], type: TDatabaseType, host?: string): Promise<TlsOptions> {
		const { isPlaintextAllowed } = this.#config;
		this.hosts = hosts;
		// Whatever the host is called: a token does not travel in clear.
		const tls = this.#config.tls ?? (isIam(this.#config) ? true : undefined);
		const ownSsl = findOwnSsl(this.#config);
		const risk = findTlsRisk({ hosts, isPlaintextAllowed, tls, type }, ownSsl);
		if (risk !== undefined) this.warnOnce(risk);
		if (ownSsl !== undefined) return undefined;
		return createTlsOptions({ host, hosts, tls, type });
	}

	/**
	 * Says what to do about an error that a driver gave the application. Nothing is said about errors that are not about
	 * TLS.
	 * @returns Whether it was.
	 */
	explain(error: unknown): boolean {
		const remedy = findTlsRemedy(error, this.hosts.length === 0 ? undefined : this.hosts.some(isAwsDatabaseHost));
		if (remedy === undefined) return false;
		const missing = isUnknownAuthority(error) ? this.hosts.flatMap((host) => findMissingBundle(host) ?? []) : [];
		this.warnOnce(["The database cannot be connected to: ", remedy, ".", ...new Set(missing)].join(""));
		return true;
	}

	private warnOnce(message: string): void {
		if (this.said.has(message)) return;
		this.said.add(message);
		this.warn(message);
	}
}

/**
 * TypeORM's own `ssl`, where the application gives that; `false` for any value that switches TLS off in the drivers,
 * such as `null`. To the drivers, what stands in `extra` wins.
 */
export function findOwnSsl({ typeOrmOptions }: Pick<TlsConfig, "typeOrmOptions">): unknown {
	const { extra, ssl } = (typeOrmOptions ?? {}) as { readonly extra?: { readonly ssl?: unknown }; readonly ssl?: unknown };
	const given = extra?.ssl === undefined ? ssl : extra.ssl;
	return given === undefined ? undefined : given || false;
}

/**
 * The bundle to fetch, as a sentence, where the authorities of the region of an RDS host are not among those of this
 * library.
 */
export function findMissingBundle(host: string): string | undefined {
	const region = isRdsHost(host) ? findRegionInHost(host) : undefined;
	if (region === undefined || hasRdsAuthority(region)) return undefined;
	return ` The authorities of ${region} are not part of this library: give AWS's bundle of that region as tls.ca (${findRdsBundle(region)}).`;
}
