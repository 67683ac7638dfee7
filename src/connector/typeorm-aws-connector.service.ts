/** The facade of a connector: TypeORM's options, the login in them, and when it is rotated. */
import { randomUUID } from "node:crypto";

import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import type { DataSourceOptions } from "typeorm";

import { DEFAULT_DRAIN_TIMEOUT_MS } from "../configuration/connector.constants.js";
import type { IAwsDatabaseCredentialsSecret, ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { validateConfig } from "../configuration/validate-config.js";
import type { Credentials, CredentialsProvider, SecretLabel } from "../credentials/credentials-provider.js";
import { selectCredentials } from "../credentials/select-credentials.js";
import {
	ALL_FIELDS,
	type ParameterReader,
	type ResolvedSettings,
	resolveRotation,
	resolveSecretId,
	resolveSettings,
} from "../resolution/resolve-settings.js";
import { withDeadline } from "../support/with-deadline.js";
import { chooseLogin } from "./choose-login.js";
import { ConnectorParameters, type ParameterSource } from "./connector-parameters.js";
import { createDataSourceOptions } from "./data-source-options.js";
import { type ConnectorExplanation, explainConnector } from "./explain-connector.js";
import type { ResolveConnectionOptions, ResolvedConnection } from "./resolved-connection.js";
import { tryLogin } from "./try-login.js";

/** The part of ConfigService that is used. */
export interface ConfigReader {
	/** The value of a setting such as `AWS_REGION`. */
	get(key: string): unknown;
}

/** How long a start waits for AWSPENDING when AWSCURRENT has been answered. */
const PENDING_PATIENCE_MS = 2_000;

/** Below this, a warning says that the interval is probably not in milliseconds. */
const SHORT_INTERVAL_MS = 1_000;

/**
 * Makes TypeORM's options from what is given in code, in Parameter Store and in Secrets Manager, in this order of preference.
 *
 * In a test it can be made by hand: `new TypeOrmAwsConnectorService(undefined, undefined, config)` when everything is given in code.
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
	readonly rotationTuning: { readonly drainTimeoutMs: number; readonly shouldRotateOnAuthFailure?: boolean };

	readonly #config: ITypeOrmAwsConnectorConfig;
	private readonly credentials: CredentialsProvider;
	private hasWarnedOfInterval = false;
	private hasWarnedOfPassword = false;
	private lastSecretId: string | undefined;
	private readonly logger = new Logger(TypeOrmAwsConnectorService.name);
	private readonly parameters: ConnectorParameters;

	/**
	 * @param configService Asked for `AWS_REGION` when nothing else names the region of the secret.
	 * @param parameterStoreConfigService Anything with `get(lookup)`; `undefined` when every field without a default is given in code.
	 * @param config The connector's options.
	 * @param name Name of the connector in messages.
	 * @param dataSourceName Becomes `name` in the options. Up to version 11 `@nestjs/typeorm` looks for it there when it closes a named DataSource.
	 * @throws ConfigurationError with every option that is unknown or of a wrong kind. Values of fields are checked when they are resolved.
	 */
	constructor(
		configService: ConfigReader | undefined,
		parameterStoreConfigService: ParameterSource | undefined,
		config: ITypeOrmAwsConnectorConfig,
		/** @internal */
		readonly name: string = "default",
		/** @internal Name of the DataSource for `@nestjs/typeorm`, where it has one. */
		private readonly dataSourceName?: string,
	) {
		validateConfig(config);
		const { drainTimeoutMs = DEFAULT_DRAIN_TIMEOUT_MS, shouldRotateOnAuthFailure } = config.rotation ?? {};
		this.#config = config;
		this.rotationTuning = { drainTimeoutMs, ...(shouldRotateOnAuthFailure === undefined ? {} : { shouldRotateOnAuthFailure }) };
		const warn = (message: string): void => this.warn(message);
		this.credentials = selectCredentials(config, () => readRegion(configService), warn);
		this.parameters = new ConnectorParameters(config, parameterStoreConfigService, warn);
	}

	/** @internal Name or ARN of the secret that was asked for last. */
	get secretId(): string | undefined {
		return this.lastSecretId;
	}

	/**
	 * Options for `new DataSource()` or `TypeOrmModule.forRootAsync()`. The secret is read afresh each time. While a rotation of it is under way (it has a
	 * pending version), one login finds out which version the server takes. It uses the connector's own options: what the application puts on top of them,
	 * such as `ssl`, is no part of it. `rotation.shouldUsePendingSecret: false` does without.
	 * @throws ConfigurationError with every field that is missing or invalid; ParameterStoreUnavailableError; SecretNotFoundError;
	 * SecretMalformedError; CredentialsUnavailableError; ConnectorTimeoutError when AWS does not answer within 10 s.
	 * @see https://typeorm.io/docs/data-source/data-source-options
	 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
	 * @example
	 * const dataSource = new DataSource({ ...(await connector.getTypeOrmOptions()), migrations });
	 */
	async getTypeOrmOptions(): Promise<DataSourceOptions> {
		const [settings, [current, pending]] = await this.resolveWith(async (secretId) => this.fetchBoth(secretId));
		const credentials = await chooseLogin({
			current,
			fetchPrevious: async () => this.fetchLabelled("AWSPREVIOUS", settings.secretId),
			pending,
			tryLogin: async (candidate) => tryLogin(this.assembleOptions(settings, candidate)),
		});
		return nameOptions(this.assembleOptions(settings, credentials), this.dataSourceName);
	}

	/**
	 * The same as {@link getTypeOrmOptions}, under the name that `@nestjs/typeorm` looks for.
	 * @throws What {@link getTypeOrmOptions} throws.
	 * @example
	 * TypeOrmModule.forRootAsync({ useExisting: TypeOrmAwsConnectorService });
	 */
	async createTypeOrmOptions(): Promise<DataSourceOptions> {
		return this.getTypeOrmOptions();
	}

	/**
	 * User name and password: each as given in code, or from the secret. A plain object, for a client of one's own: do not log it.
	 * @throws What {@link getTypeOrmOptions} throws, as far as it concerns the secret.
	 * @example
	 * const { username, password } = await connector.getCredentials();
	 */
	async getCredentials(): Promise<IAwsDatabaseCredentialsSecret> {
		const parameters = await this.parameters.load(["secretId"]);
		const { password, username } = await this.fetchCredentials(resolveSecretId(this.#config, parameters));
		return { password, username };
	}

	/**
	 * Milliseconds between two rotations (default 3,600,000), and whether they are scheduled (default `false`).
	 * @throws ConfigurationError when one of them is invalid, or has not been read yet because Parameter Store is read on demand.
	 * @example
	 * const { intervalMs, isEnabled } = connector.getRotationConfig();
	 */
	getRotationConfig(): { intervalMs: number; isEnabled: boolean } {
		const rotation = resolveRotation(this.#config, this.parameters.source);
		if (rotation.isEnabled && rotation.intervalMs < SHORT_INTERVAL_MS && !this.hasWarnedOfInterval) {
			this.hasWarnedOfInterval = true;
			this.warn(`rotation.intervalMs is ${String(rotation.intervalMs)}: credentials are read more than once a second.`);
		}
		return rotation;
	}

	/**
	 * Every field with its value, where it came from and the name of its parameter, and every problem at once. Passwords are hidden. Parameter Store is
	 * asked where it has not been; the secret and the server are not. `renderExplanation()` makes a text of it. Never rejects.
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

	/**
	 * Options and the version of the secret they hold. Parameter Store and Secrets Manager are asked one after the other only when the
	 * id of the secret is in a parameter.
	 * @internal
	 */
	async resolveConnection({ shouldRefresh = false, signal }: ResolveConnectionOptions = {}): Promise<ResolvedConnection> {
		const fetch = async (secretId: string | undefined): Promise<Credentials> => this.fetchCredentials(secretId, signal);
		const [settings, credentials] = await this.resolveWith(fetch, async () =>
			shouldRefresh ? this.parameters.refresh(signal) : this.parameters.load(ALL_FIELDS, signal),
		);
		return { options: this.assembleOptions(settings, credentials), versionId: credentials.versionId };
	}

	/**
	 * The same with the pending version of the secret; `undefined` when there is none, when it may not be read, or when it is not to be used. Parameter
	 * Store is not asked again.
	 * @internal
	 */
	async resolvePendingConnection({ signal }: ResolveConnectionOptions = {}): Promise<ResolvedConnection | undefined> {
		const fetch = async (secretId: string | undefined): Promise<Credentials | undefined> =>
			this.fetchLabelled("AWSPENDING", secretId, signal);
		const [settings, credentials] = await this.resolveWith(fetch, async () => this.parameters.reuse(signal));
		return credentials && { options: this.assembleOptions(settings, credentials), versionId: credentials.versionId };
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
		this.credentials.renew();
	}

	/** @internal Ends every request and destroys the AWS clients made here. */
	close(): void {
		this.credentials.close();
	}

	/** @internal */
	onModuleDestroy(): void {
		this.close();
	}

	/** Settings, and what `fetch` makes of the secret's id; both are asked for at once where the id is given in code. */
	private async resolveWith<Fetched>(
		fetch: (secretId: string | undefined) => Promise<Fetched>,
		readParameters: () => Promise<ParameterReader | undefined> = async () => this.parameters.load(ALL_FIELDS),
	): Promise<[ResolvedSettings, Fetched]> {
		const { secretId } = this.#config;
		const early = secretId === undefined || secretId === "" ? undefined : fetch(secretId);
		// When a setting is missing, that is what gets reported.
		early?.catch(() => undefined);
		const settings = resolveSettings(this.#config, await readParameters());
		this.lastSecretId = settings.secretId;
		return [settings, await (early ?? fetch(settings.secretId))];
	}

	private assembleOptions(settings: ResolvedSettings, credentials: Credentials): DataSourceOptions {
		return createDataSourceOptions({ config: this.#config, connector: this, credentials, settings });
	}

	/** AWSCURRENT and AWSPENDING, asked for at once. The latter is hardly ever there, and a start does not wait for long to learn that. */
	private async fetchBoth(secretId: string | undefined): Promise<[current: Credentials, pending: Credentials | undefined]> {
		const currentFetch = this.fetchCredentials(secretId);
		const pendingFetch = this.fetchLabelled("AWSPENDING", secretId);
		const current = await currentFetch;
		const deadline = { deadlineMs: PENDING_PATIENCE_MS, subject: "The fetch of AWSPENDING" };
		return [current, await withDeadline(async () => pendingFetch, deadline).catch(() => undefined)];
	}

	private async fetchLabelled(label: SecretLabel, secretId: string | undefined, signal?: AbortSignal): Promise<Credentials | undefined> {
		if (this.#config.rotation?.shouldUsePendingSecret === false) return undefined;
		return this.credentials.fetchLabelled(label, secretId, signal);
	}

	private async fetchCredentials(secretId: string | undefined, signal?: AbortSignal): Promise<Credentials> {
		const credentials = await this.credentials.fetch(secretId, signal);
		if (credentials.password !== credentials.password.trim() && !this.hasWarnedOfPassword) {
			this.hasWarnedOfPassword = true;
			this.warn("The password begins or ends with white space. It is used as it is.");
		}
		return credentials;
	}

	private warn(message: string): void {
		this.logger.warn(`Connector "${this.name}": ${message}`);
	}
}

function nameOptions(options: DataSourceOptions, name: string | undefined): DataSourceOptions {
	return name === undefined ? options : Object.assign(options, { name });
}

function readRegion(configService: ConfigReader | undefined): string | undefined {
	const region = configService?.get("AWS_REGION");
	return typeof region === "string" && region.trim() !== "" ? region : undefined;
}
