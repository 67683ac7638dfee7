/** The facade of a connector: TypeORM's options, the login in them, and when it is rotated. */
import { randomUUID } from "node:crypto";

import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import type { DataSourceOptions } from "typeorm";

import type { IAwsDatabaseCredentialsSecret, ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { INestTypeOrmOptions } from "../configuration/typeorm.options.js";
import { normalizeConfig } from "../configuration/normalize-config.js";
import { createSecretReader } from "../credentials/select-credentials.js";
import type { SecretReader } from "../credentials/secrets-manager-credentials.js";
import { cleanText } from "../errors/clean-text.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";
import { SecretNotFoundError } from "../errors/errors.js";
import { TokenLogin } from "../credentials/token-login.js";
import { ALL_FIELDS, resolveAccess, resolveRotation, resolveSettings } from "../resolution/resolve-settings.js";
import { waitOutThrottling } from "../aws/wait-out-throttling.js";
import { ConnectorTls } from "../tls/connector-tls.js";
import { type ConfigReader, readRegion } from "./sources.js";
import { noteConnectorClosed, noteConnectorOpened } from "./options-origin.js";
import { ConnectionResolver } from "./connection-resolver.js";
import { ConnectorLogins } from "./connector-logins.js";
import { ConnectorParameters } from "./connector-parameters.js";
import { type ConnectorExplanation, explainConnector } from "./explain-connector.js";
import { explainLoginFailure } from "./explain-login-failure.js";
import type { ParameterSource } from "./sources.js";
import { tuneRotation, type ResolveRequest, type ResolvedOptions, type RotationOptions, type VersionOfSecret } from "./rotation-source.js";
import { refuseUnawaited } from "./unawaited-options.js";

/** Below this, a warning says that the interval is perhaps given in seconds. */
const SHORT_INTERVAL_MS = 60_000;
const DAY_MS = 86_400_000;
/** How long a start waits for AWS where it throttles: many instances may start at once. */
const THROTTLING_DEADLINE_MS = 60_000;

/**
 * Makes TypeORM's options from what is given in code, in Parameter Store and in Secrets Manager, in this order of
 * preference.
 *
 * In a test it can be made by hand: `new TypeOrmAwsConnectorService(undefined, undefined, config)` when everything is
 * given in code.
 * @example
 * TypeOrmModule.forRootAsync({
 * 	inject: [TypeOrmAwsConnectorService],
 * 	useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
 * });
 */
@Injectable()
export class TypeOrmAwsConnectorService implements OnModuleDestroy {
	/** @internal Unique in the process; part of the mark in the options. */
	readonly connectorId = randomUUID();

	/** @internal Settings of a rotation that are given in code only. */
	readonly rotationOptions: RotationOptions & { readonly drainTimeoutMs: number };

	readonly #closing = new AbortController();
	readonly #config: ITypeOrmAwsConnectorConfig;
	/** Warnings about logins that failed. */
	readonly #explained = new Set<string>();
	private hasWarnedOfInterval = false;
	private readonly logger = new Logger(TypeOrmAwsConnectorService.name);
	private readonly logins: ConnectorLogins;
	private readonly parameters: ConnectorParameters;
	private readonly resolver: ConnectionResolver;
	private readonly tls: ConnectorTls;

	/**
	 * @param configService Asked for `AWS_REGION` when nothing else names the region of secrets and parameters.
	 * @param parameterStoreConfigService Anything with `get(lookup)`; `undefined` when no field without a default has a
	 * structured lookup.
	 * @param config The connector's options.
	 * @throws ConfigurationError with every option that is unknown or of a wrong kind. Values of fields are checked when
	 * they are resolved.
	 */
	constructor(
		configService: ConfigReader | undefined,
		parameterStoreConfigService: ParameterSource | undefined,
		config: ITypeOrmAwsConnectorConfig,
	);
	/**
	 * @internal
	 * @param name Name of the connector in messages.
	 * @param dataSourceName Becomes `name` in the options. Up to version 11 `@nestjs/typeorm` looks for it there when it
	 * closes a named DataSource.
	 * @param sharedSecrets Reads secrets together with others. Default: this connector on its own.
	 */
	constructor(
		configService: ConfigReader | undefined,
		parameterStoreConfigService: ParameterSource | undefined,
		config: ITypeOrmAwsConnectorConfig,
		name?: string,
		dataSourceName?: string,
		// Not one signature with the first, which is all that is published.
		// eslint-disable-next-line @typescript-eslint/unified-signatures
		sharedSecrets?: SecretReader,
	);
	constructor(
		configService: ConfigReader | undefined,
		parameterStoreConfigService: ParameterSource | undefined,
		givenConfig: ITypeOrmAwsConnectorConfig,
		/** @internal */
		readonly name: string = "default",
		/** @internal Name of the DataSource for `@nestjs/typeorm`, where it has one. */
		private readonly dataSourceName?: string,
		sharedSecrets?: SecretReader,
	) {
		const config = normalizeConfig(givenConfig);
		noteConnectorOpened(this.connectorId);
		this.#config = config;
		this.rotationOptions = tuneRotation(config.rotation);
		const warn = (message: string): void => this.warn(message);
		const findRegion = (): string | undefined => readRegion(configService);
		const secrets = sharedSecrets ?? createSecretReader(config, findRegion);
		this.logins = new ConnectorLogins(config, { findRegion, secrets, warn });
		this.parameters = new ConnectorParameters(config, parameterStoreConfigService, warn, findRegion);
		this.tls = new ConnectorTls(config, warn);
		const { logins, parameters, tls } = this;
		this.resolver = new ConnectionResolver(config, { connector: this, logins, parameters, tls, warn });
	}

	/** @internal How often the current credentials were fetched, by result. */
	get readCounts(): { readonly failed: number; readonly succeeded: number } {
		return this.logins.readCounts;
	}

	/** @internal Whether log lines get fields beside their text. */
	get shouldLogFields(): boolean {
		return this.#config.shouldLogFields === true;
	}

	/** @internal The version of the secret with which the application started. */
	get startVersion(): VersionOfSecret | undefined {
		return this.resolver.startVersion;
	}

	/** @internal Name or ARN of the secret that was asked for last. */
	get secretId(): string | undefined {
		return this.resolver.secretIds[0];
	}

	/** @internal The same for all secrets, those of replicas included. */
	get secretIds(): readonly string[] {
		return this.resolver.secretIds.flatMap((id) => id ?? []);
	}

	/**
	 * Options for `new DataSource()` or `TypeOrmModule.forRootAsync()`. The secret is read afresh each time. While a
	 * rotation of it is under way (it has a pending version), one login finds out which version the server takes. It uses
	 * the connector's own options: what the application puts on top of them is no part of it, what it says in `tls` and
	 * `typeOrmOptions` is. `rotation.shouldUsePendingSecret: false` does without.
	 * @throws ConfigurationError with every field that is missing or invalid; ParameterStoreUnavailableError;
	 * SecretNotFoundError; SecretMalformedError; SecretUnavailableError; ConnectorTimeoutError when AWS does not answer
	 * within 10 s.
	 * @see https://typeorm.io/docs/data-source/data-source-options
	 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
	 * @example
	 * const dataSource = new DataSource({ ...(await connector.getTypeOrmOptions()), migrations });
	 */
	getTypeOrmOptions(): Promise<DataSourceOptions> {
		return refuseUnawaited(this.resolveNestOptions(), "getTypeOrmOptions");
	}

	/**
	 * The same as {@link getTypeOrmOptions}, under the name that `@nestjs/typeorm` looks for.
	 * @throws What {@link getTypeOrmOptions} throws.
	 * @example
	 * TypeOrmModule.forRootAsync({ useExisting: TypeOrmAwsConnectorService });
	 */
	createTypeOrmOptions(): Promise<DataSourceOptions> {
		return refuseUnawaited(this.resolveNestOptions(), "createTypeOrmOptions");
	}

	/**
	 * User name and password: each as given in code, or from the secret; for an IAM login a token that is good for one
	 * login within 15 minutes. A plain object, for a client of one's own: do not log it.
	 * @throws What {@link getTypeOrmOptions} throws, as far as it concerns the secret.
	 * @example
	 * const { username, password } = await connector.getCredentials();
	 */
	async getCredentials(): Promise<IAwsDatabaseCredentialsSecret> {
		const { login, secretId } = resolveAccess(this.#config, await this.parameters.load(["secretId"]));
		const credentials = await this.logins.fetch([this.logins.master, secretId, login]);
		const { password, username } = credentials;
		if (!(credentials instanceof TokenLogin)) return { password, username };
		const settings = resolveSettings(this.#config, await this.parameters.load(ALL_FIELDS), this.logins.target);
		return { password: await credentials.bind(settings).sign(), username };
	}

	/**
	 * Milliseconds between two rotations (default 3,600,000), and whether they are scheduled (default `false`).
	 * @throws ConfigurationError when one of them is invalid, or has not been read yet because Parameter Store is read on
	 * demand.
	 * @example
	 * const { intervalMs, isEnabled } = connector.getRotationConfig();
	 */
	getRotationConfig(): { intervalMs: number; isEnabled: boolean } {
		const rotation = resolveRotation(this.#config, this.parameters.source);
		if (rotation.isEnabled && rotation.intervalMs < SHORT_INTERVAL_MS && !this.hasWarnedOfInterval) {
			this.hasWarnedOfInterval = true;
			const readsPerDay = Math.round(DAY_MS / rotation.intervalMs).toLocaleString("en-US");
			this.warn(
				`rotation.intervalMs is ${String(rotation.intervalMs)}, in milliseconds: each instance reads its credentials ${readsPerDay} times a day.`,
			);
		}
		return rotation;
	}

	/**
	 * Every field with its value, where it came from and the name of its parameter, and every problem at once. Passwords
	 * are hidden. Parameter Store is asked where it has not been; the secret and the server are not. `renderExplanation()`
	 * makes a text of it. Never rejects.
	 * @example
	 * const { problems } = await connector.explain();
	 * for (const { message, remedy } of problems) console.error(message, remedy);
	 */
	async explain(): Promise<ConnectorExplanation> {
		return explainConnector({
			config: this.#config,
			connector: this.name,
			load: async () => this.parameters.load(ALL_FIELDS),
			source: this.parameters.source,
		});
	}

	/** @internal What a rotation asks for: the options with the current version of each secret, and the version. */
	async resolveConnection(request: ResolveRequest = {}): Promise<ResolvedOptions> {
		return this.resolver.resolveCurrent(request);
	}

	/** @internal The same with the pending versions; `undefined` where there are none. */
	async resolvePendingConnection(request: ResolveRequest = {}): Promise<ResolvedOptions | undefined> {
		return this.resolver.resolvePending(request);
	}

	/**
	 * Reads what {@link getRotationConfig} needs, so that it can answer at once.
	 * @internal
	 */
	async prepare(): Promise<void> {
		await this.parameters.load(["rotationIntervalMs", "rotationIsEnabled"]);
	}

	/** @internal Replaces the AWS clients made here by fresh ones. */
	renewClients(): void {
		this.logins.renew();
	}

	/**
	 * Ends every request and destroys the AWS clients made here; a method that asks AWS rejects from now on. In a Nest
	 * application this happens by itself.
	 * @example
	 * const connector = new TypeOrmAwsConnectorService(undefined, undefined, config);
	 * const options = await connector.getTypeOrmOptions();
	 * connector.close();
	 */
	close(): void {
		noteConnectorClosed(this.connectorId);
		this.#closing.abort();
		this.logins.close();
		this.parameters.close();
	}

	/** Called by Nest: closes the connector. */
	onModuleDestroy(): void {
		this.close();
	}

	/**
	 * Says once what a driver's error means here: the field, the parameter or secret behind it, and what to do. Errors
	 * whose meaning is not known are the driver's own to tell.
	 * @internal
	 */
	async explainFailure(error: unknown, options: DataSourceOptions): Promise<void> {
		if (isTypeOrmAwsConnectorError(error) || this.tls.explain(error)) return;
		const { fields } = await this.explain();
		const { master } = (options as { readonly replication?: { readonly master?: object } }).replication ?? {};
		const login = { config: this.#config, fields, options: { ...options, ...master }, secretId: this.secretId };
		const { isKnown, problem } = explainLoginFailure(error, login);
		const { label, message, path, remedy } = problem;
		const origin = label === undefined || path === undefined ? "" : ` "${label}" comes from ${path}.`;
		const text = `${message}${origin} ${remedy
			.split("\n")
			.map((line) => line.trim())
			.join(" ")}`;
		if (!isKnown || this.#explained.has(text)) return;
		this.#explained.add(text);
		this.warn(text);
	}

	private async resolveNestOptions(): Promise<DataSourceOptions> {
		try {
			const resolve = async (): Promise<DataSourceOptions> => this.resolver.resolveAtStart();
			const onWait = (text: string): void => this.warn(text);
			const limits = { deadlineMs: THROTTLING_DEADLINE_MS, onWait, signal: this.#closing.signal };
			return this.addNestOptions(await waitOutThrottling(resolve, limits));
		} catch (error) {
			throw error instanceof SecretNotFoundError ? await this.findOrigin(error) : error;
		}
	}

	/** The same error with what names the secret. */
	private async findOrigin(error: SecretNotFoundError): Promise<SecretNotFoundError> {
		const { cause, region, secretId } = error;
		const { fields } = await this.explain();
		const row = fields.find(({ field, value }) => field.endsWith("secretId") && value === secretId);
		if (row === undefined) return error;
		const origin = row.source === "code" || row.path === undefined ? `the option "${row.label}"` : row.path;
		return new SecretNotFoundError(secretId, { cause, origin, region });
	}

	/**
	 * What `@nestjs/typeorm` reads of the options. It tries every failed connection again and logs the driver's own text;
	 * the remedy stands beside it. A DataSource keeps this function for its whole life, so that the function must not keep
	 * the first options, whose password a rotation retires.
	 */
	private addNestOptions(options: DataSourceOptions): DataSourceOptions {
		const { toRetry: shouldRetry } = options as Pick<INestTypeOrmOptions, "toRetry">;
		const optionsRef = new WeakRef(options);
		const toRetry = (error: unknown): boolean => {
			const triedOptions = optionsRef.deref();
			if (triedOptions !== undefined) void this.explainFailure(error, triedOptions);
			return shouldRetry?.(error) ?? true;
		};
		return Object.assign(options, { toRetry }, this.dataSourceName !== undefined && { name: this.dataSourceName });
	}

	private warn(message: string): void {
		this.logger.warn(`Connector "${this.name}": ${cleanText(message, Infinity)}`);
	}
}
