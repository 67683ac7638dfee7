/** Two connectors and the application read one secret of the endpoint together. NestJS majors differ in how they find a provider that is optional and global. */
const { deepEqual, equal } = require("node:assert/strict");

const TOKENS = ["ordersDataSource", "invoicesDataSource"];

exports.checkSecrets = async function checkSecrets({ common, connector, core }, secretId) {
	const target = { databaseName: "none", entities: [], host: "localhost", port: 1, secretId, type: "postgres" };
	const register = (dataSourceToken) => connector.TypeOrmAwsConnectorModule.register({ ...target, dataSourceToken });
	class ApplicationModule {}
	common.Module({ imports: [connector.SecretsManagerModule.register(), ...TOKENS.map(register)] })(ApplicationModule);
	const application = await core.NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger: false });
	const secrets = application.get(connector.SecretsManagerService, { strict: false });
	const connectors = TOKENS.map((token) => application.get(connector.getConnectorToken(token), { strict: false }));

	const options = await Promise.all(connectors.map((each) => each.getTypeOrmOptions()));
	const { password, username } = await secrets.getJson(secretId);

	deepEqual(
		options.map((each) => [each.username, each.password]),
		[1, 2].map(() => [username, password]),
	);
	const { entryCount, hitCount, missCount } = secrets.getStatistics();
	deepEqual({ entryCount, hitCount, missCount }, { entryCount: 1, hitCount: 1, missCount: 0 });
	await application.close();
	await secrets.get(secretId).then(
		() => equal("answered", "closed"),
		({ code }) => equal(code, "ERR_CONNECTOR_CLOSED"),
	);
};
