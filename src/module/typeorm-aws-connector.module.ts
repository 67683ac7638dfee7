/** The Nest module that an application imports once per database. */
import { type DynamicModule, Module } from "@nestjs/common";

import type { ITypeOrmAwsConnectorModuleAsyncOptions, ITypeOrmAwsConnectorModuleOptions } from "../configuration/connector.options.js";
import type { TDatabaseType } from "../configuration/typeorm.options.js";
import { createConnectorProviders, toTypeOrmAwsConnectorConfig } from "./connector.providers.js";
import { assembleConnectorModule } from "./connector-scope.module.js";

/**
 * Provides TypeOrmAwsConnectorService and RotatorService.
 *
 * A registration without `dataSourceName` is global and serves the default DataSource. One with it serves that
 * DataSource, and within the importing module both classes mean this registration; elsewhere `@InjectConnector(name)`
 * and `@InjectRotator(name)` do. ParameterStoreConfigModule, `@nestjs/config` and `@nestjs/schedule` are used where the
 * application has them.
 * @example
 * @Module({
 * 	imports: [
 * 		TypeOrmAwsConnectorModule.register({ entities: [UserEntity] }),
 * 		TypeOrmModule.forRootAsync({
 * 			inject: [TypeOrmAwsConnectorService],
 * 			useFactory: (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
 * 		}),
 * 	],
 * })
 * export class DatabaseModule {}
 */
@Module({})
export class TypeOrmAwsConnectorModule {
	/**
	 * Registers with a configuration known in code; it is checked when the application starts, which then fails with a
	 * ConfigurationError.
	 * @example
	 * TypeOrmAwsConnectorModule.register({ entities: [UserEntity], rotation: { isEnabled: true } })
	 */
	static register<Engine extends TDatabaseType = TDatabaseType>(options: ITypeOrmAwsConnectorModuleOptions<Engine>): DynamicModule {
		return TypeOrmAwsConnectorModule.registerAsync({ ...options, useFactory: () => toTypeOrmAwsConnectorConfig(options) });
	}

	/**
	 * Registers with a configuration made when the application starts, and checked then.
	 * @throws OptionInvalidError when there is no `useFactory`, `useExisting` or `useClass`.
	 * @example
	 * TypeOrmAwsConnectorModule.registerAsync({
	 * 	dataSourceName: "orders",
	 * 	imports: [ConfigModule],
	 * 	inject: [ConfigService],
	 * 	useFactory: (config: ConfigService) => ({ entities: [OrderEntity], poolSize: config.get("ORDERS_POOL_SIZE") }),
	 * })
	 */
	static registerAsync<FactoryArguments extends unknown[] = unknown[], Engine extends TDatabaseType = TDatabaseType>(
		options: ITypeOrmAwsConnectorModuleAsyncOptions<FactoryArguments, Engine>,
	): DynamicModule {
		return assembleConnectorModule(TypeOrmAwsConnectorModule, createConnectorProviders(options), options, options.imports);
	}
}
