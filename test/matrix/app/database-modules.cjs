/** How an application comes by its DataSource: from `@nestjs/typeorm`, or by itself where it does not have that. */

/** @param own what it says to `@nestjs/typeorm` on top of the connector's options. */
exports.makeDatabaseModules = function makeDatabaseModules(packages, own = {}) {
	return packages.nestTypeorm === undefined ? [makeDataSourceModule(packages)] : makeCompanionModules(packages, own);
};

/** What an application with `@nestjs/typeorm` writes. */
function makeCompanionModules({ config, connector, nestTypeorm, schedule }, own) {
	return [
		config.ConfigModule.forRoot({ ignoreEnvFile: true }),
		schedule.ScheduleModule.forRoot(),
		nestTypeorm.TypeOrmModule.forRootAsync({
			inject: [connector.TypeOrmAwsConnectorService],
			useFactory: async (service) => Object.assign(await service.getTypeOrmOptions(), own),
		}),
	];
}

/** What an application without `@nestjs/typeorm` writes: the DataSource is a provider of its own, which it also closes. */
function makeDataSourceModule({ common, connector, typeorm }) {
	class DataSourceModule {
		constructor(dataSource) {
			this.dataSource = dataSource;
		}

		async onApplicationShutdown() {
			await this.dataSource.destroy();
		}
	}
	common.Inject(typeorm.DataSource)(DataSourceModule, undefined, 0);
	const provider = {
		provide: typeorm.DataSource,
		inject: [connector.TypeOrmAwsConnectorService],
		useFactory: async (service) => new typeorm.DataSource(await service.getTypeOrmOptions()).initialize(),
	};
	common.Global()(DataSourceModule);
	common.Module({ providers: [provider], exports: [provider] })(DataSourceModule);
	return DataSourceModule;
}
