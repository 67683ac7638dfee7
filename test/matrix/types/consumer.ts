/**
 * What a user's TypeScript does with the package. It is compiled, never run: as an ESM and as a CJS file, against the packed declarations.
 * No parameter decorators: those of Nest 8 are older than the way TypeScript 5 calls them.
 */
import { type DynamicModule, type FactoryProvider, Module } from "@nestjs/common";
import {
	ConfigurationError,
	EDatabaseType,
	getConnectorToken,
	isTypeOrmAwsConnectorError,
	type ITypeOrmAwsConnectorConfig,
	type ITypeOrmAwsConnectorModuleAsyncOptions,
	ParameterStoreConfigModule,
	RotatorService,
	TypeOrmAwsConnectorModule,
	type TypeOrmAwsConnectorService,
} from "nestjs-typeorm-aws-connector";
import { type FakeAws, startFakeAws } from "nestjs-typeorm-aws-connector/testing";
import { DataSource, type DataSourceOptions } from "typeorm";

const config: ITypeOrmAwsConnectorConfig = { entities: [], poolSize: 5, rotation: { isEnabled: true }, type: EDatabaseType.POSTGRES };
const parameters = { application: "shop", environment: "test", instanceName: "main", namespace: "api" };
const asyncOptions: ITypeOrmAwsConnectorModuleAsyncOptions<[string]> = {
	dataSourceToken: "ordersDataSource",
	inject: ["POOL_SIZE"],
	useFactory: (poolSize: string) => ({ ...config, poolSize: Number(poolSize) }),
};
const replicated: ITypeOrmAwsConnectorConfig<"postgres"> = {
	...config,
	defaultMode: "master",
	replicas: [{ ssmLookups: { host: { path: ["reader", "host"] } } }],
	type: "postgres",
	typeOrmOptions: { installExtensions: false, logging: ["error"] },
};
const registered: DynamicModule = TypeOrmAwsConnectorModule.register(config);

export class ConsumerService {
	constructor(
		private readonly connector: TypeOrmAwsConnectorService,
		private readonly rotator: RotatorService,
	) {}

	async connect(): Promise<DataSource | undefined> {
		try {
			await this.rotator.rotateDatabaseConnection();
			const options: DataSourceOptions = await this.connector.getTypeOrmOptions();
			return new DataSource(options);
		} catch (error) {
			if (error instanceof ConfigurationError) return undefined;
			if (isTypeOrmAwsConnectorError(error) && error.isTransient) return undefined;
			throw error;
		}
	}
}

const consumerProvider: FactoryProvider<ConsumerService> = {
	provide: ConsumerService,
	inject: [getConnectorToken("ordersDataSource"), RotatorService],
	useFactory: (connector: TypeOrmAwsConnectorService, rotator: RotatorService) => new ConsumerService(connector, rotator),
};

@Module({
	imports: [
		registered,
		ParameterStoreConfigModule.register(parameters),
		TypeOrmAwsConnectorModule.register(replicated),
		TypeOrmAwsConnectorModule.registerAsync(asyncOptions),
	],
	providers: [consumerProvider],
})
export class ConsumerModule {}

// @ts-expect-error A pool size is a number.
TypeOrmAwsConnectorModule.register({ entities: [], poolSize: "5" });
// @ts-expect-error Options of MySQL are none of PostgreSQL's.
TypeOrmAwsConnectorModule.register({ entities: [], type: "postgres", typeOrmOptions: { charset: "utf8mb4" } });
export const endpoint: Promise<FakeAws> = startFakeAws({ region: "eu-west-1" });

// @ts-expect-error There is no such export, so the declarations are more than `any`.
export { thisNameDoesNotExist } from "nestjs-typeorm-aws-connector";
