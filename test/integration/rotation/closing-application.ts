/** An application in a process of its own: once its schedule has rotated, it closes itself (`close`) or waits for a signal (`wait`). */
import "reflect-metadata";

import type { ITypeOrmAwsConnectorConfig } from "../../../src/configuration/connector.options.js";
import { startNestApplication } from "../../support/nest-application.js";
import { waitUntil } from "../../support/wait-until.js";

async function run(mode: string | undefined, config: ITypeOrmAwsConnectorConfig): Promise<void> {
	const { application, dataSource, events } = await startNestApplication({ config });
	application.enableShutdownHooks();
	// Never released, as by an application with a fault.
	await dataSource.createQueryRunner().startTransaction();
	console.log("ready");

	await waitUntil("the schedule has rotated", () => events.some(({ type }) => type === "rotation.succeeded"));
	await dataSource.query("SELECT 1");
	console.log("rotated");
	if (mode === "close") await application.close();
}

void run(process.argv[2], JSON.parse(process.env["CONNECTOR_CONFIG"] ?? "{}") as ITypeOrmAwsConnectorConfig);
