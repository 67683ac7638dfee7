/** The single provider list of a registration, whether its configuration is known in code or made at start. */
import type { InjectionToken, OptionalFactoryDependency, Provider } from "@nestjs/common";
import { ModulesContainer } from "@nestjs/core";
import { DataSource } from "typeorm";

import { DATABASE_CONFIG_PROVIDER, TYPEORM_AWS_CONNECTOR_CONSTANT } from "../configuration/connector.constants.js";
import type {
	ITypeOrmAwsConnectorConfig,
	ITypeOrmAwsConnectorModuleAsyncOptions,
	ITypeOrmAwsConnectorModuleOptions,
} from "../configuration/connector.options.js";
import { BINDING_NAMES } from "../configuration/misplaced-options.js";
import { normalizeConfig } from "../configuration/normalize-config.js";
import { readRegion } from "../connector/sources.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { ParameterStoreConfigService } from "../parameter-store/parameter-store-config.service.js";
import { RotatorService } from "../rotation/rotator.service.js";
import { SharedSecretReader, SecretStoreRegistry } from "../secrets/secret-store-registry.js";
import type { SecretStore } from "../secrets/secret-store.js";
import { SecretsManagerService } from "../secrets/secrets-manager.service.js";
import { createOptionsProvider, listOptionsClass } from "../support/options-provider.js";
import { shareInProcess } from "../support/process-wide.js";
import {
	assertDataSourceToken,
	CONNECTOR_NAMES,
	getRotatorToken,
	nameConnector,
	nameDataSource,
	readDataSourceToken,
	ROTATION_INTERVAL_NAME,
} from "./connector.tokens.js";
import { RotationHandlers } from "./rotation-handlers.js";
import { loadNestConfig, loadNestSchedule } from "./optional-packages.js";

/** Shared by all copies of the library: the registry of `@nestjs/schedule` refuses a name that it has. */
const registrations = shareInProcess("registrations", () => ({ count: 0 }));

type ConnectorArguments = ConstructorParameters<typeof TypeOrmAwsConnectorService>;
type RotatorArguments = ConstructorParameters<typeof RotatorService>;

/** Everything one registration provides. Each call counts as a registration. */
export function createConnectorProviders<FactoryArguments extends unknown[]>(
	options: ITypeOrmAwsConnectorModuleAsyncOptions<FactoryArguments>,
): Provider[] {
	registrations.count += 1;
	const intervalName = `${TYPEORM_AWS_CONNECTOR_CONSTANT.DATABASE_ROTATION_INTERVAL_NAME}:${String(registrations.count)}`;
	const dataSourceToken = readDataSourceToken(options);
	return [
		...(options.extraProviders ?? []),
		createDatabaseConfigProvider(options),
		...listOptionsClass(options),
		// Nest 8 to 10 take two dynamic modules of the same text for one. The factories made here all have the same text;
		// this value differs.
		{ provide: ROTATION_INTERVAL_NAME, useValue: intervalName },
		{
			provide: CONNECTOR_NAMES,
			useValue: { connectorName: nameConnector(dataSourceToken), dataSourceName: nameDataSource(dataSourceToken) },
		},
		createConnectorProvider(dataSourceToken, options.parameterStoreToken),
		createRotatorProvider(dataSourceToken),
		createHandlersProvider(dataSourceToken),
	];
}

/**
 * Provides the configuration that `registerAsync` was told how to make, checked, under `DATABASE_CONFIG_PROVIDER`.
 * Of `useFactory`, `useExisting` and `useClass` the first that is given counts; a class has to be provided beside it.
 * @throws OptionInvalidError when none is given. The provider rejects with a ConfigurationError when the configuration
 * is invalid.
 * @example
 * providers: [createDatabaseConfigProvider({ useFactory: () => ({ entities: [UserEntity] }) })]
 */
export function createDatabaseConfigProvider<FactoryArguments extends unknown[]>(
	options: ITypeOrmAwsConnectorModuleAsyncOptions<FactoryArguments>,
): Provider {
	return createOptionsProvider<ITypeOrmAwsConnectorConfig>(options, {
		accept: normalizeConfig,
		method: "createTypeOrmAwsConnectorConfig",
		provide: DATABASE_CONFIG_PROVIDER,
	});
}

/**
 * The configuration within the options of `register`: without what belongs to the registration, such as
 * `dataSourceName`.
 * @example
 * toTypeOrmAwsConnectorConfig({ dataSourceToken: "ordersDataSource", entities: [] }); // { entities: [] }
 */
export function toTypeOrmAwsConnectorConfig(moduleOptions: ITypeOrmAwsConnectorModuleOptions): ITypeOrmAwsConnectorConfig {
	const names: readonly string[] = BINDING_NAMES;
	return Object.fromEntries(Object.entries(moduleOptions).filter(([name]) => !names.includes(name)));
}

function createConnectorProvider(dataSourceToken?: InjectionToken, parameterStoreToken?: InjectionToken): Provider {
	const nestConfig = loadNestConfig();
	return {
		inject: [
			DATABASE_CONFIG_PROVIDER,
			// A token that the application chose has to exist; without one, all values may have been given in code.
			parameterStoreToken ?? ifProvided(ParameterStoreConfigService),
			SecretStoreRegistry,
			ifProvided(SecretsManagerService),
			...(nestConfig === undefined ? [] : [nestConfig.ConfigService]),
		],
		provide: TypeOrmAwsConnectorService,
		useFactory: (
			config: ConnectorArguments[2],
			parameterStore: ConnectorArguments[1],
			sources: SecretStoreRegistry,
			secretsManager: SecretsManagerService | undefined,
			configService: ConnectorArguments[0],
		) =>
			new TypeOrmAwsConnectorService(
				configService,
				parameterStore,
				config,
				nameConnector(dataSourceToken),
				nameDataSource(dataSourceToken),
				new SharedSecretReader(selectStore(config, sources, secretsManager, configService)),
			),
	};
}

/**
 * A connector that does not say how to reach AWS does it as the secrets manager of the application does, where there is
 * one.
 */
function selectStore(
	{ aws }: ConnectorArguments[2],
	sources: SecretStoreRegistry,
	secretsManager: SecretsManagerService | undefined,
	configService: ConnectorArguments[0],
): SecretStore {
	if (aws === undefined && secretsManager !== undefined) return secretsManager.store;
	return sources.select(aws, readRegion(configService));
}

function createRotatorProvider(dataSourceToken?: InjectionToken): Provider {
	const nestSchedule = loadNestSchedule();
	return {
		inject: [
			TypeOrmAwsConnectorService,
			ROTATION_INTERVAL_NAME,
			ifProvided(dataSourceToken ?? DataSource),
			...(nestSchedule === undefined ? [] : [ifProvided(nestSchedule.SchedulerRegistry)]),
		],
		provide: RotatorService,
		useFactory: (
			connector: RotatorArguments[2],
			intervalName: RotatorArguments[3],
			dataSource: RotatorArguments[0],
			schedulerRegistry: RotatorArguments[1],
		) => {
			assertDataSourceToken(dataSourceToken, dataSource);
			return new RotatorService(dataSource, schedulerRegistry, connector, intervalName);
		},
	};
}

function createHandlersProvider(dataSourceToken?: InjectionToken): Provider {
	return {
		inject: [ModulesContainer, RotatorService],
		provide: RotationHandlers,
		useFactory: (modules: ModulesContainer, rotator: RotatorService) =>
			new RotationHandlers(modules, rotator, getRotatorToken(dataSourceToken)),
	};
}

function ifProvided(token: InjectionToken): OptionalFactoryDependency {
	return { optional: true, token };
}
