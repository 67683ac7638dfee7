/** A NestJS application on a database of a scene, wired as the README shows. */
import { type INestApplicationContext, Module, type ModuleMetadata } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { TypeOrmModule, type TypeOrmModuleAsyncOptions } from "@nestjs/typeorm";
import { DataSource, type DataSourceOptions } from "typeorm";

import type { ITypeOrmAwsConnectorModuleOptions } from "../../src/configuration/connector.options.js";
import { TypeOrmAwsConnectorService } from "../../src/connector/typeorm-aws-connector.service.js";
import type { ConnectorEvent } from "../../src/events/connector-event.js";
import { TypeOrmAwsConnectorModule } from "../../src/module/typeorm-aws-connector.module.js";
import { RotatorService } from "../../src/rotation/rotator.service.js";
import { endLater } from "./endings.js";
import type { TypeOrmVersion } from "./typeorm-versions.js";

/** What differs from application to application. */
export interface NestApplicationOptions {
	readonly config: ITypeOrmAwsConnectorModuleOptions;
	/** Other modules of the application. */
	readonly imports?: NonNullable<ModuleMetadata["imports"]>;
	/** What the application gives `TypeOrmModule.forRootAsync` beside the options of the connector. */
	readonly typeOrm?: object;
	/** Default: the TypeORM that `@nestjs/typeorm` finds. */
	readonly version?: TypeOrmVersion;
}

/** A running application. */
export interface NestApplication {
	readonly application: INestApplicationContext;
	readonly dataSource: DataSource;
	readonly events: ConnectorEvent[];
	readonly rotator: RotatorService;
}

/** Boots it. It is closed with the test. */
export async function startNestApplication({
	config,
	imports = [],
	typeOrm = {},
	version,
}: NestApplicationOptions): Promise<NestApplication> {
	const connection: TypeOrmModuleAsyncOptions = {
		...(version && {
			dataSourceFactory: async (options) => new (version.load().DataSource)(options as DataSourceOptions).initialize(),
		}),
		inject: [TypeOrmAwsConnectorService],
		useFactory: async (connector: TypeOrmAwsConnectorService) => ({
			...(await connector.getTypeOrmOptions()),
			retryAttempts: 0,
			...typeOrm,
		}),
	};
	class ApplicationModule {}
	Module({ imports: [...imports, TypeOrmAwsConnectorModule.register(config), TypeOrmModule.forRootAsync(connection)] })(
		ApplicationModule,
	);
	const application = await NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger: false });
	application.close = endLater(application.close.bind(application));
	const rotator = application.get(RotatorService, { strict: false });
	const events: ConnectorEvent[] = [];
	rotator.events$.subscribe((event) => events.push(event));
	return { application, dataSource: application.get(DataSource, { strict: false }), events, rotator };
}
