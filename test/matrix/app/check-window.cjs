/**
 * A start in the middle of a single-user rotation: the server refuses AWSCURRENT and takes AWSPENDING. Which one it takes is found out with the
 * application's own TypeORM, before `@nestjs/typeorm` connects, which does not try a second time here.
 */
const { equal } = require("node:assert/strict");

const { makeDatabaseModules } = require("./database-modules.cjs");

exports.checkWindow = async function checkWindow(packages, run) {
	const { common, connector, core, typeorm } = packages;
	class ApplicationModule {}
	const imports = [
		connector.ParameterStoreConfigModule.register({ application: run, environment: "test", instanceName: "main", namespace: "api" }),
		connector.TypeOrmAwsConnectorModule.register({ ...packages.options, entities: [], secretId: `${run}_window` }),
		...makeDatabaseModules(packages, { retryAttempts: 0 }),
	];
	common.Module({ imports })(ApplicationModule);

	const application = await core.NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger: false });
	const [row] = await application.get(typeorm.DataSource, { strict: false }).query("SELECT current_user AS name");

	equal(row.name, `${run}_window`);
	await application.close();
};
