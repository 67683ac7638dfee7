/**
 * What every consumer does: starts in the middle of a rotation; then boots an application, queries as the first user, moves the secret to the
 * second one, rotates, queries again, and closes. The entries beside this file pass in the packages, each loaded by the entry's own module system.
 *
 * Plain JavaScript without decorators, so that nothing compiles it on the way.
 */
const { equal, match, ok } = require("node:assert/strict");
const { setTimeout: sleep } = require("node:timers/promises");

const { checkHealth, prepareHealth } = require("./check-health.cjs");
const { checkRegistrations } = require("./check-registrations.cjs");
const { checkSecrets } = require("./check-secrets.cjs");
const { checkWindow } = require("./check-window.cjs");
const { makeDatabaseModules } = require("./database-modules.cjs");

const { MATRIX_RUN: RUN, MATRIX_SECOND_PASSWORD: SECOND_PASSWORD } = process.env;
const FIRST_USER = `${RUN}_first`;
const SECOND_USER = `${RUN}_second`;
/** So short that scheduled rotations happen while this runs. */
const INTERVAL_MS = 300;

exports.runApplication = async function runApplication(packages) {
	const { common, connector, core, secretsManager, typeorm } = packages;
	await checkRegistrations(packages);
	await checkSecrets(packages, RUN);
	await checkWindow(packages, RUN);
	const Note = new typeorm.EntitySchema({
		name: "Note",
		tableName: "note",
		columns: { id: { type: Number, primary: true, generated: true }, text: { type: String } },
	});
	class ApplicationModule {}
	const imports = [
		connector.ParameterStoreConfigModule.register({ application: RUN, environment: "test", instanceName: "main", namespace: "api" }),
		connector.TypeOrmAwsConnectorModule.register({
			...packages.options,
			entities: [Note],
			rotation: { intervalMs: INTERVAL_MS, isEnabled: true },
		}),
		...makeDatabaseModules(packages),
		...(packages.terminus === undefined ? [] : [prepareHealth(packages)]),
	];
	common.Module({ imports })(ApplicationModule);

	const application = await core.NestFactory.createApplicationContext(ApplicationModule, {
		abortOnError: false,
		logger: ["error", "warn"],
	});
	const dataSource = application.get(typeorm.DataSource, { strict: false });
	const rotator = application.get(connector.RotatorService, { strict: false });
	const notes = dataSource.getRepository("Note");
	let scheduledCount = 0;
	rotator.events$.subscribe(({ trigger, type }) => {
		if (type === "rotation.started" && trigger === "schedule") scheduledCount += 1;
	});

	equal(await readCurrentUser(dataSource), FIRST_USER);
	await notes.save({ text: "before" });

	const client = new secretsManager.SecretsManagerClient({});
	const secret = JSON.stringify({ password: SECOND_PASSWORD, username: SECOND_USER });
	await client.send(new secretsManager.PutSecretValueCommand({ SecretId: RUN, SecretString: secret }));
	client.destroy();
	// The first call may join a scheduled rotation that has read the secret already.
	await rotator.rotateDatabaseConnection();
	await rotator.rotateDatabaseConnection();
	await rotator.waitForExchange();

	equal(await readCurrentUser(dataSource), SECOND_USER);
	await notes.save({ text: "after" });
	equal(await notes.count(), 2);

	if (packages.schedule !== undefined) {
		await checkInterval(application.get(packages.schedule.SchedulerRegistry, { strict: false }), () => scheduledCount);
	}

	if (packages.terminus !== undefined) await checkHealth(packages, application);

	await application.close();
	equal(dataSource.isInitialized, false);
	// The runner waits for this line, then for the process to end by itself.
	console.log("closed");
};

/** The interval is listed, ticks, and does not tick any more once it is deleted. */
async function checkInterval(registry, countScheduled) {
	const names = registry.getIntervals();
	ok(names.length === 1, `intervals: ${names.join(", ")}`);
	match(names[0], /^db-rotation:\d+$/);
	for (let waitedMs = 0; countScheduled() === 0 && waitedMs < 20_000; waitedMs += 50) await sleep(50);
	ok(countScheduled() > 0, "no scheduled rotation started");

	registry.deleteInterval(names[0]);
	// One that has started may end.
	await sleep(100);
	const countBefore = countScheduled();
	await sleep(5 * INTERVAL_MS);

	equal(countScheduled(), countBefore);
	equal(registry.getIntervals().length, 0);
}

async function readCurrentUser(dataSource) {
	const [row] = await dataSource.query("SELECT current_user AS name");
	return row.name;
}
