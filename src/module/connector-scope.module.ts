/**
 * The modules one registration consists of: a scope that owns the providers, and a directory that names them to
 * everyone.
 */
import { type DynamicModule, Module, type ModuleMetadata, type Provider, type Type } from "@nestjs/common";

import type { ITypeOrmAwsConnectorTokens } from "../configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import { RotatorService } from "../rotation/rotator.service.js";
import { getConnectorToken, getRotatorToken, readDataSourceToken } from "./connector.tokens.js";
import { loadNestConfig } from "./optional-packages.js";
import { SecretStoreRegistryModule } from "./secret-store-registry.module.js";

/** Owns the providers. Reached only through the registration that re-exports it, so several can exist side by side. */
@Module({})
export class ConnectorScopeModule {}

/** Provides the tokens of one registration to the whole application, also when the registration itself is scoped. */
@Module({})
export class ConnectorDirectoryModule {}

/**
 * Joins one registration. By default it is global without a DataSource of its own, and scoped to the importing module
 * with one.
 *
 * The registration provides nothing itself but re-exports the scope. Up to Nest 10, what an imported module exports as
 * its own loses against a global module with the same token once both exist, so that a request-scoped class would be
 * given the global connector; what is re-exported wins. For the same reason the directory stands in front of tokens
 * that its own scope alone has.
 */
export function assembleConnectorModule(
	module: Type,
	providers: readonly Provider[],
	binding: ITypeOrmAwsConnectorTokens,
	imports: ModuleMetadata["imports"] = [],
): DynamicModule {
	const dataSourceToken = readDataSourceToken(binding);
	const { isGlobal = dataSourceToken === undefined } = binding;
	const ownConnector = Symbol("connector of this registration");
	const ownRotator = Symbol("rotator of this registration");
	const nestConfig = loadNestConfig();

	const scope: DynamicModule = {
		exports: [TypeOrmAwsConnectorService, RotatorService, ownConnector, ownRotator],
		// Declared like this, ConfigModule leads to the ConfigService of the application, global or not.
		imports: [...imports, SecretStoreRegistryModule, ...(nestConfig === undefined ? [] : [nestConfig.ConfigModule])],
		module: ConnectorScopeModule,
		providers: [
			...providers,
			{ provide: ownConnector, useExisting: TypeOrmAwsConnectorService },
			{ provide: ownRotator, useExisting: RotatorService },
		],
	};
	const directory: DynamicModule = {
		exports: [getConnectorToken(dataSourceToken), getRotatorToken(dataSourceToken)],
		global: true,
		imports: [scope],
		module: ConnectorDirectoryModule,
		providers: [
			{ provide: getConnectorToken(dataSourceToken), useExisting: ownConnector },
			{ provide: getRotatorToken(dataSourceToken), useExisting: ownRotator },
		],
	};
	return { exports: [ConnectorScopeModule], global: isGlobal, imports: [scope, directory], module };
}
