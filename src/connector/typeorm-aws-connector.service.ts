/** The facade of a connector: TypeORM's options, the login in them, and when it is rotated. */
import { randomUUID } from "node:crypto";

import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import type { DataSourceOptions } from "typeorm";

import { DEFAULT_DRAIN_TIMEOUT_MS } from "../configuration/connector.constants.js";
import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import { validateConfig } from "../configuration/validate-config.js";
import type { Credentials, CredentialsProvider } from "../credentials/credentials-provider.js";
import { selectCredentials } from "../credentials/select-credentials.js";
import { ALL_FIELDS, resolveRotation, resolveSecretId, resolveSettings } from "../resolution/resolve-settings.js";
import { ConnectorParameters, type ParameterSource } from "./connector-parameters.js";
import { createDataSourceOptions } from "./data-source-options.js";
import type { ResolveConnectionOptions, ResolvedConnection } from "./resolved-connection.js";

/** The part of ConfigService that is used. */
export interface ConfigReader {
	get(key: string): unknown;
}

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
		this.credentials = selectCredentials(config, () => readRegion(configService));
		this.parameters = new ConnectorParameters(config, parameterStoreConfigService, (message) => this.warn(message));
	}

	/**
	 * Options for `new DataSource()` or `TypeOrmModule.forRootAsync()`. The secret is read afresh each time.
	 * @throws ConfigurationError with every field that is missing or invalid; ParameterStoreUnavailableError; SecretNotFoundError;
	 * SecretMalformedError; CredentialsUnavailableError; ConnectorTimeoutError when AWS does not answer within 10 s.
	 * @example
	 * const dataSource = new DataSource({ ...(await connector.getTypeOrmOptions()), migrations });
	 */
	async getTypeOrmOptions(): Promise<DataSourceOptions> {
		const { options } = await this.resolveConnection();
		return nameOptions(options, this.dataSourceName);
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
	 * User name and password: each as given in code, or from the secret. Printing the result does not show the password.
	 * @throws What {@link getTypeOrmOptions} throws, as far as it concerns the secret.
	 * @example
	 * const { username, password } = await connector.getCredentials();
	 */
	async getCredentials(): Promise<Credentials> {
		const parameters = await this.parameters.load(["secretId"]);
		return this.fetchCredentials(resolveSecretId(this.#config, parameters));
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
	 * Options and the version of the secret they hold. Parameter Store and Secrets Manager are asked one after the other only when the
	 * id of the secret is in a parameter.
	 * @internal
	 */
	async resolveConnection({ shouldRefresh = false, signal }: ResolveConnectionOptions = {}): Promise<ResolvedConnection> {
		const early = this.startEarly(signal);
		const parameters = await (shouldRefresh ? this.parameters.refresh(signal) : this.parameters.load(ALL_FIELDS, signal));
		const settings = resolveSettings(this.#config, parameters);
		const credentials = await (early ?? this.fetchCredentials(settings.secretId, signal));
		const options = createDataSourceOptions({ connector: this, credentials, entities: this.#config.entities, settings });
		return { options, versionId: credentials.versionId };
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

	/** Without waiting for Parameter Store, when nothing in it can change what to ask for. */
	private startEarly(signal: AbortSignal | undefined): Promise<Credentials> | undefined {
		const { secretId } = this.#config;
		if (secretId === undefined || secretId === "") return undefined;
		const credentials = this.fetchCredentials(secretId, signal);
		// When a setting is missing, that is what gets reported.
		credentials.catch(() => undefined);
		return credentials;
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
