/** The public shape of a DataSource without a Nest application. */
import type { DataSource } from "typeorm";

import type { ITypeOrmAwsConnectorConfig } from "../configuration/connector.options.js";
import type { TDatabaseType, TTypeOrmOptions } from "../configuration/typeorm.options.js";
import type { ParameterSource } from "../connector/sources.js";
import type { TypeOrmAwsConnectorService } from "../connector/typeorm-aws-connector.service.js";
import type { IParameterStoreConfigProperties } from "../parameter-store/parameter-store.options.js";
import type { RotatorService } from "../rotation/rotator.service.js";

/**
 * What `createDataSource()` is given.
 * @example
 * {
 * 	parameters: { application: "shop", environment: "production", namespace: "aws-ecs-fargate", instanceName: "shop-api" },
 * 	connector: { entities: [UserEntity], rotation: { isEnabled: true } },
 * }
 */
export interface ICreateDataSourceOptions<TType extends TDatabaseType = TDatabaseType> {
	/** Options of the connector; or a connector that exists, which then stays open when the DataSource is closed. */
	connector: ITypeOrmAwsConnectorConfig<TType> | TypeOrmAwsConnectorService;
	/** Name of the connector in log lines, events and errors. Default `default`. A connector that exists has its own. */
	name?: string;
	/**
	 * Where parameters are read: the properties of a Parameter Store, or any object with `get(lookup)`. Only the
	 * connector's own parameters are read, unless `shouldLoadOnDemand: false` says otherwise. Default: none, for a
	 * connector whose values are given in code.
	 */
	parameters?: IParameterStoreConfigProperties | ParameterSource;
	/**
	 * Whether the DataSource is initialized. Default `true`. The CLI of TypeORM wants one that is not, and initializes it.
	 */
	shouldInitialize?: boolean;
	/** TypeORM's options on top of those of the connector, such as the schema of a tenant. They survive rotations. */
	typeOrmOptions?: TTypeOrmOptions<TType>;
}

/**
 * A DataSource with its connector and its rotator. Rotation and recovery begin with `initialize()`.
 * @example
 * const dataSource = await createDataSource({ connector });
 * dataSource.rotator.events$.subscribe((event) => logger.info(event));
 * process.once("SIGTERM", () => void dataSource.close());
 */
export interface IConnectorDataSource extends DataSource {
	/** Ends rotation, destroys the DataSource, and closes the AWS clients made here. May be called again. */
	close(): Promise<void>;
	/** Makes the options of the DataSource. */
	readonly connector: TypeOrmAwsConnectorService;
	/** Rotates the credentials of the DataSource. */
	readonly rotator: RotatorService;
}
