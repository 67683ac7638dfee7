/**
 * Several registrations in one application: who is given which. NestJS majors differ in how they tell dynamic modules of the same text
 * apart, and in which of two providers with one token they prefer. All values are given in code, so nothing is connected to.
 */
const { equal } = require("node:assert/strict");

exports.checkRegistrations = async function checkRegistrations(packages) {
	await checkScopes(packages);
	await checkSameText(packages);
};

async function checkScopes({ common, connector, core }) {
	const orders = defineModule(common, [register(connector, "orders", "ordersDataSource")]);
	const invoices = defineModule(common, [register(connector, "invoices", "invoicesDataSource")]);
	const other = defineModule(common, []);
	const application = await boot({ common, core }, [register(connector, "main"), orders, invoices, other]);
	const find = (dataSourceToken) => application.get(connector.getConnectorToken(dataSourceToken), { strict: false });

	equal(await readDatabase(find("ordersDataSource")), "orders");
	equal(await readDatabase(find("invoicesDataSource")), "invoices");
	equal(await readDatabase(find()), "main");
	equal(await readDatabase(await injectInto(orders, application, { common, connector, core })), "orders");
	equal(await readDatabase(await injectInto(invoices, application, { common, connector, core })), "invoices");
	equal(await readDatabase(await injectInto(other, application, { common, connector, core })), "main");
	await application.close();
}

async function checkSameText({ common, connector, core }) {
	const modules = ["first", "second"].map((databaseName) => defineModule(common, [register(connector, databaseName)]));
	const application = await boot({ common, core }, modules);

	equal(await readDatabase(await injectInto(modules[0], application, { common, connector, core })), "first");
	equal(await readDatabase(await injectInto(modules[1], application, { common, connector, core })), "second");
	await application.close();
}

function register({ TypeOrmAwsConnectorModule }, databaseName, dataSourceToken) {
	const config = { databaseName, entities: [], host: "localhost", password: "one", port: 1, type: "postgres", username: "app" };
	return TypeOrmAwsConnectorModule.registerAsync({ dataSourceToken, useFactory: () => config });
}

function defineModule(common, imports) {
	class ApplicationModule {}
	common.Module({ imports })(ApplicationModule);
	return ApplicationModule;
}

function boot({ common, core }, imports) {
	return core.NestFactory.createApplicationContext(defineModule(common, imports), { abortOnError: false, logger: false });
}

/** What a class in `module` is given when it is made after the application has started: this is when a global provider may win over an imported one. */
async function injectInto(module, application, { common, connector, core }) {
	class Consumer {
		constructor(service) {
			this.service = service;
		}
	}
	common.Inject(connector.TypeOrmAwsConnectorService)(Consumer, undefined, 0);
	common.Injectable()(Consumer);
	const { service } = await application.select(module).get(core.ModuleRef, { strict: true }).create(Consumer);
	return service;
}

async function readDatabase(service) {
	const { database } = await service.getTypeOrmOptions();
	return database;
}
