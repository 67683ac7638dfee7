/** Readiness as `@nestjs/terminus` of this version sees it: up while the database answers, and an error once the rotator is closed. */
const { equal } = require("node:assert/strict");

exports.prepareHealth = function prepareHealth({ common, terminus, terminusEntry }) {
	class HealthModule {}
	common.Module({ imports: [terminus.TerminusModule], providers: [terminusEntry.ConnectorHealthIndicator] })(HealthModule);
	return HealthModule;
};

exports.checkHealth = async function checkHealth({ connector, terminus, terminusEntry }, application) {
	const health = await application.resolve(terminus.HealthCheckService, undefined, { strict: false });
	const indicator = application.get(terminusEntry.ConnectorHealthIndicator, { strict: false });
	const check = () => health.check([() => indicator.isReady("database", { timeoutMs: 10_000 })]).catch((error) => error.getResponse());
	const up = await check();
	equal(up.status, "ok");
	equal(up.details.database.status, "up");

	const closed = new terminusEntry.ConnectorHealthIndicator({
		checkReadiness: async () => ({ isDegraded: false, reason: "closed", servers: {}, status: "down" }),
		getStatistics: () => application.get(connector.RotatorService, { strict: false }).getStatistics(),
	});
	const down = await health.check([() => closed.isReady("database")]).catch((error) => error.getResponse());
	equal(down.status, "error");
	equal(down.error.database.reason, "closed");
};
