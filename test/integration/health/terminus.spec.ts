/** The health checks of an application with `@nestjs/terminus`. */
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { type HealthCheckResult, HealthCheckService, TerminusModule } from "@nestjs/terminus";
import { TypeOrmModule } from "@nestjs/typeorm";

import { TypeOrmAwsConnectorService } from "../../../src/connector/typeorm-aws-connector.service.js";
import { ConnectorHealthIndicator } from "../../../src/health/connector-health.service.js";
import { TypeOrmAwsConnectorModule } from "../../../src/module/typeorm-aws-connector.module.js";
import { createSceneDatabase, startSceneServers } from "../../support/rotating-database.js";
import { waitUntil } from "../../support/wait-until.js";

const BUDGET_MS = 1_000;

it("is ready within the budget of a wrong password, then not, and is alive all the time", async () => {
	const servers = await startSceneServers();
	const { config, current, secretId } = await createSceneDatabase(servers);
	class ApplicationModule {}
	Module({
		imports: [
			TerminusModule.forRoot({ logger: false }),
			TypeOrmAwsConnectorModule.register({
				...config,
				connectionTimeoutMs: BUDGET_MS,
				rotation: { intervalMs: 2_592_000_000, isEnabled: true },
			}),
			TypeOrmModule.forRootAsync({
				inject: [TypeOrmAwsConnectorService],
				useFactory: async (connector: TypeOrmAwsConnectorService) => connector.getTypeOrmOptions(),
			}),
		],
		providers: [ConnectorHealthIndicator],
	})(ApplicationModule);
	const application = await NestFactory.createApplicationContext(ApplicationModule, { abortOnError: false, logger: false });
	const [database, health] = [
		application.get(ConnectorHealthIndicator),
		await application.resolve(HealthCheckService, undefined, { strict: false }),
	];
	/** What a controller answers: the result, or the response of the exception that it throws. */
	const answer = async (check: Promise<HealthCheckResult>): Promise<HealthCheckResult> =>
		check.catch((error: unknown) => (error as { getResponse(): HealthCheckResult }).getResponse());
	const checkReadiness = async (): Promise<HealthCheckResult> =>
		answer(health.check([async () => database.isReady("database", { timeoutMs: 200 })]));
	const { username } = current();
	const whole = await checkReadiness();
	await servers.server.setPassword(username, "changed");
	await servers.server.terminate(username);

	const untilDegraded: HealthCheckResult[] = [];
	await waitUntil("the application is degraded", async () => {
		untilDegraded.push(await checkReadiness());
		return untilDegraded.at(-1)?.details["database"]?.["isDegraded"] === true;
	});
	await waitUntil("the application is not ready", async () => (await checkReadiness()).status === "error");
	const down = await checkReadiness();
	const alive = await answer(health.check([() => database.isAlive("database")]));
	servers.aws.secrets.put(secretId, { password: "changed", username });
	await waitUntil("the application is ready again", async () => (await checkReadiness()).status === "ok");
	await application.close();

	expect(whole).toMatchObject({ details: { database: { status: "up" } }, status: "ok" });
	expect(untilDegraded.map(({ status }) => status)).toEqual(untilDegraded.map(() => "ok"));
	expect(down).toMatchObject({ error: { database: { reason: "28P01", status: "down" } }, status: "error" });
	expect(alive).toMatchObject({ details: { database: { status: "up" } }, status: "ok" });
});
